"""The feedback fold: what a customer answers to surveys, and who still waits for a call (METRICS.md 4).

A response is what one person said once; its events are versions of it, kept sorted by (time, event id).

- The newest version gives survey and score. Respondent and reason are the newest ones any version states,
  so an update that leaves them out erases neither, in whatever order the versions arrive.
- It was answered when its oldest version says: a reason added days later moves no answer into another
  window.
- NPS counts the last answer of each respondent in 90 days; an answer without `respondent_id` stands for
  itself.
- CSAT counts every rating (csat, thumbs, smiley) of 90 days, CES is a mean; both by the position of a
  score on its scale, 0 the worst and 1 the best end by its polarity. NPS is higher_is_better always.
- A follow-up is open for every detractor answer of 90 days without `follow_up_closed`, whenever that
  happened.

Invitations are no part of these values: response rates are figures of a campaign, not of a customer.

Forgetting drops answers silent since 90 days before the oldest day anybody may ask for, but for the
newest NPS one.
"""

from bisect import insort
from collections.abc import Iterable
from math import fsum
from operator import attrgetter
from typing import Annotated

from msgspec import Meta, Struct

from schemas.events import FollowUpClosed, SurveyAnswered, SurveyEvent, SurveyKind
from schemas.metrics import Domain, FeedbackValues, Movement, NpsAnswer
from streams.metrics.days import Days
from streams.metrics.nps import nps, nps_class

LONGEST_WINDOW_DAYS = 90
_ORDER = attrgetter("at", "event_id")

Share = Annotated[float, Meta(gt=0, le=1)]


class FeedbackPolicy(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """From where on its scale (0 worst, 1 best) a rating is positive, by kind of survey.

    Attributes:
        csat_positive_from: 0.75 is 4 of 1-5, 6 of 1-7, 8 of 0-10.
        smiley_positive_from: 0.75 is the best of three faces, the best two of five.
        thumbs_positive_from: 0.5 is thumbs up, on any scale.
    """

    csat_positive_from: Share = 0.75
    smiley_positive_from: Share = 0.75
    thumbs_positive_from: Share = 0.5


class Version(Struct, frozen=True, array_like=True):
    """One event of a response; `score` is the NPS score, else the position on the scale, 0 to 1."""

    at: int
    event_id: str
    survey: SurveyKind
    score: float
    respondent_id: str | None
    reason: str | None
    generated: bool


class Response(Struct, array_like=True):
    """Versions sorted by time and event id, and when the earliest follow-up on it was closed, epoch ms."""

    versions: list[Version] = []
    closed_at: int | None = None


class FeedbackState(Struct, array_like=True):
    """Responses by id.

    Attributes:
        last_forgotten_at: the newest answer among those forgotten, epoch ms.
    """

    responses: dict[str, Response] = {}
    last_forgotten_at: int | None = None


class Answer(Struct, frozen=True):
    """A response as it was known at an instant; `first_id` is the id of its oldest version's event."""

    response_id: str
    answered_at: int
    first_id: str
    newest: Version
    respondent_id: str | None
    reason: str | None
    closed: bool


class FeedbackFold:
    """Folds survey events into `FeedbackValues`.

    Args:
        policy: which ratings are positive.
        days: calendar of the company.
    """

    domain: Domain = "feedback"
    state_type: type[FeedbackState] = FeedbackState
    daily: bool = True

    def __init__(self, policy: FeedbackPolicy, days: Days) -> None:
        self._start = days.start
        self._positive_from: dict[SurveyKind, float] = {
            "csat": policy.csat_positive_from,
            "smiley": policy.smiley_positive_from,
            "thumbs": policy.thumbs_positive_from,
        }

    def new(self) -> FeedbackState:
        """State of a customer that was never heard."""
        return FeedbackState()

    def apply(self, state: FeedbackState, event: SurveyEvent, at: int) -> None:
        """Takes an event in; heartbeats and invitations change nothing."""
        if isinstance(event, SurveyAnswered):
            insort(_response(state, event.response_id).versions, _version(event, at), key=_ORDER)
        elif isinstance(event, FollowUpClosed):
            response = _response(state, event.response_id)
            response.closed_at = at if response.closed_at is None else min(at, response.closed_at)

    def values(self, state: FeedbackState, day: int, as_of: int) -> FeedbackValues:
        """What was said before `as_of`."""
        since = self._start(day - 89)
        answers = _answers(state, as_of)
        recent = [answer for answer in answers if answer.answered_at >= since]
        nps_answers = [answer for answer in recent if answer.newest.survey == "nps"]
        scores = [answer.newest.score for answer in _last_of_each(nps_answers)]
        classes = [nps_class(int(score)) for score in scores]
        promoters, detractors = classes.count("promoter"), classes.count("detractor")
        passives = len(classes) - promoters - detractors
        ratings = [a.newest for a in recent if a.newest.survey in self._positive_from]
        positive = sum([rating.score >= self._positive_from[rating.survey] for rating in ratings])
        efforts = [a.newest.score for a in recent if a.newest.survey == "ces"]
        return FeedbackValues(
            nps=nps(promoters, passives, detractors),
            promoters_90d=promoters,
            passives_90d=passives,
            detractors_90d=detractors,
            csat=positive / len(ratings) if ratings else None,
            csat_positive_90d=positive,
            csat_ratings_90d=len(ratings),
            ces_mean=fsum(efforts) / len(efforts) if efforts else None,
            responses_90d=len(recent),
            follow_ups_open=sum([_is_detractor(a) and not a.closed for a in nps_answers]),
            last_answer_at=max([a.answered_at for a in answers], default=state.last_forgotten_at),
            last_nps=_last_nps(answers),
        )

    def forget(self, state: FeedbackState, before: int) -> None:
        """Drops answers that no window of a day >= `before` reaches; the newest NPS answer stays."""
        cutoff = self._start(before - LONGEST_WINDOW_DAYS)
        silent = {name: r for name, r in state.responses.items() if _newest_at(r) < cutoff}
        answers = _answers(FeedbackState(silent), cutoff)
        kept = _newest_nps(answers)
        for response_id in silent:
            if kept is None or response_id != kept.response_id:
                del state.responses[response_id]
        oldest = [] if state.last_forgotten_at is None else [state.last_forgotten_at]
        state.last_forgotten_at = max([a.answered_at for a in answers] + oldest, default=None)

    def movements(self, customer_id: str, state: FeedbackState) -> list[Movement]:
        """Feedback moves no revenue."""
        return []


def _response(state: FeedbackState, response_id: str) -> Response:
    response = state.responses.get(response_id)
    if response is None:
        response = state.responses[response_id] = Response()
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
    )


