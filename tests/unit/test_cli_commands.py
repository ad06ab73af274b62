"""The commands that look at an installation, and the help of all."""

import json
import platform
import socket
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cli_rig import Zelo, below, clean_environment, command_line

from schemas.registry import TOPICS
from streams.app import ROLES
from streams.cli import dead_letters, doctor, processes, up, worker
from streams.cli.board import Board
from streams.cli.lazy import LazyCommand
from streams.cli.main import app
from streams.config import Settings
from streams.embedded.ports import free_port
from streams.embedded.supervise import Child
from streams.errors import ConfigurationError
from streams.intake.dead_letters import Letter


@pytest.fixture
def zelo(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Zelo:
    clean_environment(monkeypatch)
    monkeypatch.setenv("ZELO_KAFKA_BOOTSTRAP", f"127.0.0.1:{free_port()}")
    monkeypatch.setenv("ZELO_CLICKHOUSE_URL", f"http://127.0.0.1:{free_port()}")
    return command_line(monkeypatch, capsys)


def paths(command: Any, words: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The words of every command and group."""
    yield words
    for name, one in below(command).items():
        yield from paths(one, (*words, name))


@pytest.mark.parametrize("words", list(paths(app)), ids=" ".join)
def test_every_command_explains_itself(zelo: Zelo, words: tuple[str, ...]) -> None:
    shown = zelo(*words, "--help")
    assert shown.status == 0
    assert " ".join(("zelo", *words)) in shown.out
    assert "Show this message and exit" in shown.out


def lazy(group: Any) -> Iterator[LazyCommand]:
    """Every command of the group and the groups below that is imported only when called."""
    for one in getattr(group, "commands", {}).values():
        if isinstance(one, LazyCommand):
            yield one
            yield from lazy(one.loaded())


@pytest.mark.parametrize("command", list(lazy(app)), ids=lambda command: command.name)
def test_lists_say_of_a_command_what_it_says_of_itself(command: LazyCommand) -> None:
    assert (command.help or "") == (command.loaded().help or "").partition("\n\n")[0].replace("\n", " ")


def test_an_unknown_command_is_named(zelo: Zelo) -> None:
    stopped = zelo("dmo")
    assert stopped.status == 2
    assert "dmo" in stopped.err


def test_topics_lists_all_of_them_as_they_stand_on_the_broker(zelo: Zelo) -> None:
    shown = zelo("topics", ZELO_TOPIC_PREFIX="acme.", ZELO_PARTITIONS="7")
    assert shown.status == 0
    for topic in TOPICS:
        assert f"acme.{topic.name} {topic.key} {topic.partitions or 7} {topic.cleanup} " in shown.out


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_doctor_says_what_is_missing_and_how_to_mend_it(zelo: Zelo) -> None:
    shown = zelo("doctor")
    assert shown.status == 1
    assert "BAD Kafka at 127.0.0.1:" in shown.out
    assert "set ZELO_KAFKA_BOOTSTRAP" in shown.out
    assert "BAD ClickHouse at http://127.0.0.1:" in shown.out
    assert "set ZELO_CLICKHOUSE_URL" in shown.out
    assert "ok Python 3." in shown.out
    assert "ok package agents is ours" in shown.out
    assert "Traceback" not in shown.out + shown.err


@pytest.mark.parametrize(
    "asked, folder, says",
    [
        ("--enable-optimizations", "/opt/python", ""),
        ("", "/usr", ""),  # a distribution's, optimised in its own way
        ("--enable-shared", "/opt/python", " (compiled without --enable-optimizations: slower)"),
        (None, "/opt/python", " (compiled without --enable-optimizations: slower)"),
    ],
)
def test_doctor_tells_an_interpreter_that_is_slower_than_need_be(
    monkeypatch: pytest.MonkeyPatch, asked: str | None, folder: str, says: str
) -> None:
    monkeypatch.setattr(sysconfig, "get_config_var", {"CONFIG_ARGS": asked}.get)
    monkeypatch.setattr(sys, "base_prefix", folder)
    assert doctor.python() == f"Python {platform.python_version()}{says}"


@pytest.mark.parametrize("command", [("migrate",), ("migrate", "--status")], ids=" ".join)
def test_migrate_without_clickhouse_stops_with_its_address(zelo: Zelo, command: tuple[str, ...]) -> None:
    stopped = zelo(*command)
    assert stopped.status == 2
    assert "error: ClickHouse" in stopped.err
    assert "Traceback" not in stopped.err


@pytest.mark.parametrize("arguments", [("ravenstack", "nowhere"), ("jsonl", "nowhere.jsonl")], ids=" ".join)
def test_import_without_kafka_stops_with_its_address(zelo: Zelo, arguments: tuple[str, ...]) -> None:
    stopped = zelo("import", *arguments)
    assert stopped.status == 2
    assert "error: expected Kafka at 127.0.0.1:" in stopped.err


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize(
    "command", [("dead-letters",), ("replay", "dead-letters"), ("topics", "--create")], ids=" ".join
)
def test_commands_without_kafka_stop_with_its_address(zelo: Zelo, command: tuple[str, ...]) -> None:
    stopped = zelo(*command)
    assert stopped.status == 2
    assert "Kafka at 127.0.0.1:" in stopped.err


def test_an_address_of_kafka_that_is_none_is_a_wrong_setting(zelo: Zelo) -> None:
    stopped = zelo("topics", "--create", ZELO_KAFKA_BOOTSTRAP="here:there")
    assert stopped.status == 2
    assert "ZELO_KAFKA_BOOTSTRAP" in stopped.err


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Child]:
    """What a worker command would start; all of it is over at once."""
    children: list[Child] = []

    class Children:
        async def __aenter__(self) -> "Children":
            return self

        async def __aexit__(self, *_: object) -> None: ...

        async def start(self, child: Child) -> None:
            children.append(child)

        async def wait(self) -> None: ...

        def runs(self, _: str) -> bool:
            return False

    monkeypatch.setattr(worker, "Supervisor", Children)
    return children


def setting(children: list[Child], name: str) -> list[str]:
    """A setting as each child is given it."""
    return [(child.env or {})[name] for child in children]


def test_a_worker_of_all_roles_tells_where_the_pages_of_its_processes_are(zelo: Zelo, started: list[Child]) -> None:
    shown = zelo("worker", ZELO_HTTP_HOST="127.0.0.2")
    assert shown.status == 0
    pages = [f"http://127.0.0.2:{port}" for port in setting(started, "ZELO_HTTP_PORT")]
    told = [f"{role} {page}/readyz {page}/metrics" for role, page in zip(ROLES, pages, strict=True)]
    assert shown.out == " ".join(told)
    assert len(set(pages)) == len(ROLES)


def test_free_ports_of_the_pages_are_looked_for_where_the_pages_will_be(
    zelo: Zelo, started: list[Child], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(processes, "free_port", lambda host: asked.append(host) or 8000 + len(asked))
    assert zelo("worker", ZELO_HTTP_HOST="127.0.0.2").status == 0
    assert asked == ["127.0.0.2"] * len(ROLES)


@pytest.mark.parametrize("host", ["192.0.2.1", "no.such.host.invalid"])
def test_a_host_of_pages_that_is_not_this_machine_stops_with_the_setting(
    zelo: Zelo, started: list[Child], host: str
) -> None:
    stopped = zelo("worker", ZELO_HTTP_HOST=host)
    assert stopped.status == 2
    assert f"ZELO_HTTP_HOST: expected a name or an address of this machine, it was '{host}'" in stopped.err
    assert started == []


@pytest.mark.parametrize(
    "host, shown", [("0.0.0.0", "127.0.0.1"), ("::", "[::1]"), ("::1", "[::1]"), ("localhost", "localhost")]
)
def test_pages_are_told_as_they_are_reached_from_here(host: str, shown: str) -> None:
    assert processes.page_url(Settings(http_host=host, http_port=8080)) == f"http://{shown}:8080"


def test_a_free_port_is_one_of_the_host() -> None:
    for host in ("127.0.0.2", "localhost", "0.0.0.0"):
        family, *_, address = socket.getaddrinfo(host, free_port(host), type=socket.SOCK_STREAM)[0]
        socket.create_server((address[0], address[1]), family=family).close()


@pytest.mark.parametrize(
    "role, names",
    [
        ("all", ["stream", "stream-2", "stream-3", "archive", "notify"]),
        ("stream", ["stream", "stream-2", "stream-3"]),
        ("archive", ["archive", "archive-2", "archive-3"]),
    ],
)
def test_workers_are_so_many_processes_that_share_neither_page_nor_folder_nor_log(
    zelo: Zelo, started: list[Child], role: str, names: list[str]
) -> None:
    assert zelo("worker", "--role", role, "--workers", "3").status == 0
    assert [child.name for child in started] == names
    assert [child.argv[-1] for child in started] == [name.split("-")[0] for name in names]
    for own in ("ZELO_HTTP_PORT", "ZELO_DATA_DIR"):
        assert len(set(setting(started, own))) == len(names)
    assert len({child.log_path for child in started}) == len(names)


def test_a_port_in_the_settings_is_the_first_of_the_pages(zelo: Zelo, started: list[Child]) -> None:
    zelo("worker", "--role", "stream", "--workers", "3", ZELO_HTTP_PORT="8080")
    assert setting(started, "ZELO_HTTP_PORT") == ["8080", "8081", "8082"]


def test_more_workers_than_partitions_are_told(zelo: Zelo, started: list[Child]) -> None:
    assert "only 2 of 3 can have work" in zelo("worker", "--workers", "3", ZELO_PARTITIONS="2").err
    assert zelo("worker", "--workers", "2").err == ""


@pytest.mark.parametrize("workers", ["0", "-1", "many"])
def test_a_number_of_workers_that_is_none_is_refused(zelo: Zelo, workers: str) -> None:
    stopped = zelo("worker", "--workers", workers)
    assert stopped.status == 2
    assert "--workers" in stopped.err


def test_up_starts_the_stack_it_is_told_to(zelo: Zelo, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked: list[tuple[Any, ...]] = []

    def stack(_settings: Settings, folder: Path, _say: Any, *more: Any) -> None:
        asked.append((folder, *more))
        raise ConfigurationError("port 19092 of Kafka is taken")

    monkeypatch.setattr(up, "local_stack", stack)
    stopped = zelo("up", "--broker", "kafka", "--kafka-port", "19092", "--data-dir", str(tmp_path))
    assert stopped.status == 2
    assert "port 19092 of Kafka is taken" in stopped.err
    assert zelo("up").status == 2
    assert asked == [(tmp_path, "kafka", 19092), (None, "embedded", 0)]


@pytest.mark.parametrize("port", ["-1", "65536", "kafka"])
def test_a_port_of_kafka_that_is_none_is_refused(zelo: Zelo, port: str) -> None:
    stopped = zelo("up", "--kafka-port", port)
    assert stopped.status == 2
    assert "--kafka-port" in stopped.err


def test_demo_without_its_data_says_where_they_should_be(zelo: Zelo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.cli.demo.__file__", "/somewhere/streams/cli/demo.py")
    stopped = zelo("demo")
    assert stopped.status == 2
    assert "expected the sample data in" in stopped.err
    assert "--data" in stopped.err


def test_fold_of_a_file_that_is_not_there_names_it(zelo: Zelo, tmp_path: Path) -> None:
    stopped = zelo("fold", "--format", "jsonl", str(tmp_path / "none.jsonl"))
    assert stopped.status == 2
    assert "none.jsonl" in stopped.err


def test_fold_of_a_file_says_what_the_demo_says_but_for_clickhouse(zelo: Zelo, tmp_path: Path) -> None:
    events = [
        {
            "type": "account_set",
            "event_id": "1",
            "customer_id": "a",
            "occurred_at": "2024-03-01T08:00:00Z",
            "name": "A",
        },
        {
            "type": "spend_recorded",
            "event_id": "2",
            "customer_id": "_company",
            "occurred_at": "2024-03-02T08:00:00Z",
            "amount_minor": 100,
            "currency": "USD",
        },
    ]
    path = tmp_path / "events.jsonl"
    path.write_text("".join(json.dumps(event) + "\n" for event in events))
    shown = zelo("fold", "--format", "jsonl", str(path))
    assert shown.status == 0, shown.err
    found = json.loads(shown.out)
    nothing = Board(None, {}, 0, {}, [], [], {"nps": None}, 0, None, {}, [], {}, {}, [], 0, {})
    assert list(found) == [name for name in nothing.to_json(0.0) if name != "clickhouse_rows"]
    assert found["events"]["read"] >= 2
    assert found["nps"] is None


def letter(value: bytes | None) -> Letter:
    return Letter(
        topic="zelo.usage.v1",
        partition=1,
        offset=7,
        reason="SchemaError: expected JSON",
        key=b"acme",
        value=value,
        retries=2,
        whole=True,
        headers=(),
        timestamp_ms=0,
    )


@pytest.mark.parametrize(
    "value, shown",
    [
        (None, "acme 2"),
        (b"", "acme 2"),
        (b'{"a": 1}', '{"a": 1} 2'),
        (b"\xff\xfe", r"\xff\xfe 2"),
        (b"x" * 100, "x…"),
    ],
    ids=["none", "empty", "JSON", "no text", "long"],
)
def test_dead_letters_are_listed_with_source_and_reason(
    zelo: Zelo, monkeypatch: pytest.MonkeyPatch, value: bytes | None, shown: str
) -> None:
    async def read(_: object) -> list[Letter]:
        return [letter(value)]

    monkeypatch.setattr(dead_letters, "read_dead_letters", read)
    listed = zelo("dead-letters")
    assert listed.status == 0
    assert "zelo.usage.v1[1]@7 SchemaError: expected JSON acme" in listed.out
    assert shown in listed.out
    assert "1 dead letters" in listed.out


@pytest.mark.parametrize("value, shown", [(b"[/b] [bold]x", "[/b] [bold]x"), (b"\x1b]0;owned\x07", "owned")])
def test_dead_letters_are_shown_as_they_are_and_cannot_command_the_terminal(
    zelo: Zelo, monkeypatch: pytest.MonkeyPatch, value: bytes, shown: str
) -> None:
    async def read(_: object) -> list[Letter]:
        return [replace(letter(value), reason="SchemaError: expected [/end] of \x1b[2J")]

    monkeypatch.setattr(dead_letters, "read_dead_letters", read)
    listed = zelo("dead-letters")
    assert listed.status == 0
    assert "expected [/end] of" in listed.out
    assert shown in listed.out
    assert "\x1b" not in listed.out
