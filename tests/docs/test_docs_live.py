"""The README's clients work: its Python blocks, as they stand but for the addresses, against a running stack."""

import asyncio
import re
import sys
from pathlib import Path

import pytest
from docs_pages import blocks, page

from streams.cli.stack import local_stack
from streams.config import Settings

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]


def programs(bootstrap: str, clickhouse_url: str) -> list[str]:
    """The README's Python blocks for these addresses."""
    found = [block.text for block in blocks(page("README.md"), "python")]
    assert len(found) == 2
    kafka = found[0].replace('"127.0.0.1:9092"', repr(bootstrap))
    clickhouse = found[1].replace("http://127.0.0.1:8123", clickhouse_url)
    assert kafka != found[0]
    assert clickhouse != found[1]
    return [kafka, clickhouse]


async def printed(program: str) -> str:
    """What a Python program of its own prints."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        out, err = await asyncio.wait_for(process.communicate(), 60)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, err.decode()
    return out.decode()


async def test_the_clients_of_the_readme_get_their_answers(tmp_path: Path) -> None:
    async with local_stack(Settings(partitions=2), tmp_path, lambda text: None) as stack:
        kafka, clickhouse = programs(stack.settings.kafka_bootstrap, stack.settings.clickhouse_url)
        assert re.fullmatch(r"acme (None|\d+\.\d+) (red|yellow|green|unknown) [01]\.\d+\n", await printed(kafka))
        board = "[]\n"
        async with asyncio.timeout(60):
            while board == "[]\n":
                board = await printed(clickhouse)
        assert re.match(r"\[\('(red|yellow|green|unknown)', 1, ", board)
