"""`mirror`: every run of every Pydantic AI agent in this process goes into the journal."""

import functools
import inspect
import threading
from collections.abc import Callable
from typing import Any

from pydantic_ai import Agent

from projections.adapters.mirroring import Mirror, Source, check_session_id
from projections.adapters.pydantic_ai.capability import JournalCapability
from projections.adapters.pydantic_ai.keeper import SessionOf

_ENTRANCE = "iter"  # `run`, `run_sync` and all the streams go through it

_mirroring = threading.Lock()  # held by the one that mirrors


def mirror(source: Source, *, session_id: str | SessionOf | None = None) -> Mirror:
    """Mirror every run of every Pydantic AI agent in this process, until the handle is closed.

    Each run is given a `JournalCapability`, which says what becomes of it, and what
    `session_id` does. An agent that has one of its own is mirrored by that one.

    `source` is a store, a gateway or session config, or the path of a folder. Unless a config
    says `mirror_runtime_state=True` nothing is done at all.

    Raises TypeError and ValueError for what cannot be a source, and RuntimeError when the
    process is being mirrored already or Pydantic AI is not what this was made for.
    """
    check_session_id(session_id)
    handle = Mirror(source)
    try:
        if handle.store.mirrors:
            if not _mirroring.acquire(blocking=False):
                raise RuntimeError(
                    "this process is being mirrored already; close that mirror first"
                )
            handle.on_close(_mirroring.release)
            handle.on_close(_give_to_every_run(JournalCapability(handle, session_id=session_id)))
    except BaseException:
        handle.close()
        raise
    return handle


def _give_to_every_run(capability: JournalCapability) -> Callable[[], None]:
    """Returns what undoes it. A run that is told of other capabilities has them too."""
    before = getattr(Agent, _ENTRANCE)
    if "capabilities" not in inspect.signature(before).parameters:
        raise RuntimeError("Agent.iter of this Pydantic AI takes no capabilities")

    @functools.wraps(before)
    def iter_with_journal(agent: Any, *args: Any, capabilities: Any = None, **options: Any) -> Any:
        given = [*(capabilities or ()), capability]
        return before(agent, *args, capabilities=given, **options)

    def put_back() -> None:
        mine = getattr(Agent, _ENTRANCE) is iter_with_journal
        if mine:  # else somebody has put another one around it
            setattr(Agent, _ENTRANCE, before)

    setattr(Agent, _ENTRANCE, iter_with_journal)
    return put_back
