"""Adoption by what a customer's plan offers (METRICS.md section 1, `adoption`). Pure.

Use and plan come by different topics, so they meet where scores are made.
"""

from collections.abc import Mapping

from msgspec.structs import replace

from schemas.metrics import CustomerValues


class PlanFeatures:
    """Puts adoption against the features of the customer's plan.

    Args:
        by_plan: what each offers, by name or how many; of other plans adoption stays what it is. Names are counted
            alone: values say how many features were used, of all that the profile lists.
    """

    def __init__(self, by_plan: Mapping[str, int | tuple[str, ...]] | None = None) -> None:
        offered = (by_plan or {}).items()
        self._available = {plan: len(set(one)) if isinstance(one, tuple) else one for plan, one in offered}

    def fit(self, values: CustomerValues) -> CustomerValues:
        """The values with adoption = distinct features used, of whichever plan / features of the plan, at most 1.

        Example:
            >>> from schemas.metrics import AccountValues, UsageValues
            >>> use, account = UsageValues(features_used_28d=3, first_used_at=1), AccountValues(name="Acme", plan="pro")
            >>> found = PlanFeatures({"pro": 4}).fit(CustomerValues(usage=use, account=account)).usage
            >>> None if found is None else found.adoption
            0.75
        """
        usage = values.usage
        available = self._available.get(plan_of(values) or "") if self._available else None
        if available is None or usage is None or usage.first_used_at is None:
            return values
        return replace(values, usage=replace(usage, adoption=min(1.0, usage.features_used_28d / available)))


def plan_of(values: CustomerValues) -> str | None:
    """The plan: what billing says, else what the account says; None when neither knows."""
    if values.revenue is not None and values.revenue.plan is not None:
        return values.revenue.plan
    return None if values.account is None else values.account.plan
