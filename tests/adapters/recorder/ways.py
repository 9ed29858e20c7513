"""The two ways to record a turn, and what came of it."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from journal.events import Handoff, Set, Takeover
from projections import DefaultSessionStore
from projections.adapters.recorder import Recorder
from projections.adapters.turns import Status, Turn


class Way:
    """A recorder as threads use it, or, with a runner, as an event loop does."""

    def __init__(self, recorder: Recorder, runner: asyncio.Runner | None) -> None:
        self.recorder = recorder
        self.runner = runner

    def to(self, recorder: Recorder) -> "Way":
        """The same way with another recorder."""
        return Way(recorder, self.runner)

    def open(self, turn: Turn) -> None:
        self._do(self.recorder.open, self.recorder.aopen, turn)

    def save(self, turn: Turn) -> None:
        self._do(self.recorder.save, self.recorder.asave, turn)

    def close(self, turn: Turn, status: Status = "completed", error: object = None) -> None:
        self._do(self.recorder.close, self.recorder.aclose, turn, status, error)

    def settle(self) -> None:
        """Until all is written, and the loop has heard what came of it."""
        self.recorder.join()
        if self.runner is not None:
            self.runner.run(asyncio.sleep(0))

    def _do(
        self,
        call: Callable[..., None],
        acall: Callable[..., Coroutine[Any, Any, None]],
        *args: object,
    ) -> None:
        if self.runner is None:
            call(*args)
        else:
            self.runner.run(acall(*args))


def new(runtime: str = "triage", turn: str = "turn-1", **fields: Any) -> Turn:
    return Turn(session_id="s", runtime_id=runtime, turn_id=turn, **fields)


def inside(parent: Turn, runtime: str, turn: str, call: str | None, **fields: Any) -> Turn:
    return new(runtime, turn, parent=parent, parent_call_id=call, **fields)


def states(store: DefaultSessionStore, runtime: str = "triage", turn: str = "turn-1") -> list[Any]:
    """The status of each version of a turn, and those of its calls."""
    found = []
    for version in store.history("s", runtime, turn):
        calls = {call["id"]: call["status"] for call in version.state.get("tool_calls", [])}
        found.append((version.state["status"], calls))
    return found


def story(store: DefaultSessionStore, session: str = "s") -> list[str]:
    """The events of a session, a few words each."""
    found = []
    for step in store.replay(session):
        match step.event:
            case Set(runtime_id=runtime, turn_id=turn):
                found.append(f"{runtime} {turn} {step.state['status']}")
            case Handoff(source=source, target=target, reason=reason):
                found.append(f"{source} -> {target}: {reason}")
            case Takeover(runtime_id=runtime, handoff_seq=answered):
                found.append(f"{runtime} takes over {answered}")
    return found


def changes(store: DefaultSessionStore) -> list[tuple[str | None, str, str]]:
    return [(each.source, each.target, each.status) for each in store.audit("s").changes]
