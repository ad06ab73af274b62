"""`zelo churn evaluate` and `zelo import crm5 --output`: figures, curves, order of lines, errors in words."""

import gzip
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cli_rig import Zelo, clean_environment, command_line
from crm5_files import write
from ravenstack_files import read_files

from streams.app import profile_of
from streams.backtest.churn import baselines
from streams.backtest.churn.baselines import BOOSTER, LOGISTIC
from streams.backtest.churn.sample import Booleans
from streams.cli.churn_evaluate import History, lived
from streams.config import load_settings
from streams.metrics.days import DAY_MS

FIRST = 19_723  # 2024-01-01
_DAYS = 260
Line = dict[str, Any]


@pytest.fixture
def zelo(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Zelo:
    clean_environment(monkeypatch)
    return command_line(monkeypatch, capsys)


def company(leaves: Callable[[int], int | None] = lambda n: 30 + 12 * n if n % 2 else None) -> list[Line]:
    """Sixteen customers; those with odd numbers leave, one after the other, and stop using the product before."""
    lines: list[Line] = []

    def say(customer: int, day: int, **event: object) -> None:
        said = {"event_id": f"e{len(lines)}", "customer_id": f"c{customer}", **event}
        lines.append({**said, "occurred_at": (FIRST + day) * DAY_MS + customer})

    for customer in range(16):
        terms: Line = {"subscription_id": "s", "amount_minor": 9_900, "currency": "EUR"}
        say(customer, 0, type="subscription_set", **terms)
        end = leaves(customer)
        for day in range(customer % 3, _DAYS if end is None else max(end - 20, 1), 3):
            say(customer, day, type="feature_used", feature="f", user_id="u")
        if end is not None:
            say(customer, end, type="subscription_ended", subscription_id="s")
    say(0, _DAYS, type="account_set", name="Acme")
    return sorted(lines, key=lambda line: line["occurred_at"])


def written(path: Path, lines: list[Line]) -> str:
    content = "".join(json.dumps(line) + "\n" for line in lines).encode()
    path.write_bytes(gzip.compress(content) if path.name.endswith(".gz") else content)
    return str(path)


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> str:
    return written(tmp_path_factory.mktemp("events") / "events.jsonl.gz", company())


def test_json_has_every_figure_of_every_model_with_intervals_and_curves(zelo: Zelo, events: str) -> None:
    done = zelo("churn", "evaluate", events, "--json")
    assert done.status == 0, done.err
    found = json.loads(done.out)
    assert (found["events"], found["bad_lines"], found["horizon_days"]) == (len(company()), 0, 30)
    whole, judged, start = found["whole"], found["judged"], found["start"]
    assert whole["snapshots"] == judged["snapshots"] + start["snapshots"]
    assert (whole["customers"], whole["customers_churned"]) == (16, 8)
    models = ["model", "constant", LOGISTIC, BOOSTER]
    for part in (whole, judged, start):
        assert list(part["models"]) == models
        assert list(part["against"]) == models[1:]
    figures = judged["models"]["model"]
    assert list(figures) == ["roc_auc", "pr_auc", "log_loss", "brier", "ece", "ratio", "top_decile", "top_ratio"]
    assert all(one["low"] <= one["value"] <= one["high"] for one in figures.values())
    assert figures["roc_auc"]["value"] > 0.7
    assert [target["name"] for target in found["targets"]][:2] == [
        "ROC AUC less the better opponent's",
        "log loss over the better opponent's",
    ]
    assert sum(one["snapshots"] for one in found["reliability"]["model"]) == judged["snapshots"]
    assert [point["share"] for point in found["lift"]] == pytest.approx([n / 20 for n in range(21)])
    assert found["lift"][-1]["found"] == {name: 1.0 for name in models if name != "constant"}
    assert [period["since"] for period in found["periods"]][:2] == ["2024-01-07", "2024-03-03"]
    assert found["without"] == []
    assert list(found["horizons"]) == ["60", "90"]
    for part in found["horizons"].values():
        assert list(part["models"]) == ["model", "constant hazard"]
        assert part["positives"] > judged["positives"]


def test_no_label_is_measured_before_its_window_has_passed(events: str, monkeypatch: pytest.MonkeyPatch) -> None:
    clean_environment(monkeypatch)
    settings = load_settings()
    history = lived(settings, profile_of(settings), Path(events))
    model = history.rehearsal.model()
    sample = history.collected.sample(model.trained_through)
    assert int(sample.day.max()) + sample.horizon_days <= model.trained_through
    assert (len(sample), int(sample.churned.sum())) == (model.quality.labelled, model.quality.positives)
    early = history.collected.sample(model.trained_through + sample.horizon_days)
    assert early.churned[len(sample) :].all()  # who left, and nobody that stays


def test_a_boosted_challenger_is_compared_and_changes_no_label(events: str, monkeypatch: pytest.MonkeyPatch) -> None:
    clean_environment(monkeypatch)
    settings = load_settings()
    alone, beside = (lived(settings, profile_of(settings), Path(events), boosted) for boosted in (False, True))
    through = beside.rehearsal.model().trained_through
    said, same = (history.collected.sample(through) for history in (alone, beside))
    assert np.array_equal(said.probability, same.probability)
    assert np.array_equal(said.churned, same.churned)
    booster = next(one for one in beside.rehearsal.model().challengers if one.kind == "booster")
    assert booster.labelled > 0
    assert all(one.kind != "booster" for one in alone.rehearsal.model().challengers)


def labels_of(history: History, days: int) -> Booleans:
    through = FIRST + _DAYS
    return (history.collected.sample(through) if days == 30 else history.longer.mature(days, through)).churned


def test_a_customer_that_is_none_is_censored_from_the_day_it_is_said(
    events: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Customer 11 leaves on day 162: no one who was known as a test by then, and no example from then on."""
    lines = company()
    said: Line = {"event_id": "none", "customer_id": "c11", "type": "account_set", "name": "We", "segment": "test"}
    lines.append({**said, "occurred_at": (FIRST + 120) * DAY_MS})
    clean_environment(monkeypatch)
    settings = load_settings()
    profile = profile_of(settings)
    real = lived(settings, profile, Path(events))
    path = written(tmp_path / "events.jsonl", sorted(lines, key=lambda line: line["occurred_at"]))
    none = lived(settings, profile, Path(path))
    assert none.rehearsal.model().counts["censored"] == 5  # Sundays 90 to 118: their windows were not over before
    for days in (30, 60, 90):
        with_it, without = (labels_of(history, days) for history in (real, none))
        assert len(without) < len(with_it)
        assert without.sum() < with_it.sum()


def test_tables_say_the_sample_size_the_targets_and_how_it_was_measured(zelo: Zelo, events: str) -> None:
    done = zelo("churn", "evaluate", events)
    assert done.status == 0, done.err
    assert "from 8 customers that were lost (the sample size)" in done.out
    assert "After the first 120 days" in done.out
    assert "First 120 days, no history behind them" in done.out
    assert "model less small LightGBM: ROC AUC" in done.out
    assert "at least -0.01" in done.out
    assert "0.9 to 1.15" in done.out
    assert "met, within chance" in done.out  # of eight customers that were lost
    assert "Within 60 days, after the first 120 days" in done.out
    assert "model less constant hazard: ROC AUC" in done.out
    assert "Every snapshot was scored before anything of its day was learned" in done.out
    assert "nothing was published or stored" in done.out


def test_lines_in_any_order_give_the_same(zelo: Zelo, events: str, tmp_path: Path) -> None:
    lines = company()
    random.Random(4).shuffle(lines)
    shuffled = zelo("churn", "evaluate", written(tmp_path / "shuffled.jsonl", lines), "--json")
    assert shuffled.status == 0, shuffled.err
    assert shuffled.out == zelo("churn", "evaluate", events, "--json").out


def test_bad_lines_and_times_to_come_are_left_out_and_told(zelo: Zelo, tmp_path: Path) -> None:
    lines = company()
    future: Line = {**lines[-1], "event_id": "later", "occurred_at": "2099-01-01T00:00:00Z"}
    path = Path(written(tmp_path / "events.jsonl", [*lines[:5], {"type": "what"}, *lines[5:], future]))
    path.write_bytes(path.read_bytes() + b"{\n" * 6)
    done = zelo("churn", "evaluate", str(path))
    assert done.status == 0, done.err
    assert f"{len(lines):,} events, 8 bad lines left out" in done.out
    assert "events.jsonl:6 row:" in done.out
    assert "later:0 occurred_at: expected the past, got a time to come" in done.out
    random.Random(4).shuffle(lines)
    again = zelo("churn", "evaluate", written(path, [*lines, {"type": "what"}]), "--json")
    assert json.loads(again.out)["bad_lines"] == 1


def test_the_folder_gets_figures_and_curves(zelo: Zelo, events: str, tmp_path: Path) -> None:
    done = zelo("churn", "evaluate", events, "--json", "--output", str(tmp_path / "new" / "folder"))
    assert done.status == 0, done.err
    made = {file.name: file.read_text() for file in (tmp_path / "new" / "folder").iterdir()}
    assert json.loads(made.pop("evaluation.json")) == json.loads(done.out)
    assert set(made) == {"reliability.svg", "lift.svg", "auc.svg"}
    for name, said in {"reliability.svg": "share lost", "lift.svg": "positives found", "auc.svg": "2024-01-07"}.items():
        assert made[name].startswith("<?xml") or made[name].startswith("<svg")
        assert said in made[name]
        assert LOGISTIC in made[name]


def test_without_the_extra_the_tables_say_so(zelo: Zelo, events: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(baselines, "find_spec", lambda name: None)
    done = zelo("churn", "evaluate", events)
    assert done.status == 0, done.err
    assert "without small LightGBM: lightgbm is not installed (pip install 'zelo[bench]')" in done.out
    assert "without batch logistic regression: sklearn is not installed" in done.out
    assert "less the better opponent's" not in done.out


def test_a_short_history_has_no_later_part_and_no_line_over_time(zelo: Zelo, tmp_path: Path) -> None:
    lines = [line for line in company() if line["occurred_at"] < (FIRST + 75) * DAY_MS]
    path = written(tmp_path / "events.jsonl", lines)
    done = zelo("churn", "evaluate", path, "--json", "--output", str(tmp_path / "out"))
    assert done.status == 0, done.err
    found = json.loads(done.out)
    assert found["judged"] is None
    assert found["start"] == found["whole"]
    assert {file.name for file in (tmp_path / "out").iterdir()} == {"reliability.svg", "lift.svg", "evaluation.json"}
    tables = zelo("churn", "evaluate", path)
    assert "After the first" not in tables.out


@pytest.mark.parametrize(
    "lines,said",
    [
        ([], "expected events in"),
        ([{"type": "what"}], "expected events in"),
        (company(lambda n: None)[:60], "expected snapshots whose 30 days have passed, found none"),
        (
            company(lambda n: n if n in {8, 9} else None)[:60],
            "expected snapshots whose 30 days have passed, found none",
        ),
        (company(lambda n: None), "expected customers that leave, found none among"),
        (company(lambda n: 22), "expected customers that stay, found none among"),
    ],
)
def test_what_cannot_be_measured_is_said_in_words(zelo: Zelo, tmp_path: Path, lines: list[Line], said: str) -> None:
    done = zelo("churn", "evaluate", written(tmp_path / "events.jsonl", lines))
    assert done.status == 2
    assert said in done.err


def test_a_missing_file_and_a_folder_that_cannot_be_written_are_errors_in_words(
    zelo: Zelo, events: str, tmp_path: Path
) -> None:
    missing = zelo("churn", "evaluate", str(tmp_path / "none.jsonl"))
    assert (missing.status, "expected a file or a directory" in missing.err) == (2, True)
    (tmp_path / "file").write_text("")
    refused = zelo("churn", "evaluate", events, "--output", str(tmp_path / "file" / "below"))
    assert (refused.status, "--output: expected a folder to write to" in refused.err) == (2, True)
    (tmp_path / "out" / "lift.svg").mkdir(parents=True)
    refused = zelo("churn", "evaluate", events, "--output", str(tmp_path / "out"))
    assert (refused.status, "--output: expected a folder to write to" in refused.err) == (2, True)


@pytest.mark.parametrize("name", ["events.jsonl", "events.jsonl.gz"])
def test_crm5_is_written_as_events_that_can_be_read_again_and_the_same_bytes_every_time(
    zelo: Zelo, tmp_path: Path, name: str
) -> None:
    write(tmp_path, [(7, "2022-01-15", "search", 3), (7, "2022-01-15", "quote", 0)])
    done = None
    for target in ("first", "second"):
        (tmp_path / target).mkdir()
        done = zelo("import", "crm5", str(tmp_path), "--output", str(tmp_path / target / name))
        assert done.status == 0, done.err
    assert done is not None
    assert "3 events, 1 bad rows" in done.out
    assert "daily_counts.parquet:2 n: expected a whole number of at least 1, got 0" in done.out
    first, second = ((tmp_path / target / name).read_bytes() for target in ("first", "second"))
    assert first == second
    lines = (gzip.decompress(first) if name.endswith(".gz") else first).splitlines()
    assert [json.loads(line)["type"] for line in lines] == ["account_set", "subscription_set", "feature_used"]
    again = zelo("churn", "evaluate", str(tmp_path / "first" / name))
    assert "expected snapshots whose 30 days have passed" in again.err


def test_the_sample_data_are_written_as_events_that_can_be_evaluated(zelo: Zelo, tmp_path: Path) -> None:
    events, report = read_files(tmp_path)
    path = tmp_path / "events.jsonl"
    done = zelo("import", "ravenstack", str(tmp_path), "-o", str(path))
    assert done.status == 0, done.err
    assert f"{report.event_count:,} events, 0 bad rows" in done.out
    lines = [json.loads(line) for line in path.read_bytes().splitlines()]
    assert [line["type"] for line in lines if line["source"] == "ravenstack"] == [
        str(event.__struct_config__.tag) for event in events
    ]
    evaluated = zelo("churn", "evaluate", str(path))
    assert "expected snapshots whose 30 days have passed" in evaluated.err  # it was read: one customer, some days


def test_crm5_needs_a_share_and_a_place_to_write(zelo: Zelo, tmp_path: Path) -> None:
    write(tmp_path)
    refused = zelo("import", "crm5", str(tmp_path), "--share", "2")
    assert (refused.status, "share of the customers above 0" in refused.err) == (2, True)
    refused = zelo("import", "crm5", str(tmp_path), "-o", str(tmp_path / "no" / "events.jsonl"))
    assert (refused.status, "expected a file that can be written" in refused.err) == (2, True)


def test_a_figure_without_an_end_is_told_as_undefined(zelo: Zelo, tmp_path: Path) -> None:
    """A tenth, riskiest of all, that holds no leaver: the predicted over the observed is no number."""
    lines = company(lambda n: 230 if n == 15 else None)
    done = zelo("churn", "evaluate", written(tmp_path / "events.jsonl", lines))
    assert done.status == 0, done.err
    assert "inf" not in done.out
