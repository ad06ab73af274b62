"""The reference pages say everything the code has, and nothing else: settings, metrics, features, rules, telemetry."""

import re
from dataclasses import fields as dataclass_fields
from typing import Any, get_args

import msgspec
import pytest
from docs_pages import ROOT, named, page, rows, section
from pydantic import SecretStr

from schemas.metrics import Movement, Values
from schemas.scores import FactorName
from streams.alerts.model_rules import MODEL_RULES, ModelEnding
from streams.alerts.own_policy import CHAPTERS, Comparison, OwnRule
from streams.alerts.policy import AlertPolicy
from streams.alerts.rules import Ending, OwnEnding, rules_of
from streams.app import ROLES
from streams.catalogue.page import rendered
from streams.catalogue.registry import catalogue
from streams.churn.features import FEATURES
from streams.churn.policy import ChurnPolicy
from streams.config import Settings
from streams.engine.counters import Counters
from streams.engine.health import Holding
from streams.intake.importer import Importer
from streams.intake.jsonl import JsonLines
from streams.intake.ravenstack import Ravenstack
from streams.metrics.engagement import EngagementWeights
from streams.metrics.profile import parse_profile
from streams.sinks.tables import TABLES
from streams.telemetry import ASKED, COMMIT_AGE, HELD, LAG, LATE, MODEL, TELEMETRY, ModelVitals, Vitals


def shown(default: Any) -> str:
    """A default as the settings page writes it."""
    value = default.get_secret_value() if isinstance(default, SecretStr) else default
    if value is None or value == "":
        return "none"
    return f"`{value:g}`" if isinstance(value, float) and value == int(value) else f"`{value}`"


def test_every_setting_is_documented_as_it_is() -> None:
    groups = re.findall(r"^## (?!What|Profile).+$", page("docs/settings.md"), flags=re.MULTILINE)
    documented = named("\n".join(section(page("docs/settings.md"), group) for group in groups))
    assert documented == {
        f"ZELO_{name.upper()}": [shown(field.default), field.description]
        for name, field in Settings.model_fields.items()
    }


def test_every_variable_named_in_the_documentation_is_a_setting() -> None:
    known = {f"ZELO_{name.upper()}" for name in Settings.model_fields} | {"ZELO_CONFIG", "ZELO_"}
    for path in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        found = set(re.findall(r"\bZELO_[A-Z_]*", path.read_text()))
        assert found <= known, f"{path.name}: {sorted(found - known)}"


def test_the_tables_of_the_metrics_page_are_those_of_the_catalogue() -> None:
    text = page("docs/metrics.md")
    assert text == rendered(text, catalogue()), "run python -m streams.catalogue.generate"


@pytest.mark.parametrize("values", get_args(Values))
def test_every_metric_is_documented_with_its_unit_and_definition(values: type[msgspec.Struct]) -> None:
    domain = str(values.__struct_config__.tag)
    table = section(page("docs/metrics.md"), f"## {domain}").split("\n\n|")[1]
    documented = named("|" + table.split("\n\n")[0])
    assert list(documented) == list(values.__struct_fields__)
    assert all(name and unit and definition for name, unit, _, definition in documented.values())


def test_every_movement_and_factor_and_part_of_the_engagement_score_is_documented() -> None:
    metrics = page("docs/metrics.md")
    movements = get_args(msgspec.structs.fields(Movement)[3].type)
    assert set(movements) <= {row[0].strip("`") for row in rows(section(metrics, "## revenue"))}
    assert set(get_args(FactorName)) < set(named(section(metrics, "## Health score")))
    parts = [row[0] for row in rows(section(metrics, "## usage"))][-5:]
    assert parts == list(EngagementWeights.__struct_fields__)


def test_every_churn_feature_is_documented_as_it_is() -> None:
    documented = rows(section(page("docs/churn.md"), "## Features"))
    assert documented == [
        [
            f"`{f.name}` *" if f.counted else f"`{f.name}`",
            f.unit,
            _range(*f.bounds),
            f.family,
            f.transform,
            f"{f.typical:g}",
            f"{f.scale:g}",
            f"{f.weight:+.2f}",
            f"`{f.raises}`",
            f"`{f.protects}`",
        ]
        for f in FEATURES
    ]


def _range(least: float | None, most: float | None) -> str:
    if least is None:
        return "any"
    return f"from {least:g}" if most is None else f"{least:g} to {most:g}"


