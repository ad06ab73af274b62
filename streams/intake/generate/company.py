"""The whole company: its customers one by one, what was spent on winning them, and all of it in order of arrival."""

from collections import Counter
from collections.abc import Iterator
from datetime import date
from heapq import merge
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from msgspec import Struct

from schemas.envelope import COMPANY_CUSTOMER, EARLIEST_MS, LATEST_MS
from schemas.events import AccountSet, ExchangeRateSet, SpendRecorded
from streams.errors import ConfigurationError
from streams.intake.generate.billing import tell_billing
from streams.intake.generate.cases import planted
from streams.intake.generate.customers import Customer, customer
from streams.intake.generate.diary import Diary, Line
from streams.intake.generate.draws import Draw
from streams.intake.generate.feedback import tell_surveys
from streams.intake.generate.tickets import tell_tickets
from streams.intake.generate.use import tell_use
from streams.metrics.days import DAY_MS, HOUR_MS, Days, from_date

# Chosen: half a year from here holds a change of the clocks in most zones that have them.
DEFAULT_START = date(2024, 1, 1)
DEFAULT_ZONE = "Europe/Madrid"
_OWN_CURRENCY = "EUR"
_RATES = {"USD": 0.92, "BRL": 0.17, "MXN": 0.05, "JPY": 0.006}  # chosen, of the first day
_CHANNELS = ("search", "social", "events", "partners")


class Request(Struct, frozen=True, kw_only=True):
    """What company is wanted; the same request gives the same bytes.

    Attributes:
        customers: at least 1.
        days: calendar days told of, at least 1.
        start: the first of them.
        timezone: the company's, by its IANA name.
    """

    customers: int = 200
    days: int = 180
    seed: int = 1
    start: date = DEFAULT_START
    timezone: str = DEFAULT_ZONE


class Generated(Struct, frozen=True):
    """A company's events.

    Attributes:
        lines: one event each, JSON without an end of line, in order of arrival.
        planted: how many of each hard case are in it (`cases.CASES`).
    """

    lines: list[bytes]
    planted: dict[str, int]


def generate(request: Request) -> Generated:
    """Makes a company up.

    Raises:
        ConfigurationError: no customers, no days, an unknown time zone, or time outside of what events may have.
    """
    days = _days(request)
    first = from_date(request.start)
    begin, end = days.start(first), days.start(first + request.days)
    counts: Counter[str] = Counter()
    told = [_life(number, begin, end, days, request.seed, counts) for number in range(request.customers)]
    told.append(_spend(request, begin, end, days, counts))
    return Generated([line.value for line in merge(*told)], planted(counts))


def _days(request: Request) -> Days:
    if request.customers < 1 or request.days < 1:
        wanted = f"{request.customers} customers, {request.days} days"
        raise ConfigurationError(f"expected at least 1 customer and 1 day, got {wanted}")
    try:
        ZoneInfo(request.timezone)
        days = Days(request.timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ConfigurationError(f"expected an IANA time zone, got {request.timezone!r}") from error
    first = from_date(request.start)
    if first * DAY_MS < EARLIEST_MS + DAY_MS or (first + request.days + 1) * DAY_MS > LATEST_MS:
        raise ConfigurationError(f"expected days between 2000 and 2100, got {request.days} from {request.start}")
    return days


def _life(number: int, begin: int, end: int, days: Days, seed: int, counts: Counter[str]) -> list[Line]:
    """All events of a customer, sorted by arrival."""
    draw = Draw(f"{seed}:{number}")
    one = customer(number, begin, end, days, draw)
    diary = Diary(one.customer_id, number, begin, end, Draw(f"{seed}:{number}:sent"), counts)
    if not one.customer_id.startswith("customer-"):
        diary.plant("odd_id")
    if not _without(diary, "no_account", number % 23 == 7):
        _tell_account(diary, one, draw)
    if draw.chance(0.15):
        amount = draw.between(50, 900) * 100
        diary.tell(SpendRecorded, one.joined_at, "spend_on_one_customer", amount_minor=amount, currency=_OWN_CURRENCY)
    tell_billing(diary, one, draw)
    if not _without(diary, "no_usage", number % 29 == 3):
        tell_use(diary, one, days, draw)
    asked = not _without(diary, "no_surveys", number % 13 == 2)
    if not _without(diary, "no_tickets", number % 19 == 5):
        tell_tickets(diary, one, asked, draw)
    if asked:
        tell_surveys(diary, one, draw)
    return sorted(diary.lines)


def _without(diary: Diary, case: str, applies: bool) -> bool:
    if applies:
        diary.plant(case)
    return applies


def _tell_account(diary: Diary, one: Customer, draw: Draw) -> None:
    profile = {
        "name": f"Company {one.number}",
        "segment": one.segment,
        "industry": one.industry,
        "country": one.country,
        "owner": one.owner,
        "locale": one.locale,
        "seats": one.seats,
        "signed_up_at": max(EARLIEST_MS, one.signed_up_at),
    }
    diary.tell(AccountSet, one.joined_at, **profile)
    if draw.chance(0.2):
        at = one.joined_at + int(0.5 * (diary.end - one.joined_at))
        diary.tell(AccountSet, at, "account_changed", **{**profile, "seats": one.seats + 5})


def _spend(request: Request, begin: int, end: int, days: Days, counts: Counter[str]) -> list[Line]:
    """What was spent by channel on every first of a month, and on the first day told of; rates of every week."""
    draw = Draw(f"{request.seed}:spend")
    diary = Diary(COMPANY_CUSTOMER, request.customers, begin, end, Draw(f"{request.seed}:spend:sent"), counts)
    for at in _months(request, days):
        for channel in _CHANNELS:
            amount = draw.between(50, 150) * 10 * request.customers
            diary.tell(SpendRecorded, at, amount_minor=amount, currency=_OWN_CURRENCY, channel=channel)
    draw = Draw(f"{request.seed}:rates")
    rates = dict(_RATES)
    for day in range(from_date(request.start), from_date(request.start) + request.days, 7):
        rates = {currency: round(rate * (0.98 + 0.04 * draw.share()), 6) for currency, rate in rates.items()}
        for currency, rate in rates.items():
            told = {"currency": currency, "to": _OWN_CURRENCY, "rate": rate}
            diary.tell(ExchangeRateSet, days.start(day) + 9 * HOUR_MS, "exchange_rate", **told)
    return sorted(diary.lines)


def _months(request: Request, days: Days) -> Iterator[int]:
    first = from_date(request.start)
    for day in range(first, first + request.days):
        if day == first or date.fromordinal(day + date(1970, 1, 1).toordinal()).day == 1:
            yield days.start(day)
