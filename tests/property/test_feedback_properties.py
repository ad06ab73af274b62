from fractions import Fraction

from fold_laws import (
    DAYS,
    FIRST_DAY,
    LAST_DAY,
    assert_any_order,
    assert_forgetting_changes_nothing,
    assert_past_only,
    folded,
    histories,
    instants,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.events import FollowUpClosed, SurveyAnswered, SurveyInvited
from schemas.metrics import FeedbackValues, NpsAnswer
from streams.metrics.days import DAY_MS
from streams.metrics.feedback import FeedbackFold, FeedbackPolicy
from streams.metrics.nps import nps_class

FOLD = FeedbackFold(FeedbackPolicy(), DAYS)
MOMENTS = st.lists(instants(), min_size=1, max_size=4)
SCALES = {"nps": (0, 10), "csat": (1, 5), "ces": (1, 7), "thumbs": (0, 1), "smiley": (1, 3)}


@st.composite
def _answers(draw):
    survey = draw(st.sampled_from(["nps", "nps", "nps", "csat", "ces", "thumbs", "smiley"]))
    low, high = SCALES[survey]
    return SurveyAnswered, {
        "response_id": draw(st.sampled_from("abcdefg")),
        "survey": survey,
        "score": draw(st.integers(low, high)),
        "scale_min": low,
        "scale_max": high,
        "polarity": draw(st.sampled_from([None, "higher_is_better", "lower_is_better"])),
        "respondent_id": draw(st.sampled_from([None, "u1", "u2"])),
        "reason": draw(st.sampled_from([None, "", " ", "slow", "dear"])),
        "source": draw(st.sampled_from(["delighted", "generated"])),
    }


FOLLOW_UPS = st.fixed_dictionaries({"response_id": st.sampled_from("abcdefg")}).map(lambda d: (FollowUpClosed, d))
INVITED = st.just((SurveyInvited, {"survey": "nps", "invitation_id": "i"}))
EVENTS = histories(st.one_of(_answers(), _answers(), _answers(), _answers(), FOLLOW_UPS, INVITED))


def _quality(e):
    share = Fraction(int(e.score) - int(e.scale_min), int(e.scale_max) - int(e.scale_min))
    return 1 - share if e.polarity == "lower_is_better" else share


def _oracle(events, day, as_of):
    events = sorted((e for e in events if e.occurred_at < as_of), key=lambda e: (e.occurred_at, e.event_id))
    closed = {e.response_id for e in events if isinstance(e, FollowUpClosed)}
    said = [e for e in events if isinstance(e, SurveyAnswered)]
    oldest, newest, who, why = {}, {}, {}, {}
    for e in said:
        response = e.survey, e.response_id
        oldest.setdefault(response, (e.occurred_at, e.event_id))
        newest[response] = e
        who[response] = e.respondent_id or who.get(response)
        why[response] = (e.reason or "").strip() or why.get(response)
    in_time = sorted(newest, key=oldest.__getitem__)
    recent = [r for r in in_time if oldest[r][0] >= DAYS.start(day - 89)]
    last = {who[r] or f"alone {r}": r for r in recent if newest[r].survey == "nps"}
    classes = [nps_class(int(newest[r].score)) for r in last.values()]
    ratings = [newest[r] for r in recent if newest[r].survey in ("csat", "thumbs", "smiley")]
    happy = [e for e in ratings if _quality(e) >= (Fraction(1, 2) if e.survey == "thumbs" else Fraction(3, 4))]
    efforts = [_quality(newest[r]) for r in recent if newest[r].survey == "ces"]
    promoters, detractors = classes.count("promoter"), classes.count("detractor")
    newest_nps = [r for r in in_time if newest[r].survey == "nps"][-1:]

    def published(r):
        return NpsAnswer(
            response_id=r[1],
            event_id=newest[r].event_id,
            score=int(newest[r].score),
            nps_class=nps_class(int(newest[r].score)),
            answered_at=oldest[r][0],
            respondent_id=who[r],
            reason=why[r],
            generated=newest[r].source == "generated",
        )

    return efforts, FeedbackValues(
        nps=100 * (promoters - detractors) / len(classes) if classes else None,
        promoters_90d=promoters,
        passives_90d=classes.count("passive"),
        detractors_90d=detractors,
        csat=len(happy) / len(ratings) if ratings else None,
        csat_positive_90d=len(happy),
        csat_ratings_90d=len(ratings),
        responses_90d=len(recent),
        follow_ups_open=sum(newest[r].survey == "nps" and newest[r].score <= 6 and r[1] not in closed for r in recent),
        last_answer_at=oldest[in_time[-1]][0] if in_time else None,
        last_nps=next(map(published, newest_nps), None),
        recent_nps=[published(r) for r in in_time if newest[r].survey == "nps" and as_of - oldest[r][0] <= 14 * DAY_MS],
    )


@given(EVENTS, MOMENTS)
def test_feedback_values_equal_a_plain_count(events, moments):
    state = folded(FOLD, events)
    for day, as_of in moments:
        values = FOLD.values(state, day, as_of)
        efforts, expected = _oracle(events, day, as_of)
        if efforts:
            assert abs(values.ces_mean - float(sum(efforts) / len(efforts))) < 1e-12
        else:
            assert values.ces_mean is None
        for name in expected.__struct_fields__:
            if name != "ces_mean":
                assert getattr(values, name) == getattr(expected, name), name


@given(EVENTS.flatmap(lambda events: st.tuples(st.just(events), st.permutations(events))), MOMENTS)
def test_feedback_is_the_same_in_any_order(orders, moments):
    assert_any_order(FOLD, *orders, moments)


@given(EVENTS, MOMENTS)
def test_feedback_values_speak_of_the_past_only(events, moments):
    assert_past_only(FOLD, events, moments)


@settings(max_examples=200)
@given(EVENTS, st.integers(FIRST_DAY + 90, LAST_DAY - 30), st.lists(instants(), min_size=2, max_size=6))
def test_forgetting_answers_changes_no_later_day(events, before, moments):
    moments = [*moments, (before, DAYS.start(before) + 1), (before, DAYS.start(before + 1))]
    assert_forgetting_changes_nothing(
        FOLD,
        events,
        before,
        moments,
        lambda state: [*(f"nps {i}" for i in state.nps), *state.others],
        lambda event: f"{getattr(event, 'survey', 'nps')} {getattr(event, 'response_id', '')}",
    )
