"""Invitations to surveys, and which of them were answered (METRICS.md 4, `response_rate`).

An invitation is one survey sent to one person; sending it again (a reminder, same `invitation_id`) makes no second one.
A response answers at most one invitation:

- the one it names;
- or, naming none, the newest one its respondent had been sent to that survey by the time of the answer.

What names neither an invitation nor a respondent answers none. An invitation with two responses is answered once, so
the answered are some of the invited and a rate cannot pass 1. Both count by the window: sent in it, answered in it.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable

from msgspec import Struct

from schemas.events import SurveyKind
from streams.metrics.responses import Answer, newest

#: When each invitation of a person to a survey was sent, and its key, in order.
_OfPerson = defaultdict[tuple[SurveyKind, str], list[tuple[int, str]]]


class Sending(Struct, frozen=True, array_like=True):
    """One event of an invitation; `at` is epoch ms."""

    at: int
    event_id: str
    respondent_id: str | None


class Invitation(Struct, array_like=True):
    """Its sendings, sorted by time and event id; it was sent when the oldest says."""

    survey: SurveyKind
    sendings: list[Sending] = []


def invitation_key(survey: SurveyKind, invitation_id: str) -> str:
    """What tells an invitation from others: the same id on another survey is another one."""
    return f"{survey} {invitation_id}"


def answered_of(invitations: dict[str, Invitation], answers: Iterable[Answer], since: int, as_of: int) -> list[bool]:
    """For every invitation sent in a window whether it was answered there.

    Args:
        invitations: by `invitation_key`.
        answers: those given in the window.
        since: its start, epoch ms.
        as_of: its end, epoch ms, exclusive.
    """
    sent = {key: one for key, one in invitations.items() if since <= one.sendings[0].at < as_of}
    if not sent:
        return []
    of_person = _of_person(sent, as_of)
    answered = {_answered_by(answer, of_person) for answer in answers}
    return [key in answered for key in sent]


def _of_person(sent: dict[str, Invitation], as_of: int) -> _OfPerson:
    found: _OfPerson = defaultdict(list)
    for key, invitation in sent.items():
        person = newest([one.respondent_id for one in invitation.sendings if one.at < as_of])
        if person is not None:
            found[invitation.survey, person].append((invitation.sendings[0].at, key))
    for theirs in found.values():
        theirs.sort()
    return found


def _answered_by(answer: Answer, of_person: _OfPerson) -> str | None:
    """Key of the invitation an answer belongs to, whether or not it was sent in the window; None when it says none."""
    survey = answer.newest.survey
    if answer.invitation_id is not None:
        return invitation_key(survey, answer.invitation_id)
    if answer.respondent_id is None:
        return None
    theirs = of_person.get((survey, answer.respondent_id), [])
    place = bisect_right(theirs, answer.answered_at, key=_sent_at)
    return theirs[place - 1][1] if place else None


def silent_since(invitations: dict[str, Invitation], cutoff: int) -> set[str]:
    """Keys of the invitations that were last sent before `cutoff`, epoch ms."""
    return {key for key, invitation in invitations.items() if invitation.sendings[-1].at < cutoff}


def _sent_at(sent: tuple[int, str]) -> int:
    return sent[0]
