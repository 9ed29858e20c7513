"""The options by which commands choose: by time, by runtime and turn, by what happened."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from projections.cli.arguments.options import POINT, TEXT
from projections.cli.completion.complete import (
    complete_event_list,
    complete_runtime_list,
    complete_turn_list,
)
from projections.cli.names.filter_names import EVENTS, event_kinds

F = TypeVar("F", bound=Callable[..., Any])


def choice_options(whose: str = "of", when: str = "") -> Callable[[F], F]:
    """Adds `-S`, `-U`, `-u` and `-t`: `since`, `until`, `runtimes` and `turns`.

    The help says "only of this runtime" and "only from this time on"; `whose` takes the place of
    "of", and `when` stands before "from", where it is not events that are chosen.
    """

    def add(command: F) -> F:
        return _all(
            click.option(
                "-S", "--since", type=POINT, help=f"Only {when}from this seq or time on."
            ),
            click.option("-U", "--until", type=POINT, help=f"Only {when}up to this seq or time."),
            _names(
                *("-u", "--runtime", "runtimes"),
                shell_complete=complete_runtime_list,
                help=f"Only {whose} this runtime, or these: a,b.",
            ),
            _names(
                *("-t", "--turn", "turns"),
                shell_complete=complete_turn_list,
                help=f"Only {whose} this turn, or these.",
            ),
        )(command)

    return add


def event_option(command: F) -> F:
    """Adds `-e`, kinds of events: `events`."""
    return _names(
        *("-e", "--event", "events"),
        shell_complete=complete_event_list,
        callback=event_kinds,
        help=f"Only of this kind: {', '.join(EVENTS)}.",
    )(command)


def grep_option(command: F) -> F:
    """Adds `-g`, a pattern for lines: `pattern`."""
    return click.option(
        "-g", "--grep", "pattern", type=TEXT, help="Only lines that match this pattern."
    )(command)


def filter_options(command: F) -> F:
    """Adds all that choose events; `filters.chosen_by` takes all but `lines`."""
    return _all(
        click.option("-n", "--lines", type=click.IntRange(min=0), help="At most this many."),
        choice_options(),
        event_option,
        grep_option,
        click.option(
            "-v",
            "--invert-match",
            "invert",
            is_flag=True,
            help="All but what -g matches; without -g, all but what -u, -t, -e and "
            "FIELD=VALUE choose.",
        ),
    )(command)


def _names(*flags: str, **settings: Any) -> Callable[[F], F]:
    return click.option(*flags, multiple=True, type=TEXT, **settings)


def _all(*decorators: Callable[[F], F]) -> Callable[[F], F]:
    """All of them, in the order of the help."""

    def add(command: F) -> F:
        for decorate in reversed(decorators):
            command = decorate(command)
        return command

    return add
