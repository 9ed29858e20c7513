"""The arguments of commands, with completion of the ids in a folder."""

import click

from projections.cli.arguments.options import TEXT
from projections.cli.completion.complete import (
    complete_conditions,
    complete_followed,
    complete_runtimes,
    complete_sessions,
    complete_turns,
)

__all__ = ["complete_runtimes", "complete_sessions", "complete_turns"]

session_argument = click.argument(
    "session_id", metavar="SESSION", type=TEXT, shell_complete=complete_sessions
)


sessions_argument = click.argument(
    "session_ids",
    metavar="[SESSION]...",
    nargs=-1,
    type=TEXT,
    shell_complete=complete_sessions,
)


followed_argument = click.argument(
    "session_ids",
    metavar="[SESSION|PATTERN|FIELD=VALUE]...",
    nargs=-1,
    type=TEXT,
    shell_complete=complete_followed,
)


matches_argument = click.argument(
    "matches",
    metavar="[FIELD=VALUE]...",
    nargs=-1,
    type=TEXT,
    shell_complete=complete_conditions,
)


chosen_argument = click.argument(
    "session_ids",
    metavar="[SESSION|PATTERN]...",
    nargs=-1,
    type=TEXT,
    shell_complete=complete_sessions,
)


runtime_argument = click.argument(
    "runtime_id", metavar="RUNTIME", type=TEXT, shell_complete=complete_runtimes
)


some_runtime_argument = click.argument(
    "runtime_id", metavar="[RUNTIME]", type=TEXT, required=False, shell_complete=complete_runtimes
)


turn_argument = click.argument("turn_id", metavar="TURN", type=TEXT, shell_complete=complete_turns)
