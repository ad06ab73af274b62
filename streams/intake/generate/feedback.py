"""Surveys: invited, reminded, answered in two steps, changed, anonymous, followed up."""

from schemas.events import FollowUpClosed, SurveyAnswered, SurveyInvited
from streams.intake.generate.customers import Customer
from streams.intake.generate.diary import Diary
from streams.intake.generate.draws import Draw
from streams.metrics.days import DAY_MS, HOUR_MS, MINUTE_MS

_CHANNELS = ("email", "sms", "whatsapp", "in_app")
_REASONS = {
    "en": ("Saves us hours every week.", "Reports are slow."),
    "pt": ("Economizamos horas por semana.", "Os relatórios são lentos."),
    "es": ("Nos ahorra horas cada semana.", "Los informes son lentos."),
}
_OTHERS = (  # kind, least and greatest score, polarity that must be said
    ("ces", 1, 7, "higher_is_better"),
    ("ces", 1, 5, "lower_is_better"),
    ("thumbs", 0, 1, None),
    ("smiley", 1, 3, None),
)
_SHARE_ANSWERING = 0.5
_DETRACTOR_TO = 6


def tell_surveys(diary: Diary, customer: Customer, draw: Draw) -> None:
    """All surveys of a customer: an NPS about every two months, now and then another."""
    at, end, number = customer.joined_at, customer.leaves_at or diary.end, 0
    while True:
        at += draw.between(20, 70) * DAY_MS + draw.between(0, 600) * MINUTE_MS
        if at >= end:
            return
        number += 1
        _tell_nps(diary, customer, f"{customer.number}-nps{number}", at, draw)
        if draw.chance(0.4):
            _tell_other(diary, f"{customer.number}-s{number}", at + 3 * DAY_MS, draw)


def _tell_nps(diary: Diary, customer: Customer, response: str, at: int, draw: Draw) -> None:
    invitation, channel = f"{response}-invitation", draw.pick(_CHANNELS)
    user = f"u{draw.between(1, customer.users)}"
    sent = {"survey": "nps", "invitation_id": invitation, "channel": channel, "respondent_id": user}
    diary.tell(SurveyInvited, at, **sent)
    if draw.chance(0.2):
        diary.tell(SurveyInvited, at + DAY_MS, "survey_reminder", **sent)
    if draw.chance(_SHARE_ANSWERING):
        _tell_answer(diary, customer, response, at + draw.between(10, 3000) * MINUTE_MS, sent, draw)


def _tell_answer(diary: Diary, customer: Customer, response: str, at: int, sent: dict[str, str], draw: Draw) -> None:
    score = max(0, min(10, round(10 - 6 * customer.trouble - 2.5 * draw.share())))
    anonymous = draw.chance(0.1)
    answer = {**sent, "response_id": response, "respondent_id": None if anonymous else sent["respondent_id"]}
    diary.tell(SurveyAnswered, at, "anonymous_answer" if anonymous else None, **answer, score=float(score))
    if draw.chance(0.5):
        reason = _REASONS[customer.locale][score <= _DETRACTOR_TO]
        later = at + draw.between(1, 30) * MINUTE_MS
        diary.tell(SurveyAnswered, later, "answer_with_later_reason", **answer, score=float(score), reason=reason)
    elif draw.chance(0.2):
        score = max(0, score - 2)
        diary.tell(SurveyAnswered, at + 2 * HOUR_MS, "answer_score_changed", **answer, score=float(score))
    if score <= _DETRACTOR_TO and draw.chance(0.5):
        diary.tell(FollowUpClosed, at + draw.between(4, 72) * HOUR_MS, response_id=response)


def _tell_other(diary: Diary, response: str, at: int, draw: Draw) -> None:
    survey, least, most, polarity = draw.pick(_OTHERS)
    diary.tell(
        SurveyAnswered,
        at,
        response_id=response,
        survey=survey,
        score=float(draw.between(least, most)),
        scale_min=float(least),
        scale_max=float(most),
        polarity=polarity,
        channel="in_app",
    )
