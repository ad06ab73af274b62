"""What `zelo doctor` looks at: each finding says what is, and when it is wrong, how to mend it."""

import asyncio
import platform
import sys
import sysconfig
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from streams.app import changelog_specs
from streams.cli.board import read_accounting
from streams.config import Settings
from streams.engine.topics import differing
from streams.errors import ConfigurationError, ZeloError
from streams.kafka import OTHER_PARTITIONS, client_options, require_access
from streams.sinks.migrate import status
from streams.topics import topic_specs

_PACKAGES = ("faust-streaming", "aiokafka", "river", "clickhouse-connect", "msgspec")
_TIMEOUT_MS = 5_000
_ALTER = "set them anew with kafka-configs.sh, as docs/topics.md shows: records may go before they are read"


@dataclass(frozen=True)
class Finding:
    """One thing looked at.

    Attributes:
        what: what was found.
        well: nothing to do.
        mend: what to do otherwise.
    """

    what: str
    well: bool
    mend: str = ""


async def examine(settings: Settings) -> list[Finding]:
    """Everything, in the order in which it must be mended."""
    findings = [_versions(), _agents()]
    kafka = await _kafka(settings)
    findings += kafka
    if kafka[0].well:
        findings += await _topics(settings)
    findings += await asyncio.to_thread(_clickhouse, settings)
    return findings


def _versions() -> Finding:
    found = []
    for name in _PACKAGES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            return Finding(f"{name} is not installed", False, "install the locked dependencies: scripts/setup")
    return Finding(f"{python()}, " + ", ".join(found), True)


def python() -> str:
    """The interpreter; without profile-guided optimisation it works, slower (scripts/setup looks at the same)."""
    asked = "--enable-optimizations" in str(sysconfig.get_config_var("CONFIG_ARGS"))
    slow = "" if asked or sys.base_prefix == "/usr" else " (compiled without --enable-optimizations: slower)"
    return f"Python {platform.python_version()}{slow}"


def _agents() -> Finding:
    """Another distribution's package `agents` must not shadow ours."""
    ours = Path(__file__).resolve().parents[2] / "agents"
    found = Path(str(import_module("agents").__file__)).resolve().parent
    if found == ours:
        return Finding("package agents is ours", True)
    mend = f"another distribution installed a package `agents` at {found}: use a virtual environment of Zelo's own"
    return Finding("package agents is somebody else's", False, mend)


async def _kafka(settings: Settings) -> list[Finding]:
    what = f"Kafka at {settings.kafka_bootstrap}"
    try:
        admin = _admin(settings)
        await require_access(settings)
    except ConfigurationError as error:
        return [Finding(what, False, str(error))]
    try:
        await asyncio.wait_for(admin.start(), _TIMEOUT_MS / 1000)
        cluster = await admin.describe_cluster()
    except (KafkaError, OSError, TimeoutError) as error:
        mend = f"{error or 'no answer'}: start Kafka (or `zelo up`), or set ZELO_KAFKA_BOOTSTRAP"
        return [Finding(f"{what} does not answer", False, mend)]
    finally:
        await admin.close()
    return [Finding(f"{what}, {len(cluster['brokers'])} broker(s)", True)]


def _admin(settings: Settings) -> AIOKafkaAdminClient:
    return AIOKafkaAdminClient(
        bootstrap_servers=settings.kafka_bootstrap, request_timeout_ms=_TIMEOUT_MS, **client_options(settings)
    )


async def _topics(settings: Settings) -> list[Finding]:
    specs = [*topic_specs(settings), *changelog_specs(settings)]
    admin = _admin(settings)
    await admin.start()
    try:
        there = {topic["topic"]: len(topic["partitions"]) for topic in await admin.describe_topics()}
        different = await differing(admin, [spec for spec in specs if spec.name in there])
    finally:
        await admin.close()
    missing = [spec.name for spec in specs if spec.name not in there]
    wrong = [
        f"{spec.name} has {there[spec.name]}, expected {spec.partitions}"
        for spec in specs
        if there.get(spec.name, spec.partitions) != spec.partitions
    ]
    if missing:
        return [Finding(f"missing topics: {', '.join(missing)}", False, "run `zelo topics --create`")]
    if wrong:
        return [Finding(f"partitions: {'; '.join(wrong)}", False, OTHER_PARTITIONS)]
    if different:
        return [Finding(f"topic settings: {'; '.join(different)}", False, _ALTER)]
    return [Finding(f"{len(specs)} topics, {settings.partitions} partitions", True)]


def _clickhouse(settings: Settings) -> list[Finding]:
    return [
        _checked(lambda: _migrations(settings), f"ClickHouse at {settings.clickhouse_url}"),
        _checked(lambda: _accounting(settings), "accounting"),
    ]


def _checked(look: Callable[[], Finding], what: str) -> Finding:
    try:
        return look()
    except ZeloError as error:
        mend = "" if isinstance(error, ConfigurationError) else ": start ClickHouse, or set ZELO_CLICKHOUSE_URL"
        return Finding(what, False, f"{error}{mend}")


def _migrations(settings: Settings) -> Finding:
    found = status(settings)
    open_ = [f"{one.version:04d} {one.state}" for one in found if one.state != "applied"]
    what = f"ClickHouse at {settings.clickhouse_url}, {len(found)} migrations"
    return Finding(what if not open_ else f"{what}: {', '.join(open_)}", not open_, "run `zelo migrate`")


def _accounting(settings: Settings) -> Finding:
    events = read_accounting(settings)
    total = events["applied"] + events["duplicate"] + events["late"] + events["dead"]
    said = " + ".join(f"{name} {events[name]:,}" for name in ("applied", "duplicate", "late", "dead"))
    mend = "a record was neither applied nor explained: keep the logs and changelogs and report it"
    return Finding(f"read {events['read']:,} = {said}", events["read"] == total, mend)
