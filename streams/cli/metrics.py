"""`zelo metrics`: every figure Zelo publishes, what each means, and why a customer's is what it is."""

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any

import typer
from clickhouse_connect.driver.exceptions import ClickHouseError
from msgspec import structs
from rich.console import Console
from rich.table import Table

from streams.app import profile_of
from streams.catalogue.metric import Language, Metric
from streams.catalogue.policies import setting
from streams.catalogue.registry import catalogue
from streams.catalogue.sources import topic_of
from streams.cli import explained
from streams.cli.answers import print_json
from streams.cli.explaining import Archive, Explanation
from streams.config import Settings, load_settings
from streams.errors import ConfigurationError
from streams.metrics.days import Days
from streams.metrics.profile import BUILT_IN, Profile, load_profile
from streams.sinks.clickhouse import connect, translated

app = typer.Typer()

Lang = Annotated[Language, typer.Option("--lang", help="language of the names: en, pt or es")]
AsJson = Annotated[bool, typer.Option("--json", help="print JSON")]
Id = Annotated[str, typer.Argument(metavar="ID", help="the figure's id, or DOMAIN.ID")]


@app.callback(invoke_without_command=True)
def list_command(context: typer.Context, lang: Lang = "en", as_json: AsJson = False) -> None:
    """List every figure Zelo publishes: its id, name, unit and domain."""
    if context.invoked_subcommand is not None:
        return
    if as_json:
        print_json([definition(metric) for metric in catalogue().metrics])
        return
    table = Table("domain", "id", "name", "unit", box=None)
    for metric in catalogue().metrics:
        table.add_row(metric.domain, metric.id, metric.title.in_language(lang), metric.unit)
    Console(width=140).print(table)


@app.command("show")
def show_command(name: Id, lang: Lang = "en", as_json: AsJson = False) -> None:
    """Show the whole definition of a figure."""
    found = _named(name)
    if as_json:
        print_json([definition(metric) for metric in found])
        return
    for metric in found:
        explained.print_definition(Console(), metric, lang)


@app.command("explain")
def explain_command(
    name: Id,
    customer: Annotated[str | None, typer.Option(help="whose figure; none for a figure of all customers")] = None,
    day: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="default: the newest value")] = None,
    limit: Annotated[int, typer.Option(min=0, max=1000, help="how many of the newest events to list")] = 10,
    lang: Lang = "en",
    as_json: AsJson = False,
) -> None:
    """Explain a figure of a customer: its value, definition, profile and the events it was made of."""
    settings = load_settings()
    metric = _one(name, customer)
    if metric.portfolio or customer is None:  # without a customer only figures of views are found
        _explain_view(settings, metric, customer, limit, lang, as_json)
        return
    if metric.column is None:
        raise ConfigurationError(f"{metric.name} stands on the topic metrics.v1 only, and in no table")
    found = _explained(settings, metric, customer, day, limit)
    profile, doubt = made_with(profile_of(settings), found.made_by)
    policy = {path: setting(profile, path) for path in metric.policy}
    if as_json:
        print_json(explained.to_json(found, definition(metric), label(profile), policy, doubt))
        return
    explained.print_explanation(Console(), found, lang, label(profile), policy, doubt)


def definition(metric: Metric) -> dict[str, Any]:
    """A figure as JSON: everything the catalogue says, and the topics of its events."""
    return {
        **structs.asdict(metric),
        "title": structs.asdict(metric.title),
        "range": list(metric.range),
        "topics": sorted({topic_of(event) for event in metric.events}),
    }


def made_with(own: Profile, made_by: str | None) -> tuple[Profile, str | None]:
    """The profile a figure was made with, and what to doubt about that.

    Args:
        own: the profile of the settings here.
        made_by: name and version the workers published, with the variant of the health score behind them.
    """
    told, _, variant = (made_by or label(own)).partition("/")
    if told == label(own):
        return _varied(own, variant), None
    name = told.partition("@")[0]
    if name in BUILT_IN and label(built_in := load_profile(name)) == told:
        return _varied(built_in, variant), None
    return own, f"the workers use the profile {told}, the settings here {label(own)}: set ZELO_PROFILE to theirs"


def _varied(profile: Profile, variant: str) -> Profile:
    """The profile with what its health score's variant of that name changes."""
    health = profile.health
    found = [health.varied(one) for one in health.variants if one.name == variant]
    return structs.replace(profile, health=found[0]) if found else profile


def label(profile: Profile) -> str:
    """Name and version as scores carry them."""
    return f"{profile.name}@{profile.version}"


def _explain_view(
    settings: Settings, metric: Metric, customer: str | None, limit: int, lang: Language, as_json: bool
) -> None:
    with _Archive(settings) as archive:
        rows = archive.of_view(metric, catalogue().key(metric), customer, limit)
        made_by = archive.made_by()
    told = None if made_by is None else made_by.partition("/")[0]  # a variant is of some customers alone
    profile, doubt = made_with(profile_of(settings), told)
    policy = {path: setting(profile, path) for path in metric.policy}
    if as_json:
        what = {"metric": definition(metric), "rows": rows}
        print_json({**what, "profile": label(profile), "profile_doubt": doubt, "policy": policy})
        return
    explained.print_definition(Console(), metric, lang)
    explained.print_policy(Console(), label(profile), policy, doubt)
    explained.print_rows(Console(), rows)


def _explained(settings: Settings, metric: Metric, customer: str, day: datetime | None, limit: int) -> Explanation:
    with _Archive(settings) as archive:
        return archive.explain(metric, customer, None if day is None else day.date(), limit)


class _Archive:
    """The archive while it is asked; the driver's errors become ours."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._client: Any = None

    def __enter__(self) -> Archive:
        try:
            self._client = connect(self._settings)
        except ClickHouseError as error:
            raise translated(error) from error
        return Archive(self._client, Days(self._settings.timezone))

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self._client.close()
        if isinstance(error, ClickHouseError):
            raise translated(error) from error


def _named(name: str) -> tuple[Metric, ...]:
    found = catalogue().named(name)
    if found:
        return found
    near = catalogue().near(name)
    hint = f"; did you mean {_either(near)}?" if near else "; `zelo metrics` lists all"
    raise ConfigurationError(f"there is no figure {name!r}{hint}")


def _one(name: str, customer: str | None) -> Metric:
    """The figure meant: of a customer, or of all."""
    found = _named(name)
    if customer is None:
        fitting = [metric for metric in found if metric.portfolio]
    else:
        fitting = [metric for metric in found if not metric.portfolio or "customer_id" in catalogue().key(metric)]
    if not fitting:
        raise ConfigurationError(
            f"{name} is a figure of a customer: say whose with --customer"
            if customer is None
            else f"{name} is a figure of all customers, from the view {found[0].table}: leave --customer out"
        )
    if len(fitting) > 1:
        raise ConfigurationError(f"{name} is the id of several figures: say {_either(one.name for one in fitting)}")
    return fitting[0]


def _either(words: Iterable[str]) -> str:
    return " or ".join(words)
