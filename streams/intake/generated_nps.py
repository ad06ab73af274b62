"""Made-up NPS answers for data that have none, always marked: `source` is `generated` on every one of them.

About 40 % of the customers answer, each a few times, a quarter to half a year apart. Each customer leans to
liking or disliking the product by a number drawn once; its answers scatter around it. The leaning is drawn,
not derived: the answers have **no relation** to use, tickets, payments or leaving, so nothing may be
concluded from them about either. The same seed and the same customers give the same answers on every machine
and every Python.
"""

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from schemas import registry
from schemas.events import SurveyAnswered
from streams.intake.importer import Produced
from streams.metrics.days import DAY_MS, HOUR_MS

T = TypeVar("T")
Uniform = Callable[[], float]  # the next number of [0, 1)

GENERATED = "generated"
DEFAULT_SEED = 20_240_101

# All chosen, not measured.
SHARE_ANSWERING = 0.4
_SHARE_WITH_REASON = 0.85
_FIRST_AFTER_DAYS = (14, 120)
_NEXT_AFTER_DAYS = (90, 180)
_HOUR_OF_ANSWER = 13
_LANGUAGES = ("en", "en", "pt", "es")  # half English
_LEANINGS = (9.3, 9.3, 7.8, 7.8, 5.0)  # two fifths fond, two fifths lukewarm, one fifth unhappy
_SCATTER = 2.0
_DETRACTOR_TO = 6
_PASSIVE_TO = 8

REASONS: dict[str, dict[str, tuple[str, ...]]] = {
    "en": {
        "promoter": (
            "It just works, and the team answers fast.",
            "Saves us hours every week.",
            "Best tool we bought this year.",
            "Easy to roll out to new colleagues.",
        ),
        "passive": (
            "Good, but reporting could be better.",
            "Does the job; the price is a bit high.",
            "Fine so far, still missing an integration.",
        ),
        "detractor": (
            "Too slow with large projects.",
            "Support took days to answer.",
            "We pay for features we never use.",
            "The last update broke our workflow.",
        ),
    },
    "pt": {
        "promoter": (
            "Muito fácil de usar, a equipe adorou.",
            "O suporte é excelente.",
            "Economizamos muito tempo todo mês.",
            "Recomendo a todos os parceiros.",
        ),
        "passive": (
            "Bom, mas os relatórios são limitados.",
            "Atende, mas poderia ser mais barato.",
            "Ainda falta integração com o nosso ERP.",
        ),
        "detractor": (
            "O sistema trava com frequência.",
            "O suporte demora demais para responder.",
            "Caro para o que entrega.",
            "A implantação foi muito confusa.",
        ),
    },
    "es": {
        "promoter": (
            "Muy fácil de usar y muy completo.",
            "El equipo de soporte es excelente.",
            "Nos ahorra horas cada semana.",
            "Lo recomiendo sin dudar.",
        ),
        "passive": (
            "Está bien, pero los informes son básicos.",
            "Cumple, aunque es algo caro.",
            "Falta integración con nuestras herramientas.",
        ),
        "detractor": (
            "Demasiado lento en las horas pico.",
            "El soporte tarda días en responder.",
            "Pagamos por funciones que no usamos.",
            "La última actualización rompió nuestros informes.",
        ),
    },
}


def generated_nps(customers: Iterable[tuple[str, int]], last_day: int, seed: int) -> Iterator[Produced]:
    """NPS answers of some customers, customer by customer in the order of their ids.

    Args:
        customers: customer id and the day it signed up.
        last_day: no answer is later.
        seed: of the random numbers.
    """
    # Only random() is promised to give the same numbers in every version of Python; choice() is not.
    draw = random.Random(seed).random  # noqa: S311 - made-up data, no secret
    for customer_id, first_day in sorted(customers):
        if draw() < SHARE_ANSWERING:
            yield from _answers(draw, customer_id, first_day, last_day)


def _answers(draw: Uniform, customer_id: str, first_day: int, last_day: int) -> Iterator[Produced]:
    language = _pick(draw, _LANGUAGES)
    leaning = _pick(draw, _LEANINGS)
    day = first_day + _between(draw, _FIRST_AFTER_DAYS)
    number = 1
    while day <= last_day:
        score = min(10, max(0, round(leaning + _SCATTER * (2 * draw() - 1))))
        yield _answer(f"nps:{customer_id}:{number}", customer_id, day, score, _reason(draw, language, score))
        day += _between(draw, _NEXT_AFTER_DAYS)
        number += 1


def _answer(response_id: str, customer_id: str, day: int, score: int, reason: str | None) -> Produced:
    event = SurveyAnswered(
        event_id=response_id,
        customer_id=customer_id,
        occurred_at=day * DAY_MS + _HOUR_OF_ANSWER * HOUR_MS,
        source=GENERATED,
        response_id=response_id,
        survey="nps",
        score=float(score),
        scale_min=0.0,
        scale_max=10.0,
        reason=reason,
    )
    return Produced(registry.SURVEYS.name, event)


def _reason(draw: Uniform, language: str, score: int) -> str | None:
    if draw() >= _SHARE_WITH_REASON:
        return None
    if score <= _DETRACTOR_TO:
        return _pick(draw, REASONS[language]["detractor"])
    return _pick(draw, REASONS[language]["passive" if score <= _PASSIVE_TO else "promoter"])


def _pick(draw: Uniform, choices: Sequence[T]) -> T:
    return choices[int(draw() * len(choices))]


def _between(draw: Uniform, bounds: tuple[int, int]) -> int:
    least, most = bounds
    return least + int(draw() * (most - least + 1))
