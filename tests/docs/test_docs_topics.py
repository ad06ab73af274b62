"""docs/topics.md and the README say of every topic what the registry and the types say."""

import msgspec
import pytest
from docs_pages import named, page, rows, section
from schema_words import nested, structs, words, words_out

from schemas.envelope import Event, Heartbeat
from schemas.registry import DEAD_LETTERS, TOPICS, Topic
from streams.engine import guard

PAGE = "docs/topics.md"
INPUTS = [topic for topic in TOPICS if topic.input]
OUTPUTS = [topic for topic in TOPICS if not topic.input and topic.message is not None]
KEPT = {"compact": "newest per key", "delete": "two years"}


def name_of(topic: Topic) -> str:
    return topic.name


def test_every_topic_is_listed_as_it_is() -> None:
    assert named(page(PAGE).split("\n## ")[0]) == {
        topic.name: [topic.key, "you" if topic.input else "Zelo", KEPT[topic.cleanup], topic.summary]
        for topic in TOPICS
    }


def test_the_readme_lists_every_topic() -> None:
    listed = {name: (key, by) for name, (key, by, _) in named(section(page("README.md"), "## Topics")).items()}
    assert listed == {f"zelo.{topic.name}": (topic.key, "you" if topic.input else "Zelo") for topic in TOPICS}


def test_topics_with_a_single_partition_are_said() -> None:
    single = [f"`{topic.name}`" for topic in TOPICS if topic.partitions == 1]
    assert f"but {' and '.join(single)}, which have one" in " ".join(page(PAGE).split())


def test_the_envelope_is_documented_field_by_field() -> None:
    documented = rows(section(page(PAGE), "## Envelope of every input event"))
    assert [row[:3] for row in documented] == [[f"`{f.name}`", f.type, f.if_absent] for f in words(Event)]
    assert all(row[3] for row in documented)


@pytest.mark.parametrize("topic", INPUTS, ids=name_of)
def test_every_input_event_is_documented_field_by_field(topic: Topic) -> None:
    text = section(page(PAGE), f"## `{topic.name}`")
    for tag, struct in structs(topic.message).items():
        if struct is Heartbeat:
            assert "`heartbeat` may stand on any input topic" in " ".join(page(PAGE).split())
            continue
        documented = rows(section(text, f"### `{tag}`"))
        expected = [[f"`{f.name}`", f.type, f.if_absent] for f in words(struct, Event)]
        assert [row[:3] for row in documented] == expected, tag
        assert all(row[3] for row in documented)


@pytest.mark.parametrize("topic", OUTPUTS, ids=name_of)
def test_every_output_message_is_documented_field_by_field(topic: Topic) -> None:
    text = section(page(PAGE), f"## `{topic.name}`")
    for tag, struct in structs(topic.message).items():
        assert_documented(text, f"### `{tag}`", struct)


@pytest.mark.parametrize("topic", OUTPUTS, ids=name_of)
def test_every_part_of_an_output_message_is_documented(topic: Topic) -> None:
    text = section(page(PAGE), "## Parts of messages")
    for name, struct in nested(topic.message).items():
        if not name.endswith("Values"):  # docs/metrics.md has those
            assert_documented(text, f"### `{name}`", struct)


def test_no_message_is_documented_that_is_gone() -> None:
    for topic in TOPICS:
        text = section(page(PAGE), f"## `{topic.name}`")
        headings = [line.strip("# `") for line in text.splitlines() if line.startswith("### ")]
        known = [] if topic.message is None else [t for t in structs(topic.message) if t != "heartbeat"]
        assert headings == known


def test_every_header_of_a_dead_letter_is_documented() -> None:
    documented = set(named(section(page(PAGE), f"## `{DEAD_LETTERS.name}`")))
    poison = guard.Poison(_Record(), "decode", "here", ValueError("no"))
    letter = poison.dead_letter("dead-letters.v1", 0, max_bytes=40_000)
    assert {name for name, _ in letter.headers} | {guard.RETRY_COUNT_HEADER} == documented


class _Record:
    """A record too large to be kept whole."""

    topic = "usage.v1"
    partition = 0
    offset = 7
    key = b"acme"
    value = b"x" * 50_000
    headers = ()
    timestamp = 1


def assert_documented(text: str, heading: str, struct: type[msgspec.Struct]) -> None:
    documented = rows(section(text, heading))
    assert [tuple(row[:2]) for row in documented] == [(f"`{n}`", kind) for n, kind in words_out(struct)], heading
    assert all(row[2] for row in documented), heading
