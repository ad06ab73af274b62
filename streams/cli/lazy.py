"""Commands that are imported when they are called: together they need every library, and a worker only some."""

from collections.abc import Callable
from importlib import import_module
from typing import Any, cast

import typer
from typer.core import TyperCommand, TyperGroup


class LazyCommand(TyperCommand):
    """Stands in lists for a command, or for a group of them, and gives way to it when it is called."""

    def __init__(self, name: str, load: Callable[[], Any], summary: str) -> None:
        """Takes what it stands for.

        Args:
            name: its word on the command line.
            load: gives its function, or the Typer app of a group, or a group.
            summary: first line of its help, said here as lists of commands are shown without importing them.
        """
        super().__init__(name, help=summary)
        self._load = load

    def loaded(self) -> Any:
        """What it stands for."""
        found = _command_of(self._load())
        found.name = self.name
        return found

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        """Gives way: the context is that of the command itself, which is then run in it."""
        return self.loaded().make_context(info_name, args, parent=parent, **extra)


def lazy_group(*commands: LazyCommand, **options: Any) -> TyperGroup:
    """A group of them, in this order."""
    return TyperGroup(commands={str(command.name): cast(Any, command) for command in commands}, **options)


def part(name: str) -> Any:
    """A module of the command line, imported now."""
    return import_module(f"streams.cli.{name}")


def _command_of(found: Any) -> Any:
    if isinstance(found, TyperGroup):
        return found
    if isinstance(found, typer.Typer):
        return typer.main.get_group(found)
    alone = typer.Typer(add_completion=False)
    alone.command()(found)
    return typer.main.get_command(alone)
