from schemas.envelope import Heartbeat
from schemas.events import AccountSet
from schemas.metrics import AccountValues
from streams.metrics.account import AccountFold
from streams.metrics.days import DAY_MS, Days

DAYS = Days()
FOLD = AccountFold(DAYS)
DAY = 19_800
SET = {"customer_id": "c", "name": "Acme"}


def profile(event_id, day, **fields):
    return AccountSet(event_id=event_id, occurred_at=day * DAY_MS, **{**SET, **fields})


def folded(*events):
    state = FOLD.new()
    for event in events:
        FOLD.apply(state, event, event.occurred_at)
    return state


def test_every_field_comes_through():
    fields = {
        "name": "Acme",
        "segment": "smb",
        "industry": "retail",
        "country": "BR",
        "owner": "ana",
        "locale": "pt",
        "plan": "Pro",
        "seats": 9,
        "signed_up_at": DAY * DAY_MS - 5,
    }
    state = folded(profile("a", DAY, **fields))
    assert FOLD.values(state, DAY, DAYS.start(DAY + 1)) == AccountValues(**fields)


def test_a_newer_profile_replaces_the_older_whole():
    state = folded(profile("a", DAY, name="New"), profile("b", DAY - 1, seats=3))
    assert FOLD.values(state, DAY, DAYS.start(DAY + 1)) == AccountValues(name="New")
    assert FOLD.values(state, DAY - 1, DAYS.start(DAY)).seats == 3


def test_of_two_profiles_at_once_the_greater_event_id_wins():
    state = folded(profile("b", DAY, name="B"), profile("a", DAY, name="A"))
    assert FOLD.values(state, DAY, DAYS.start(DAY + 1)).name == "B"


def test_before_the_first_profile_the_name_is_empty():
    assert FOLD.values(folded(profile("a", DAY)), DAY - 1, DAYS.start(DAY)) == AccountValues(name="")


def test_heartbeats_change_nothing():
    assert folded(Heartbeat(event_id="h", customer_id="_clock", occurred_at=0)) == FOLD.new()
    assert FOLD.movements("c", FOLD.new()) == []


def test_forgetting_keeps_the_profile_that_holds_at_the_day_and_later_ones():
    state = folded(profile("a", DAY - 9), profile("b", DAY - 5), profile("c", DAY + 1))
    FOLD.forget(state, DAY)
    assert [profile.event_id for profile in state.profiles] == ["b", "c"]
