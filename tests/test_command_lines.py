"""Every command line that documents and help texts show is one that the command line takes; nothing is run."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from moliere.cli.app import app

_ROOT = Path(__file__).parents[1]
_DOCUMENTS = [_ROOT / "README.md", _ROOT / "CONTRIBUTING.md", *sorted((_ROOT / "docs").glob("*.md"))]
_COMMAND: Any = typer.main.get_command(app)


def shown(text: str) -> Iterator[tuple[str, bool]]:
    """Command lines of a document, and whether they are whole: those in a sentence may leave out what is clear."""
    blocks = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
    for block in blocks.findall(text):
        for line in block.replace("\\\n", " ").splitlines():
            if line.startswith("moliere "):
                yield line.partition(" > ")[0], True
    for line in re.findall(r"`(moliere [^`]+)`", blocks.sub("", text)):
        yield " ".join(line.replace("…", " ").split()), False


def of_documents() -> Iterator[Any]:
    for path in _DOCUMENTS:
        for line, whole in shown(path.read_text(encoding="utf-8")):
            yield pytest.param(line, whole, id=f"{path.name}: {line[:60]}")


def of_help(command: Any = _COMMAND) -> Iterator[Any]:
    """The examples at the end of the help of every verb."""
    for line in re.findall(r"^ +(moliere .*)$", command.epilog or "", re.MULTILINE):
        yield pytest.param(line, True, id=f"help: {line[:60]}")
    for verb in getattr(command, "commands", {}).values():
        yield from of_help(verb)


def parse(command: Any, words: list[str], parent: Any = None) -> None:
    """Read options and arguments of a verb as click does before it calls the verb."""
    with command.make_context(command.name, words, parent=parent) as context:
        rest = [*getattr(context, "_protected_args", ()), *context.args]
        if hasattr(command, "resolve_command"):
            _, verb, left = command.resolve_command(context, rest)
            parse(verb, left, context)


def complaint(line: str, *, whole: bool) -> str:
    """What the command line says to a line; nothing where it takes it."""
    try:
        parse(_COMMAND, shlex.split(line, comments=True)[1:])
    except Exception as error:  # click's own, whichever click typer carries
        if whole or type(error).__name__ != "MissingParameter":
            return f"{type(error).__name__}: {getattr(error, 'message', error)}"
    return ""


@pytest.mark.parametrize(("line", "whole"), [*of_documents(), *of_help()])
def test_a_command_line_that_is_shown_is_taken(line: str, whole: bool) -> None:
    assert complaint(line, whole=whole) == ""


def test_many_are_found_and_wrong_ones_are_noticed() -> None:
    assert len([*of_documents()]) > 40
    assert len([*of_help()]) > 20
    assert "No such option" in complaint("moliere train photons --iteration 3", whole=True)
    assert "No such command" in complaint("moliere trian photons", whole=False)
    assert "NoArgsIsHelp" in complaint("moliere prepare", whole=False)
    assert "Missing" in complaint("moliere evaluate one.h5 -o report", whole=True)
    assert complaint("moliere evaluate one.h5 -o report", whole=False) == ""
