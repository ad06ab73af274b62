"""Scaling with configured constants: a River transformer that learns nothing.

A scaler that learns is a month behind here, because labels are, and every weight learned in its old units is
then wrong. Constants from the registry are reproducible and the same on every replica. Nothing that is not a
finite number passes, whatever is handed in.
"""

import math
from collections.abc import Hashable, Mapping
from typing import Any, Literal, cast

from river import base

from streams.churn.exact import signed_log

Transform = Literal["linear", "log"]
Constant = tuple[str, Transform, float, float]
"""Of a feature: name, transform (`log`: signed log), typical value in its unit, scale when transformed."""
Constants = tuple[Constant, ...]


def number(value: Any) -> float | None:
    """A finite float of anything numeric; None for everything else (text is not parsed)."""
    if isinstance(value, (str, bytes, bytearray)):
        return None
    try:
        converted = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return converted if math.isfinite(converted) else None


class Scale(base.Transformer):
    """Known features in units of their scale around their typical value, clipped; all else is dropped.

    Args:
        constants: see `Constant`; what is not among them is dropped.
        clip: bound of the result, scale units.

    Example:
        >>> scale = Scale((("days", "linear", 10.0, 5.0),))
        >>> scale.transform_one({"days": 20, "unknown": 1.0})
        {'days': 2.0}
        >>> scale.transform_one({"days": float("nan")})
        {}
    """

    def __init__(self, constants: Constants | None = None, clip: float = 4.0) -> None:
        self.constants = constants
        self.clip = clip
        self._table = {name: _centred(kind, typical, scale) for name, kind, typical, scale in constants or ()}

    def transform_one(self, x: dict[Hashable, Any]) -> dict[Hashable, Any]:
        """River's name for `scaled`."""
        return cast("dict[Hashable, Any]", self.scaled(x))

    def scaled(self, features: Mapping[Any, Any]) -> dict[str, float]:
        """The features that are known and finite, scaled and clipped."""
        clip, table = self.clip, self._table
        scaled: dict[str, float] = {}
        for name, raw in features.items():
            constants = table.get(name)
            if constants is None:
                continue
            value = raw if type(raw) is float and raw - raw == 0.0 else number(raw)
            if value is None:
                continue
            is_log, centre, inverse = constants
            z = ((signed_log(value) if is_log else value) - centre) * inverse
            scaled[name] = clip if z > clip else -clip if z < -clip else z  # noqa: FURB136 - twice as fast as min, max
        return scaled


def _centred(transform: Transform, typical: float, scale: float) -> tuple[bool, float, float]:
    is_log = transform == "log"
    return is_log, signed_log(typical) if is_log else typical, 1.0 / scale
