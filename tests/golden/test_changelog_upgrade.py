"""The changelogs of earlier releases, recovered by this one: it goes on as if it had folded everything itself."""

from pathlib import Path
from typing import Any

import pytest
from changelog_rig import CHANGELOGS, Tables, codec_of, deliver, read, records, written

from schemas import registry
from streams.app import changelog_specs
from streams.config import Settings

RELEASES = sorted(CHANGELOGS.glob("*.jsonl"))


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


@pytest.mark.parametrize("path", RELEASES, ids=lambda path: path.stem)
def test_what_is_published_after_an_upgrade_is_what_a_fold_from_scratch_publishes(path: Path, scratch: Any) -> None:
    tables, cut = upgraded(path)
    expected, sent = folded_through(cut, scratch)
    assert {topic for topic, log in tables.log.items() if log} >= {registry.METRICS.name, registry.HEALTH.name}
    for topic in expected.log:
        assert tables.log[topic] == expected.log[topic][sent.get(topic, 0) :], topic


@pytest.mark.parametrize("path", RELEASES, ids=lambda path: path.stem)
def test_every_state_after_an_upgrade_is_that_of_a_fold_from_scratch(path: Path, scratch: Any) -> None:
    tables, cut = upgraded(path)
    expected, _ = folded_through(cut, scratch)
    compared = 0
    for name, parts in expected.tables.items():
        for here, there in zip(tables.tables[name], parts, strict=True):
            assert here.meta == there.meta, (name, here.number)
            assert here.states() == there.states(), (name, here.number)
            compared += len(there)
    assert compared > 20


@pytest.mark.parametrize("path", RELEASES, ids=lambda path: path.stem)
def test_the_changelog_of_a_release_has_every_table_it_had(path: Path) -> None:
    _, changelogs = read(path)
    defaults: dict[str, Any] = {}
    names = {spec.name.split("-")[2] for spec in changelog_specs(Settings(**defaults))}
    assert {name for name, _ in changelogs} == names
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
