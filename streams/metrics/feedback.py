"""The feedback fold: what a customer answers to surveys, and who still waits for a call (METRICS.md 4).

A response is what one person said once to one survey; its events are versions of it, kept sorted by (time,
event id). The same `response_id` on another survey is another response.

- The newest version gives the score. Respondent and reason are the newest ones any version states,
  so an update that leaves them out erases neither, in whatever order the versions arrive.
- It was answered when its oldest version says: a reason added days later moves no answer into another
  window.
- NPS counts the last answer of each respondent in 90 days; an answer without `respondent_id` stands for
  itself.
- CSAT counts every rating (csat, thumbs, smiley) of 90 days, CES is a mean; both by the position of a
  score on its scale, 0 the worst and 1 the best end by its polarity. NPS is higher_is_better always.
- A follow-up is open for every detractor answer of 90 days without `follow_up_closed`, whenever that
  happened; it is overdue once the profile's hours have passed since the answer became a detractor's.
- Which answer belongs to which invitation: invitations.py.

Forgetting drops answers silent since 90 days before the oldest day anybody may ask for, but for the
newest NPS one, and invitations that were last sent before that.
"""

from bisect import insort
from collections.abc import Iterable
from math import fsum
from operator import attrgetter
from typing import Annotated, NamedTuple

from msgspec import Meta, Struct

from schemas.events import FollowUpClosed, SurveyAnswered, SurveyEvent, SurveyInvited, SurveyKind
from schemas.metrics import Domain, FeedbackValues, Movement
from streams.metrics.days import HOUR_MS, Days
from streams.metrics.invitations import Invitation, Sending, answered_of, invitation_key, silent_since
from streams.metrics.nps import nps, nps_interval
from streams.metrics.responses import Answer, Response, Version, age, answers_before, class_of, newest_nps, news_of_nps

LONGEST_WINDOW_DAYS = 90
_ORDER = attrgetter("at", "event_id")

Share = Annotated[float, Meta(gt=0, le=1)]
Hours = Annotated[float, Meta(gt=0, le=2160)]  # 90 days: older answers wait no more


