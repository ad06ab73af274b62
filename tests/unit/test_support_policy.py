import msgspec
import pytest

from streams.errors import ConfigurationError
from streams.metrics.calendar_policy import CalendarPolicy, WeekHours
from streams.metrics.days import HOUR_MS, MINUTE_MS
from streams.metrics.profile import Profile, parse_profile
from streams.metrics.support_policy import Limits, SlaPolicy, SupportPolicy
from streams.metrics.support_terms import Terms

HEAD = b'name = "acme"\nversion = 1\n'
NO_HOURS = CalendarPolicy(hours=WeekHours(**dict.fromkeys(WeekHours.__struct_fields__, ())))
NINE = 1_710_752_400_000  # Monday 2024-03-18 09:00 UTC


def parsed(text: str) -> Profile:
    return parse_profile(HEAD + text.encode(), "acme.toml")


def test_a_profile_says_hours_holidays_and_limits() -> None:
    support = parsed(
        '[support.calendar]\ncountry = "BR"\nsubdivision = "SP"\nextra_holidays = [2024-12-24]\n'
        '[support.calendar.hours]\nsaturday = ["09:00-12:00"]\n'
        "[support.sla]\nurgent = { response_minutes = 60 }\n"
    ).support
    assert (support.calendar.country, support.calendar.subdivision) == ("BR", "SP")
    assert support.calendar.hours.spans()[4:6] == (((540, 1080),), ((540, 720),))
    assert support.sla.of("urgent") == Limits(response_minutes=60)
    assert support.sla.of(None) == support.sla.of("low") == Limits()


@pytest.mark.parametrize(
    "text, reason",
    [
        (
            "[support.calendar.hours]\nmonday = ['9 to 5']",
            "profile acme.toml:3, support.calendar.hours: expected hours of monday like 09:00-18:00, the end after the "
            "start, got '9 to 5'",
        ),
        ("[support.calendar]\ncountry = 'QQ'", "acme.toml:3, support.calendar: expected country to be an ISO 3166"),
        (
            "[support.calendar]\ntime_zone = 'Mars'",
            "acme.toml:3, support.calendar: expected time_zone to be an IANA name",
        ),
        (
            "[support.sla]\nurgent = { response_minutes = 0 }",
            "support.sla.urgent.response_minutes: expected `float` > 0",
        ),
        ("[support.sla]\ntime = 'working'", "support.sla.time: invalid enum value 'working'"),
        ("[support.sla]\ncritical = {}", "support.sla: object contains unknown field `critical`"),
        ("[support]\nfcr_review_days = 31", "support.fcr_review_days: expected `int` <= 30, got 31"),
        (
            "[support.calendar.hours]\n"
            + "".join(f"{day} = []\n" for day in WeekHours.__struct_fields__)
            + "[support.sla]\nhigh = { response_minutes = 60 }",
            'acme.toml, support: expected working hours in calendar.hours, or sla.time = "calendar"',
        ),
    ],
)
def test_a_mistake_is_refused_with_the_setting_and_what_was_expected(text: str, reason: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        parsed(text)
    assert reason in str(refused.value)


def test_limits_without_working_hours_must_run_through_the_night() -> None:
    limits = {"high": Limits(response_minutes=60)}
    assert SupportPolicy(calendar=NO_HOURS).sla == SlaPolicy()
    assert SupportPolicy(calendar=NO_HOURS, sla=SlaPolicy(time="calendar", **limits)).sla.promises
    with pytest.raises(ValueError, match="limits need either"):
        SupportPolicy(calendar=NO_HOURS, sla=SlaPolicy(**limits))


@pytest.mark.parametrize(
    "policy, zone",
    [
        (SupportPolicy(fcr_review_days=2), "UTC"),
        (SupportPolicy(calendar=NO_HOURS), "UTC"),
        (SupportPolicy(calendar=CalendarPolicy(country="BR")), "UTC"),
        (SupportPolicy(sla=SlaPolicy(low=Limits(response_minutes=1.0))), "UTC"),
        (SupportPolicy(), "America/Sao_Paulo"),
    ],
)
def test_other_terms_have_another_mark(policy: SupportPolicy, zone: str) -> None:
    mark = Terms(policy, zone).mark
    assert mark == Terms(msgspec.json.decode(msgspec.json.encode(policy), type=SupportPolicy), zone).mark
    assert mark not in (0, Terms(SupportPolicy(), "UTC").mark)


def test_another_release_of_the_holidays_has_another_mark(monkeypatch: pytest.MonkeyPatch) -> None:
    at_home = SupportPolicy(calendar=CalendarPolicy(country="BR"))
    marks = {Terms(at_home, "UTC").mark, Terms(SupportPolicy(), "UTC").mark}
    monkeypatch.setattr("holidays.version.__version__", "0.0.0")
    assert Terms(at_home, "UTC").mark not in marks
    assert Terms(SupportPolicy(), "UTC").mark in marks


def test_the_earlier_of_two_broken_limits_counts() -> None:
    terms = Terms(SupportPolicy(sla=SlaPolicy(high=Limits(response_minutes=60, resolution_minutes=30))), "UTC")
    late, in_time = (NINE, NINE + 2 * HOUR_MS), (NINE, NINE + 30 * MINUTE_MS)
    assert terms.breached_at("high", [late], late) == NINE + 30 * MINUTE_MS
    assert terms.breached_at("high", [late], in_time) == NINE + 60 * MINUTE_MS
    assert terms.breached_at("high", [in_time], in_time) is None
    assert terms.breached_at("high", [(NINE, None)], in_time) == NINE + 60 * MINUTE_MS
    assert terms.breached_at("low", [late], late) is None


def test_a_limit_broken_by_one_wait_stays_broken_whatever_the_next_one_does() -> None:
    terms = Terms(SupportPolicy(sla=SlaPolicy(high=Limits(response_minutes=60))), "UTC")
    long, short = (NINE, NINE + 2 * HOUR_MS), (NINE + 2 * HOUR_MS, NINE + 3 * HOUR_MS)
    assert terms.breached_at("high", [long, short], (NINE, None)) == NINE + 60 * MINUTE_MS
    assert terms.breached_at("high", [short, long], (NINE, None)) == NINE + 60 * MINUTE_MS
    assert terms.breached_at("high", [short], (NINE, None)) is None
    assert terms.breached_at("high", [], (NINE, None)) is None
