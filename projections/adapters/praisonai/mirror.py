"""`mirror`: writes every turn of every PraisonAI agent in this process into the journal."""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias, cast

from praisonaiagents.session import store as praisonai

from projections.adapters.mirroring import Mirror, Source
from projections.adapters.praisonai.config import is_config, settings_of
from projections.adapters.praisonai.instrument import ErrorCallback, install
from projections.adapters.praisonai.patches import Patches
from projections.adapters.praisonai.store import JournalSessionStore
from projections.adapters.praisonai.tracker import TurnTracker
from projections.adapters.session_choice import SessionChoice
from projections.adapters.values import Record

SessionOf: TypeAlias = Callable[[Any], str | None]


def mirror(
    config_or_store: Source | JournalSessionStore | Mapping[str, Any],
    *,
    session_id: str | SessionOf | None = None,
    record: Record = "slices",
) -> Mirror:
    """Mirror every turn of every PraisonAI agent in this process, until the handle is closed.

    Takes a store (ours or a `JournalSessionStore`), the path of a folder, or a config: gateway
    or session, ours or PraisonAI's, as an object, a dict or the path of a YAML file. A config
    without `mirror_runtime_state=True` does nothing at all.

    With a config or a `JournalSessionStore`, PraisonAI's default session store is replaced
    meanwhile by one that shows the mirrored runtime state.

    `record` says how much of a turn is kept: "ids" (1 KiB: ids, names, statuses, times),
    "slices" (16 KiB, values cut to 1 KiB) or "full" (1 MiB, values cut to 64 KiB), as far as
    the limits of a store that is given allow.

    Each agent is a runtime, named after the agent. The session of its turns is the first of:
    `session_id`, or what `session_id` returns for the agent; the session that the agent has in
    PraisonAI; the session of the turn that called for it; one that is made up for this mirror.

    Raises TypeError and ValueError for an invalid config or `record`, OSError for a file that
    cannot be read, and RuntimeError if the process is being mirrored already or this release of
    PraisonAI lacks a method that is needed.
    """
    choice: SessionChoice[Any] = SessionChoice("praisonai", session_id)
    handle, store = _handle_for(config_or_store, record)

    def start() -> None:
        _start(handle, choice)
        if store is not None:
            handle.on_close(_make_default(store))

    return handle.begin("PraisonAI", start)


def _handle_for(
    source: Source | JournalSessionStore | Mapping[str, Any], record: Record
) -> tuple[Mirror, JournalSessionStore | None]:
    """The handle, and the store that becomes PraisonAI's default, if any."""
    if isinstance(source, JournalSessionStore):
        return Mirror(source.journal, record), source
    if is_config(source):
        handle = Mirror(settings_of(source), record)
        if not handle.mirrors:
            return handle, None  # nothing is mirrored, so no folder is made
        journal = handle.store
        return handle, JournalSessionStore(journal.session_dir, journal=journal)
    return Mirror(cast(Source, source), record), None


def _start(handle: Mirror, choice: SessionChoice[Any]) -> None:
    tracker = TurnTracker(handle.recorder, choice)
    patches = Patches()
    handle.on_close(tracker.stop)
    handle.on_close(patches.undo)
    install(tracker, patches)
    handle.on_close(ErrorCallback().close)


def _make_default(store: object) -> Callable[[], None]:
    """Make it PraisonAI's default session store. Returns a function that undoes this."""
    before = praisonai._default_store
    praisonai._default_store = store

    def put_back() -> None:
        if praisonai._default_store is store:
            praisonai._default_store = before

    return put_back
