"""Decompression of request bodies by their Content-Encoding."""

import gzip
import sys
import zlib
from collections.abc import Callable

import lz4.frame

from streams.embedded.clickhouse.errors import ClickHouseError

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd


def _lz4_frames(data: bytes) -> bytes:
    # clickhouse-connect sends one frame per block; the library reads one frame at a time.
    blocks = []
    while data:
        frame = lz4.frame.LZ4FrameDecompressor()
        blocks.append(frame.decompress(data))
        if not frame.eof:
            raise EOFError("the last lz4 frame is not complete")
        data = frame.unused_data or b""
    return b"".join(blocks)


_DECOMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    "identity": bytes,
    "deflate": zlib.decompress,
    "gzip": gzip.decompress,
    "lz4": _lz4_frames,
    "zstd": zstd.decompress,
}


def decompressed(data: bytes, encoding: str) -> bytes:
    """The body behind a Content-Encoding.

    Raises:
        ClickHouseError: UNSUPPORTED_MEDIA_TYPE for an unknown encoding, CANNOT_DECOMPRESS for damaged data.
    """
    decompress = _DECOMPRESS.get(encoding.lower())
    if decompress is None:
        spoken = ", ".join(name for name in _DECOMPRESS if name)
        raise ClickHouseError(
            415, "UNSUPPORTED_MEDIA_TYPE", f"Unknown Content-Encoding '{encoding}', expected one of {spoken}."
        )
    try:
        return decompress(data)
    except (EOFError, OSError, RuntimeError, zlib.error, zstd.ZstdError) as error:
        raise ClickHouseError(271, "CANNOT_DECOMPRESS", f"The {encoding} body is damaged: {error}.") from error
