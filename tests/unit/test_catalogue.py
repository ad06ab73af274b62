"""The catalogue says everything there is to say of every published figure, and nothing that is not so."""

import pkgutil
import re
from typing import Any, Literal, get_args, get_origin

import msgspec
import pytest

from schemas.metrics import AccountValues, FeedbackValues, SpendValues, SupportValues, UsageValues, Values
from schemas.scores import ComponentName, FactorName
from streams.catalogue.judging import wrong
from streams.catalogue.metric import Metric
from streams.catalogue.page import definition, rendered
from streams.catalogue.policies import setting, switches
from streams.catalogue.registry import CHAPTERS, Catalogue, catalogue, read_chapter
from streams.catalogue.sources import topic_of, topics_by_type
from streams.catalogue.units import Range, parse_range
from streams.metrics.profile import BUILT_IN, Profile, load_profile
from streams.sinks.tables import TABLES

METRICS = catalogue().metrics
DOMAINS = {str(values.__struct_config__.tag): values for values in get_args(Values)}
TABLE_COLUMNS = {table.name: set(table.column_names) for table in TABLES}


def fields(domain: str) -> dict[str, Any]:
    return {field.name: field.type for field in msgspec.structs.fields(DOMAINS[domain])}


def bare(annotation: Any) -> tuple[Any, bool]:
    """A field's type without None, and whether None was in it."""
    parts = [part for part in get_args(annotation) if part is not type(None)]
    if type(None) in get_args(annotation):
        return (parts[0] if len(parts) == 1 else annotation), True
    return annotation, False


@pytest.mark.parametrize("domain", DOMAINS)
def test_every_published_value_is_in_the_catalogue_and_nothing_else(domain: str) -> None:
    known, published = [metric.id for metric in catalogue().of(domain)], list(fields(domain))
    assert [name for name in published if name not in known] == [], f"write them into entries/{domain}.toml"
    assert [name for name in known if name not in published] == [], f"take them out of entries/{domain}.toml"
    assert known == published, f"the order of entries/{domain}.toml is not that of the struct"


def test_every_factor_of_health_is_in_the_catalogue() -> None:
    assert [metric.part for metric in catalogue().of("health") if metric.part] == list(get_args(FactorName))


def test_every_component_of_upsell_readiness_is_in_the_catalogue() -> None:
    assert [metric.part for metric in catalogue().of("upsell") if metric.part] == list(get_args(ComponentName))


def test_names_are_there_in_three_languages() -> None:
    for metric in METRICS:
        titles = msgspec.structs.asdict(metric.title)
        assert all(title.strip() == title and len(title) > 1 for title in titles.values()), metric.name
        assert [metric.title.in_language(language) for language in ("en", "pt", "es")] == list(titles.values())


def test_names_tell_figures_of_a_domain_apart() -> None:
    for language in ("en", "pt", "es"):
        named = [(metric.domain, metric.title.in_language(language)) for metric in METRICS]
        assert sorted({pair for pair in named if named.count(pair) > 1}) == []


@pytest.mark.parametrize("metric", [m for m in METRICS if m.domain in DOMAINS], ids=lambda metric: metric.name)
def test_unit_null_rule_and_names_fit_the_type(metric: Metric) -> None:
    annotation, nullable = bare(fields(metric.domain)[metric.id])
    assert nullable == (metric.null is not None)
    assert (annotation is bool) == (metric.unit == "yes or no")
    assert (annotation is int and metric.id.endswith("_at")) == (metric.unit == "instant")
    assert (annotation is str or get_origin(annotation) is Literal) == (metric.unit in ("name", "text"))
    if get_origin(annotation) is Literal:
        assert metric.one_of == get_args(annotation)
    if metric.id.endswith("_minor"):
        assert metric.unit == ("money" if annotation is int else "money by currency")


def test_every_figure_of_a_customer_stands_where_it_says() -> None:
    for metric in METRICS:
        for table in () if metric.portfolio else filter(None, (metric.table, metric.newest)):
            assert metric.column is None or metric.column in TABLE_COLUMNS[table], metric.name


