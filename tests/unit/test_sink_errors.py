"""What an error of ClickHouse or of its driver means to the writer."""

import socket
import struct
from urllib.parse import urlsplit

import pytest
from clickhouse_connect.driver import options
from clickhouse_connect.driver.exceptions import (
    ClickHouseError,
    DatabaseError,
    DataError,
    OperationalError,
    ProgrammingError,
    StreamFailureError,
)

from streams.config import load_settings
from streams.errors import ConfigurationError, PoisonError, TransientError, ZeloError
from streams.sinks.backend import BlockTooLargeError
from streams.sinks.clickhouse import CONFIGURATION, POISON, TOO_LARGE, connect, endpoint, translated

TRANSIENT = {
    3: "UNEXPECTED_END_OF_FILE",
    159: "TIMEOUT_EXCEEDED",
    202: "TOO_MANY_SIMULTANEOUS_QUERIES",
    209: "SOCKET_TIMEOUT",
    210: "NETWORK_ERROR",
    236: "ABORTED",
    242: "TABLE_IS_READ_ONLY",
    243: "NOT_ENOUGH_SPACE",
    252: "TOO_MANY_PARTS",
    319: "UNKNOWN_STATUS_OF_INSERT",
    425: "SYSTEM_ERROR",
    439: "CANNOT_SCHEDULE_TASK",
    999: "KEEPER_EXCEPTION",
    424242: "A_CODE_NOBODY_KNOWS",
}
FAMILIES: list[tuple[dict[int, str], type[ZeloError]]] = [
    (dict(POISON), PoisonError),
    (dict(CONFIGURATION), ConfigurationError),
    (dict(TOO_LARGE), BlockTooLargeError),
    (TRANSIENT, TransientError),
]


@pytest.mark.parametrize(
    "code, name, family",
    [(code, name, family) for names, family in FAMILIES for code, name in names.items()],
)
def test_each_code_has_its_family(code: int, name: str, family: type[ZeloError]) -> None:
    for kind in (DatabaseError, OperationalError):
        error = translated(kind(f"Code: {code}. DB::Exception: … ({name})", code=code, name=name), "events")
        assert type(error) is family
        assert "events" in str(error)


@pytest.mark.parametrize(
    "error, family",
    [
        (OperationalError("connection refused"), TransientError),
        (StreamFailureError("closed in mid-stream"), TransientError),
        (DatabaseError("502 of a proxy, no code"), TransientError),
        (ProgrammingError("Setting x is unknown or readonly"), ConfigurationError),
        (DataError("Unable to create native array for column `v`"), PoisonError),
        (TypeError("float() argument must be a real number"), PoisonError),
        (UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates not allowed"), PoisonError),
        (OverflowError("int too large"), PoisonError),
        (struct.error("argument out of range"), PoisonError),
    ],
)
def test_errors_of_the_driver_have_theirs(error: ClickHouseError | Exception, family: type[ZeloError]) -> None:
    assert type(translated(error)) is family


def test_no_code_stands_in_two_families() -> None:
    codes = [code for names, _ in FAMILIES for code in names]
    assert len(set(codes)) == len(codes)


def test_too_many_parts_asks_for_a_longer_pause() -> None:
    error = translated(DatabaseError("parts", code=252))
    assert isinstance(error, TransientError)
    assert error.retry_after_seconds >= 5


@pytest.mark.parametrize(
    "url, expected",
    [
        ("http://127.0.0.1:8123", ("127.0.0.1", 8123, False)),
        ("http://clickhouse", ("clickhouse", 8123, False)),
        ("https://ch.example:9440/", ("ch.example", 9440, True)),
        ("https://ch.example", ("ch.example", 8443, True)),
    ],
)
def test_the_url_says_where(url: str, expected: tuple[str, int, bool]) -> None:
    assert endpoint(urlsplit(url)) == expected


@pytest.mark.parametrize("url", ["clickhouse:8123", "tcp://h:9000", "http://", "http://h:port", "http://h:99999"])
def test_another_url_is_refused_with_the_settings_name(url: str) -> None:
    with pytest.raises(ConfigurationError, match="ZELO_CLICKHOUSE_URL"):
        endpoint(urlsplit(url))


def test_the_driver_is_spared_the_search_for_data_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would import pandas with the first block."""
    for name in ("pd", "pd_time_test"):
        monkeypatch.delitem(vars(options), name, raising=False)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(ClickHouseError):
        connect(load_settings(clickhouse_url=f"http://127.0.0.1:{port}"))
    assert options.pd is None
