"""What may be typed next: ids, names of states, fields and values that a folder has.

A shell asks while somebody types, so nothing here complains, and of many sessions only the
newest are looked at.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeAlias

import click
from click.core import ParameterSource
from click.shell_completion import CompletionItem

from journal.errors import JournalError
from projections.cli.names.filter_names import EVENTS
from projections.cli.sessions.keys import encryption
from projections.cli.terminal.output import plain
from projections.refs import Ref
from projections.store.store import DefaultSessionStore
from projections.turns.statuses import WORDS

_MOST_SESSIONS = 10  # in which runtimes and turns are looked for if none was named
_MOST_VERSIONS = 20  # of a turn
_FIELDS = ("op", "runtime_id", "turn_id", "source", "target", "reason", "seq", "status", "writer")
_STATE_FIELDS = ("state.status=", "state.")

_View: TypeAlias = dict[str, dict[str, Any]]
Find: TypeAlias = Callable[[DefaultSessionStore, click.Context, str], Iterable[str]]
"""Finds what may be typed, which need not begin with what is typed already. May raise
JournalError, OSError and LookupError."""


def completer(find: Find) -> Any:
    """The `shell_complete` of a parameter. No blank follows what ends in `/`, `=` or `.`."""

    def complete(
        ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        folder = ctx.params.get("folder")
        if folder is None and ctx.get_parameter_source("folder") != ParameterSource.DEFAULT:
            return []  # a --dir was given that is not a folder
        try:
            with DefaultSessionStore(folder, encryption=encryption()) as store:
                found = list(find(store, ctx, incomplete))
        except (JournalError, OSError, ValueError, LookupError):
            return []
        return [
            CompletionItem(text, type="open" if text[-1:] in ("/", "=", ".") else "plain")
            for text in dict.fromkeys(found)
            if text.startswith(incomplete) and plain(text) == text  # one id to a line
        ]

    return complete


def listed(find: Find) -> Find:
    """The same after a comma: `native,har` goes on as `native,harness`."""

    def find_listed(
        store: DefaultSessionStore, ctx: click.Context, incomplete: str
    ) -> Iterator[str]:
        found = list(find(store, ctx, incomplete))
        yield from found
        before, comma, _ = incomplete.rpartition(",")
        if comma and not any(each.startswith(incomplete) for each in found):
            yield from (f"{before},{each}" for each in found if each not in before.split(","))

    return find_listed


def _sessions(store: DefaultSessionStore, ctx: click.Context, incomplete: str) -> list[str]:
    return [info["session_id"] for info in store.list_sessions()]


def _views(store: DefaultSessionStore, ctx: click.Context) -> Iterator[_View]:
    """Of the sessions that the command line names so far, or of the newest."""
    named = ctx.params.get("session_id")
    several = [named] if named is not None else ctx.params.get("session_ids")
    infos = store.list_sessions(None if several else _MOST_SESSIONS)
    for session_id in several or [info["session_id"] for info in infos]:
        try:
            yield store.state_at(session_id)
        except (JournalError, OSError):
            continue  # of the others something may be known


def _view(store: DefaultSessionStore, ctx: click.Context) -> _View:
    """All that these have, as if they were one session."""
    found: _View = {}
    for view in _views(store, ctx):
        for runtime_id, turns in view.items():
            found.setdefault(runtime_id, {}).update(turns)
    return found


def _turns_of(view: _View) -> list[str]:
    return [turn_id for turns in view.values() for turn_id in turns]


def _statuses_of(view: _View) -> list[str]:
    states = [state for turns in view.values() for state in turns.values()]
    found = [state.get("status") for state in states if isinstance(state, dict)]
    return [status for status in found if isinstance(status, str)]


def _runtimes(store: DefaultSessionStore, ctx: click.Context, incomplete: str) -> list[str]:
    """Also the turns of a runtime that was typed where the session was left out."""
    found = list(_view(store, ctx))
    named = ctx.params.get("session_id")
    if found or named is None or store.session_exists(named):
        return found
    from projections.cli.sessions.last_session import newest_session

    return list(store.get_runtime_state(newest_session(store, with_log=False), named))


def _turns(store: DefaultSessionStore, ctx: click.Context, incomplete: str) -> list[str]:
    """Those of the runtime that is named, or of all."""
    view = _view(store, ctx)
    runtime_id = ctx.params.get("runtime_id")
    return list(view[runtime_id]) if runtime_id is not None else _turns_of(view)


def _events(store: DefaultSessionStore, ctx: click.Context, incomplete: str) -> tuple[str, ...]:
    return EVENTS


def _refs(store: DefaultSessionStore, ctx: click.Context, incomplete: str) -> Iterator[str]:
    """`native/`, once that is there `native/turn-1`, and after an @ the seqs of its versions."""
    name, at, _ = incomplete.partition("@")
    if at:
        yield from (f"{name}@{seq}" for seq in _versions(store, ctx, name))
        return
    view = _view(store, ctx)
    if "/" not in incomplete:
        yield from (f"{Ref(runtime_id)}/" for runtime_id in view)
        return
    for runtime_id, turns in view.items():
        yield from (str(Ref(runtime_id, turn_id)) for turn_id in turns)


def _versions(store: DefaultSessionStore, ctx: click.Context, name: str) -> list[int]:
    """The seqs of the newest versions of a turn, the newest first. Raises LookupError."""
    ref = Ref.parse(name)
    if ref.runtime_id is None or ref.turn_id is None:
        return []
    versions = store.history(ctx.params["session_id"], ref.runtime_id, ref.turn_id)
    return [version.event.seq for version in reversed(versions[-_MOST_VERSIONS:])]


def _conditions(store: DefaultSessionStore, ctx: click.Context, incomplete: str) -> Iterator[str]:
    """`turn_id=`, and once that is there `turn_id=turn-1`."""
    name, equals, _ = incomplete.partition("=")
    if not equals:
        yield from (*(f"{field}=" for field in _FIELDS), *_STATE_FIELDS)
        return
    yield from (f"{name}={value}" for value in _values_of(name, store, ctx))


def _followed(store: DefaultSessionStore, ctx: click.Context, incomplete: str) -> Iterator[str]:
    """Sessions, and conditions once one has begun: there are more sessions than fields."""
    yield from _sessions(store, ctx, incomplete)
    if incomplete:
        yield from _conditions(store, ctx, incomplete)


def _values_of(field: str, store: DefaultSessionStore, ctx: click.Context) -> Iterable[str]:
    match field:
        case "op":
            return EVENTS
        case "runtime_id" | "source" | "target":
            return _view(store, ctx)
        case "turn_id":
            return _turns_of(_view(store, ctx))
        case "status":
            return (*WORDS, "over")
        case "state.status":
            return _statuses_of(_view(store, ctx))
    return ()


complete_sessions = completer(_sessions)
complete_runtimes = completer(_runtimes)
complete_turns = completer(_turns)
complete_refs = completer(_refs)
complete_conditions = completer(_conditions)
complete_followed = completer(_followed)
complete_runtime_list = completer(listed(_runtimes))
complete_turn_list = completer(listed(_turns))
complete_event_list = completer(listed(_events))
