"""Responses to surveys: versions of what one person said once, and the answer they make at an instant."""

from heapq import nlargest

from msgspec import Struct

from schemas.events import SurveyKind
from schemas.metrics import NpsAnswer
from streams.metrics.days import DAY_MS
from streams.metrics.nps import NpsClass, nps_class

ANSWER_IS_NEWS_MS = 14 * DAY_MS  # chosen: an older answer is no news when first seen
# Chosen. They travel with every value and score while they are news: 20 answers of the longest reasons kept
# stay far under a record's limit of 1 MB, ten thousand characters each would not.
MOST_RECENT = 20
REASON_LENGTH = 1000


class Version(Struct, frozen=True, array_like=True):
    """One event of a response; `score` is the NPS score, else the position on the scale, 0 to 1."""

    at: int
    event_id: str
    survey: SurveyKind
    score: float
    respondent_id: str | None
    reason: str | None
    generated: bool
    invitation_id: str | None = None


class Response(Struct, array_like=True):
    """Versions sorted by time and event id, and when the earliest follow-up on it was closed, epoch ms."""

    versions: list[Version] = []
    closed_at: int | None = None


class Answer(Struct, frozen=True):
    """A response as it was known at an instant.

    Attributes:
        answered_at: when its oldest version says, epoch ms; `first_id` is the id of that event.
        in_class_since: when it came to mean what it means, epoch ms: later than `answered_at` where an update made
            a detractor of somebody else.
    """

    response_id: str
    answered_at: int
    first_id: str
    newest: Version
    respondent_id: str | None
    reason: str | None
    invitation_id: str | None
    in_class_since: int
    closed: bool


def answers_before(responses: dict[str, Response], as_of: int) -> list[Answer]:
    """Every response as it was known before `as_of`, epoch ms."""
    answers: list[Answer] = []
    for response_id, response in responses.items():
        versions = response.versions
        if not versions or versions[0].at >= as_of:
            continue
        if versions[-1].at >= as_of:
            versions = [version for version in versions if version.at < as_of]
        closed = response.closed_at is not None and response.closed_at < as_of
        first = versions[0]
        if len(versions) == 1:  # most of them
            said = (first, first.respondent_id, first.reason, first.invitation_id, first.at)
        else:
            said = (
                versions[-1],
                newest([version.respondent_id for version in versions]),
                newest([version.reason for version in versions]),
                newest([version.invitation_id for version in versions]),
                _in_class_since(versions),
            )
        answers.append(Answer(response_id, first.at, first.event_id, *said, closed))
    return answers


def age(answer: Answer) -> tuple[int, str]:
    """Sorts answers by when they were given; event ids decide between those of one instant."""
    return answer.answered_at, answer.first_id


def class_of(answer: Answer) -> NpsClass:
    """What an NPS answer makes of the respondent."""
    return nps_class(int(answer.newest.score))


def newest_nps(answers: list[Answer]) -> NpsAnswer | None:
    """The NPS answer given last, whole."""
    if not answers:
        return None
    answer = answers[0] if len(answers) == 1 else max(answers, key=age)
    return _published(answer, answer.reason)


def news_of_nps(answers: list[Answer], as_of: int) -> list[NpsAnswer]:
    """The NPS answers that are news at `as_of`, epoch ms, oldest first; long reasons are cut.

    Of more than `MOST_RECENT` the detractors stay before others, then the newest.
    """
    recent = [answer for answer in answers if as_of - answer.answered_at <= ANSWER_IS_NEWS_MS]
    if len(recent) > MOST_RECENT:
        recent = nlargest(MOST_RECENT, recent, key=lambda answer: (class_of(answer) == "detractor", *age(answer)))
    if len(recent) > 1:
        recent.sort(key=age)
    return [_published(answer, answer.reason and answer.reason[:REASON_LENGTH]) for answer in recent]


def newest(texts: list[str | None]) -> str | None:
    """The last one stated."""
    while texts:
        text = texts.pop()
        if text is not None:
            return text
    return None


def _in_class_since(versions: list[Version]) -> int:
    """When the oldest of the last versions came that are all of one NPS class."""
    now, since = nps_class(int(versions[-1].score)), versions[-1].at
    for version in reversed(versions):
        if nps_class(int(version.score)) != now:
            break
        since = version.at
    return since


def _published(answer: Answer, reason: str | None) -> NpsAnswer:
    return NpsAnswer(
        response_id=answer.response_id,
        event_id=answer.newest.event_id,
        score=int(answer.newest.score),
        nps_class=class_of(answer),
        answered_at=answer.answered_at,
        respondent_id=answer.respondent_id,
        reason=reason,
        generated=answer.newest.generated,
    )
