import pytest

from schemas.envelope import Heartbeat
from schemas.events import FollowUpClosed, SurveyAnswered, SurveyInvited
from streams.metrics.days import DAY_MS, HOUR_MS, Days
from streams.metrics.feedback import FeedbackFold, FeedbackPolicy
from streams.metrics.nps import nps_interval
from streams.metrics.responses import MOST_RECENT, REASON_LENGTH

DAYS = Days()
DAY = 19_800
FOLD = FeedbackFold(FeedbackPolicy(), DAYS)


class Box:
    """A customer's answers; `age` is in days before DAY, ids in the order of the calls."""

    def __init__(self, fold=FOLD):
        self.fold, self.state, self.count = fold, fold.new(), 0

    def add(self, cls, age=0, **fields):
        self.count += 1
        at = (DAY - age) * DAY_MS + self.count
        event = cls(event_id=f"e{self.count}", customer_id="c", occurred_at=at, **fields)
        self.fold.apply(self.state, event, at)
        return self

    def nps(self, score, age=0, response=None, **fields):
        return self.add(
            SurveyAnswered, age, survey="nps", score=score, response_id=response or f"r{self.count}", **fields
        )

    def rate(self, survey, score, low, high, age=0, **fields):
        scale = {"scale_min": low, "scale_max": high}
        return self.add(
            SurveyAnswered, age, survey=survey, score=score, response_id=f"r{self.count}", **scale, **fields
        )

    def invite(self, invitation, age=0, survey="nps", **fields):
        return self.add(SurveyInvited, age, survey=survey, invitation_id=invitation, **fields)

    def close(self, response, age=0):
        return self.add(FollowUpClosed, age, response_id=response)

    def values(self, day=DAY):
        return self.fold.values(self.state, day, DAYS.start(day + 1))


def test_nothing_is_known_of_a_customer_that_never_answered():
    values = Box().values()
    assert (values.nps, values.csat, values.ces_mean, values.last_nps, values.last_answer_at) == (None,) * 5
    assert (values.nps_low, values.nps_high, values.ces_top2, values.response_rate_90d) == (None,) * 4
    assert (values.nps_respondents_90d, values.invitations_90d, values.follow_ups_overdue) == (0, 0, 0)


def test_heartbeats_change_nothing():
    box = Box()
    FOLD.apply(box.state, Heartbeat(event_id="h", customer_id="_clock", occurred_at=0), 0)
    assert box.state == FOLD.new()
    assert FOLD.movements("c", box.state) == []


def test_nps_counts_the_last_answer_of_each_respondent():
    box = Box().nps(2, age=30, respondent_id="ana").nps(9, age=10, respondent_id="ana")
    box.nps(10, age=5, respondent_id="bia").nps(7, age=5).nps(3, age=4)  # the last two are nobody's
    values = box.values()
    assert (values.promoters_90d, values.passives_90d, values.detractors_90d) == (2, 1, 1)
    assert (values.nps, values.responses_90d) == (25.0, 5)


def test_nps_is_told_with_its_respondents_and_its_interval():
    box = Box()
    for number in range(10):
        box.nps(10 if number < 5 else 7 if number < 8 else 2, age=number)
    values = box.values()
    assert (values.nps, values.nps_respondents_90d) == (30.0, 10)
    assert (values.nps_low, values.nps_high) == nps_interval(5, 3, 2)
    # By hand: 13 answers with the imagined ones, 5.75 promoters and 2.75 detractors of them, so 23.08 around the
    # middle, give or take 1.96 roots of (8.5 / 13 less the square of 3 / 13) / 13, which is 42.13.
    assert (round(values.nps_low, 1), round(values.nps_high, 1)) == (-19.1, 65.2)


def test_a_respondent_named_like_a_response_is_somebody_else():
    values = Box().nps(9, respondent_id="x").nps(0, response="x").values()
    assert (values.promoters_90d, values.detractors_90d) == (1, 1)


@pytest.mark.parametrize("age, counted", [(0, 1), (89, 1), (90, 0)])
def test_answers_count_for_ninety_days(age, counted):
    box = Box().nps(9, age=age).rate("csat", 5, 1, 5, age=age)
    values = box.values()
    assert (values.promoters_90d, values.csat_ratings_90d, values.responses_90d) == (
        counted,
        counted,
        2 * counted,
    )
    assert values.last_nps is not None


