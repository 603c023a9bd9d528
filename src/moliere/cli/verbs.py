"""What the command line knows of its own verbs, for pipelines and for job scripts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import typer

from moliere.errors import ConfigError
from moliere.pipelines.verbs import Option, Verb


def verbs_of(context: typer.Context) -> dict[str, Verb]:
    """What the command line itself knows of its verbs, so that nothing is listed twice."""
    return {name: verb_of(name, command, context) for name, command in _commands(context.find_root().command, "")}


def _commands(group: Any, name: str) -> Iterator[tuple[str, Any]]:
    inner: Mapping[str, Any] = getattr(group, "commands", {})
    if not inner:
        yield name, group
    for word, command in inner.items():
        yield from _commands(command, f"{name} {word}".strip())


def verb_of(name: str, command: Any, context: typer.Context) -> Verb:
    """A verb from its click command."""
    options, aliases = dict[str, Option](), dict[str, str]()
    for parameter in sorted(command.params, key=lambda p: p.param_type_name != "argument"):
        flags = [flag for flag in parameter.opts if flag.startswith("--")]
        own = str(parameter.name).rstrip("_")
        key = flags[0].removeprefix("--").replace("-", "_") if flags else own
        aliases[own] = key
        options[key] = _option(parameter, flags)

    def check(words: list[str]) -> None:
        try:
            command.make_context(name, words[len(name.split()) :], parent=context)
        except Exception as error:  # of click, whichever click typer carries
            if not hasattr(error, "format_message"):
                raise
            raise ConfigError(error.format_message()) from None

    return Verb(name, options, aliases, check)


def _option(parameter: Any, flags: list[str]) -> Option:
    return Option(
        flag=flags[0] if flags else "",
        off=next(iter(parameter.secondary_opts), ""),
        is_switch=bool(getattr(parameter, "is_flag", False)),
        is_many=parameter.nargs == -1 or bool(getattr(parameter, "multiple", False)),
    )


def command_of(context: typer.Context, leave_out: set[str]) -> list[str]:
    """The words of the command line that is being run, without some of its options."""
    verb = verb_of(str(context.info_name), context.command, context)
    given = {
        verb.aliases[str(parameter.name).rstrip("_")]: context.params[str(parameter.name)]
        for parameter in context.command.params
        if _is_given(context, str(parameter.name))
    }
    values = {name: list(value) if isinstance(value, tuple) else value for name, value in given.items()}
    return verb.command({name: value for name, value in values.items() if name not in leave_out})


def _is_given(context: typer.Context, name: str) -> bool:
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"
