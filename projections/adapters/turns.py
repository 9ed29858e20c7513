"""An agent's turn under way: what happens in it, kept as one state. Pure: no I/O."""

import secrets
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import monotonic
from typing import Any, Literal, TypeAlias, TypeVar

import msgspec

from journal.errors import ReentryError
from projections.adapters import states
from projections.adapters.calls import (
    NAME_LENGTH,
    UNFINISHED,
    CallStatus,
    ToolCall,
    ToolCalls,
)
from projections.adapters.states import FORM, State
from projections.adapters.texts import error_text, shorten, text_of
from projections.adapters.transcripts import Transcript
from projections.adapters.values import Slice, Slicer

T = TypeVar("T")
Status: TypeAlias = Literal[
    "open", "waiting", "completed", "error", "cancelled", "interrupted", "abandoned"
]
"""How a turn is going; all but `open` and `waiting` are final."""

_NO_MARKS = {ord(mark): None for mark in "-:"}

_ERROR_LENGTH = 160  # characters of an error where no values are kept
_AT_ONCE = 20  # calls of a turn whose opening and end are written at once
_SELDOM = 0.05  # seconds after a write in which changes of later calls wait for others

_ANSWERS: dict[CallStatus, str] = {
    "completed": "allowed",
    "error": "allowed",
    "denied": "denied",
}
"""What was answered to a call that waited, as its end shows; nothing if it was called off."""


