"""Who the customers are: drawn once each, before anything of their lives is told.

Trouble is the hidden cause: it makes tickets, late payments and fading use likelier, and who fades mostly leaves. So
leaving can be learned from what is told before it.
"""

from functools import cache
from itertools import count

from msgspec import Struct

from streams.intake.generate.draws import Draw
from streams.intake.generate.months import months_later
from streams.metrics.days import DAY_MS, Days

ODD_IDS = (
    "Ærø & Søn/№ 7",
    "comma, quote\" and 'tick'",
    "back\\slash%2F{0}",
    "日本語の顧客",
    "émoji-🦊-e\u0301",
    "key=value;--drop",
    "x" * 200,
    " leading and trailing ",
    "../..",
    "NULL",
)
_ODD_EVERY = 17  # chosen: a company has a few such
_SEGMENTS = ("smb", "smb", "mid_market", "enterprise")
_INDUSTRIES = ("retail", "logistics", "health", "software", "education")
_OWNERS = ("ana", "bruno", "carla", "diego")
_LIVES = (  # country, currency, locale, zone of its users
    ("US", "USD", "en", "America/New_York"),
    ("US", "USD", "en", "America/Los_Angeles"),
    ("BR", "BRL", "pt", "America/Sao_Paulo"),
    ("MX", "MXN", "es", "America/Mexico_City"),
    ("ES", "EUR", "es", "Europe/Madrid"),
    ("DE", "EUR", "en", "Europe/Berlin"),
    ("JP", "JPY", "en", "Asia/Tokyo"),
)
_SHARE_THERE_AT_START = 0.5
_HAZARD = 0.0006  # a day, of beginning to fade, for who has no trouble
_HAZARD_OF_TROUBLE = 0.006
_SHARE_RECOVERING = 0.2


class Customer(Struct, frozen=True, kw_only=True):
    """A customer.

    Attributes:
        number, customer_id: the id is made of the number, but for the odd ones.
        joined_at: first instant told of, epoch ms; `signed_up_at` may lie before.
        trouble: 0 none to 1.
        fades_from: day use begins to fade; None for never.
        leaves_at: end of its last subscription, epoch ms; None when it stays.
        users: people who use the product, at least 1.
    """

    number: int
    customer_id: str
    signed_up_at: int
    joined_at: int
    country: str
    currency: str
    locale: str
    zone: str
    segment: str
    industry: str
    owner: str
    seats: int
    users: int
    trouble: float
    fades_from: int | None
    leaves_at: int | None

    def level(self, day: int) -> float:
        """Use of a day compared with the usual, 0 to 1."""
        if self.fades_from is None or day < self.fades_from:
            return 1.0
        faded = day - self.fades_from
        if self.leaves_at is None:
            return 0.25 if faded < 21 else 1.0
        return max(0.05, 1.0 - faded / 30)


def customer(number: int, begin: int, end: int, days: Days, draw: Draw) -> Customer:
    """Draws a customer of a company told of from `begin` to `end`, epoch ms."""
    there = draw.chance(_SHARE_THERE_AT_START)
    joined_at = begin + (draw.between(0, min(end - begin, DAY_MS) // 4) if there else int(draw.share() * (end - begin)))
    signed_up_at = joined_at - draw.between(10, 700) * DAY_MS if there else joined_at
    trouble = draw.share() ** 2
    country, currency, locale, zone = draw.pick(_LIVES)
    seats = draw.between(1, 12) * draw.pick((1, 1, 1, 5))
    fades_from = _fading(draw, days.of(joined_at), days.of(end - 1), trouble)
    leaves_at = None
    if fades_from is not None and not draw.chance(_SHARE_RECOVERING):
        leaves_at = _paid_until(joined_at, days.start(fades_from + draw.between(15, 40)))
    odd = number // _ODD_EVERY if number % _ODD_EVERY == _ODD_EVERY - 1 else len(ODD_IDS)
    return Customer(
        number=number,
        customer_id=ODD_IDS[odd] if odd < len(ODD_IDS) else f"customer-{number:05}",
        signed_up_at=signed_up_at,
        joined_at=joined_at,
        country=country,
        currency=currency,
        locale=locale,
        zone=zone,
        segment=draw.pick(_SEGMENTS),
        industry=draw.pick(_INDUSTRIES),
        owner=draw.pick(_OWNERS),
        seats=seats,
        users=min(seats, draw.between(1, 5)),
        trouble=trouble,
        fades_from=fades_from,
        leaves_at=leaves_at if leaves_at is None or leaves_at < end else end,
    )


def _fading(draw: Draw, first: int, last: int, trouble: float) -> int | None:
    hazard = _HAZARD + _HAZARD_OF_TROUBLE * trouble
    return next((day for day in range(first + 7, last + 1) if draw.chance(hazard)), None)


def _paid_until(joined_at: int, asked_at: int) -> int:
    """The end of the month that is paid for when leaving is asked for: who leaves, leaves at a renewal."""
    return next(end for months in count(1) if (end := months_later(joined_at, months)) >= asked_at)


@cache
def days_of(zone: str) -> Days:
    """The calendar of a time zone."""
    return Days(zone)
