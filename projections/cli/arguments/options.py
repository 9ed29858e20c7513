"""The options that many commands take, and the values they accept."""

import re
from collections.abc import Callable
from typing import Any, TypeVar

import click

from projections.cli.formats.sizes import size_of
from projections.times import length, point_of

_NUMBER = re.compile(r"[0-9]+(\.[0-9]+)?")

F = TypeVar("F", bound=Callable[..., Any])


class Converter(click.ParamType):  # type: ignore[type-arg] # generic in newer versions only
    """Converts text by a function. A ValueError of the function becomes a usage error."""

    def __init__(self, name: str, function: Callable[[str], Any]) -> None:
        self.name = name
        self._function = function

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not isinstance(value, str):
            return value  # click may convert twice
        try:
            return self._function(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


def _valid_text(value: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{value!r} is not valid UTF-8") from None
    return value


POINT = Converter("SEQ|TIME", point_of)
"""A seq or a moment, converted to an int or to a timestamp as in the log."""


LENGTH = Converter("DURATION", length)
"""How long something lasts, converted to a timedelta."""


def _seconds(text: str) -> float:
    return float(text) if _NUMBER.fullmatch(text) else length(text).total_seconds()


SECONDS = Converter("DURATION", _seconds)
"""How long to wait, converted to seconds. A number without a unit is of seconds."""


SIZE = Converter("SIZE", size_of)
"""A number of bytes, which may be written as `2G`."""


TEXT = Converter("text", _valid_text)
"""Valid Unicode, as ids must be; a shell may pass on any bytes."""


def folder_option(command: F) -> F:
    """Adds `--dir`, the folder of the sessions; it is the function's argument `folder`."""
    return click.option(
        "--dir",
        "folder",
        type=click.Path(file_okay=False, readable=False),  # commands report this in better words
        envvar="JOURNAL_DIR",
        callback=_not_empty,
        help="The folder of the sessions.  [default: $JOURNAL_DIR, else PraisonAI's]",
    )(command)


def _not_empty(ctx: click.Context, param: click.Parameter, folder: str | None) -> str | None:
    if folder == "":  # an unset variable of a script must not lead to another folder
        raise click.BadParameter("it is empty; leave --dir out for the default folder")
    return folder


def output_option(*formats: str) -> Callable[[F], F]:
    """Adds `-o`: one of `formats`, by default the first. It is the argument `output`."""
    return click.option(
        "-o",
        "--output",
        type=click.Choice(formats),
        default=formats[0],
        show_default=True,
        help="How to print it.",
    )
