"""Listens to PraisonAI's approvals: a call waits while somebody is asked whether it may run.

Whoever decides, by an agent's own backend or by the registry's, makes an `ApprovalRequest` just
before anybody is asked, and makes none where a rule or an earlier answer decides. So a call
waits from then until the decision is there. All that time the agent waits as well, inside the
call: its turn is `waiting`, keeps the session, and goes on as the same turn.
"""

import inspect
from collections.abc import Awaitable, Callable
from typing import Any

from projections.adapters.praisonai.patches import Patches
from projections.adapters.praisonai.running import Running, running_here
from projections.adapters.praisonai.tracker import TurnTracker
from projections.adapters.recorder import Recorder

DECISIONS = (
    ("praisonaiagents:Agent", "_resolve_approval_decision"),
    ("praisonaiagents.approval.registry:ApprovalRegistry", "approve_sync"),
    ("praisonaiagents.approval.registry:ApprovalRegistry", "approve_async"),
)
REQUEST = "praisonaiagents.approval.protocols:ApprovalRequest"


def watch(tracker: TurnTracker, patches: Patches) -> None:
    """Wrap what decides, and the request. In a release without them no call waits."""

    def deciding(wrapped: Any, _owner: Any, args: Any, kwargs: Any) -> Any:
        here = running_here()
        if here is None or here[1] is None or tracker.stopped:
            return wrapped(*args, **kwargs)
        return _Question(tracker, here[0], here[1]).of(lambda: wrapped(*args, **kwargs))

    def asking(wrapped: Any, _request: Any, args: Any, kwargs: Any) -> None:
        wrapped(*args, **kwargs)
        here = running_here()
        if here is not None and here[1] in here[0].questions and not tracker.stopped:
            tracker.guard(_wait, tracker.recorder, *here)

    for owner, name in DECISIONS:
        patches.wrap_at(owner, name, lambda _: deciding)
    patches.wrap_at(REQUEST, "__init__", lambda _: asking)


def _wait(recorder: Recorder, running: Running, call_id: str) -> None:
    turn = running.turn
    with turn.lock:
        call = turn.calls.get(call_id)
        if call is None:
            return
        turn.call_waits(call_id, call.name)
        turn.close("waiting")
    recorder.save_soon(turn)


class _Question:
    """Whether a call may run."""

    def __init__(self, tracker: TurnTracker, running: Running, call_id: str) -> None:
        self._tracker = tracker
        self._running = running
        self._call_id = call_id

    def of(self, decide: Callable[[], Any]) -> Any:
        """What `decide` returns, or what it does to be awaited."""
        self._running.questions.add(self._call_id)
        try:
            decision = decide()
        except BaseException:
            self._end(None)
            raise
        if inspect.isawaitable(decision):
            return self._awaited(decision)
        if self._end(decision):
            self._tracker.guard(self._tracker.recorder.save, self._running.turn)
        return decision

    async def _awaited(self, decision: Awaitable[Any]) -> Any:
        try:
            found = await decision
        except BaseException:
            self._end(None)
            raise
        if self._end(found):
            await self._tracker.recorder.asave(self._running.turn)
        return found

    def _end(self, decision: Any) -> bool:
        """It is decided, or nobody did. Whether that has to be written before the tool runs."""
        self._running.questions.discard(self._call_id)
        return not self._tracker.stopped and bool(self._tracker.guard(self._note, decision))

    def _note(self, decision: Any) -> bool:
        turn = self._running.turn
        with turn.lock:
            call = turn.calls.get(self._call_id)
            if call is None or call.status != "waiting":
                return False  # nobody was asked
            is_allowed = bool(getattr(decision, "approved", False))
            if is_allowed:
                changed = getattr(decision, "modified_args", None)
                if changed:  # by whoever was asked: these are what the tool gets
                    call.fields.pop("arguments", None)
                turn.call_started(call.id, call.name, changed or None)
            elif decision is not None:
                turn.call_ended(call.id, "denied", getattr(decision, "reason", None))
            self._running.go_on()
            return is_allowed
