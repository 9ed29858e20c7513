"""The arguments of commands, with completion of the ids in a folder.

A shell asks for completions while somebody types, so completion never complains.
"""

from collections.abc import Callable
from typing import Any

import click
from click.core import ParameterSource
from click.shell_completion import CompletionItem

from journal.errors import JournalError
from projections.cli.options import TEXT
from projections.cli.terminal import plain
from projections.store.store import DefaultSessionStore


def _complete(find: Callable[[DefaultSessionStore, click.Context], list[str]]) -> Any:
    def complete(
        ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        folder = ctx.params.get("folder")
        if folder is None and ctx.get_parameter_source("folder") != ParameterSource.DEFAULT:
            return []  # a --dir was given that is not a folder
        try:
            with DefaultSessionStore(folder) as store:
                found = find(store, ctx)
        except (JournalError, OSError, ValueError):
            return []
        return [
            CompletionItem(text)
            for text in found
            if text.startswith(incomplete) and plain(text) == text  # one id to a line
        ]

    return complete


def _sessions(store: DefaultSessionStore, ctx: click.Context) -> list[str]:
    return [info["session_id"] for info in store.list_sessions()]


def _runtimes(store: DefaultSessionStore, ctx: click.Context) -> list[str]:
    return list(store.state_at(ctx.params["session_id"]))


def _turns(store: DefaultSessionStore, ctx: click.Context) -> list[str]:
    return list(store.get_runtime_state(ctx.params["session_id"], ctx.params["runtime_id"]))


complete_sessions = _complete(_sessions)


complete_runtimes = _complete(_runtimes)


complete_turns = _complete(_turns)


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


runtime_argument = click.argument(
    "runtime_id", metavar="RUNTIME", type=TEXT, shell_complete=complete_runtimes
)


some_runtime_argument = click.argument(
    "runtime_id", metavar="[RUNTIME]", type=TEXT, required=False, shell_complete=complete_runtimes
)


turn_argument = click.argument("turn_id", metavar="TURN", type=TEXT, shell_complete=complete_turns)
