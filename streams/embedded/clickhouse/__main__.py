"""Command line of the embedded ClickHouse: see the package's docstring."""

import argparse
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from streams.embedded.clickhouse.request import Credentials
from streams.embedded.ports import LOOPBACK


def parse_arguments(arguments: Sequence[str]) -> argparse.Namespace:
    """The command line as attributes."""
    parser = argparse.ArgumentParser(
        prog="python -m streams.embedded.clickhouse",
        description="An embedded ClickHouse behind the ClickHouse HTTP interface.",
    )
    parser.add_argument("--path", type=Path, required=True, help="data directory; one process at a time")
    parser.add_argument("--host", default=LOOPBACK, help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8123, help="0 picks a free one (default: %(default)s)")
    parser.add_argument("--user", default="default", help="the one user (default: %(default)s)")
    parser.add_argument("--password", default="", help="its password (default: none)")
    parser.add_argument("--name", default="zelo-embedded", help="display name (default: %(default)s)")
    parser.add_argument("--threads", type=int, default=8, help="queries at a time (default: %(default)s)")
    parser.add_argument("--timezone", default="UTC", help="server time zone (default: %(default)s)")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str]) -> int:
    """Runs the endpoint; returns the exit status."""
    options = parse_arguments(arguments)
    # The engine's time zone must not depend on the machine, and chdb reads it while it is imported.
    os.putenv("TZ", options.timezone)
    time.tzset()
    from streams.embedded.clickhouse.run import run  # noqa: PLC0415

    credentials = Credentials(options.user, options.password)
    return run(options.path, options.host, options.port, credentials, options.name, options.threads)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