@dataclass(slots=True, eq=False)
class Turn:
    """A turn under way. Thread-safe: tools of one turn may run in several threads.

    `runtime_id` is usually the agent's name. `parent` is the turn that called for this one, in
    its tool call `parent_call_id`; the session goes back to it when this turn closes. A handoff
    `for_good` does not come back: the parent is then `handed_on`, and when this turn closes,
    the session goes where it would have gone from the parent. A turn that `is_beside` others of
    its parent never has the session: the parent keeps it. One that is `settled` has ended, but
    something may still be added to it, if the session is still its runtime's.

    Of a turn that was made anew from its state, `parent_reference` names a parent that is not
    here, and `omitted_before` has the counts of what that state left out. `lock` guards the
    fields, and is held while the state is taken and queued. When the program ends, a finalizer
    may interrupt that on the same thread.
    """

    session_id: str
    runtime_id: str
    turn_id: str = field(default_factory=lambda: new_turn_id())
    agent: str | None = None
    parent: "Turn | None" = None
    parent_call_id: str | None = None
    for_good: bool = False
    handed_on: bool = False
    is_beside: bool = False
    settled: bool = False
    parent_reference: dict[str, str] | None = field(default=None, repr=False)
    omitted_before: dict[str, int] = field(default_factory=dict, repr=False)
    slicer: Slicer = field(default_factory=Slicer, repr=False)
    status: Status = "open"
    stop_reason: str | None = None
    model: str | None = None
    usage: dict[str, float] = field(default_factory=dict)
    error: Slice | None = None
    calls: ToolCalls = field(default_factory=ToolCalls, repr=False)
    handoffs: list[dict[str, str]] = field(default_factory=list, repr=False)
    opened_at: str = field(default_factory=lambda: now())
    closed_at: str | None = None
    lock: threading.RLock = field(default_factory=threading.RLock, repr=False)
    is_being_queued: bool = field(default=False, repr=False)
    transcript: Transcript = field(init=False, repr=False)
    _is_urgent: bool = field(default=True, repr=False)
    _taken_at: float = field(default=0.0, repr=False)  # on the monotonic clock

    def __post_init__(self) -> None:
        self.transcript = Transcript(self.slicer.detail.turn_bytes)

    def put_in_line(self, line_up: Callable[[bytes], T], most: int | None = None) -> T:
        """Take the state, as `encoded` does, and let `line_up` put it into a queue.

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
                return line_up(self.encoded(most))
            finally:
                self.is_being_queued = False

    def after_stop(self) -> None:
        """See `journal.forking.Stoppable`."""
        self.lock = threading.RLock()
        self.is_being_queued = False

    @property
    def is_due(self) -> bool:
        """Whether what has changed is to be written at once, rather than with what follows soon.

        So it is in a turn with few calls, for the first of many, for errors, for whatever waits
        or ends, and where nothing was written for a while.
        """
        is_busy = len(self.calls) > _AT_ONCE
        return not is_busy or self._is_urgent or monotonic() - self._taken_at >= _SELDOM

    # What happens in a turn

    def says(self, role: str, content: object) -> None:
        """Add to the transcript; content that is not text as JSON. None and "" add nothing."""
        text = text_of(content)
        if text:
            kept = self.slicer.keep_text(text)
            with self.lock:
                if kept is not None:
                    self.transcript.add(role, kept)

    def model_answered(
        self,
        model: str | None = None,
        usage: Mapping[str, float | None] | None = None,
        stop_reason: str | None = None,
    ) -> None:
        """A model has answered; `usage` is of this answer, by the names that states have."""
        with self.lock:
            self.model = shorten(model, NAME_LENGTH) if model else self.model
            self.stop_reason = shorten(stop_reason, NAME_LENGTH) if stop_reason else None
            for name, amount in (usage or {}).items():
                if amount:
                    self.usage[name] = self.usage.get(name, 0) + amount

    def call_asked(
        self, call_id: str, name: str, arguments: object = None, *, again: bool = False
    ) -> None:
        """The model asks for a tool call, which has not begun. A known one gets arguments only.

        With `again`, one that has ended begins anew: some models give the same id once more.
        """
        known = self.calls.get(call_id)
        begins = known is None or (again and known.status not in UNFINISHED)
        is_kept = known is not None and not begins and "arguments" in known.fields
        kept = None if arguments is None or is_kept else self.slicer.keep(arguments)
        with self.lock:
            call = self.calls.named(call_id, name)
            if again and call.status not in UNFINISHED:
                call.begin_again()
                self.calls.set_status(call, "open")
            if kept is not None and "arguments" not in call.fields:
                self.calls.keep(call, "arguments", kept)
            self._note(call.number)

    def call_started(
        self, call_id: str, name: str, arguments: object = None, *, again: bool = False
    ) -> None:
        """A tool is about to run. No change for one that runs, or, unless `again`, has ended.

        One that waited was allowed to, with these arguments if they are given.
        """
        self.call_asked(call_id, name, arguments, again=again)
        with self.lock:
            call = self.calls.named(call_id, name)
            if call.status in UNFINISHED and call.started_at is None:
                if call.status == "waiting":
                    self._allow(call, arguments)
                call.started_at = now()
                self.calls.set_status(call, "open")

    def _allow(self, call: ToolCall, arguments: object) -> None:
        call.answer = "allowed"
        kept = None if arguments is None else self.slicer.keep(arguments)
        if kept is not None:
            self.calls.keep(call, "arguments", kept)

    def call_waits(self, call_id: str, name: str, arguments: object = None) -> None:
        """A person is asked whether the tool may run, or for its result. Again: asked anew.

        A tool that has begun, and asks then, runs from the moment at which it is allowed to.
        """
        self.call_asked(call_id, name, arguments)
        with self.lock:
            call = self.calls.named(call_id, name)
            if call.status != "waiting":
                call.asked_at, call.answer, call.started_at = now(), None, None
            self.calls.set_status(call, "waiting")
            self._is_urgent = True

    def call_ended(
        self,
        call_id: str,
        status: CallStatus = "completed",
        error: object | None = None,
        result: object | None = None,
    ) -> None:
        """A tool call has ended. For an id that was never named, nothing happens."""
        kept = None if result is None else self.slicer.keep(result)
        with self.lock:
            call = self.calls.get(call_id)
            if call is None:
                return
            if call.asked_at is not None and call.answer is None:
                call.answer = _ANSWERS.get(status)
            if kept is not None:
                self.calls.keep(call, "result", kept)
            if error is not None:
                self.calls.keep(call, "error", self._kept_error(error))
            call.ended_at = now()
            self.calls.set_status(call, status)
            self._note(call.number)
            self._is_urgent |= status == "error"

    def _kept_error(self, error: object) -> Slice:
        text = error_text(error)
        return self.slicer.keep_text(text) or Slice.of(shorten(text, _ERROR_LENGTH))

    def _note(self, number: int) -> None:
        self._is_urgent |= number < _AT_ONCE

    @property
    def has_open_calls(self) -> bool:
        """Whether a tool call has begun and not ended."""
        return bool(self.calls.unfinished)

    @property
    def is_over(self) -> bool:
        """Whether nothing more can begin in it."""
        return self.status not in UNFINISHED and not self.settled

    def handed_to(self, target: "Turn") -> None:
        """Another runtime goes on, for a tool call or for good. Call this before `close`."""
        with self.lock:
            self.handed_on = self.handed_on or target.for_good
            self.handoffs.append(_reference(target, self.session_id, target.parent_call_id))

    def close(self, status: Status = "completed", error: object | None = None) -> bool:
        """The turn has ended, or waits. False, without effect, if it had ended before.

        If it went wrong, its open calls become cancelled. One that is `settled` may be closed
        once more, which changes nothing unless it went wrong after all.
        """
        with self.lock:
            was_settled, self.settled = self.settled, False
            if self.status not in UNFINISHED and not (was_settled and status == "error"):
                return was_settled
            self.status = status
            self._is_urgent = True
            if status != "waiting":
                self.closed_at = now()
            self.error = None if error is None else self._kept_error(error)
            if status == "error":
                for call in list(self.calls.unfinished.values()):
                    self.calls.set_status(call, "cancelled")
            return True

    def resume(self) -> None:
        """A turn that waited goes on."""
        with self.lock:
            if self.status == "waiting":
                self.status = "open"
                self._is_urgent = True

    # Its state

    def encoded(self, most: int | None = None) -> bytes:
        """The turn as a state of at most `most` bytes of JSON, or as many as its `slicer` says.

        See `projections.adapters.states`. O(what is shown).
        """
        with self.lock:
            self._is_urgent, self._taken_at = False, monotonic()
            return states.encoded(
                self._beginning(),
                self.calls,
                self.transcript,
                self.handoffs,
                self.omitted_before,
                most or self.slicer.detail.turn_bytes,
            )

    def state(self, most: int | None = None) -> dict[str, Any]:
        """The same as data."""
        found: dict[str, Any] = msgspec.json.decode(self.encoded(most))
        return found

    def _beginning(self) -> State:
        parent, error = self.parent, self.error
        return State(
            turn=FORM,
            agent=shorten(self.agent or self.runtime_id, NAME_LENGTH),
            status=self.status,
            stop_reason=self.stop_reason,
            opened_at=self.opened_at,
            closed_at=self.closed_at,
            model=self.model,
            usage=self.usage or None,
            parent=self.parent_reference
            if parent is None
            else _reference(parent, self.session_id, self.parent_call_id),
            error=error and error.encoded,
            cut={"error": error.cut} if error is not None and error.cut else None,
        )


def new_turn_id() -> str:
    """A unique id that sorts by time: `20261123T102041.714-9f3a1c`."""
    return f"{now()[:-1].translate(_NO_MARKS)}-{secrets.token_hex(3)}"


def now() -> str:
    """The time in the form that states have: UTC, milliseconds."""
    return f"{datetime.now(UTC).isoformat(timespec='milliseconds')[:-6]}Z"  # not `+00:00`


def _reference(turn: Turn, session_id: str, call_id: str | None) -> dict[str, str]:
    """How the state of a turn in `session_id` names another turn."""
    found = {"runtime": turn.runtime_id, "turn": turn.turn_id}
    if turn.session_id != session_id:
        found["session"] = turn.session_id
    if call_id is not None:
        found["tool_call_id"] = call_id
    return found