def test_every_figure_of_many_customers_stands_in_a_view_of_its_chapter() -> None:
    for name, chapter in catalogue().chapters.items():
        if chapter.views:
            assert {metric.table for metric in catalogue().of(name)} == set(chapter.views)
        else:
            assert chapter.table


def test_events_exist() -> None:
    for event in {event for metric in METRICS for event in metric.events}:
        assert topic_of(event).endswith(".v1")


def test_every_type_of_event_is_the_source_of_a_figure() -> None:
    assert set(topics_by_type()) - {event for metric in METRICS for event in metric.events} == set()


@pytest.mark.parametrize("name", BUILT_IN)
def test_settings_exist_in_every_profile(name: str) -> None:
    profile = load_profile(name)
    for path in {path for metric in METRICS for path in metric.policy}:
        setting(profile, path)


def test_what_computes_a_figure_exists() -> None:
    for code in {metric.code for metric in METRICS}:
        assert pkgutil.resolve_name(code) is not None


#: They choose between figures that the views show both of; only `zelo revenue compare` reads them.
BETWEEN_FIGURES = {"revenue.free_customers", "revenue.same_period_joiners"}


def test_every_setting_of_a_profile_is_named_by_a_figure_it_changes() -> None:
    named = {path for metric in METRICS for path in metric.policy}
    idle = [
        switch
        for switch in switches(Profile(name="all", version=1))
        if switch not in BETWEEN_FIGURES
        and not switch.startswith("alerts.")  # they change no figure, but who is told
        and not any(switch == path or switch.startswith(f"{path}.") for path in named)
    ]
    assert idle == [], "name them in `policy` of the figures they change"


def test_definitions_read_on_in_a_table() -> None:
    for metric in METRICS:
        for said in filter(None, (metric.definition, metric.null)):
            assert said == said.strip(), metric.name
            assert not said.endswith("."), metric.name
            assert "\n" not in said, metric.name
        assert metric.null is None or not metric.null.startswith("null"), metric.name


def test_columns_defined_elsewhere_are_defined() -> None:
    ids = {metric.id for metric in METRICS}
    for chapter in catalogue().chapters.values():
        assert {column for columns in chapter.also.values() for column in columns} <= ids
        assert {like.of for like in chapter.alike.values()} <= set(chapter.views)


def test_a_window_knows_its_days() -> None:
    days = {
        name: catalogue().named(name)[0].days(100) for name in ("active_users_1d", "events_28d", "mrr_28d_ago_minor")
    }
    assert days == {"active_users_1d": (100, 100), "events_28d": (73, 100), "mrr_28d_ago_minor": (None, 72)}


def test_a_name_is_found_by_id_and_by_domain() -> None:
    assert [metric.domain for metric in catalogue().named("plan")] == ["revenue", "account"]
    assert [metric.domain for metric in catalogue().named("account.seats")] == ["account"]
    assert catalogue().named("account.sits") == ()
    assert "seats" in catalogue().near("account.seast")
    assert catalogue().near("qqqqqqqq") == []