class FeedbackPolicy(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """From where on its scale (0 worst, 1 best) a rating is positive, by kind of survey; how long a detractor may wait.

    Attributes:
        csat_positive_from: 0.75 is 4 of 1-5, 6 of 1-7, 8 of 0-10.
        smiley_positive_from: 0.75 is the best of three faces, the best two of five.
        thumbs_positive_from: 0.5 is thumbs up, on any scale.
        ces_top_from: 0.75 is the two best points of every scale of five to eight points, on which CES is asked.
        follow_up_hours: from a detractor's answer to the talk about it; two days are chosen, not measured.
    """

    csat_positive_from: Share = 0.75
    smiley_positive_from: Share = 0.75
    thumbs_positive_from: Share = 0.5
    ces_top_from: Share = 0.75
    follow_up_hours: Hours = 48.0


class FeedbackState(Struct, array_like=True):
    """Responses by kind of survey.

    Attributes:
        nps: by response id, together with the follow-ups on them.
        others: by survey and response id.
        last_forgotten_at: the newest answer among those forgotten, epoch ms.
        invitations: by survey and invitation id.
    """

    nps: dict[str, Response] = {}
    others: dict[str, Response] = {}
    last_forgotten_at: int | None = None
    invitations: dict[str, Invitation] = {}


class _Ratings(NamedTuple):
    """Satisfaction and effort of 90 days."""

    csat: float | None = None
    positive: int = 0
    ratings: int = 0
    ces_mean: float | None = None
    ces_top2: float | None = None


_NO_RATINGS = _Ratings()


class FeedbackFold:
    """Folds survey events into `FeedbackValues`.

    Args:
        policy: which ratings are positive, how long a follow-up may take.
        days: calendar of the company.
    """

    domain: Domain = "feedback"
    state_type: type[FeedbackState] = FeedbackState
    daily: bool = True
    moves_money: bool = False

    def __init__(self, policy: FeedbackPolicy, days: Days) -> None:
        self._start = days.start
        self._positive_from: dict[SurveyKind, float] = {
            "csat": policy.csat_positive_from,
            "smiley": policy.smiley_positive_from,
            "thumbs": policy.thumbs_positive_from,
        }
        self._ces_top_from = policy.ces_top_from
        self._follow_up_ms = round(policy.follow_up_hours * HOUR_MS)

    def new(self) -> FeedbackState:
        """State of a customer that was never heard."""
        return FeedbackState()

    def apply(self, state: FeedbackState, event: SurveyEvent, at: int) -> None:
        """Takes an event in; heartbeats change nothing."""
        if isinstance(event, SurveyAnswered):
            if event.survey == "nps":
                response = _response(state.nps, event.response_id)
            else:
                response = _response(state.others, f"{event.survey} {event.response_id}")
            insort(response.versions, _version(event, at), key=_ORDER)
        elif isinstance(event, FollowUpClosed):
            response = _response(state.nps, event.response_id)
            response.closed_at = at if response.closed_at is None else min(at, response.closed_at)
        elif isinstance(event, SurveyInvited):
            key = invitation_key(event.survey, event.invitation_id)
            invitation = state.invitations.get(key)
            if invitation is None:
                invitation = state.invitations[key] = Invitation(event.survey)
            insort(invitation.sendings, Sending(at, event.event_id, event.respondent_id), key=_ORDER)

    def values(self, state: FeedbackState, day: int, as_of: int) -> FeedbackValues:
        """What was said before `as_of`."""
        if not (state.nps or state.others or state.invitations):  # all is forgotten
            return FeedbackValues(last_answer_at=state.last_forgotten_at)
        since = self._start(day - 89)
        nps_answers, others = answers_before(state.nps, as_of), answers_before(state.others, as_of)
        nps_90d = [answer for answer in nps_answers if answer.answered_at >= since]
        others_90d = [answer for answer in others if answer.answered_at >= since]
        classes = [class_of(answer) for answer in _last_of_each(nps_90d)]
        promoters, detractors = classes.count("promoter"), classes.count("detractor")
        passives = len(classes) - promoters - detractors
        rated = self._ratings(others_90d) if others_90d else _NO_RATINGS
        answered_at = [answer.answered_at for answer in nps_answers + others]
        waiting = [a.in_class_since for a in nps_90d if not a.closed and class_of(a) == "detractor"]
        low, high = nps_interval(promoters, passives, detractors) or (None, None)
        invited = answered_of(state.invitations, nps_90d + others_90d, since, as_of) if state.invitations else []
        return FeedbackValues(
            nps=nps(promoters, passives, detractors),
            nps_low=low,
            nps_high=high,
            nps_respondents_90d=len(classes),
            promoters_90d=promoters,
            passives_90d=passives,
            detractors_90d=detractors,
            csat=rated.csat,
            csat_positive_90d=rated.positive,
            csat_ratings_90d=rated.ratings,
            ces_mean=rated.ces_mean,
            ces_top2=rated.ces_top2,
            responses_90d=len(nps_90d) + len(others_90d),
            invitations_90d=len(invited),
            invited_answered_90d=sum(invited),
            response_rate_90d=sum(invited) / len(invited) if invited else None,
            follow_ups_open=len(waiting),
            follow_ups_overdue=sum([as_of - at > self._follow_up_ms for at in waiting]),
            last_answer_at=_newest_of(answered_at, state.last_forgotten_at),
            last_nps=newest_nps(nps_answers),
            recent_nps=news_of_nps(nps_answers, as_of),
        )

    def _ratings(self, answers: list[Answer]) -> _Ratings:
        """What other surveys than NPS say."""
        newest = [answer.newest for answer in answers]
        ratings = [rating for rating in newest if rating.survey in self._positive_from]
        positive = sum([rating.score >= self._positive_from[rating.survey] for rating in ratings])
        efforts = [effort.score for effort in newest if effort.survey == "ces"]
        return _Ratings(
            csat=positive / len(ratings) if ratings else None,
            positive=positive,
            ratings=len(ratings),
            # fsum is exact, so the order of the answers cannot move the last digit
            ces_mean=fsum(efforts) / len(efforts) if efforts else None,
            ces_top2=sum([effort >= self._ces_top_from for effort in efforts]) / len(efforts) if efforts else None,
        )

    def forget(self, state: FeedbackState, before: int) -> None:
        """Drops answers that no window of a day >= `before` reaches; the newest NPS answer stays."""
        cutoff = self._start(before - LONGEST_WINDOW_DAYS)
        silent_nps, silent = _silent(state.nps, cutoff), _silent(state.others, cutoff)
        nps_answers = answers_before(silent_nps, cutoff)
        answered_at = [a.answered_at for a in nps_answers + answers_before(silent, cutoff)]
        state.last_forgotten_at = _newest_of(answered_at, state.last_forgotten_at)
        if nps_answers:
            del silent_nps[max(nps_answers, key=age).response_id]
        state.nps = {name: r for name, r in state.nps.items() if name not in silent_nps}
        state.others = {name: r for name, r in state.others.items() if name not in silent}
        for key in silent_since(state.invitations, cutoff):
            del state.invitations[key]

    def movements(self, customer_id: str, state: FeedbackState, since: int = 0) -> list[Movement]:
        """Feedback moves no revenue."""
        return []


def _response(responses: dict[str, Response], key: str) -> Response:
    response = responses.get(key)
    if response is None:
        response = responses[key] = Response()
    return response


def _version(event: SurveyAnswered, at: int) -> Version:
    return Version(
        at=at,
        event_id=event.event_id,
        survey=event.survey,
        score=event.score if event.survey == "nps" else _position(event),
        respondent_id=event.respondent_id,
        reason=event.reason if event.reason and not event.reason.isspace() else None,
        generated=event.source == "generated",
        invitation_id=event.invitation_id,
    )


def _position(event: SurveyAnswered) -> float:
    """Where on its scale the score lies: 0 the worst end, 1 the best."""
    assert event.scale_min is not None  # no other answer is let in
    assert event.scale_max is not None
    position = (event.score - event.scale_min) / (event.scale_max - event.scale_min)
    return 1.0 - position if event.polarity == "lower_is_better" else position


def _silent(responses: dict[str, Response], cutoff: int) -> dict[str, Response]:
    """The responses about which nothing has been heard from `cutoff` on."""
    return {
        name: response
        for name, response in responses.items()
        if (not response.versions or response.versions[-1].at < cutoff)
        and (response.closed_at is None or response.closed_at < cutoff)
    }


def _newest_of(instants: list[int], other: int | None) -> int | None:
    return max(instants if other is None else [*instants, other], default=None)


def _last_of_each(answers: list[Answer]) -> Iterable[Answer]:
    """The last answer of each respondent."""
    if len(answers) < 2:
        return answers
    last: dict[tuple[str | None, str], Answer] = {}
    for answer in sorted(answers, key=age):
        last[answer.respondent_id, "" if answer.respondent_id else answer.response_id] = answer
    return last.values()
