"""Finds the turn that code belongs to: by the context, or else by the agent.

PraisonAI copies the context into the threads and tasks in which it runs tools. So a tool call
knows its turn there, and a turn that begins inside a tool call knows its caller. Code without
that context is taken to belong to the agent's turn, if the agent has just one.
"""

import asyncio
import threading
from dataclasses import dataclass, field
from typing import Any

from projections.adapters.calls import UNFINISHED
from projections.adapters.context import current
from projections.adapters.open_turns import OpenTurns
from projections.adapters.turns import Status, Turn


@dataclass(slots=True, eq=False)
class Running:
    """An agent's turn under way, with what PraisonAI reveals of how it goes.

    `shown_error` is the last error that PraisonAI showed instead of raising it. `blocked` is
    the reason why a guardrail withheld the answer. `cancel` is PraisonAI's token of the turn:
    it knows whether the turn was asked to stop. A turn that `streams` may fall back to an
    answer without a stream; `came_to_nothing` says that it did, and that there was no answer.
    """

    agent: Any
    turn: Turn
    shown_error: str | None = None
    blocked: str | None = None
    cancel: Any = None
    streams: bool = False
    came_to_nothing: bool = False
    lock: threading.RLock = field(default_factory=threading.RLock, repr=False)

    @property
    def session_id(self) -> str:
        return self.turn.session_id

    def start_call(self, call_id: object, name: object) -> str:
        """Note that a tool call begins; returns an id that no other call of the turn has."""
        with self.lock:
            chosen = self._own_id(call_id)
            self.turn.call_started(chosen, str(name))
            return chosen

    def _own_id(self, call_id: object) -> str:
        calls = self.turn.calls
        if isinstance(call_id, str) and call_id:
            stem, number = call_id, 1
            known = calls.get(call_id)
            if known is None or known.status in UNFINISHED:
                return call_id  # an open one is the same call, seen twice
        else:
            stem, number = "call", len(calls)
        while f"{stem}-{number + 1}" in calls:
            number += 1
        return f"{stem}-{number + 1}"

    def after_stop(self) -> None:
        """See `journal.forking.Stoppable`."""
        self.lock = threading.RLock()

    def outcome(self, result: object) -> tuple[Status, str | None]:
        """How a turn that returned `result` ended, and what went wrong.

        PraisonAI swallows errors and returns None, so None counts as an error.
        """
        if getattr(self.cancel, "_observed", False):
            return "cancelled", self.shown_error
        if self.blocked is not None:
            return "error", self.blocked
        if result is None or self.came_to_nothing:
            return "error", self.shown_error or "no answer"
        error = reported_error(result)
        return ("completed", None) if error is None else ("error", error)


def running_here() -> tuple[Running, str | None] | None:
    """The turn in which this code runs, and its call; None outside a turn, or once it is over."""
    here = current()
    if here is None or not isinstance(here.work, Running) or here.work.turn.status != "open":
        return None
    return here.work, here.call_id


class RunningTurns:
    """The open turns of each agent. Thread-safe."""

    def __init__(self) -> None:
        self._open: OpenTurns[int, Running] = OpenTurns()

    def add(self, running: Running) -> None:
        self._open.add(id(running.agent), running)

    def remove(self, running: Running) -> None:
        self._open.remove(id(running.agent), running)

    def of(self, agent: object) -> Running | None:
        """The turn of the agent to which this code belongs, None if that is not clear."""
        here = running_here()
        if here is not None and here[0].agent is agent:
            return here[0]
        turns = self._open.of(id(agent))
        return turns[0] if len(turns) == 1 else None


def outcome_of(error: BaseException) -> Status:
    """The status of a turn or a call that ended by an exception."""
    # PraisonAI raises InterruptedError when it has been asked to stop.
    stopped = isinstance(error, InterruptedError | asyncio.CancelledError)
    return "cancelled" if stopped or not isinstance(error, Exception) else "error"


def reported_error(result: object) -> str | None:
    """The error in a result: PraisonAI returns a dict with `error` for a failure."""
    if isinstance(result, dict) and result.get("error"):
        return str(result["error"])
    return None
