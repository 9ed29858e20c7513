"""An agent's turn, kept as one small state. Pure: no I/O.

    {"agent": "triage", "status": "open", "opened_at": "2026-11-23T10:20:41.714Z",
     "tool_calls": [{"id": "call-1", "name": "search", "status": "completed"}],
     "transcript": [{"role": "user", "content": "Where is my parcel?"}]}

- `status` is `open`, and once the turn has ended `completed`, `error` or `cancelled`. Then
  there are `closed_at` and, if something went wrong, `error`. A tool call has the same
  statuses. If a turn ends well but the end of a call is not known, that call stays `open`.
- `transcript` is a slice: what went in and what came out, cut to the room in the limit.
- `parent` is the turn that called for this one: `runtime`, `turn`, the `tool_call_id` if it
  is known, and the `session` if it is another one.
- `handoffs` are the turns that this one called for or handed over to, with the same fields.
- `tool_calls_omitted` counts finished calls for which the limit left no room. Earlier states
  of the turn have them.
"""

import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, TypeAlias, TypeVar

from journal.config import Limits
from journal.errors import ReentryError
from projections.adapters.slices import omit_calls, size_of, slice_of
from projections.adapters.texts import error_text, shorten, text_of

T = TypeVar("T")
Status: TypeAlias = Literal["open", "completed", "error", "cancelled"]

_NAME_LENGTH = 120  # characters of a tool's or an agent's name
_TEXT_LENGTH = 1 << 16  # characters of a message, whatever the limits allow


@dataclass(slots=True)
class ToolCall:
    """One tool call of a turn."""

    id: str
    name: str
    status: Status = "open"
    error: str | None = None

    def state(self) -> dict[str, Any]:
        """The call as it is in the turn's state."""
        found: dict[str, Any] = {
            "id": self.id,
            "name": shorten(self.name, _NAME_LENGTH),
            "status": self.status,
        }
        if self.error is not None:
            found["error"] = self.error
        return found


@dataclass(slots=True, eq=False)
class Turn:
    """A turn under way. Thread-safe: tools of one turn may run in several threads.

    `runtime_id` is usually the agent's name. `parent` is the turn that called for this one, in
    its tool call `parent_call_id`; the session goes back to it when this turn closes. A handoff
    `for_good` does not come back: the parent is then `handed_on`, and when this turn closes,
    the session goes where it would have gone from the parent. `lock` guards the fields, and is
    held while the state is taken and queued. When the program ends, a finalizer may interrupt
    that on the same thread.
    """

    session_id: str
    runtime_id: str
    turn_id: str = field(default_factory=lambda: new_turn_id())
    agent: str | None = None
    parent: "Turn | None" = None
    parent_call_id: str | None = None
    for_good: bool = False
    handed_on: bool = False
    status: Status = "open"
    error: str | None = None
    calls: dict[str, ToolCall] = field(default_factory=dict)
    transcript: list[dict[str, str]] = field(default_factory=list)
    handoffs: list[dict[str, str]] = field(default_factory=list)
    opened_at: str = field(default_factory=lambda: now())
    closed_at: str | None = None
    lock: threading.RLock = field(default_factory=threading.RLock, repr=False)
    is_being_queued: bool = field(default=False, repr=False)

    def put_in_line(self, limits: Limits, line_up: Callable[[dict[str, Any]], T]) -> T:
        """Take the state, as `state` does, and let `line_up` put it into a queue.

        Both happen under the lock, so `line_up` must not do I/O. Returns what `line_up` returns.
        Raises `ReentryError` if this very thread is in here already: otherwise an older state
        could be queued behind a newer one.
        """
        with self.lock:
            if self.is_being_queued:
                raise ReentryError(
                    "the turn ended, in a finalizer, while it was being queued by the same thread"
                )
            self.is_being_queued = True
            try:
                return line_up(self.state(limits))
            finally:
                self.is_being_queued = False

    def after_stop(self) -> None:
        """See `journal.forking.Stoppable`."""
        self.lock = threading.RLock()
        self.is_being_queued = False

    def says(self, role: str, content: object) -> None:
        """Add to the transcript; content that is not text as JSON. None and "" add nothing."""
        text = shorten(text_of(content), _TEXT_LENGTH)
        if text:
            with self.lock:
                self.transcript.append({"role": role, "content": text})

    def call_started(self, call_id: str, name: str) -> None:
        """A tool call was asked for, or has begun. For an id that is known already: no change."""
        with self.lock:
            self.calls.setdefault(call_id, ToolCall(call_id, name))

    def call_ended(
        self, call_id: str, status: Status = "completed", error: object | None = None
    ) -> None:
        """A tool call has ended. For an id that was never started, nothing happens."""
        with self.lock:
            call = self.calls.get(call_id)
            if call is not None:
                call.status = status
                call.error = None if error is None else error_text(error)

    @property
    def has_open_calls(self) -> bool:
        """Whether a tool call has begun and not ended."""
        with self.lock:
            return any(call.status == "open" for call in self.calls.values())

    def handed_to(self, target: "Turn") -> None:
        """Another runtime goes on, for a tool call or for good. Call this before `close`."""
        with self.lock:
            self.handed_on = self.handed_on or target.for_good
            self.handoffs.append(_reference(target, self.session_id, target.parent_call_id))

    def close(self, status: Status = "completed", error: object | None = None) -> bool:
        """The turn has ended. False, without effect, if it had ended before.

        If the turn was cancelled or went wrong, its open calls become cancelled.
        """
        with self.lock:
            if self.status != "open":
                return False
            self.status = status
            self.closed_at = now()
            self.error = None if error is None else error_text(error)
            for call in self.calls.values():
                if call.status == "open" and status != "completed":
                    call.status = "cancelled"
            return True

    def state(self, limits: Limits) -> dict[str, Any]:
        """The turn as a state of at most `limits.turn_bytes` of JSON, if possible.

        To get there it leaves out text of the transcript, then finished tool calls, the oldest
        first. The latest finished call always stays, and so do all unfinished ones. O(calls).
        """
        with self.lock:
            state = self._without_transcript()
            room = limits.turn_bytes - size_of(state)
            if room < 0:
                omit_calls(state, -room)
            elif self.transcript:
                state["transcript"] = []
                state["transcript"] = slice_of(self.transcript, limits.turn_bytes - size_of(state))
                if not state["transcript"]:
                    del state["transcript"]
            return state

    def _without_transcript(self) -> dict[str, Any]:
        state: dict[str, Any] = {
            "agent": shorten(self.agent or self.runtime_id, _NAME_LENGTH),
            "status": self.status,
            "opened_at": self.opened_at,
        }
        if self.closed_at is not None:
            state["closed_at"] = self.closed_at
        if self.error is not None:
            state["error"] = self.error
        if self.parent is not None:
            state["parent"] = _reference(self.parent, self.session_id, self.parent_call_id)
        if self.handoffs:
            state["handoffs"] = list(self.handoffs)
        if self.calls:
            state["tool_calls"] = [call.state() for call in self.calls.values()]
        return state


def new_turn_id() -> str:
    """A unique id that sorts by time: `20261123T102041.714-9f3a1c`."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S.%f}"[:-3] + f"-{secrets.token_hex(3)}"


def now() -> str:
    """The time in the form that states have: UTC, milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _reference(turn: Turn, session_id: str, call_id: str | None) -> dict[str, str]:
    """How the state of a turn in `session_id` names another turn."""
    found = {"runtime": turn.runtime_id, "turn": turn.turn_id}
    if turn.session_id != session_id:
        found["session"] = turn.session_id
    if call_id is not None:
        found["tool_call_id"] = call_id
    return found
