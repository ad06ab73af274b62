"""The invoices of a subscription, one per billing period, and what became of each."""

from collections.abc import Iterator
from typing import NamedTuple

from schemas.events import Interval, InvoiceIssued, InvoiceSettled
from streams.intake.generate.customers import Customer
from streams.intake.generate.diary import Diary
from streams.intake.generate.draws import Draw
from streams.intake.generate.months import months_later
from streams.metrics.days import DAY_MS

_DUE_DAYS = 14
_SHARE_VOIDED = 0.015
_SHARE_WRITTEN_OFF = 0.02
_SHARE_OPEN = 0.02
_SHARE_PAST_DUE = 0.04
_SHARE_PAST_DUE_OF_TROUBLE = 0.4


class Period(NamedTuple):
    """Billing periods of `every` intervals between two instants, epoch ms."""

    interval: Interval
    every: int
    begin: int
    end: int

    def starts(self) -> Iterator[int]:
        """When each period begins."""
        number, at = 0, self.begin
        while at < self.end:
            yield at
            number += 1
            at = self._start(number)

    def _start(self, number: int) -> int:
        match self.interval:
            case "day":
                return self.begin + number * self.every * DAY_MS
            case "week":
                return self.begin + number * self.every * 7 * DAY_MS
            case _:
                months = number * self.every * (12 if self.interval == "year" else 1)
                return months_later(self.begin, months)


def tell_invoices(
    diary: Diary, draw: Draw, customer: Customer, subscription_id: str, charge: tuple[int, str], period: Period
) -> None:
    """Issues the invoices of all periods, and settles most: `{subscription_id}-{begin}-{number}`."""
    amount, currency = charge
    for number, at in enumerate(period.starts()):
        invoice = f"{subscription_id}-{period.begin}-{number}"
        issued = diary.tell(
            InvoiceIssued,
            at,
            invoice_id=invoice,
            amount_minor=amount,
            currency=currency,
            due_at=at + _DUE_DAYS * DAY_MS,
            subscription_id=subscription_id,
        )
        if issued:
            _tell_settling(diary, draw, customer.trouble, invoice, at)


def _tell_settling(diary: Diary, draw: Draw, trouble: float, invoice: str, at: int) -> None:
    lot, shares = draw.share(), _SHARE_VOIDED + _SHARE_WRITTEN_OFF
    if lot < _SHARE_VOIDED:
        diary.tell(InvoiceSettled, at + DAY_MS, "invoice_voided", invoice_id=invoice, how="voided")
    elif lot < shares:
        given_up = at + 45 * DAY_MS
        diary.tell(InvoiceSettled, given_up, "invoice_written_off", invoice_id=invoice, how="uncollectible")
    elif lot < shares + _SHARE_OPEN:
        return
    elif draw.chance(_SHARE_PAST_DUE + _SHARE_PAST_DUE_OF_TROUBLE * trouble):
        paid = at + draw.between(_DUE_DAYS + 2, 60) * DAY_MS
        diary.tell(InvoiceSettled, paid, "invoice_past_due", invoice_id=invoice)
    else:
        diary.tell(InvoiceSettled, at + draw.between(0, (_DUE_DAYS - 1) * DAY_MS), invoice_id=invoice)
