"""Running `zelo` in this process, as `main()` does, with an environment that holds only what a test sets."""

import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
import structlog

from streams.cli.lazy import LazyCommand
from streams.cli.main import main
from streams.config import Settings

Zelo = Callable[..., "Outcome"]


class Outcome(NamedTuple):
    """What a command left: exit status, and what it wrote with all white space made single."""

    status: int
    out: str
    err: str


def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Takes every setting out of the environment, and makes terminals wide."""
    for name in [*(f"ZELO_{field.upper()}" for field in Settings.model_fields), "ZELO_CONFIG"]:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.setenv("NO_COLOR", "1")


def command_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Zelo:
    """A function that runs a command line."""

    def zelo(*arguments: str, **environment: str) -> Outcome:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(sys, "argv", ["zelo", *arguments])
        capsys.readouterr()
        try:
            with pytest.raises(SystemExit) as ended:
                main()
        finally:
            structlog.reset_defaults()  # a command may have bound it to this test's stderr
        out, err = capsys.readouterr()
        status = ended.value.code
        return Outcome(status if isinstance(status, int) else 1, " ".join(out.split()), " ".join(err.split()))

    return zelo


def below(group: Any) -> dict[str, Any]:
    """The commands of a group by their words, imported; none below a command that is no group."""
    found = getattr(group, "commands", {})
    return {name: one.loaded() if isinstance(one, LazyCommand) else one for name, one in found.items()}
