"""Generated NPS answers are marked, repeatable, inside the data's time and of every kind and language."""

from schemas.envelope import epoch_ms
from schemas.events import SurveyAnswered
from streams.intake.gate import Gate
from streams.intake.generated_nps import REASONS, SHARE_ANSWERING, generated_nps
from streams.metrics.days import Days

CUSTOMERS = [(f"c{number:04}", 19_400 + number % 300) for number in range(1000)]
LAST_DAY = 20_088


def answers(seed: int = 1) -> list[SurveyAnswered]:
    found = [item.event for item in generated_nps(CUSTOMERS, LAST_DAY, seed)]
    assert all(isinstance(event, SurveyAnswered) for event in found)
    return found  # type: ignore[return-value]


def test_every_answer_is_marked_as_generated() -> None:
    assert {answer.source for answer in answers()} == {"generated"}


def test_the_same_seed_gives_the_same_answers_in_any_order_of_customers() -> None:
    assert list(generated_nps(CUSTOMERS, LAST_DAY, 7)) == list(generated_nps(reversed(CUSTOMERS), LAST_DAY, 7))
    assert answers(7) != answers(8)


def test_about_the_stated_share_of_customers_answers() -> None:
    share = len({answer.customer_id for answer in answers()}) / len(CUSTOMERS)
    assert abs(share - SHARE_ANSWERING) < 0.05


def test_answers_lie_between_signup_and_the_last_day() -> None:
    first_days = dict(CUSTOMERS)
    days = Days()
    assert all(first_days[a.customer_id] < days.of(epoch_ms(a.occurred_at)) <= LAST_DAY for a in answers())


def test_answers_pass_the_gate_and_have_ids_of_their_own() -> None:
    items = list(generated_nps(CUSTOMERS, LAST_DAY, 1))
    Gate().check(items)
    assert len({item.event.event_id for item in items}) == len(items)


def test_reasons_fit_the_score_and_come_in_each_language_for_each_class() -> None:
    classes = {"detractor": range(7), "passive": range(7, 9), "promoter": range(9, 11)}
    kind_of = {
        text: (language, kind) for language, kinds in REASONS.items() for kind, ts in kinds.items() for text in ts
    }
    seen = set()
    for answer in answers():
        if answer.reason is not None:
            language, kind = kind_of[answer.reason]
            assert int(answer.score) in classes[kind]
            seen.add((language, kind))
    assert seen == {(language, kind) for language in ("en", "pt", "es") for kind in classes}


def test_nobody_answers_after_the_data_end() -> None:
    assert list(generated_nps([("c", 20_000)], 19_999, 1)) == []
