"""What a company may decide about revenue figures, and the presets that are named after products.

The state of the revenue fold holds facts alone; what they amount to is asked for under a policy, so the same facts give
the figures of every policy (METRICS.md section 5). The defaults are those of `profiles/default.toml`; a preset is one
of `profiles/revenue/*.toml`, which a profile takes by its name and may override setting by setting.
"""

from hashlib import blake2b
from importlib import resources
from typing import Annotated, Any, Literal, get_args

import msgspec
from msgspec import Meta, Struct

PresetName = Literal["default", "chartmogul", "baremetrics", "profitwell"]
PRESETS: tuple[PresetName, ...] = get_args(PresetName)


class RevenuePolicy(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a company may decide about revenue figures.

    Attributes:
        preset: whose settings hold where none is said.
        churn_date: when MRR of a subscription ends: with paid service, when its cancellation is asked for
            (`cancellation_scheduled`), or when the billing system cancels it (`subscription_cancelled`); never later
            than its end.
        discounts: MRR is net of discounts, or gross: the list price where one is said.
        metered: whether subscriptions that bill what was used count as MRR.
        past_due_days: a subscription whose invoice is overdue for longer than so many days of 24 hours is churned until
            that is settled; 0 keeps it until it ends.
        refunds: whether they lessen revenue to date; MRR is a price and never changed by one.
        free_customers: whether customers that run free or trial subscriptions alone count among the customers.
        same_period_joiners: whether customers that came and left in the same period count among those lost.
        allowed_gap_days: a pause in paying of at most so many days (of 24 hours) is no churn and no reactivation, once
            the customer is back; 0 allows none.
        gross_margin: share of the revenue that is left after the costs of serving; without it no margin and no lifetime
            value.
        churn_target: share of the customers that may leave in a month; without it a tenth under the last year's rate.
    """

    preset: PresetName = "default"
    churn_date: Literal["end_of_service", "cancellation_request", "cancellation_in_billing"] = "end_of_service"
    discounts: Literal["net", "gross"] = "net"
    metered: Literal["excluded", "included"] = "excluded"
    past_due_days: Annotated[int, Meta(ge=0, le=365)] = 0
    refunds: Literal["ignored", "negative"] = "ignored"
    free_customers: Literal["out", "in"] = "out"
    same_period_joiners: Literal["excluded", "counted"] = "excluded"
    allowed_gap_days: Annotated[int, Meta(ge=0, le=365)] = 0
    gross_margin: Annotated[float, Meta(gt=0, le=1)] | None = None
    churn_target: Annotated[float, Meta(gt=0, lt=1)] | None = None


_NO_SWITCHES = ("preset", "gross_margin", "churn_target")

#: What may differ between two policies, but for name, margin and target, which no count or movement depends on.
SWITCHES = tuple(name for name in RevenuePolicy.__struct_fields__ if name not in _NO_SWITCHES)


#: Raised whenever steps are made by other rules, so that those made before are made again.
_RULES = 1


def steps_mark(policy: RevenuePolicy) -> int:
    """32 bits that differ, but for an accident in 4 billion, between policies that make other MRR steps; never 0."""
    spelled = msgspec.json.encode([_RULES, policy.churn_date, policy.discounts, policy.metered, policy.past_due_days])
    return int.from_bytes(blake2b(spelled, digest_size=4).digest()) or 1


def preset(name: PresetName) -> RevenuePolicy:
    """The settings of a preset.

    Example:
        >>> preset("baremetrics").past_due_days
        30
    """
    return msgspec.convert(_settings(name), RevenuePolicy)


def with_preset(section: Any) -> Any:
    """The `[revenue]` section of a profile with the settings of the preset it names under its own.

    What is no section, or names no preset there is, comes back as it is, for the decoder to refuse.
    """
    if not isinstance(section, dict):
        return section
    name = section.get("preset")  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    return {**_settings(name), **section} if name in PRESETS else section  # pyright: ignore[reportUnknownVariableType]


def _settings(name: PresetName) -> dict[str, Any]:
    file = resources.files("streams.metrics").joinpath("profiles", "revenue", f"{name}.toml")
    settings: dict[str, Any] = msgspec.toml.decode(file.read_bytes())
    return settings
