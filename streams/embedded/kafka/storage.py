"""The folder of one node: formatted once with the cluster's id, then kept; a restart finds its log again."""

import base64
import re
import secrets
import shutil
import subprocess
from pathlib import Path

from streams.embedded.kafka.jars import Java
from streams.embedded.kafka.properties import Layout, Node, render
from streams.embedded.kafka.secure import Secured
from streams.errors import ConfigurationError

_FORMAT_SECONDS = 120


def new_cluster_id() -> str:
    """A random id in Kafka's form: 16 bytes, base64 for addresses, no padding and no `-` in front."""
    while (text := base64.urlsafe_b64encode(secrets.token_bytes(16)).decode().rstrip("=")).startswith("-"):
        pass
    return text


def stored_cluster_id(folder: Path) -> str | None:
    """The cluster id that a node's folder was formatted with; None before that."""
    meta = folder / "log" / "meta.properties"
    if not meta.exists():
        return None
    found = re.search(r"^cluster\.id=(.+)$", meta.read_text(), flags=re.MULTILINE)
    if found is None:
        raise ConfigurationError(f"{meta}: expected a line cluster.id=..., found none: remove {folder} or name another")
    return found[1].strip()


def properties_path(node: Node) -> Path:
    """The node's `server.properties`."""
    return node.folder / "server.properties"


def scratch_folder(node: Node) -> Path:
    """What the node's process unpacks for itself; empty whenever the node is prepared."""
    return node.folder / "scratch"


def prepare(java: Java, layout: Layout, node: Node, cluster_id: str, secured: Secured | None = None) -> None:
    """Writes the node's properties and formats its folder if that was not done before; blocks for a second or two.

    Raises:
        ConfigurationError: the folder belongs to another cluster, or the storage tool refused it.
    """
    shutil.rmtree(scratch_folder(node), ignore_errors=True)
    scratch_folder(node).mkdir(parents=True)
    path = properties_path(node)
    path.touch(mode=0o600)  # it may hold the key store's password
    path.write_text(render(layout.of(node)))
    stored = stored_cluster_id(node.folder)
    if stored is None:
        _format(java, node, cluster_id, secured)
    elif stored != cluster_id:
        raise ConfigurationError(f"{node.folder}: belongs to cluster {stored}, expected {cluster_id}")


def _format(java: Java, node: Node, cluster_id: str, secured: Secured | None) -> None:
    extra = secured.format_arguments if secured else []
    # The equals sign: an id may begin with a character that an argument parser would take for an option.
    arguments = ["format", f"--cluster-id={cluster_id}", "-c", str(properties_path(node)), *extra]
    done = subprocess.run(  # noqa: S603  our own command
        java.command("kafka.tools.StorageTool", *arguments, scratch=scratch_folder(node)),
        capture_output=True,
        text=True,
        timeout=_FORMAT_SECONDS,
        check=False,
    )
    if done.returncode != 0:
        raise ConfigurationError(f"Kafka's storage could not be formatted: {(done.stdout + done.stderr).strip()}")
