"""The changelogs of earlier releases, recovered by this one: it goes on as if it had folded everything itself."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from changelog_rig import CHANGELOGS, TablePartition, Tables, codec_of, deliver, read, records, written
from msgspec.structs import replace

from schemas import registry
from schemas.codec import MessageDecoder, encode
from streams.alerts.machine import Watch
from streams.app import changelog_specs
from streams.churn.features import BY_NAME
from streams.churn.policy import ChurnPolicy
from streams.churn.trainer import TrainerMachine
from streams.config import Settings
from streams.engine.states import StateCodec
from streams.metrics.partition import Emitted
from streams.metrics.revenue_state import RevenueState
from streams.scoring.alignment import Alignment
from streams.scoring.card import Card
from streams.scoring.lifts import CARD
from streams.scoring.tallying import Past

pytestmark = pytest.mark.no_cover  # measuring it doubles its time and finds no line that others miss

RELEASES = sorted(CHANGELOGS.glob("*.jsonl"))
#: Tables that a release did not have: they begin with the upgrade.
BEGUN_SINCE = {"0.1.0": {"portfolio"}}
# What is learned is taken up, never made again: this release learns from more features, and takes the notice of leaving
# for the event, so a model that began under an earlier one is another. Everything else must be the same.
LEARNED = {registry.OBSERVATIONS.name, registry.MODELS.name, registry.CHURN.name}
TRAINER = "trainer"
PLACED = {topic.name: topic.message for topic in (registry.HEALTH, registry.UPSELL, registry.ALERTS)}


@pytest.fixture(scope="module")
def scratch() -> dict[int, tuple[Tables, dict[str, int]]]:
    """A fold of everything, by the number of records after which it published; how much it had sent by then."""
    return {}


def folded_through(cut: int, made: dict[int, tuple[Tables, dict[str, int]]]) -> tuple[Tables, dict[str, int]]:
    if cut not in made:
        tables, inputs = Tables(), records()
        tables.fold(inputs[:cut])
        deliver(tables)
        sent = {topic: len(log) for topic, log in tables.log.items()}
        tables.fold(inputs[cut:])
        made[cut] = tables, sent
    return made[cut]


def upgraded(path: Path) -> tuple[Tables, int]:
    """The tables of a release, recovered and folded on; with the number of records it had had."""
    saved, changelogs = read(path)
    tables, cut = Tables(), saved["records"]
    for name, parts in tables.tables.items():
        for part in parts:
            part.recover(changelogs[name, part.number])
    tables.resume(saved)
    tables.fold(records()[cut:])
    return tables, cut


def known(states: dict[str, Any]) -> dict[str, Any]:
    """States without what a release did not keep, and nobody can tell now."""
    return {key: known_of(state) for key, state in states.items()}


def known_of(state: Any) -> Any:
    """Without the ids of forgotten subscriptions, and what cards remember for figures of many customers.

    Nor with the place of a card's newest record: see `said`.
    """
    if isinstance(state, Card):
        return replace(state, past=Past(), version=0)
    if isinstance(getattr(state, "facts", None), RevenueState):
        return replace(state, facts=replace(state.facts, forgotten=[]))
    return state


@pytest.mark.parametrize("path", RELEASES, ids=lambda path: path.stem)
def test_what_is_published_after_an_upgrade_is_what_a_fold_from_scratch_publishes(path: Path, scratch: Any) -> None:
    tables, cut = upgraded(path)
    expected, sent = folded_through(cut, scratch)
    assert {topic for topic, log in tables.log.items() if log} >= {registry.METRICS.name, registry.HEALTH.name}
    for topic in expected.log.keys() - LEARNED - {registry.PORTFOLIO.name}:  # of that one see the next test
        assert said(topic, tables.log[topic]) == said(topic, expected.log[topic][sent.get(topic, 0) :]), topic
    for topic in LEARNED:
        after = expected.log[topic][sent.get(topic, 0) :]
        assert {one.key for one in tables.log[topic]} == {one.key for one in after}, topic


def said(topic: str, log: Sequence[Emitted]) -> list[Emitted]:
    """Messages with the order of their places alone: 0.1.0 sent live values behind all those of a day."""
    if topic not in PLACED:
        return list(log)
    read = MessageDecoder[Any](PLACED[topic])
    found = [(one, read(one.value)) for one in log]
    order = sorted({(one.partition, message.version) for one, message in found})
    ranks = {place: rank for rank, place in enumerate(order)}
    return [
        one._replace(value=encode(replace(message, version=ranks[one.partition, message.version])))
        for one, message in found
    ]


@pytest.mark.parametrize("path", RELEASES, ids=lambda path: path.stem)
def test_figures_of_the_days_after_an_upgrade_are_those_of_a_fold_from_scratch(path: Path, scratch: Any) -> None:
    tables, cut = upgraded(path)
    expected, _ = folded_through(cut, scratch)
    found, there = newest(tables), newest(expected)
    first = min(day for day, _ in found)  # values of its end were sent by the release, without figures added since
    assert len(found) > 20
    assert {key: figures for key, figures in found.items() if key[0] > first} == {
        key: figures for key, figures in there.items() if key[0] > first
    }


def newest(tables: Tables) -> dict[tuple[int, str], Any]:
    """Without the churn of six windows: those before the upgrade ended when there were no figures."""
    return {
        (one.day, one.portfolio): (one.revision, one.reason, replace(one.values, mean_churn_168d={}))
        for one in tables.figures
    }


@pytest.mark.parametrize("path", RELEASES, ids=lambda path: path.stem)
def test_every_state_after_an_upgrade_is_that_of_a_fold_from_scratch(path: Path, scratch: Any) -> None:
    tables, cut = upgraded(path)
    expected, _ = folded_through(cut, scratch)
    compared = 0
    for name, parts in expected.tables.items():
        if name == TRAINER:
            continue
        for here, there in zip(tables.tables[name], parts, strict=True):
            if name in BEGUN_SINCE[path.stem]:
                continue
            metas = [here.meta, there.meta]
            if isinstance(here.meta, Watch):  # but for how many scores were read; as above
                metas = [replace(meta, seen=0) for meta in metas]
            if isinstance(here.meta, Alignment):  # which of its days may hold what the release took in
                closed = max(saved_closed(path, here.number))
                assert (here.meta.older, here.meta.uncosted) == (closed, closed)
                assert (there.meta.older, there.meta.uncosted) == (-1, -1)
                metas = [replace(meta, older=None, uncosted=None) for meta in metas]
            assert metas[0] == metas[1], (name, here.number)
            assert known(here.states()) == known(there.states()), (name, here.number)
            compared += len(there)
    assert compared > 20


def saved_closed(path: Path, number: int) -> list[int]:
    """The last days that a release had closed, by its table of scores."""
    part = TablePartition(number, StateCodec(CARD, Alignment), None, lambda _: None)
    part.recover(read(path)[1]["scoring", number])
    return [*part.meta.closed.values()]


@pytest.mark.parametrize("path", RELEASES, ids=lambda path: path.stem)
def test_what_a_release_had_learned_is_taken_up_and_learned_on(path: Path) -> None:
    saved, changelogs = read(path)
    codec = codec_of(TrainerMachine(ChurnPolicy(), partitions=1))[1]
    before = TablePartition(0, codec, None, lambda _: None)
    before.recover(changelogs[TRAINER, 0])
    (after,) = upgraded(path)[0].tables[TRAINER]
    assert saved["model"] is not None
    assert after.meta.model_version > before.meta.model_version > 0
    assert after.meta.evaluation.labelled > before.meta.evaluation.labelled > 0
    assert after.meta.parameters.learned > before.meta.parameters.learned > 0
    assert [name for name, *_ in after.meta.parameters.constants] == list(BY_NAME)
    ledger = after.meta
    assert ledger.read == ledger.applied + ledger.duplicate + ledger.late + ledger.dead + ledger.own


@pytest.mark.parametrize("path", RELEASES, ids=lambda path: path.stem)
def test_the_changelog_of_a_release_has_every_table_it_had(path: Path) -> None:
    _, changelogs = read(path)
    defaults: dict[str, Any] = {}
    names = {spec.name.split("-")[2] for spec in changelog_specs(Settings(**defaults))}
    assert {name for name, _ in changelogs} == names - BEGUN_SINCE[path.stem]
    assert set(Tables().tables) == names


def test_what_this_release_writes_it_reads() -> None:
    tables, inputs = Tables(), records()[:400]
    tables.fold(inputs)
    deliver(tables)
    again = Tables()
    for name, parts in tables.tables.items():
        for there, here in zip(parts, again.tables[name], strict=True):
            here.recover(written(there))
            assert (here.meta, here.states()) == (there.meta, there.states()), name


def test_every_machine_has_a_table_in_the_rig() -> None:
    with pytest.raises(TypeError):
        codec_of(object())
