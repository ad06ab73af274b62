"""Opens the engine, serves until a signal, closes both. Importing this loads chdb."""

import asyncio
import json
import signal
import sys
from pathlib import Path

from aiohttp import web

from streams.embedded.clickhouse.engine import Engine
from streams.embedded.clickhouse.request import Credentials
from streams.embedded.clickhouse.server import Endpoint

SHUTDOWN_SECONDS = 5.0


def run(path: Path, host: str, port: int, credentials: Credentials, name: str, threads: int) -> int:
    """Runs the endpoint; returns the exit status of the process."""
    try:
        engine = Engine(path)
    except RuntimeError as error:
        sys.stderr.write(f"cannot open {path} (does another process use it?): {error}\n")
        return 1
    try:
        asyncio.run(serve(Endpoint(engine, credentials, name, threads), host, port))
    except OSError as error:
        sys.stderr.write(f"cannot listen on {host}:{port}: {error}\n")
        return 1
    finally:
        engine.close()
    return 0


async def serve(endpoint: Endpoint, host: str, port: int) -> None:
    """Serves until SIGTERM or SIGINT, then lets running requests end."""
    runner = web.AppRunner(
        endpoint.application(), auto_decompress=False, access_log=None, shutdown_timeout=SHUTDOWN_SECONDS
    )
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        bound_host, bound_port = runner.addresses[0][:2]
        sys.stdout.write(json.dumps({"host": bound_host, "port": bound_port}) + "\n")
        sys.stdout.flush()
        await stop.wait()
    finally:
        await runner.cleanup()
        endpoint.close()