def test_a_later_reason_belongs_to_the_same_answer():
    box = Box().nps(3, age=5, response="r", respondent_id="ana")
    first = box.values().last_nps
    assert (first.reason, first.event_id) == (None, "e1")
    box.nps(3, age=4, response="r", reason="too slow")
    answer = box.values().last_nps
    assert (answer.reason, answer.respondent_id, answer.event_id) == ("too slow", "ana", "e2")
    assert answer.answered_at == first.answered_at
    assert box.values(DAY - 5).last_nps == first
    assert (box.values().responses_90d, box.values().follow_ups_open) == (1, 1)


@pytest.mark.parametrize("blank", [None, "", "  "])
def test_an_update_without_a_reason_erases_none(blank):
    box = Box().nps(3, age=5, response="r", reason="too slow").nps(4, age=4, response="r", reason=blank)
    assert (box.values().last_nps.reason, box.values().last_nps.score) == ("too slow", 4)


def test_answers_of_fourteen_days_are_told_oldest_first():
    box = Box().nps(9, age=1, response="b").nps(2, age=1, response="c").nps(3, age=13, response="a")
    box.nps(3, age=14, response="old").rate("csat", 1, 1, 5)
    said = box.values().recent_nps
    assert [(answer.response_id, answer.nps_class) for answer in said] == [
        ("a", "detractor"),
        ("b", "promoter"),
        ("c", "detractor"),
    ]
    assert said[-1] == box.values().last_nps
    assert [answer.response_id for answer in box.values(DAY - 1).recent_nps] == ["old", "a", "b", "c"]
    assert Box().nps(3, age=15).values().recent_nps == []


def test_an_update_shows_in_its_answer_whatever_came_after():
    box = Box().nps(3, age=2, response="a").nps(9, age=2, response="b").nps(2, age=1, response="a", reason="slow")
    first, second = box.values().recent_nps
    assert (first.response_id, first.score, first.reason) == ("a", 2, "slow")
    assert second.response_id == "b"


def test_of_very_many_answers_the_detractors_are_told_before_others_and_then_the_newest():
    box = Box()
    for _ in range(MOST_RECENT):
        box.nps(9)
    for number in range(5):
        box.nps(3, age=1, response=f"worse {number}")
    ids = [answer.response_id for answer in box.values().recent_nps]
    promoters = [f"r{number}" for number in range(5, MOST_RECENT)]
    assert ids == [*(f"worse {number}" for number in range(5)), *promoters]
    for number in range(MOST_RECENT):
        box.nps(2, response=f"new {number}")
    assert [answer.response_id for answer in box.values().recent_nps] == [f"new {n}" for n in range(MOST_RECENT)]


def test_a_long_reason_is_cut_but_in_the_newest_answer():
    values = Box().nps(3, reason="x" * 5_000).values()
    assert values.recent_nps[0].reason == "x" * REASON_LENGTH
    assert len(values.last_nps.reason) == 5_000


def test_an_update_may_change_the_class():
    box = Box().nps(3, age=5, response="r").nps(9, age=4, response="r")
    values = box.values()
    assert (values.promoters_90d, values.detractors_90d, values.follow_ups_open) == (1, 0, 0)


def test_the_same_response_id_on_another_survey_is_another_response():
    rating = {"survey": "csat", "score": 5, "scale_min": 0, "scale_max": 5}
    box = Box().nps(3, response="r").add(SurveyAnswered, response_id="r", **rating)
    assert box.values().responses_90d == 2
    assert box.values().last_nps.score == 3


def test_generated_answers_are_marked():
    assert Box().nps(3, source="generated").values().last_nps.generated
    assert not Box().nps(3, source="delighted").values().last_nps.generated


def test_a_detractor_waits_until_somebody_followed_up():
    box = Box().nps(6, age=10, response="a").nps(7, age=10, response="b").close("unknown")
    assert box.values().follow_ups_open == 1
    box.close("a", age=1).close("a", age=3)
    assert box.values().follow_ups_open == 0
    assert box.values(DAY - 2).follow_ups_open == 0
    assert box.values(DAY - 4).follow_ups_open == 1