def _position(event: SurveyAnswered) -> float:
    """Where on its scale the score lies: 0 the worst end, 1 the best."""
    position = (event.score - event.scale_min) / (event.scale_max - event.scale_min)
    return 1.0 - position if event.polarity == "lower_is_better" else position


def _answers(state: FeedbackState, as_of: int) -> list[Answer]:
    """Every response as it was known before `as_of`."""
    answers: list[Answer] = []
    for response_id, response in state.responses.items():
        versions = response.versions
        if not versions or versions[0].at >= as_of:
            continue
        if versions[-1].at >= as_of:
            versions = [version for version in versions if version.at < as_of]
        answers.append(
            Answer(
                response_id,
                versions[0].at,
                versions[0].event_id,
                versions[-1],
                _newest([version.respondent_id for version in versions]),
                _newest([version.reason for version in versions]),
                response.closed_at is not None and response.closed_at < as_of,
            )
        )
    return answers


def _newest(texts: list[str | None]) -> str | None:
    """The last one stated."""
    while texts:
        text = texts.pop()
        if text is not None:
            return text
    return None


def _newest_at(response: Response) -> int:
    """Time of the newest fact about a response."""
    answered = response.versions[-1].at if response.versions else 0
    return max(answered, response.closed_at or 0)


def _age(answer: Answer) -> tuple[int, str]:
    """Sorts answers by when they were given; event ids decide between those of one instant."""
    return answer.answered_at, answer.first_id


def _last_of_each(answers: list[Answer]) -> Iterable[Answer]:
    """The last answer of each respondent."""
    if len(answers) < 2:
        return answers
    last: dict[tuple[str | None, str], Answer] = {}
    for answer in sorted(answers, key=_age):
        last[answer.respondent_id, "" if answer.respondent_id else answer.response_id] = answer
    return last.values()


def _is_detractor(answer: Answer) -> bool:
    return nps_class(int(answer.newest.score)) == "detractor"


def _newest_nps(answers: list[Answer]) -> Answer | None:
    return max([a for a in answers if a.newest.survey == "nps"], key=_age, default=None)


def _last_nps(answers: list[Answer]) -> NpsAnswer | None:
    answer = _newest_nps(answers)
    if answer is None:
        return None
    score = int(answer.newest.score)
    return NpsAnswer(
        response_id=answer.response_id,
        event_id=answer.newest.event_id,
        score=score,
        nps_class=nps_class(score),
        answered_at=answer.answered_at,
        respondent_id=answer.respondent_id,
        reason=answer.reason,
        generated=answer.newest.generated,
    )
