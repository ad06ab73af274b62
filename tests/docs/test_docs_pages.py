"""Pages hold together: links lead somewhere, Python blocks compile, messages shown are messages of ours."""

import json
import re
from pathlib import Path

import msgspec
import pytest
from docs_pages import PAGES, ROOT, blocks, named, page, section

from schemas.codec import EventDecoder
from schemas.events import UsageEvent
from schemas.scores import HealthScore

IDS = [str(path.relative_to(ROOT)) for path in PAGES]


def anchor(heading: str) -> str:
    """A heading's anchor as GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


@pytest.mark.parametrize("path", PAGES, ids=IDS)
def test_relative_links_lead_somewhere(path: Path) -> None:
    text = re.sub(r"^```.*?^```$", "", path.read_text(), flags=re.MULTILINE | re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"https?:|mailto:", target):
            continue
        file, _, fragment = target.partition("#")
        destination = (path.parent / file).resolve() if file else path
        assert destination.exists(), target
        if fragment:
            headings = re.findall(r"^#+ (.+)$", destination.read_text(), flags=re.MULTILINE)
            assert fragment in map(anchor, headings), target


def test_the_readme_links_every_page() -> None:
    linked = set(re.findall(r"\]\(docs/([\w-]+\.md)\)", section(page("README.md"), "## Documentation")))
    assert linked == {path.name for path in (ROOT / "docs").glob("*.md")}


def test_the_readme_has_a_place_for_what_really_came_out() -> None:
    text = page("README.md")
    for name in ("demo output", "query result", "measured"):
        assert text.index(f"<!-- {name} -->") < text.index(f"<!-- /{name} -->")


@pytest.mark.parametrize("path", PAGES, ids=IDS)
def test_python_blocks_compile(path: Path) -> None:
    for block in blocks(path.read_text(), "python"):
        compile(block.text, f"{path.name}:{block.line}", "exec")


def test_the_score_in_the_readme_is_a_score() -> None:
    (block,) = blocks(page("README.md"), "json")
    shortened = {
        "owner": None,
        "locale": None,
        "segment": None,
        "answer": None,
        "answers": [],
        "figures": {},
        **json.loads(block.text),
    }
    score = msgspec.convert(shortened, HealthScore)
    assert set(shortened) == set(HealthScore.__struct_fields__)
    for factor in score.factors:
        assert factor.earned == pytest.approx(factor.weight * (factor.value or 0), abs=1e-6)


def test_the_event_sent_with_kcat_in_the_readme_is_one_we_take() -> None:
    (event,) = re.findall(r"echo '(\{.*\})' \\\n.*-t zelo\.usage\.v1 -k acme", page("README.md"))
    decode = EventDecoder[UsageEvent](UsageEvent)
    assert decode(b"acme", event.encode(), (), now_ms=1_800_000_000_000).customer_id == "acme"


def test_the_events_table_of_the_demo_page_adds_up_to_the_report() -> None:
    report = json.loads((ROOT / "tests" / "golden" / "ravenstack_report.json").read_text())["report"]
    files = {name: cells[0].replace(",", "") for name, cells in named(page("demo/README.md")).items()}
    assert {name: int(files[name]) for name in report["rows"]} == report["rows"]
    used = {name: rule["count"] for name, rule in report["rules"].items() if rule["count"]}
    assert {name: int(files[name]) for name in used if name != "nps_generated"} == {
        name: count for name, count in used.items() if name != "nps_generated"
    }