@pytest.mark.parametrize(
    "text, said",
    [
        (b"formula = 'here'", "chapter x: Object missing required field `code`"),
        (b"formula = [", "chapter x: "),
        (b"formula = 'f1'\ncode = 'c1'\n[metrics]", "chapter x: "),
        (
            b"formula='f1'\ncode='c1'\n[metrics.a]\ntitle={en='aa',pt='aa',es='aa'}\nunit='kg'\nwindow='now'\n"
            b"definition='what'",
            "chapter x: expected a unit among answers, ",
        ),
        (
            b"formula='f1'\ncode='c1'\n[metrics.a]\ntitle={en='aa',pt='aa',es='aa'}\nunit='users'\nwindow='28'\n"
            b"definition='what'",
            "window",
        ),
        (
            b"formula='f1'\ncode='c1'\n[metrics.a]\ntitle={en='aa',pt='aa'}\nunit='users'\nwindow='now'\n"
            b"definition='what'",
            "missing required field `es`",
        ),
        (
            b"formula='f1'\ncode='c1'\n[metrics.a]\ntitle={en='aa',pt='aa',es='aa'}\nunit='users'\nwindow='now'\n"
            b"definition='what'\nrange='1..0'",
            "expected the lower end of a range first, got '1..0'",
        ),
    ],
)
def test_a_wrong_entry_is_an_error_that_says_where(text: bytes, said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        read_chapter(text, "x")


def test_a_range_that_is_none_is_an_error() -> None:
    with pytest.raises(ValueError, match=re.escape("expected a range like 0..1, 0.. or .., got '0-1'")):
        parse_range("0-1")
    assert parse_range("..5").words() == "up to 5"
    assert not Range().holds(float("nan"))


def test_there_is_no_topic_of_an_event_nobody_knows() -> None:
    with pytest.raises(LookupError, match="no event type feature_bought"):
        topic_of("feature_bought")


def test_there_is_no_setting_nobody_knows() -> None:
    profile = load_profile("default")
    for path in ("health.luck", "luck", "health.min_coverage.luck"):
        with pytest.raises(LookupError, match="there is no luck"):
            setting(profile, path)


def test_values_outside_the_catalogue_are_named() -> None:
    assert wrong(UsageValues(stickiness=1.5, active_users_1d=-1)) == [
        "usage.active_users_1d: expected from 0, got -1",
        "usage.stickiness: expected 0 to 1, got 1.5",
    ]
    assert wrong(FeedbackValues(nps=float("nan"))) == ["feedback.nps: expected -100 to 100, got nan"]
    assert wrong(AccountValues(name="Acme", locale="fr")) == ["account.locale: expected one of pt, es, en, got 'fr'"]  # type: ignore[arg-type]
    assert wrong(SupportValues(tickets_open=None)) == [  # type: ignore[arg-type]
        "support.tickets_open: null, and the catalogue has no rule for it"
    ]
    assert wrong(AccountValues(name="Acme", locale="pt", signed_up_at=0)) == []


def test_maps_are_judged_entry_by_entry() -> None:
    spend = SpendValues(spend_1d_minor={"BRL": 5, "USD": -1})
    assert wrong(spend) == ["spend.spend_1d_minor: expected from 0, got -1"]


@pytest.mark.parametrize("values", get_args(Values), ids=lambda values: values.__name__)
def test_the_values_of_nothing_known_are_allowed(values: Any) -> None:
    required = {"name": "Acme"} if values is AccountValues else {}
    assert wrong(values(**required)) == []


PAGE = "".join(f"# {name}\n\n<!-- {name} -->\nwhat was here\n<!-- /{name} -->\n\n" for name in (*CHAPTERS, "names"))


def test_the_page_shows_every_figure_in_its_place_and_settles() -> None:
    text = rendered(PAGE, catalogue())
    assert "what was here" not in text
    for metric in METRICS:
        assert f"| `{metric.id}` | {metric.title.en} |" in text
        assert f"| `{metric.name}` | {metric.title.pt} | {metric.title.es} |" in text
    assert rendered(text, catalogue()) == text


def test_a_page_without_a_place_for_a_chapter_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"expected one place <!-- spend --> \.\.\. <!-- /spend -->"):
        rendered(PAGE.replace("<!-- spend -->", ""), catalogue())


def test_a_definition_ends_with_its_null_rule_and_its_settings() -> None:
    metric = msgspec.structs.replace(
        METRICS[0], definition="what it is", null="until known", policy=("support.urgent_priorities",)
    )
    assert definition(metric) == "what it is; null until known (profile: `support.urgent_priorities`)"
    assert definition(msgspec.structs.replace(metric, null=None, policy=())) == "what it is"


def test_a_bar_in_a_definition_stays_in_its_cell() -> None:
    chapter = catalogue().chapters["spend"]
    entry = msgspec.structs.replace(next(iter(chapter.metrics.values())), definition="a | b")
    changed = msgspec.structs.replace(chapter, metrics={"spend_1d_minor": entry}, events=(), newest="spend")
    text = rendered("<!-- spend -->\n<!-- /spend -->\n<!-- names -->\n<!-- /names -->", Catalogue({"spend": changed}))
    assert r"a \| b |" in text
    assert "Table `spend_daily`, newest values in `spend`." in text
