"""A card that stores each value once means what one means that keeps every instant whole."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from schemas.metrics import AccountValues, FeedbackValues, MetricValues, NpsAnswer, UsageValues, Values
from streams.engine.states import ShapeCodec
from streams.metrics.days import DAY_MS
from streams.scoring.card import Card
from streams.scoring.lifts import CARD
from streams.scoring.stored import NUMBERS, pack

FIRST = 19_700
CODEC = ShapeCodec[Card](CARD, "a card")
ANSWER = NpsAnswer(response_id="r", event_id="e", score=9, nps_class="promoter", answered_at=7)

Said = tuple[bytes, int, str | None, bool]  # values, instant, event, restated


class Whole:
    """A card that copies: what one says in the words of its definition."""

    def __init__(self) -> None:
        self.newest: dict[int, Said] = {}
        self.waiting: dict[int, dict[int, Said]] = {}
        self.aligned: dict[int, Said] = {}

    def take(self, message: MetricValues, aligned: int | None) -> None:
        number = NUMBERS[str(message.values.__struct_config__.tag)]
        packed, known = pack(message.values), self.newest.get(number)
        restated = message.revision > 0
        if known is not None and known[1] == message.as_of:
            restated |= known[3] or known[0] != packed
        said = packed, message.as_of, message.event_id, restated
        if known is None or message.as_of >= known[1]:
            self.newest[number] = said
        if message.kind == "day" and message.revision == 0 and (aligned is None or message.day > aligned):
            self.waiting.setdefault(message.day, {})[number] = said

    def align(self, day: int) -> None:
        for past in sorted(past for past in self.waiting if past <= day):
            self.aligned |= self.waiting.pop(past)

    def is_settled(self, end: int) -> bool:
        if max(said[1] for said in self.newest.values()) != end or self.newest.keys() != self.aligned.keys():
            return False
        pairs = [(said, self.aligned[number]) for number, said in self.newest.items()]
        return all(not new[3] and not old[3] and (new[0], new[2]) == (old[0], old[2]) for new, old in pairs)


VALUES: st.SearchStrategy[Values] = st.one_of(
    st.builds(UsageValues, events_28d=st.integers(0, 1)),
    st.builds(AccountValues, name=st.sampled_from("ab")),
    st.builds(
        FeedbackValues,
        last_nps=st.sampled_from([None, ANSWER]),
        recent_nps=st.sampled_from([[], [ANSWER], [ANSWER, ANSWER]]),
    ),
)


@st.composite
def messages(draw: st.DrawFn) -> MetricValues:
    day, of_day = FIRST + draw(st.integers(0, 3)), draw(st.booleans())
    return MetricValues(
        customer_id="c",
        kind="day" if of_day else "live",
        as_of=(day + 1) * DAY_MS - (0 if of_day else draw(st.integers(0, 1))),
        day=day,
        values=draw(VALUES),
        revision=draw(st.sampled_from([0, 0, 0, 1])) if of_day else 0,
        event_id=draw(st.sampled_from([None, "x", "y"])),
    )


@given(st.lists(st.one_of(messages(), st.just("align"), st.just("recover")), max_size=20))
def test_every_instant_of_a_card_is_that_of_one_that_copies(steps: list[MetricValues | str]) -> None:
    card, whole, aligned = Card(), Whole(), None
    for step in steps:
        match step:
            case "align":
                aligned = FIRST if aligned is None else aligned + 1
                whole.align(aligned)
                assert card.align(aligned) == bool(whole.aligned)
            case "recover":
                card = CODEC.decode(CODEC.encode(card))
            case MetricValues():
                card.take(step, aligned)
                whole.take(step, aligned)
        assert said(card.newest) == whole.newest
        assert said(card.aligned) == whole.aligned
        resolved = {day: {n: held or card.newest[n] for n, held in one.items()} for day, one in card.waiting.items()}
        assert {day: said(held) for day, held in resolved.items()} == whole.waiting
        if card.newest:
            ends = {held.as_of for held in card.newest.values()}
            assert [card.is_settled(end) for end in ends] == [whole.is_settled(end) for end in ends]


def said(held: dict[int, Any]) -> dict[int, Said]:
    return {number: (one.packed, one.as_of, one.event_id, one.restated) for number, one in held.items()}
