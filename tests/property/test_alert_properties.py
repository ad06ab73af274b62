"""Alerts under whatever a scorer that crashes and repeats itself may send."""

from itertools import pairwise
from typing import Any

import msgspec
from alert_samples import AT, DETRACTOR, GREEN, Rig
from hypothesis import given
from hypothesis import strategies as st
from slack_blocks import check_blocks, mentions, texts

from schemas.alerts import Alert
from schemas.metrics import NpsAnswer
from schemas.scores import Band, HealthScore
from streams.alerts.machine import Watch, Watched
from streams.alerts.own_policy import OwnRule
from streams.alerts.policy import AlertPolicy
from streams.alerts.texts import TEXTS
from streams.alerts.untrusted import escape
from streams.metrics.days import DAY_MS, HOUR_MS

BANDS: tuple[Band, ...] = ("red", "yellow", "green", "unknown")
ANSWERS = [
    DETRACTOR,
    msgspec.structs.replace(DETRACTOR, reason=None),
    msgspec.structs.replace(DETRACTOR, score=9, nps_class="promoter"),
    msgspec.structs.replace(DETRACTOR, response_id="r2", respondent_id="caio", answered_at=AT + 3 * DAY_MS),
    msgspec.structs.replace(DETRACTOR, response_id="r3", answered_at=AT + 3 * DAY_MS),
    msgspec.structs.replace(
        DETRACTOR, response_id="r4", answered_at=AT + 4 * DAY_MS, score=9, nps_class="promoter", respondent_id="caio"
    ),
]
A_MOMENT = st.fixed_dictionaries(
    {
        "hours": st.integers(1, 60),
        "band": st.sampled_from(BANDS),
        "score": st.floats(0, 100),
        "paying": st.sampled_from([True, True, True, False]),
        "answers": st.lists(st.sampled_from(ANSWERS), max_size=3, unique_by=lambda answer: answer.response_id),
        "day_band": st.sampled_from(BANDS),
        "again": st.sampled_from(BANDS),
    }
)