def test_the_numbers_of_the_churn_page_are_those_of_the_policy() -> None:
    text, policy = " ".join(page("docs/churn.md").split()), ChurnPolicy()
    for said in (
        f"the horizon ({policy.horizon_days} days)",
        f"({policy.base_rate * 100:g} % by default",
        f"`medium` from {policy.medium_at:g}, `high` from {policy.high_at:g}",
        f"until {policy.min_customers_churned} churned customers",
        f"an odds ratio of at least {policy.least_odds_ratio:g}",
        f"cut at {policy.clip:g}",
        f"newest {policy.calibration_labels} mature labels",
        f"is {policy.calibration_ratio:g} or more, or {1 / policy.calibration_ratio:g} or less",
        f"back within {policy.calibration_back:g}",
        f"confidence {policy.drift_delta:g}",
        f"For {policy.drift_muted_days} days after",
        f"steps of {policy.learning_rate:g}",
        f"faster ({policy.twin_forgetting:g}",
        f"hold {policy.week_labels} labels and {policy.week_positives} leavers",
        f"by more than {policy.promotion_margin * 100:g} %",
        f"more than {policy.least_standard_errors:g} standard errors",
        f"more than {policy.rollback_ratio:g} times",
    ):
        assert said in text, said


def test_every_alert_rule_is_documented_as_it_is() -> None:
    alerts, rules = page("docs/alerts.md"), rules_of(AlertPolicy())
    documented = named(alerts.split("\n## ")[0])
    assert documented == {
        rule.rule: [
            rule.severity,
            f"`{rule.next_step}`",
            "for ever" if rule.cooldown_days is None else f"{rule.cooldown_days} days",
        ]
        for rule in rules
    }
    of_model = {name: cells[0] for name, cells in named(section(alerts, "## The churn model")).items()}
    assert of_model == {rule.rule: rule.severity for rule in MODEL_RULES}
    assert all(f"`{ending}`" in section(alerts, "## The churn model") for ending in get_args(ModelEnding))
    told = "\n".join(section(alerts, f"## `{rule.rule}`") for rule in rules)
    assert all(f"`{ending}`" in told for ending in get_args(Ending))


def test_every_setting_of_a_rule_of_ones_own_is_documented() -> None:
    own = section(page("docs/alerts.md"), "## Rules of your own")
    for name in (*OwnRule.__struct_fields__, *get_args(Comparison), *get_args(OwnEnding), *CHAPTERS):
        assert f"`{name}`" in own, name


def test_the_rules_shown_as_an_example_hold() -> None:
    own = section(page("docs/alerts.md"), "## Rules of your own")
    example = own.split("```toml\n")[1].split("```")[0]
    profile = parse_profile(f"name = 'acme'\nversion = 1\n{example}".encode(), "docs/alerts.md")
    assert [rule.name for rule in profile.alerts.rule] == ["use_fell", "urgent_backlog"]


def test_every_figure_of_a_worker_is_documented_as_it_is() -> None:
    counted = (*TELEMETRY, LAG, LATE, COMMIT_AGE)
    figures = (*counted, *ASKED, *HELD, *MODEL)
    assert [figure.field for figure in MODEL] == [field.name for field in dataclass_fields(ModelVitals)]
    lead = page("docs/telemetry.md").split("\n## ")[0]
    documented = {name: cells for name, cells in named(lead).items() if name.startswith("zelo_")}
    assert documented == {figure.name: [figure.kind, figure.help] for figure in figures}
    counters = {field.name for field in dataclass_fields(Counters)}
    assert {figure.field for figure in counted} <= counters
    assert {figure.field for figure in ASKED} < set(Vitals._fields)
    assert {figure.field for figure in HELD} == set(Holding._fields)


def test_every_page_of_a_worker_is_documented() -> None:
    served = set(re.findall(r'add_get\("(/\w+)"', (ROOT / "streams/page.py").read_text()))
    assert served == {name for name in named(page("docs/telemetry.md").split("\n## ")[0]) if name.startswith("/")}


@pytest.mark.parametrize("importer", [Ravenstack(), JsonLines()], ids=lambda importer: importer.name)
def test_every_rule_of_an_importer_is_documented_as_it_is(importer: Importer) -> None:
    documented = named(section(page("docs/importers.md"), f"## `zelo import {importer.name}`"))
    assert documented == {rule.name: [rule.meaning] for rule in importer.rules}


def test_the_rules_of_the_sample_data_are_counted_in_the_demo_page() -> None:
    demo = page("demo/README.md")
    counted = {name for name in named(demo) if "." not in name and name != "none"}
    unused = set(re.findall(r"`(\w+)`", demo[demo.index("Rules that found nothing") :]))
    assert counted | unused | {"nps_generated"} == {rule.name for rule in Ravenstack().rules}


def test_every_role_is_documented() -> None:
    documented = named(section(page("docs/architecture.md"), "## Three roles"))
    assert list(documented) == list(ROLES)


def test_every_clickhouse_table_is_documented_with_its_key() -> None:
    documented = named(section(page("docs/clickhouse.md"), "## Tables"))
    assert {name: cells[0] for name, cells in documented.items()} == {
        table.name: ", ".join(table.key) for table in TABLES
    }


def test_every_clickhouse_view_of_the_migrations_is_documented() -> None:
    files = sorted((ROOT / "schemas" / "clickhouse").glob("*.sql"))
    made = re.findall(r"CREATE OR REPLACE VIEW (\w+)", "".join(file.read_text() for file in files))
    assert list(named(section(page("docs/clickhouse.md"), "## Views"))) == list(dict.fromkeys(made))
