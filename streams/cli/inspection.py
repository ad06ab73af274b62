"""`zelo migrate | topics | doctor | config`: looking at an installation and putting it right."""

import asyncio
from typing import Annotated

import typer
from pydantic import SecretStr
from rich.console import Console
from rich.table import Table

from schemas.registry import TOPICS
from streams.app import changelog_specs
from streams.cli.answers import kafka_errors, shown
from streams.cli.doctor import examine
from streams.config import Settings, load_settings
from streams.kafka import make_topics
from streams.sinks.migrate import migrate, status
from streams.topics import partitions, topic_name, topic_specs


def migrate_command(
    show: Annotated[bool, typer.Option("--status", help="only list the migrations and their state")] = False,
) -> None:
    """Bring the ClickHouse database to this version's schema."""
    settings = load_settings()
    console = Console()
    found = status(settings) if show else migrate(settings)
    for migration in found:
        console.print(f"{migration.version:04d}  {migration.state:<8}  {migration.name}")
    if not found:
        console.print("nothing to do")


def topics_command(
    create: Annotated[bool, typer.Option("--create", help="create the topics that do not exist")] = False,
) -> None:
    """List the topics, or create them."""
    settings = load_settings()
    console = Console(width=140)
    if create:
        specs = [*topic_specs(settings), *changelog_specs(settings)]
        with kafka_errors(settings):
            made = asyncio.run(make_topics(settings, specs))
        console.print("\n".join(f"created {name}" for name in made) or "all topics exist")
        return
    table = Table("topic", "key", "partitions", "kept", "what", box=None)
    for topic in TOPICS:
        number = str(partitions(settings, topic))
        table.add_row(topic_name(settings, topic), topic.key, number, topic.cleanup, topic.summary)
    console.print(table)


def config_command() -> None:
    """Show every setting in force, secrets masked."""
    settings = load_settings()
    table = Table("setting", "value", "meaning", box=None)
    for name, field in Settings.model_fields.items():
        value = getattr(settings, name)
        said = "********" if isinstance(value, SecretStr) and value.get_secret_value() else str(value)
        table.add_row(f"ZELO_{name.upper()}", shown(said), field.description or "")
    Console(width=160).print(table)


def doctor_command() -> None:
    """Check versions, connections, topics, schema and accounting; say how to mend what is wrong."""
    settings = load_settings()
    console = Console()
    findings = asyncio.run(examine(settings))
    for finding in findings:
        console.print(
            f"[{'green' if finding.well else 'red'}]{'ok ' if finding.well else 'BAD'}[/]  {shown(finding.what)}"
        )
        if not finding.well:
            console.print(f"     {shown(finding.mend)}", highlight=False)
    raise typer.Exit(0 if all(finding.well for finding in findings) else 1)