def told_by_the_scorer(moments: list[dict[str, Any]]) -> list[HealthScore]:
    """A customer's scores as the scorer sends them.

    Live ones; each day once an hour past its end was seen; after it the newest live one again, compared anew.
    Compared with the same it says the same: one `version` means the same newest values, so the same score, and of the
    day before only the band moves the bounds of the bands (health.py; test_health_invariants.py holds it against that).
    """
    scores: list[HealthScore] = []
    at, day, version = AT, AT // DAY_MS, 0
    previous: dict[str, Any] = {"previous_band": None, "previous_score": None}
    for moment in moments:
        at, version = at + moment["hours"] * HOUR_MS, version + 1
        values = {name: moment[name] for name in ("score", "paying", "answers")}
        now = values | {"kind": "live", "as_of": at, "day": at // DAY_MS, "version": version}
        compared = previous
        scores.append(msgspec.structs.replace(GREEN, **(now | {"band": moment["band"]} | previous)))
        while (day + 1) * DAY_MS + HOUR_MS <= at:
            closed = values | {"kind": "day", "as_of": (day + 1) * DAY_MS, "day": day, "version": version}
            scores.append(msgspec.structs.replace(GREEN, **(closed | {"band": moment["day_band"]} | previous)))
            previous = {"previous_band": moment["day_band"], "previous_score": moment["score"]}
            day += 1
            band = moment["band" if previous == compared else "again"]
            scores.append(msgspec.structs.replace(GREEN, **(now | {"band": band} | previous)))
    return scores


def alerts_of(scores: list[HealthScore], now_ms: int | None = None) -> list[Alert]:
    rig = Rig()
    rig.take(*scores, now_ms=now_ms)
    return [msgspec.structs.replace(alert, version=0) for alert in rig.alerts]


@given(st.lists(A_MOMENT, max_size=30), st.data())
def test_scores_repeated_after_crashes_give_the_same_alerts(moments: list[dict[str, Any]], data: Any) -> None:
    scores = told_by_the_scorer(moments)
    sent: list[HealthScore] = []
    begin = 0
    for crash in sorted(data.draw(st.lists(st.integers(0, len(scores)), max_size=4))):
        sent += scores[begin:crash]
        begin = data.draw(st.integers(0, crash))
    sent += scores[begin:]
    assert alerts_of(sent) == alerts_of(scores)


def test_a_history_repeated_whole_in_which_a_live_score_is_compared_anew_gives_the_same_alerts() -> None:
    calm = {"score": 0.0, "paying": True, "answers": []}
    moments = [
        calm | {"hours": 51, "band": "red", "day_band": "yellow", "again": "yellow"},
        calm | {"hours": 22, "band": "yellow", "day_band": "yellow", "again": "red"},
        calm | {"hours": 1, "band": "red", "day_band": "red", "again": "red"},
    ]
    scores = told_by_the_scorer(moments)
    assert alerts_of(scores)
    assert alerts_of(scores + scores) == alerts_of(scores)


@given(st.lists(A_MOMENT, max_size=30))
def test_live_scores_that_are_not_fresh_never_matter(moments: list[dict[str, Any]]) -> None:
    scores = told_by_the_scorer(moments)
    days = [score for score in scores if score.kind == "day"]
    assert alerts_of(scores, now_ms=AT + 10**12) == alerts_of(days)


@given(st.lists(A_MOMENT, max_size=40))
def test_episodes_open_and_close_alternately_and_ids_are_unique(moments: list[dict[str, Any]]) -> None:
    alerts = alerts_of(told_by_the_scorer(moments))
    open_episodes: dict[str, str] = {}
    for alert in alerts:
        cause = f"{alert.rule}:{alert.facts.get('response', '')}"
        if alert.status == "opened":
            assert cause not in open_episodes
            open_episodes[cause] = alert.episode_id
        else:
            assert open_episodes[cause] == alert.episode_id
        if alert.status == "resolved":
            del open_episodes[cause]
        assert alert.at >= alert.opened_at
    assert len({alert.alert_id for alert in alerts}) == len(alerts)


@given(st.lists(A_MOMENT, max_size=40))
def test_a_cause_never_speaks_twice(moments: list[dict[str, Any]]) -> None:
    alerts = alerts_of(told_by_the_scorer(moments))
    answers = [alert.facts["response"] for alert in alerts if (alert.rule, alert.status) == ("detractor", "opened")]
    assert len(set(answers)) == len(answers)
    falls = [alert for alert in alerts if alert.rule == "health_red"]
    for ended, begun in pairwise(falls):
        if ended.status == "resolved":
            assert begun.at - ended.at >= 7 * DAY_MS


@given(st.lists(A_MOMENT, max_size=30))
def test_every_detractor_that_is_news_is_told_once(moments: list[dict[str, Any]]) -> None:
    days = [score for score in told_by_the_scorer(moments) if score.kind == "day"]
    news = {
        answer.response_id
        for score in days
        for answer in score.answers
        if answer.nps_class == "detractor" and score.as_of - answer.answered_at <= 14 * DAY_MS
    }
    opened = [a.facts["response"] for a in alerts_of(days) if (a.rule, a.status) == ("detractor", "opened")]
    assert sorted(opened) == sorted(news)


@given(st.lists(A_MOMENT, max_size=30))
def test_who_stays_red_after_a_fall_is_always_told(moments: list[dict[str, Any]]) -> None:
    """The second fall of a customer was lost when it came within the cooldown of the first."""
    days = [score for score in told_by_the_scorer(moments) if score.kind == "day"]
    end = days[-1].day if days else 0
    red = {"band": "red", "score": 30.0, "paying": True, "answers": []}
    fell = [daily_after(end, 1, red | {"previous_band": "green"})]
    fell += [daily_after(end, n, red | {"previous_band": "red"}) for n in range(2, 12)]
    rig = Rig()
    rig.take(*days, *fell)
    state = rig.part.get("c1")
    assert state is not None
    assert state.episodes["health_red:"].open


def daily_after(end: int, days: int, values: dict[str, Any]) -> HealthScore:
    return msgspec.structs.replace(GREEN, **(values | {"day": end + days, "as_of": (end + days + 1) * DAY_MS}))


WILD = st.text(max_size=300) | st.sampled_from(["<!channel>", "<@U1|x>", "*a* _b_ `c`", "@here #general http://x.y"])


@given(WILD, WILD, WILD, WILD, st.sampled_from(["pt", "es", "en"]))
def test_what_people_wrote_never_breaks_out_of_its_place(
    name: str, owner: str, reason: str, respondent: str, locale: str
) -> None:
    answer: NpsAnswer = msgspec.structs.replace(DETRACTOR, reason=reason, respondent_id=respondent or None)
    wild = {"name": name, "owner": owner, "answers": [answer], "locale": locale, "band": "red", "score": 20.0}
    rig = Rig()
    rig.take(msgspec.structs.replace(GREEN, **wild))
    assert [alert.rule for alert in rig.alerts] == ["health_red", "detractor"]
    own = {"*" + catalogue[alert.locale] + "*" for catalogue in TEXTS.values() for alert in rig.alerts}  # type: ignore[index]
    for alert in rig.alerts:
        check_blocks(alert.blocks)
        assert list(mentions(escape(alert.text), alert.blocks)) == []
        todo = f"*{TEXTS['next'][alert.locale]}: {TEXTS[alert.next_step][alert.locale]}*"  # type: ignore[index]
        markup = {found["text"] for found in texts(alert.blocks) if found["type"] == "mrkdwn"}
        assert markup <= own | {todo}
        assert "\n" not in alert.text


OWN = AlertPolicy(
    rule=(
        OwnRule(name="many", metric="tickets_open", when="above", limit=10, ends_at=8, for_days=2, cooldown_days=2),
        OwnRule(name="fell", metric="nps", when="falls_by", limit=10, against_days=3, worse_by=5, cooldown_days=0),
        OwnRule(name="plan", metric="revenue.plan", when="is_not", limit="gold", segments=("smb",)),
    )
)
A_DAY = st.fixed_dictionaries(
    {
        "support.tickets_open": st.sampled_from([None, 7, 9, 11]),
        "feedback.nps": st.sampled_from([None, -20.0, 0, 30.0, 31]),
        "revenue.plan": st.sampled_from([None, "gold", "free"]),
    }
)
DAYS_OF_FIGURES = st.lists(
    st.tuples(A_DAY, st.sampled_from(["smb", "smb", None]), st.sampled_from([True, True, False])), max_size=30
)


def own_scores(days: list[tuple[dict[str, Any], str | None, bool]]) -> list[HealthScore]:
    return [
        msgspec.structs.replace(
            GREEN,
            day=AT // DAY_MS + number,
            as_of=AT + (number + 1) * DAY_MS,
            version=number,
            figures=figures,
            segment=segment,
            paying=paying,
        )
        for number, (figures, segment, paying) in enumerate(days)
    ]


def own_alerts(scores: list[HealthScore], policy: AlertPolicy = OWN) -> list[Alert]:
    rig = Rig(policy)
    somebody = msgspec.structs.replace(GREEN, customer_id="somebody", day=AT // DAY_MS - 1)
    rig.take(somebody, *scores)
    return [msgspec.structs.replace(alert, version=0) for alert in rig.alerts if alert.rule in ("many", "fell", "plan")]


@given(DAYS_OF_FIGURES, st.data())
def test_own_rules_depend_on_daily_scores_alone_however_often_they_come(days: Any, data: Any) -> None:
    scores = own_scores(days)
    sent: list[HealthScore] = []
    begin = 0
    for crash in sorted(data.draw(st.lists(st.integers(0, len(scores)), max_size=4))):
        sent += scores[begin:crash]
        begin = data.draw(st.integers(0, crash))
    sent += scores[begin:]
    with_live = [
        one
        for score in sent
        for one in (
            score,
            *(
                [msgspec.structs.replace(score, kind="live", as_of=score.as_of + HOUR_MS, band="red", figures={})]
                if data.draw(st.booleans())
                else []
            ),
        )
    ]
    assert own_alerts(with_live) == own_alerts(scores)


@given(DAYS_OF_FIGURES)
def test_own_rules_do_not_see_each_other_and_open_and_resolve_in_turn(days: Any) -> None:
    scores = own_scores(days)
    together = own_alerts(scores)
    for rule in OWN.rule:
        alone = own_alerts(scores, AlertPolicy(rule=(rule,)))
        assert [alert for alert in together if alert.rule == rule.name] == alone
        steps = [alert.status for alert in alone if alert.status != "updated"]
        assert steps == ["opened", "resolved"] * (len(steps) // 2) + ["opened"] * (len(steps) % 2)
    assert len({alert.alert_id for alert in together}) == len(together)


@given(DAYS_OF_FIGURES)
def test_a_worker_that_reads_its_states_again_every_day_sends_the_same_bytes(days: Any) -> None:
    def sent(rig: Rig, restored: bool) -> list[bytes]:
        for score in own_scores(days):
            rig.take(score)
            if restored and (held := rig.part.get(score.customer_id)) is not None:
                again = msgspec.msgpack.decode(msgspec.msgpack.encode(held), type=Watched)
                rig.part.put(score.customer_id, again)
                rig.part.meta = msgspec.msgpack.decode(msgspec.msgpack.encode(rig.part.meta), type=Watch)
        return [msgspec.json.encode(alert) for alert in rig.alerts]

    assert sent(Rig(OWN), restored=True) == sent(Rig(OWN), restored=False)
