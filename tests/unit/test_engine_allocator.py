"""Freed memory is used again, not fetched from the kernel anew (allocator.py)."""

import subprocess
import sys

#: Page faults of unpacking a hundred record batches of 512 KB.
UNPACK = """
import resource, sys
from aiokafka.codec import snappy_decode, snappy_encode
if sys.argv[1] == "kept":
    from streams.engine.allocator import keep_freed_memory
    assert keep_freed_memory()
packed = snappy_encode(b"abcdefgh" * (64 << 10))
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(100):
    snappy_decode(packed)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(how: str) -> int:
    done = subprocess.run([sys.executable, "-c", UNPACK, how], capture_output=True, text=True, check=True)
    return int(done.stdout)


def test_large_blocks_come_from_memory_that_was_used_before() -> None:
    assert 10 * faults("kept") < faults("given back")