def test_a_follow_up_is_overdue_when_the_hours_have_passed():
    box = Box().nps(3, response="r")
    answered = DAY * DAY_MS + 1
    for hours, late, overdue in ((48, 0, 0), (48, 1, 1), (47, 0, 0), (400, 0, 1)):
        as_of = answered + hours * HOUR_MS + late
        values = FOLD.values(box.state, as_of // DAY_MS, as_of)
        assert (values.follow_ups_open, values.follow_ups_overdue) == (1, overdue)
    hasty = FeedbackFold(FeedbackPolicy(follow_up_hours=0.5), DAYS)
    assert hasty.values(box.state, DAY, answered + HOUR_MS).follow_ups_overdue == 1


def test_a_closed_follow_up_is_not_overdue_however_late_it_was():
    box = Box().nps(3, age=9, response="r").close("r", age=2)
    assert (box.values(DAY - 3).follow_ups_overdue, box.values().follow_ups_overdue) == (1, 0)


def test_the_hours_run_from_when_an_update_made_a_detractor_of_somebody():
    box = Box().nps(9, age=10, response="r").nps(6, age=1, response="r").nps(2, age=1, response="r", reason="slow")
    assert (box.values().follow_ups_open, box.values().follow_ups_overdue) == (1, 0)
    assert box.values(DAY + 1).follow_ups_overdue == 1
    waiting = Box().nps(3, age=10, response="r").nps(3, age=1, response="r", reason="slow").values()
    assert waiting.follow_ups_overdue == 1


@pytest.mark.parametrize(
    "survey, score, low, high, polarity, positive",
    [
        ("csat", 4, 1, 5, None, 1),
        ("csat", 3, 1, 5, None, 0),
        ("csat", 5, 1, 7, None, 0),
        ("csat", 6, 1, 7, None, 1),
        ("csat", 2, 1, 5, "lower_is_better", 1),
        ("smiley", 3, 1, 3, None, 1),
        ("smiley", 2, 1, 3, None, 0),
        ("thumbs", 1, 0, 1, None, 1),
        ("thumbs", 0, 0, 1, None, 0),
        ("thumbs", -1, -1, 1, None, 0),
    ],
)
def test_ratings_are_positive_by_their_place_on_the_scale(survey, score, low, high, polarity, positive):
    values = Box().rate(survey, score, low, high, polarity=polarity).values()
    assert (values.csat_positive_90d, values.csat_ratings_90d, values.csat) == (positive, 1, float(positive))


def test_policy_says_what_is_positive():
    box = Box(FeedbackFold(FeedbackPolicy(csat_positive_from=0.5), DAYS)).rate("csat", 3, 1, 5)
    assert box.values().csat == 1.0


def test_effort_is_normalised_by_scale_and_polarity():
    box = Box().rate("ces", 7, 1, 7, polarity="higher_is_better").rate("ces", 2, 1, 5, polarity="lower_is_better")
    assert box.values().ces_mean == 0.875
    assert box.values().csat is None


@pytest.mark.parametrize(
    "score, low, high, polarity, top",
    [
        (6, 1, 7, "higher_is_better", True),
        (5, 1, 7, "higher_is_better", False),
        (2, 1, 7, "lower_is_better", True),
        (3, 1, 7, "lower_is_better", False),
        (4, 1, 5, "higher_is_better", True),
        (3, 1, 5, "higher_is_better", False),
        (7, 1, 8, "higher_is_better", True),
        (6, 1, 8, "higher_is_better", False),
    ],
)
def test_the_two_best_points_of_an_effort_scale_are_the_top(score, low, high, polarity, top):
    assert Box().rate("ces", score, low, high, polarity=polarity).values().ces_top2 == float(top)


def test_top_two_is_a_share_of_the_effort_answers_alone():
    box = Box().rate("csat", 5, 1, 5)
    for score in (7, 6, 3, 2):
        box.rate("ces", score, 1, 7, polarity="higher_is_better")
    assert box.values().ces_top2 == 0.5
    strict = Box(FeedbackFold(FeedbackPolicy(ces_top_from=1.0), DAYS)).rate("ces", 6, 1, 7, polarity="higher_is_better")
    assert strict.values().ces_top2 == 0.0


def test_the_day_before_the_first_answer_knows_nothing():
    assert Box().nps(3).values(DAY - 1) == Box().values(DAY - 1)


def test_the_order_of_answers_moves_no_digit_of_the_mean():
    scores = [1, 2, 3]  # 0.1 + 0.2 + 0.3 is not 0.3 + 0.2 + 0.1 in floats
    means = set()
    for order in (scores, scores[::-1]):
        box = Box()
        for score in order:
            box.rate("ces", score, 0, 10, polarity="higher_is_better")
        means.add(box.values().ces_mean)
    assert len(means) == 1


def test_of_two_answers_at_once_the_greater_event_id_is_the_last():
    for ids in ("ab", "ba"):
        state = FOLD.new()
        for event_id in ids:
            answer = {"response_id": event_id, "respondent_id": "ana", "score": 9 if event_id == "b" else 0}
            at = DAY * DAY_MS
            event = SurveyAnswered(event_id=event_id, customer_id="c", occurred_at=at, survey="nps", **answer)
            FOLD.apply(state, event, at)
        values = FOLD.values(state, DAY, at + 1)
        assert (values.nps, values.last_nps.event_id) == (100.0, "b")


def test_an_update_that_comes_before_its_answer_is_the_same_response():
    at = DAY * DAY_MS
    answer = {"customer_id": "c", "survey": "nps", "response_id": "r", "score": 3}
    first = SurveyAnswered(event_id="e1", occurred_at=at, respondent_id="ana", **answer)
    update = SurveyAnswered(event_id="e2", occurred_at=at + 5, reason="slow", **answer)
    states = [FOLD.new(), FOLD.new()]
    for state, order in zip(states, ([first, update], [update, first]), strict=True):
        for event in order:
            FOLD.apply(state, event, event.occurred_at)
    assert states[0] == states[1]
    said = FOLD.values(states[1], DAY, at + 6)
    assert (said.responses_90d, said.follow_ups_open, said.last_nps.answered_at) == (1, 1, at)
    assert (said.last_nps.reason, said.last_nps.respondent_id) == ("slow", "ana")


def test_of_two_versions_at_once_the_greater_event_id_is_the_newer():
    at = DAY * DAY_MS
    answer = {"customer_id": "c", "survey": "nps", "response_id": "r", "occurred_at": at}
    versions = [
        SurveyAnswered(event_id="a", score=9, reason="dear", **answer),
        SurveyAnswered(event_id="b", score=2, **answer),
        SurveyAnswered(event_id="c", score=1, reason="slow", **answer),
    ]
    for order in ([0, 1, 2], [2, 0, 1], [1, 2, 0]):
        state = FOLD.new()
        for number in order:
            FOLD.apply(state, versions[number], at)
        said = FOLD.values(state, DAY, at + 1)
        assert (said.last_nps.score, said.last_nps.reason, said.responses_90d) == (1, "slow", 1)
        assert FOLD.values(state, DAY, at) == FOLD.values(FOLD.new(), DAY, at)


class TestInvitations:
    def answered(self, box, day=DAY):
        values = box.values(day)
        rate = None if values.invitations_90d == 0 else values.invited_answered_90d / values.invitations_90d
        assert values.response_rate_90d == rate
        return values.invited_answered_90d, values.invitations_90d

    def test_an_answer_answers_the_invitation_it_names(self):
        box = Box().invite("i1", age=5).invite("i2", age=5).nps(9, invitation_id="i1")
        assert self.answered(box) == (1, 2)
        assert self.answered(box, DAY - 1) == (0, 2)
        assert box.nps(3, invitation_id="never sent").values().invited_answered_90d == 1

    def test_an_invitation_with_two_responses_is_answered_once(self):
        box = Box().invite("i", age=5).nps(9, invitation_id="i").nps(9, invitation_id="i").nps(2, response="r0")
        assert self.answered(box) == (1, 1)

    def test_a_reminder_is_the_same_invitation(self):
        box = Box().invite("i", age=95).invite("i", age=5)
        assert self.answered(box) == (0, 0)  # it was sent before the window
        assert self.answered(Box().invite("i", age=9).invite("i", age=5).nps(9, invitation_id="i")) == (1, 1)

    def test_without_a_name_it_is_the_newest_the_respondent_had_been_sent(self):
        box = Box().invite("i1", age=9, respondent_id="ana").invite("i2", age=5, respondent_id="ana")
        box.invite("i3", age=1, respondent_id="ana").invite("i4", age=9, respondent_id="bia")
        assert self.answered(box.nps(9, age=3, respondent_id="ana")) == (1, 4)
        assert self.answered(box.nps(9, age=2, respondent_id="ana")) == (1, 4)
        assert self.answered(box.nps(9, age=7, respondent_id="ana")) == (2, 4)

    def test_an_answer_before_every_invitation_of_its_respondent_answers_none(self):
        assert self.answered(Box().nps(9, age=9, respondent_id="ana").invite("i", respondent_id="ana")) == (0, 1)

    def test_it_may_be_named_by_an_answer_of_a_clock_that_is_slow(self):
        assert self.answered(Box().nps(9, age=1, invitation_id="i").invite("i")) == (1, 1)

    def test_who_names_neither_invitation_nor_respondent_answers_none(self):
        assert self.answered(Box().invite("i", age=2).invite("j", age=2, respondent_id="ana").nps(9)) == (0, 2)

    def test_a_name_counts_on_its_own_survey_alone(self):
        box = Box().invite("i", age=5, respondent_id="ana").rate("csat", 5, 1, 5, invitation_id="i")
        assert self.answered(box.rate("csat", 5, 1, 5, respondent_id="ana")) == (0, 1)
        box.invite("i", age=5, survey="csat")
        assert self.answered(box) == (1, 2)

    def test_an_update_may_name_the_invitation_or_the_respondent_later(self):
        box = Box().invite("i", age=9).nps(9, age=5, response="r").nps(9, age=3, response="r", invitation_id="i")
        assert (self.answered(box, DAY - 4), self.answered(box)) == ((0, 1), (1, 1))
        box = Box().invite("i", age=9).nps(9, age=8, respondent_id="ana").invite("i", age=5, respondent_id="ana")
        assert (self.answered(box, DAY - 6), self.answered(box)) == ((0, 1), (1, 1))

    def test_a_reminder_of_later_gives_no_respondent_to_the_days_before(self):
        box = Box().invite("i", age=9).nps(9, age=4, respondent_id="ana").invite("i", age=2, respondent_id="ana")
        assert (self.answered(box, DAY - 3), self.answered(box)) == ((0, 1), (1, 1))

    @pytest.mark.parametrize("age, counted", [(0, 1), (89, 1), (90, 0)])
    def test_they_count_for_ninety_days(self, age, counted):
        assert self.answered(Box().invite("i", age=age)) == (0, counted)

    def test_they_are_forgotten_with_the_answers(self):
        box = Box().invite("old", age=200).invite("reminded", age=200).invite("reminded", age=20).invite("new", age=50)
        before = box.values()
        FOLD.forget(box.state, DAY)
        assert box.values() == before
        assert list(box.state.invitations) == ["nps reminded", "nps new"]


class TestForgetting:
    def test_of_recent_answers_drops_nothing(self):
        box = Box().nps(3, age=20)
        FOLD.forget(box.state, DAY)
        assert len(box.state.nps) == 1

    def test_the_newest_nps_answer_and_the_newest_time_stay(self):
        box = Box().nps(3, age=400, response="old").nps(9, age=300, response="new").rate("csat", 5, 1, 5, age=250)
        box.close("never answered", age=300)
        before = box.values()
        FOLD.forget(box.state, DAY)
        FOLD.forget(box.state, DAY)
        assert box.values() == before
        assert (list(box.state.nps), box.state.others) == (["new"], {})

    def test_recently_closed_ones_stay(self):
        box = Box().nps(3, age=200, response="a").close("a", age=20).nps(3, age=150, response="b")
        FOLD.forget(box.state, DAY)
        assert sorted(box.state.nps) == ["a", "b"]
        assert box.values().last_nps.response_id == "b"
