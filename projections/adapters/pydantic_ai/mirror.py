"""`mirror`: writes every run of every Pydantic AI agent in this process into the journal."""

import functools
from collections.abc import Callable
from typing import Any

from pydantic_ai import Agent
from pydantic_ai.capabilities import CombinedCapability

from projections.adapters.mirroring import Mirror, Source
from projections.adapters.pydantic_ai.capability import JournalCapability
from projections.adapters.pydantic_ai.tracker import SessionOf
from projections.adapters.session_choice import SessionChoice
from projections.adapters.values import Record

_ENTRANCE = "_base_run_capability"  # asked in every run, however it is started


def mirror(
    source: Source, *, session_id: str | SessionOf | None = None, record: Record = "slices"
) -> Mirror:
    """Mirror every run of every Pydantic AI agent in this process, until the handle is closed.

    Each run is given a `JournalCapability`; its description says how a run is mirrored, and
    explains `session_id`. An agent with a capability of its own is mirrored by that one.

    `source` is a store, a gateway or session config, or the path of a folder. A config without
    `mirror_runtime_state=True` does nothing at all. `record` says how much of a turn is kept:
    "ids" (ids, names, statuses and times: 1 KiB a turn), "slices" (values cut to 1 KiB, 16 KiB a
    turn) or "full" (values cut to 64 KiB, 1 MiB a turn).

    Raises TypeError and ValueError for an invalid source, ValueError for such a `record`, and
    RuntimeError if the process is being mirrored already or this release of Pydantic AI lacks
    the method that is needed.
    """
    SessionChoice("pydantic-ai", session_id)  # before anything is opened
    handle = Mirror(source, record)

    def start() -> None:
        handle.on_close(_give_to_every_run(JournalCapability(handle, session_id=session_id)))

    return handle.begin("Pydantic AI", start)


def _give_to_every_run(capability: JournalCapability) -> Callable[[], None]:
    """Add the capability to those of every agent. Returns a function that undoes this.

    If it were passed to `Agent.iter` instead, it would be a capability of the run, and Pydantic
    AI would make the toolsets of all other capabilities anew in each run.
    """
    before = getattr(Agent, _ENTRANCE, None)
    if before is None:
        raise RuntimeError(
            f"this release of pydantic-ai has no Agent.{_ENTRANCE}: its runs cannot be mirrored. "
            "Use another release, a newer runtime-journal, or give agents a JournalCapability"
        )

    @functools.wraps(before)
    def with_journal(agent: Any) -> tuple[Any, bool]:
        base, is_override = before(agent)
        return CombinedCapability([base, capability]), is_override

    def put_back() -> None:
        mine = getattr(Agent, _ENTRANCE) is with_journal
        if mine:  # otherwise somebody has wrapped it since
            setattr(Agent, _ENTRANCE, before)

    setattr(Agent, _ENTRANCE, with_journal)
    return put_back
