import json
from pathlib import Path

import pytest
from cli_rig import Zelo, clean_environment, command_line

SET = {
    "type": "subscription_set",
    "customer_id": "a",
    "subscription_id": "s",
    "amount_minor": 10_000,
    "currency": "EUR",
}


@pytest.fixture
def zelo(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Zelo:
    clean_environment(monkeypatch)
    return command_line(monkeypatch, capsys)


def events(tmp_path: Path, *more: str) -> str:
    lines = [
        {**SET, "event_id": "1", "occurred_at": "2024-01-05T00:00:00Z"},
        {**SET, "event_id": "2", "occurred_at": "2024-02-05T00:00:00Z", "subscription_id": "m", "metered": True},
        {
            "type": "feature_used",
            "event_id": "3",
            "customer_id": "a",
            "occurred_at": "2024-02-05T00:00:00Z",
            "feature": "f",
        },
    ]
    path = tmp_path / "events.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines) + "".join(more))
    return str(path)


def test_compare_shows_a_month_side_by_side_and_the_policy_behind_what_differs(zelo: Zelo, tmp_path: Path) -> None:
    shown = zelo("revenue", "compare", events(tmp_path))
    assert shown.status == 0, shown.err
    assert "profitwell: metered = included" in shown.out
    assert "2024-02 EUR figure default chartmogul baremetrics profitwell" in shown.out
    assert "mrr_minor €100.00 €100.00 €100.00 €200.00" in shown.out
    assert "nrr 100.0% 100.0% 100.0% 200.0%" in shown.out
    assert "quick_ratio – – – –" in shown.out
    assert "customers 1 1 1 1" in shown.out
    assert "profitwell: metered changes mrr_minor, expansion_minor, nrr, nrr_movements, arpa_minor" in shown.out
    assert "baremetrics: past_due_days changes" not in shown.out


def test_compare_as_json_has_the_policies_the_figures_and_the_differences(zelo: Zelo, tmp_path: Path) -> None:
    found = json.loads(zelo("revenue", "compare", events(tmp_path, "no event\n"), "--json").out)
    assert (found["customers"], found["bad_rows"]) == (1, 1)
    assert found["policies"]["baremetrics"]["past_due_days"] == 30
    assert [line["mrr_minor"] for line in found["figures"]["profitwell"]] == [10_000, 20_000]
    first = found["differences"][0]
    assert (first["preset"], first["month"], first["default"], first["value"]) == (
        "profitwell",
        "2024-02",
        10_000,
        20_000,
    )
    assert first["causes"] == ["metered"]


def test_compare_names_the_lines_it_could_not_read(zelo: Zelo, tmp_path: Path) -> None:
    shown = zelo("revenue", "compare", events(tmp_path, "no event\n"))
    assert "events.jsonl:4:" in shown.err


def test_compare_of_a_file_without_billing_says_so(zelo: Zelo, tmp_path: Path) -> None:
    path = tmp_path / "none.jsonl"
    path.write_text("")
    assert "no billing events" in zelo("revenue", "compare", str(path)).out


def test_compare_of_a_file_that_is_not_there_names_it(zelo: Zelo, tmp_path: Path) -> None:
    stopped = zelo("revenue", "compare", str(tmp_path / "gone.jsonl"))
    assert stopped.status == 2
    assert "gone.jsonl" in stopped.err


def test_compare_reads_the_sample_data_and_cuts_no_name_of_a_figure(zelo: Zelo) -> None:
    sample = str(Path(__file__).parents[2] / "demo" / "ravenstack")
    shown = zelo("revenue", "compare", sample, "--format", "ravenstack")
    assert shown.status == 0
    assert "2024-12 USD" in shown.out
    assert "currency_change_minor" in shown.out
    assert "…" not in shown.out
