"""`mirror`: every turn of every PraisonAI agent in this process goes into the journal."""

import functools
import logging
import threading
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias, cast

from praisonaiagents.session import store as praisonai

from projections.adapters.mirroring import Mirror, Source, check_session_id, new_session_id
from projections.adapters.praisonai.config import is_config, settings_of
from projections.adapters.praisonai.patches import Patches
from projections.adapters.praisonai.scopes import Keeper
from projections.adapters.praisonai.seams import Complaints, install
from projections.adapters.praisonai.store import JournalSessionStore
from projections.adapters.turns import Turn

logger = logging.getLogger("journal")

SessionOf: TypeAlias = Callable[[Any], str | None]

_mirroring = threading.Lock()  # held by the one that mirrors


def mirror(
    config_or_store: Source | JournalSessionStore | Mapping[str, Any],
    *,
    session_id: str | SessionOf | None = None,
) -> Mirror:
    """Mirror every turn of every PraisonAI agent in this process, until the handle is closed.

    Takes a gateway or session config, ours or PraisonAI's, a dict of one, or the path of a YAML
    file of one: unless it says `mirror_runtime_state=True` nothing is done at all. Or a store,
    ours or a `JournalSessionStore`, or the path of a folder.

    With a config or a `JournalSessionStore`, PraisonAI's default session store is meanwhile
    one whose runtime state is what is mirrored.

    Each agent is a runtime, by its name. Its turns go to the session `session_id`, or what
    that returns for the agent; else to the session that the agent has in PraisonAI; else to the
    one of the turn that called for it; else to one that is made up for this call.

    Raises TypeError and ValueError for a config that makes no sense, OSError for a file that
    cannot be read, and RuntimeError when the process is being mirrored already or PraisonAI is
    not what this was made for.
    """
    check_session_id(session_id)
    handle, store = _handle_for(config_or_store)
    try:
        if handle.store.mirrors:
            _start(handle, session_id)
            if store is not None:
                handle.on_close(_make_default(store))
    except BaseException:
        handle.close()
        raise
    return handle


def _handle_for(
    source: Source | JournalSessionStore | Mapping[str, Any],
) -> tuple[Mirror, JournalSessionStore | None]:
    """The handle, and what is to be PraisonAI's default store."""
    if isinstance(source, JournalSessionStore):
        return Mirror(source.journal), source
    if is_config(source):
        handle = Mirror(settings_of(source))
        journal = handle.store
        if not journal.mirrors:
            return handle, None  # and no folder is made
        return handle, JournalSessionStore(journal.session_dir, journal=journal)
    return Mirror(cast(Source, source)), None


def _start(handle: Mirror, session_id: str | SessionOf | None) -> None:
    if not _mirroring.acquire(blocking=False):
        raise RuntimeError("this process is being mirrored already; close that mirror first")
    handle.on_close(_mirroring.release)
    keeper = Keeper(handle.recorder, _runtime_of, _Sessions(session_id).session_of)
    patches = Patches()
    handle.on_close(keeper.stop)
    handle.on_close(patches.undo)
    install(keeper, patches)
    handle.on_close(Complaints().close)


def _make_default(store: object) -> Callable[[], None]:
    """Make it PraisonAI's default session store; returns what puts back the one before."""
    before = praisonai._default_store
    praisonai._default_store = store

    def put_back() -> None:
        if praisonai._default_store is store:
            praisonai._default_store = before

    return put_back


def _runtime_of(agent: Any) -> str:
    """The name that PraisonAI shows for the agent, `Agent 1` if it was given none."""
    return str(agent.display_name)


class _Sessions:
    """Which session a turn belongs to."""

    def __init__(self, chosen: str | SessionOf | None) -> None:
        self._chosen = chosen

    def session_of(self, agent: Any, parent: Turn | None) -> str:
        found = self._chosen(agent) if callable(self._chosen) else self._chosen
        if found is None:
            found = getattr(agent, "_session_id", None)
        if found is None:
            found = parent.session_id if parent is not None else self._made_up
        return found

    @functools.cached_property
    def _made_up(self) -> str:
        session_id = new_session_id("praisonai")
        logger.info("agents without a session are mirrored into session %r", session_id)
        return session_id
