"""The two CSV tables of crm5 as typed rows. Reading only: no judgement about what they say.

Not read: accounts' country (US states; the profile has room for countries alone) and users (what the simulator drew
active users from, no fact a company would know).
"""

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from streams.intake.fields import FieldError, Fields

ACCOUNT_COLUMNS = ("account_id", "channel", "start", "churn_date")
PERIOD_COLUMNS = ("account_id", "plan", "start", "end", "mrr", "quantity", "units", "bill_period", "discount")


@dataclass(frozen=True, slots=True)
class Account:
    """A row of accounts.csv."""

    account_id: str
    channel: str | None
    start_day: int
    churn_day: int | None


@dataclass(frozen=True, slots=True)
class Period:
    """A row of subscriptions.csv: one paid period, `[start_day, end_day)`. Prices are in cents.

    `units` says what `quantity` counts: users (seats), or the uses that an add-on includes.
    """

    account_id: str
    plan: str
    units: str
    start_day: int
    end_day: int
    mrr_minor: int
    quantity: int
    months: int
    discount: Decimal

    @property
    def is_plan(self) -> bool:
        """True for the plan, False for an add-on; only the plan is discounted and has seats."""
        return self.units == "users"


def read_account(fields: Fields) -> Account:
    """Reads a row; raises FieldError, as all of these do."""
    return Account(
        account_id=fields.text("account_id"),
        channel=fields.optional_text("channel"),
        start_day=fields.iso_day("start"),
        churn_day=fields.optional_iso_day("churn_date"),
    )


def read_period(fields: Fields) -> Period:
    """Reads a row of subscriptions.csv; a period of no length is not one."""
    start_day, end_day = fields.iso_day("start"), fields.iso_day("end")
    if end_day <= start_day:
        raise FieldError("end", "expected a day after start")
    return Period(
        account_id=fields.text("account_id"),
        plan=fields.text("plan"),
        units=fields.text("units"),
        start_day=start_day,
        end_day=end_day,
        mrr_minor=fields.minor("mrr"),
        quantity=fields.whole("quantity"),
        months=fields.whole("bill_period", least=1),
        discount=_discount(fields),
    )


def _discount(fields: Fields) -> Decimal:
    text = fields.text("discount")
    try:
        discount = Decimal(text)
        if 0 <= discount < 1:
            return discount
    except InvalidOperation:  # no number, or none that can be compared
        pass
    raise FieldError("discount", f"expected a share like 0.25, from 0 to under 1, got {text[:60]!r}")
