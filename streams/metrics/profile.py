"""A profile: all policies of one company, as one named and versioned TOML document.

Sections and settings left out have the defaults that `profiles/default.toml` spells out. A setting that does
not exist is an error, so that a typing mistake cannot silently mean a default.
"""

import re
from importlib import resources
from pathlib import Path
from typing import Annotated, cast

import msgspec
from msgspec import Meta, Struct

from streams.alerts.policy import AlertPolicy
from streams.churn.policy import ChurnPolicy
from streams.errors import ConfigurationError
from streams.metrics.activation import ActivationPolicy
from streams.metrics.engagement import EngagementPolicy
from streams.metrics.feedback import FeedbackPolicy
from streams.metrics.health_policy import HealthPolicy
from streams.metrics.onboarding import OnboardingPolicy
from streams.metrics.profile_lines import line_of
from streams.metrics.revenue_policy import RevenuePolicy, with_preset
from streams.metrics.sessions import SessionPolicy
from streams.metrics.support_policy import SupportPolicy
from streams.metrics.upsell_policy import UpsellPolicy
from streams.metrics.usage import UsagePolicy

BUILT_IN = ("default", "demo")

_UNKNOWN = re.compile(r"unknown field `([^`]+)`$")
#: Checks of a whole section that begin with one of its settings.
_SETTING = re.compile(r"^([a-z_]+): ")
_PLACE = re.compile(r"^(?P<reason>.*?)(?: - at (?:`key` in )?`\$\.?(?P<path>.*)`)?$", re.DOTALL)


class Profile(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All policies of one company; `name` and `version` are published beside what they decide."""

    name: Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
    version: Annotated[int, Meta(ge=1)]
    engagement: EngagementPolicy = EngagementPolicy()
    activation: ActivationPolicy = ActivationPolicy()
    onboarding: OnboardingPolicy = OnboardingPolicy()
    sessions: SessionPolicy = SessionPolicy()
    support: SupportPolicy = SupportPolicy()
    revenue: RevenuePolicy = RevenuePolicy()
    feedback: FeedbackPolicy = FeedbackPolicy()
    health: HealthPolicy = HealthPolicy()
    upsell: UpsellPolicy = UpsellPolicy()
    churn: ChurnPolicy = ChurnPolicy()
    alerts: AlertPolicy = AlertPolicy()

    @property
    def usage(self) -> UsagePolicy:
        """The part the usage domain needs."""
        return UsagePolicy(
            engagement=self.engagement,
            activation=self.activation,
            onboarding=self.onboarding,
            sessions=self.sessions,
        )


def load_profile(name: str) -> Profile:
    """A built-in profile by its name, or a company's own by the path of its TOML file.

    Args:
        name: `default`, `demo`, or a path that ends in `.toml`.

    Raises:
        ConfigurationError: there is no such profile, or a setting does not hold; says which and what is
            expected.

    Example:
        >>> load_profile("default").health.green_from
        75.0
    """
    if name in BUILT_IN:
        text = resources.files("streams.metrics").joinpath("profiles", f"{name}.toml").read_bytes()
        return parse_profile(text, f"{name}.toml")
    if not name.endswith(".toml"):
        names = ", ".join(BUILT_IN)
        raise ConfigurationError(f"profile: expected {names} or the path of a .toml file, got {name!r}")
    try:
        text = Path(name).read_bytes()
    except OSError as error:
        raise ConfigurationError(f"profile: expected a readable file at {name!r}: {error.strerror}") from error
    return parse_profile(text, name)


def parse_profile(text: bytes, where: str) -> Profile:
    """The profile that a TOML document describes.

    Args:
        text: the document, UTF-8.
        where: what to call it in errors.

    Raises:
        ConfigurationError: names the document, the line, the setting, what was expected and what came.

    Example:
        >>> parse_profile(b"name = 'acme'", "acme.toml")
        Traceback (most recent call last):
        ...
        streams.errors.ConfigurationError: profile acme.toml: object missing required field `version`
    """
    try:
        document = msgspec.toml.decode(text)
        if "revenue" in document:
            document["revenue"] = with_preset(document["revenue"])
        return msgspec.convert(document, Profile)
    except msgspec.ValidationError as error:
        raise ConfigurationError(_explained(str(error), text, where)) from error
    except msgspec.DecodeError as error:
        raise ConfigurationError(f"profile {where}: expected a TOML document: {error}") from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"profile {where}: expected UTF-8 text: {error}") from error
    except ConfigurationError as error:
        raise ConfigurationError(f"profile {where}: {error}") from error


def _explained(message: str, text: bytes, where: str) -> str:
    """The decoder's message with line and setting in front, and what came behind."""
    found = _PLACE.match(message)
    assert found is not None  # the pattern matches every text
    reason, path = found["reason"], found["path"] or ""
    if path and (setting := _SETTING.match(reason)):
        reason, path = reason[setting.end() :], f"{path}.{setting[1]}"
    reason = reason[:1].lower() + reason[1:]
    if path and reason.startswith("expected `") and ", got " not in reason:
        reason = f"{reason}, got {_setting(msgspec.toml.decode(text), path)!r}"
    unknown = _UNKNOWN.search(reason)
    line = line_of(text.decode(), ".".join(filter(None, (path, unknown and unknown[1]))))
    place = where if line is None else f"{where}:{line}"
    return f"profile {place}, {path}: {reason}" if path else f"profile {place}: {reason}"


def _setting(document: object, path: str) -> object:
    """What stands at a path like `a.b[0].c` of a document."""
    for step in re.findall(r"[^.\[\]]+", path):
        if isinstance(document, list):
            document = cast("list[object]", document)[int(step)]
        else:
            document = cast("dict[str, object]", document)[step]
    return document
