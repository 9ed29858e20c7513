"""The `shell_complete` of parameters. `completers` is imported once a shell asks, not before."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


def _later(name: str) -> Any:
    def complete(
        ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> "list[CompletionItem]":
        completers = import_module("projections.cli.completion.completers")
        found: list[CompletionItem] = getattr(completers, name)(ctx, param, incomplete)
        return found

    return complete


complete_sessions = _later("complete_sessions")
complete_runtimes = _later("complete_runtimes")
complete_turns = _later("complete_turns")
complete_refs = _later("complete_refs")
complete_conditions = _later("complete_conditions")
complete_runtime_list = _later("complete_runtime_list")
complete_turn_list = _later("complete_turn_list")
complete_event_list = _later("complete_event_list")
complete_followed = _later("complete_followed")
