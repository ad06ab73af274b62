"""A worker with a wrong setting stops at the start: exit status 2, the setting, what it was, what it must be."""

import asyncio
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest
import pytest_asyncio

from streams.cli.main import main
from streams.config import child_environment, load_settings

pytestmark = [
    pytest.mark.integration,
    pytest.mark.any_broker("no broker is asked"),
    pytest.mark.timeout(120),
    pytest.mark.asyncio(loop_scope="module"),
]


class Case(NamedTuple):
    """A wrong setting and the words its error must say."""

    role: str
    settings: Mapping[str, str]
    said: tuple[str, ...]


#: Refused while the settings are read.
READING = {
    "a number that is none": Case("stream", {"PARTITIONS": "four"}, ("ZELO_PARTITIONS", "'four'", "integer")),
    "out of range": Case("stream", {"PARTITIONS": "0"}, ("ZELO_PARTITIONS", "'0'", "greater than or equal to 1")),
    "not one of the words": Case("notify", {"CLOCK": "sun"}, ("ZELO_CLOCK", "'sun'", "'wall' or 'log'")),
    "no such zone": Case("stream", {"TIMEZONE": "Mars/Base"}, ("ZELO_TIMEZONE", "'Mars/Base'", "IANA time zone")),
    "two at once": Case("archive", {"APP_ID": "a b", "HORIZON_DAYS": "-1"}, ("ZELO_APP_ID", "ZELO_HORIZON_DAYS")),
    "two that contradict": Case("stream", {"DEDUP_DAYS": "9"}, ("ZELO_DEDUP_DAYS", "ZELO_HORIZON_DAYS (90)", "was 9")),
    "no broker's address": Case(
        "stream", {"KAFKA_BOOTSTRAP": "kafka:x"}, ("ZELO_KAFKA_BOOTSTRAP", "'kafka:x'", "host:port")
    ),
    "longer than a request": Case(
        "stream", {"SESSION_TIMEOUT_SECONDS": "500"}, ("ZELO_SESSION_TIMEOUT_SECONDS", "'500'", "or equal to 60")
    ),
    "no broker's port": Case(
        "stream", {"KAFKA_BOOTSTRAP": "h:99999"}, ("ZELO_KAFKA_BOOTSTRAP", "'h:99999'", "ports from 1 to 65535")
    ),
    "a key without certificate": Case(
        "archive", {"KAFKA_KEY_FILE": "k.pem"}, ("ZELO_KAFKA_KEY_FILE", "ZELO_KAFKA_CERTIFICATE_FILE")
    ),
    "no such file": Case("stream", {"CONFIG": "/nowhere/zelo.toml"}, ("ZELO_CONFIG", "/nowhere/zelo.toml", "TOML")),
}
#: Refused by a process on its way.
STARTING = {
    "unknown": Case("stream", {"KAFKA_BOOTSTRAPS": "k:1"}, ("ZELO_KAFKA_BOOTSTRAPS", "no such setting")),
    "no such profile": Case("stream", {"PROFILE": "nobody"}, ("ZELO_PROFILE: expected default", "nobody")),
    "no URL": Case("archive", {"CLICKHOUSE_URL": "ch:8123"}, ("ZELO_CLICKHOUSE_URL", "ch:8123", "http://host:port")),
}


class Ended(NamedTuple):
    status: int
    text: str


async def run(case: Case, folder: Path) -> Ended:
    environment = {
        name: value for name, value in child_environment(load_settings()).items() if not name.startswith("ZELO_")
    } | {f"ZELO_{name}": value for name, value in case.settings.items()}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "streams.cli", "worker", "--role", case.role),
        env=environment | {"ZELO_DATA_DIR": str(folder), "COLUMNS": "1000"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        out, _ = await asyncio.wait_for(process.communicate(), 60)
    except TimeoutError:
        process.kill()
        out, _ = await process.communicate()
        return Ended(-1, out.decode())
    assert process.returncode is not None
    return Ended(process.returncode, out.decode())


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ended(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[dict[str, Ended]]:
    """All of them at once: most of the time a start is the import of modules."""
    folder = tmp_path_factory.mktemp("settings")
    found = await asyncio.gather(*(run(case, folder) for case in STARTING.values()))
    yield dict(zip(STARTING, found, strict=True))


def check(case: Case, status: object, text: str) -> None:
    assert status == 2, text
    assert "Traceback" not in text
    assert [word for word in case.said if word.lower() not in text.lower()] == [], text


@pytest.mark.parametrize("name", STARTING)
async def test_a_wrong_setting_ends_the_process_with_what_it_was_and_must_be(
    ended: dict[str, Ended], name: str
) -> None:
    check(STARTING[name], *ended[name])


@pytest.mark.parametrize("case", READING.values(), ids=READING)
async def test_a_wrong_setting_ends_the_command_with_what_it_was_and_must_be(
    case: Case, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in case.settings.items():
        monkeypatch.setenv(f"ZELO_{name}", value)
    monkeypatch.setenv("COLUMNS", "1000")
    monkeypatch.setattr(sys, "argv", ["zelo", "worker", "--role", case.role])
    with pytest.raises(SystemExit) as ended:
        main()
    check(case, ended.value.code, capsys.readouterr().err)
