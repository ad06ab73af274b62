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
from streams.metrics.nps import nps_class, nps_interval

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
        "invitation_id": draw(st.sampled_from([None, None, "i1", "i2", "i3"])),
    }


FOLLOW_UPS = st.fixed_dictionaries({"response_id": st.sampled_from("abcdefg")}).map(lambda d: (FollowUpClosed, d))
INVITED = st.fixed_dictionaries(
    {
        "survey": st.sampled_from(["nps", "nps", "csat"]),
        "invitation_id": st.sampled_from(["i1", "i2", "i3", "i4"]),
        "respondent_id": st.sampled_from([None, "u1", "u2"]),
    }
).map(lambda d: (SurveyInvited, d))
EVENTS = histories(st.one_of(_answers(), _answers(), _answers(), _answers(), FOLLOW_UPS, INVITED, INVITED))


def _quality(e):
    share = Fraction(int(e.score) - int(e.scale_min), int(e.scale_max) - int(e.scale_min))
    return 1 - share if e.polarity == "lower_is_better" else share


def _answered_invitations(events, answered, since):
    """For every invitation of the window whether an answer belongs to it; `answered` tells time, person and name."""
    sent, person = {}, {}
    for e in events:
        if isinstance(e, SurveyInvited):
            invitation = e.survey, e.invitation_id
            sent.setdefault(invitation, e.occurred_at)
            person[invitation] = e.respondent_id or person.get(invitation)
    sent = {invitation: at for invitation, at in sent.items() if at >= since}
    found = dict.fromkeys(sent, False)
    for survey, at, who, named in answered:
        if named:
            mine = [(survey, named)]
        else:
            theirs = [i for i in sent if i[0] == survey and who and person[i] == who and sent[i] <= at]
            mine = sorted(theirs, key=lambda i: (sent[i], i[1]))[-1:]
        found.update({i: True for i in mine if i in sent})
    return list(found.values())


def _oracle(events, day, as_of):
    events = sorted((e for e in events if e.occurred_at < as_of), key=lambda e: (e.occurred_at, e.event_id))
    closed = {e.response_id for e in events if isinstance(e, FollowUpClosed)}
    said = [e for e in events if isinstance(e, SurveyAnswered)]
    oldest, newest, who, why, named, since = {}, {}, {}, {}, {}, {}
    for e in said:
        response = e.survey, e.response_id
        oldest.setdefault(response, (e.occurred_at, e.event_id))
        before = newest.get(response)
        if before is None or nps_class(int(before.score)) != nps_class(int(e.score)):
            since[response] = e.occurred_at
        newest[response] = e
        named[response] = e.invitation_id or named.get(response)
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
    waiting = [since[r] for r in recent if newest[r].survey == "nps" and newest[r].score <= 6 and r[1] not in closed]
    tops = [e >= Fraction(3, 4) for e in efforts]
    answers = [(r[0], oldest[r][0], who[r], named[r]) for r in recent]
    invited = _answered_invitations(events, answers, DAYS.start(day - 89))
    interval = nps_interval(promoters, classes.count("passive"), detractors) or (None, None)
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
        nps_low=interval[0],
        nps_high=interval[1],
        nps_respondents_90d=len(classes),
        promoters_90d=promoters,
        passives_90d=classes.count("passive"),
        detractors_90d=detractors,
        csat=len(happy) / len(ratings) if ratings else None,
        csat_positive_90d=len(happy),
        csat_ratings_90d=len(ratings),
        responses_90d=len(recent),
        ces_top2=sum(tops) / len(tops) if tops else None,
        invitations_90d=len(invited),
        invited_answered_90d=sum(invited),
        response_rate_90d=sum(invited) / len(invited) if invited else None,
        follow_ups_open=len(waiting),
        follow_ups_overdue=sum(as_of - at > 48 * 3_600_000 for at in waiting),
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


def _about(event):
    if isinstance(event, SurveyInvited):
        return f"to {event.survey} {event.invitation_id}"
    return f"{getattr(event, 'survey', 'nps')} {getattr(event, 'response_id', '')}"


@given(EVENTS, MOMENTS)
def test_no_more_invitations_are_answered_than_were_sent(events, moments):
    state = folded(FOLD, events)
    for day, as_of in moments:
        values = FOLD.values(state, day, as_of)
        assert 0 <= values.invited_answered_90d <= values.invitations_90d
        assert values.response_rate_90d is None or 0 <= values.response_rate_90d <= 1


@settings(max_examples=200)
@given(EVENTS, st.integers(FIRST_DAY + 90, LAST_DAY - 30), st.lists(instants(), min_size=2, max_size=6))
def test_forgetting_answers_changes_no_later_day(events, before, moments):
    moments = [*moments, (before, DAYS.start(before) + 1), (before, DAYS.start(before + 1))]
    assert_forgetting_changes_nothing(
        FOLD,
        events,
        before,
        moments,
        lambda state: [*(f"nps {i}" for i in state.nps), *state.others, *(f"to {i}" for i in state.invitations)],
        _about,
    )
