"""The C library's allocator, set for a process that takes in megabytes at a time and keeps kilobytes of them.

By default glibc gives large blocks back to the kernel as soon as they are free, and keeps a heap for each thread. Every
fetch, every unpacked record batch then lives in memory that the kernel has to hand out and clear anew, page by page,
which in a virtual machine costs more than what is done with it. Measured: 3.2 us to unpack 1 KB of snappy, 0.8 us in
memory that was used before; recovery of a million keys of 1 KB 4.2 to 5.1 s of CPU, 3.3 to 3.6 s (bench/recovery.py).
"""

import ctypes
import sys

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -2, -3, -8  # M_... in malloc.h
_MEGABYTE = 1 << 20
_CHOSEN = {
    _ARENA_MAX: 1,  # one heap: what one thread has freed serves the others
    _MMAP_THRESHOLD: 32 * _MEGABYTE,  # the most it takes
    _TRIM_THRESHOLD: 128 * _MEGABYTE,  # so much free memory at the end of the heap stays ours
    _TOP_PAD: 16 * _MEGABYTE,
}


def keep_freed_memory() -> bool:
    """Keeps up to 128 MB of freed memory for what comes next; whether the C library is one that can."""
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    taken = [mallopt(what, value) for what, value in _CHOSEN.items()]
    return all(taken)
