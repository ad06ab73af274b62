"""Commands: every one is documented as it is, and whatever the documentation tells people to type exists."""

import re
import shlex
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from cli_rig import below
from docs_pages import PAGES, ROOT, Block, blocks, named, page, section

from streams.cli.main import app


def leaves(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Every command that does something, by its words."""
    if not hasattr(command, "commands") or (path and command.invoke_without_command):
        yield " ".join(path), command
    for name, one in below(command).items():
        yield from leaves(one, (*path, name))


COMMANDS = dict(leaves(app))


def parameter(param: Any) -> tuple[str, list[str]]:
    """A row of the commands page."""
    is_argument = param.param_type_name == "argument"
    words = {"True": "on", "False": "off", "None": "none"}
    default = "required" if param.required else words.get(str(param.default), f"`{param.default}`")
    return (param.metavar or param.name.upper()) if is_argument else param.opts[0], [default, param.help]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_documented_as_it_is(name: str) -> None:
    text = section(page("docs/commands.md"), f"## `zelo {name}`")
    command = COMMANDS[name]
    assert text.strip().splitlines()[0] == command.help
    parameters = [param for param in command.params if param.name != "help"]
    assert named(text) == dict(parameter(param) for param in parameters)


def test_no_command_is_documented_that_is_gone() -> None:
    documented = re.findall(r"^## `zelo (.+)`$", page("docs/commands.md"), flags=re.MULTILINE)
    assert documented == list(COMMANDS)


def shell_blocks() -> list[tuple[str, Block]]:
    return [(path.name, block) for path in PAGES for block in blocks(path.read_text(), "bash", "sh")]


@pytest.mark.parametrize("name, block", shell_blocks(), ids=lambda value: value if isinstance(value, str) else "")
def test_shell_blocks_are_valid_shell(name: str, block: Block) -> None:
    checked = subprocess.run(["bash", "-n"], input=block.text, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, f"{name}:{block.line}: {checked.stderr}"


def calls(text: str, program: str) -> Iterator[list[str]]:
    """The words after `program` wherever a line begins with it."""
    for line in text.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        if words and words[0] == program:
            yield words[1:]


def inline_calls() -> Iterator[tuple[str, list[str]]]:
    """`zelo ...` as named in running text, by page."""
    for path in PAGES:
        for words in re.findall(r"`zelo ([a-z][^`]*)`", path.read_text()):
            yield path.name, words.split()


def accepts(words: list[str]) -> str | None:
    """What is wrong with a call of zelo; None when there is such a command with such options."""
    command, rest = app, list(words)
    while rest and rest[0] in below(command):
        command = below(command)[rest.pop(0)]
    options = {option for param in command.params for option in param.opts} | {"--help"}
    unknown = [word for word in rest if word.startswith("--") and word.partition("=")[0] not in options]
    if unknown:
        return f"no option {unknown[0]}"
    if hasattr(command, "commands") and rest and not rest[0].startswith("-"):
        return f"no command {rest[0]}"
    return None


def test_every_zelo_command_in_a_shell_block_exists_with_its_options() -> None:
    found = [(name, call) for name, block in shell_blocks() for call in calls(block.text, "zelo")]
    assert len(found) >= 8
    assert [(name, call, wrong) for name, call in found if (wrong := accepts(call))] == []


def test_every_zelo_command_named_in_the_text_exists() -> None:
    # The roadmap names commands to come; NAME, COMMAND and the like are placeholders.
    named_calls = [(n, w) for n, w in inline_calls() if n != "roadmap.md" and not w[0].isupper()]
    alternatives = [(n, w) for n, w in named_calls if "|" not in w and "..." not in w]
    wrong = [(n, w, problem) for n, w in alternatives if w[-1] != "NAME" and (problem := accepts(w))]
    assert wrong == []


def test_every_script_in_the_documentation_exists() -> None:
    for path in PAGES:
        for script in re.findall(r"\bscripts/([a-z][\w-]*)", path.read_text()):
            assert (ROOT / "scripts" / script).is_file(), f"{path.name}: scripts/{script}"


def test_the_two_commands_stand_at_the_top_of_the_readme() -> None:
    top = page("README.md").split("\n## ")[0]
    assert next(calls(top, "scripts/demo"), None) == []
    assert next(calls(top, "scripts/test"), None) == []
