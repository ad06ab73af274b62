"""How the values and the meta record of a table become bytes, and bytes of older releases values.

A value is its version and msgpack. The version stands behind a byte that begins no msgpack, so that values written
before there were versions are told apart: they are version 1. Values are decoded when they are touched, so the
changelog of an older release is read as it is, and lifted key by key.
"""

from typing import Any, Generic, TypeVar

import msgspec

from streams.errors import ConfigurationError
from streams.shape import Shape, pack_field, unpack_field

S = TypeVar("S")
M = TypeVar("M")

#: "Never used" in msgpack's specification.
_VERSION_FOLLOWS = 0xC1
_MARK = bytes((_VERSION_FOLLOWS,))


class ShapeCodec(Generic[S]):
    """Values of one shape as bytes.

    Args:
        shape: a bare type is version 1.
        of: whose values they are, for errors.
        app_id: what people call the app's id where they set it, for errors.
    """

    def __init__(self, shape: Any, of: str, app_id: str = "app_id") -> None:
        self.shape: Shape[S] = shape if isinstance(shape, Shape) else Shape(shape)
        self._of = of
        self._anew = f"set {app_id} to a new name and fold the topics anew"
        self._mark = bytes((_VERSION_FOLLOWS, self.shape.version))
        self._encoder = msgspec.msgpack.Encoder(enc_hook=pack_field)
        self._room = bytearray()
        types = {version: lift.type for version, lift in self.shape.lifts.items()} | {
            self.shape.version: self.shape.type
        }
        self._decoders = {v: msgspec.msgpack.Decoder(kind, dec_hook=unpack_field) for v, kind in types.items()}
        self._newest = self._decoders[self.shape.version]

    def encode(self, value: S, prefix: bytes = b"") -> bytes:
        """A value with its version, behind `prefix`."""
        room, head = self._room, prefix + self._mark
        self._encoder.encode_into(value, room, len(head))  # as large as the last: mostly it need not grow
        room[: len(head)] = head
        return bytes(room)

    def decode(self, packed: bytes, start: int = 0) -> S:
        """The value in `packed` from `start` on, of whatever version.

        Raises:
            ConfigurationError: it was written by a newer release, or is none of ours.
        """
        if packed[start : start + 2] != self._mark:
            version = self.version(packed, start)
            if version != self.shape.version:
                return self._older(version, packed, start)
        decoded: S = self._decode(self._newest, _payload(packed, start))
        return decoded

    def version(self, packed: bytes, start: int = 0) -> int:
        """The version a value was written with."""
        return int.from_bytes(packed[start + 1 : start + 2]) if packed[start] == _VERSION_FOLLOWS else 1

    def is_newer(self, head: bytes) -> bool:
        """Whether a value that begins with these two bytes was written by a newer release."""
        return head[:1] == _MARK and self.version(head) > self.shape.version

    def check(self, packed: bytes, start: int = 0) -> None:
        """Looks at the version alone.

        Raises:
            ConfigurationError: it was written by a newer release.
        """
        if self.is_newer(packed[start : start + 2]):
            raise ConfigurationError(
                f"{self._of} was stored as version {self.version(packed, start)} by a newer release, this one knows "
                f"versions up to {self.shape.version}: run that release, or {self._anew}"
            )

    def _older(self, version: int, packed: bytes, start: int) -> S:
        self.check(packed, start)
        decoder = self._decoders.get(version)
        if decoder is None:
            raise ConfigurationError(f"{self._of} says version {version}: it is none of ours")
        return self.shape.lifted(version, self._decode(decoder, _payload(packed, start)))

    def _decode(self, decoder: msgspec.msgpack.Decoder[Any], packed: memoryview) -> Any:
        try:
            return decoder.decode(packed)
        except (msgspec.MsgspecError, ValueError) as exc:
            raise ConfigurationError(
                f"{self._of} is no {decoder.type}: {exc}. Another release wrote it without raising the version of "
                f"the shape; {self._anew}"
            ) from exc


def _payload(packed: bytes, start: int) -> memoryview:
    return memoryview(packed)[start + 2 if packed[start] == _VERSION_FOLLOWS else start :]


class StateCodec(Generic[S, M]):
    """How the values and the meta record of a table become bytes.

    Args:
        state: shape of the values, or their type.
        meta: shape of the partition-level state, or its type; `type()` must make an empty one.
        table: its name, for errors.
        app_id: what people call the app's id where they set it, for errors.
    """

    def __init__(self, state: Any, meta: Any, table: str = "a table", app_id: str = "app_id") -> None:
        self.state: ShapeCodec[S] = ShapeCodec(state, f"a state of {table}", app_id)
        self.meta: ShapeCodec[M] = ShapeCodec(meta, f"the meta record of {table}", app_id)

    def new_meta(self) -> M:
        """The partition-level state of an empty partition."""
        made: M = self.meta.shape.type()
        return made
