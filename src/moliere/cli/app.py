"""The application: verbs, exit codes, and errors as one line.

Exit codes: 0 success; 1 an error that the message explains; 2 a wrong command line.
"""

from __future__ import annotations

import errno
import io
import sys
from collections.abc import Sequence
from functools import cache
from typing import Annotated

import typer

from moliere.cli import (
    check,
    compare,
    convert,
    convert_weights,
    distill,
    evaluate,
    export,
    fetch,
    geant4,
    generate,
    info,
    listing,
    new,
    prepare,
    reconstruct,
    refine,
    run,
    simulate,
    study,
    train,
    transfer,
    tune,
)
from moliere.cli.options import SafeConsole, add_verb, add_verbs, verbs
from moliere.errors import MoliereError
from moliere.plugins import load_plugins

app = typer.Typer(
    name="moliere",
    help="Fast detector simulation with generative models: shower data in, a trained and proven fast simulation out.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
add_verbs(app, "All in one", new.new, run.run, study.study)
add_verbs(app, "Events", simulate.simulate, info.info, check.check, convert.convert, fetch.fetch)
app.add_typer(prepare.group, name="prepare", rich_help_panel="Events")
models = (train.train, distill.distill, tune.tune, generate.generate, refine.refine, reconstruct.reconstruct)
add_verbs(app, "Models", *models, export.export, convert_weights.convert_weights)
add_verbs(app, "Proof", evaluate.evaluate, compare.compare, transfer.transfer)
add_verbs(app, "What there is", listing.list_)
app.add_typer(geant4.group, name="geant4", rich_help_panel="What there is")

#: ours, whose help is shown without looking at plugins
_OURS = {str(verb.name) for verb in app.registered_commands} | {str(group.name) for group in app.registered_groups}

#: what the system says of a full disk or a closed pipe
_FULL = {errno.ENOSPC, errno.EPIPE, errno.EDQUOT}

#: so much of a file's name is shown
_SHOWN = 300

#: typer turns a KeyboardInterrupt into the shell's exit code of it
_CTRL_C = 130


def _show_version(value: bool) -> None:
    if value:
        from importlib.metadata import version

        typer.echo(f"moliere {version('moliere')}")
        raise typer.Exit


@app.callback()
def _options(
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Fast detector simulation with generative models: shower data in, a trained and proven fast simulation out."""


@cache
def _add_plugins() -> tuple[str, ...]:
    """Import plugins and add their verbs; returns what is said of those that are skipped."""
    skipped = load_plugins()
    for name, verb in verbs.items():
        add_verb(app, name, verb, "Plugins")
    return skipped


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line and return its exit code; the entry point ``moliere``."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in arguments
    # --debug is welcome anywhere on the line, not only before the verb
    arguments = [argument for argument in arguments if argument != "--debug"]
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal that has no μ shows its code
    try:
        if not ("--version" in arguments or (_OURS & {*arguments} and {"-h", "--help"} & {*arguments})):
            for sentence in _add_plugins():
                _warn(sentence)
        code = int(app(arguments, standalone_mode=False, prog_name="moliere") or 0)
    except MoliereError as error:
        if debug:
            raise
        _complain(f"{error} ({', '.join(error.options)})" if error.options else str(error))
        return 1
    except typer.Exit as stop:
        code = stop.exit_code
    except OSError as error:
        if debug or (error.errno not in _FULL and error.filename is None):
            return _usage_error(error, debug=debug)
        if error.errno in _FULL:
            _complain(f"writing failed: {error.strerror}; free some space, or write to another place")
        else:  # what the system says of a file is no bug
            _complain(f"{str(error.filename)[:_SHOWN]}: {error.strerror}; choose another file or place")
        return 1
    except Exception as error:
        return _usage_error(error, debug=debug)
    if code == _CTRL_C:
        _complain("interrupted")
        return 1
    return code


def _usage_error(error: Exception, *, debug: bool) -> int:
    """Wrong command lines come as click's own exceptions, whichever click typer carries; the rest is a bug of ours."""
    show, code = getattr(error, "show", None), getattr(error, "exit_code", None)
    if callable(show) and isinstance(code, int):
        show()
        return code
    if type(error).__name__ == "Abort":
        _complain("interrupted")
        return 1
    if debug:
        raise error
    _complain(
        f"{type(error).__name__}: {error}\nThis is a bug in moliere; run again with --debug and report what it shows."
    )
    return 1


def _warn(message: str) -> None:
    SafeConsole(stderr=True, highlight=False, soft_wrap=True).print(f"warning: {message}", style="yellow", markup=False)


def _complain(message: str) -> None:
    console = SafeConsole(stderr=True, highlight=False, soft_wrap=True)
    console.print("[bold red]error:[/bold red] ", end="")
    console.print(message, markup=False)
