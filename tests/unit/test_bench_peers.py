"""The peers' environment: a peer that cannot run says why, and needs nothing when nobody asks for it."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bench import peers
from bench.contestants import BY_NAME, CONTESTANTS

PEER, OURS = BY_NAME["bytewax"], BY_NAME["zelo"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An environment that is not there."""
    monkeypatch.setattr(peers, "_FOLDER", tmp_path / "venv")
    monkeypatch.setattr(peers, "_STAMP", tmp_path / "venv" / "installed")
    peers.reason_against.cache_clear()
    yield tmp_path / "venv"
    peers.reason_against.cache_clear()


def test_a_peer_without_its_environment_says_so_and_ours_need_none(folder: Path) -> None:
    assert "could not be installed" in peers.reason_against(PEER)
    assert peers.reason_against(OURS) == ""
    assert peers.versions(CONTESTANTS) == {}


def test_nothing_is_installed_for_ours(folder: Path) -> None:
    peers.install([OURS])
    assert not folder.exists()


def test_a_failed_installation_is_told_and_ends_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(command: list[str], **_: Any) -> None:
        raise subprocess.CalledProcessError(1, command)

    monkeypatch.setattr(subprocess, "run", fails)
    peers.install([PEER])
    assert "The peers were not installed" in capsys.readouterr().err
    assert "could not be installed" in peers.reason_against(PEER)


def test_a_peer_that_cannot_be_imported_gives_its_error(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.mkdir()
    (folder / "installed").touch()
    failed = subprocess.CompletedProcess([], 1, "", "Traceback\nModuleNotFoundError: No module named 'bytewax'\n")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: failed)
    assert peers.reason_against(PEER) == "ModuleNotFoundError: No module named 'bytewax'"


def test_peers_are_installed_anew_when_we_run_on_another_build_of_python(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[list[str]] = []
    monkeypatch.setattr(subprocess, "run", lambda command, **_: ran.append(command))
    folder.mkdir()
    peers.install([PEER])
    peers.install([PEER])
    assert len(ran) == 2  # the environment, and what goes into it
    monkeypatch.setattr(sys, "version", sys.version.replace(")", ", another day)"))
    peers.install([PEER])
    assert len(ran) == 4
