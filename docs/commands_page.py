"""The tables of commands.md: every verb with its options, as `--help` has them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args

from lastpage.cli.app import app


def verbs() -> list[str]:
    return [name for name in app if not name.startswith("-")]


def commands() -> str:
    """Each verb: what it does, and a table of its options."""
    return "\n\n".join(_verb(name) for name in verbs())


def options(verb: str) -> list[tuple[str, str, str]]:
    """How an option is typed, what it means, and its default, in the order of the verb's own
    options first.
    """
    arguments = app[verb].assemble_argument_collection(parse_docstring=True)
    shown = [each for each in arguments if each.names != ("*",)]
    shown.sort(key=lambda each: not _is_own(verb, each))
    return [(_typed(each), _told(each), _default(each)) for each in shown]


def _verb(name: str) -> str:
    about = app[name].help.split("\n\n")[0].strip()
    rows = [("option", "meaning", "default"), ("---", "---", "---"), *options(name)]
    table = "\n".join(f"| {' | '.join(cells)} |" for cells in rows)
    return f"## lastpage {name}\n\n{about}\n\n{table}"


def _is_own(verb: str, argument: Any) -> bool:
    return argument.field_info.name in (app[verb].default_command or verbs).__annotations__


def _typed(argument: Any) -> str:
    """The name of a positional argument in capitals; an option with its short form and what it
    takes.
    """
    field = argument.field_info
    if field.kind.name == "POSITIONAL_OR_KEYWORD":
        return f"`{argument.name.removeprefix('--').upper()}`"
    names = ", ".join(f"`{name}`" for name in argument.names)
    takes = " or ".join(f"`{each}`" for each in _choices(argument.hint))
    return f"{names} {takes}".strip()


def _told(argument: Any) -> str:
    """What it means, on one line: a row of a table is one."""
    return " ".join((argument.parameter.help or "").split())


def _choices(hint: Any) -> Iterator[str]:
    """The words of a `Literal`, also where it may be left out."""
    for each in get_args(hint):
        if isinstance(each, str):
            yield each
        else:
            yield from _choices(each)


def _default(argument: Any) -> str:
    """Empty where there is nothing to say: an option that is off, or a list without an element."""
    default = argument.field_info.default
    empty = (
        default is argument.field_info.empty
        or default is None
        or default is False
        or default in ([], ())
    )
    shown = ",".join(map(str, default)) if isinstance(default, tuple) else default
    return "" if empty else f"`{shown}`"
