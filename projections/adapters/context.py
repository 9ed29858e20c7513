"""Where code is running: in which turn, and in which tool call of it, whatever the framework.

There is one context variable for all frameworks, so an agent of one framework that a tool of
another one asks finds the tool call that it works for. The frameworks copy the context into the
threads and tasks in which they run tools.
"""

from contextvars import ContextVar, Token
from typing import NamedTuple, Protocol

from projections.adapters.calls import UNFINISHED
from projections.adapters.recorder import Recorder
from projections.adapters.turns import Turn


class InSession(Protocol):
    """What a framework runs: a run or a turn. `session_id` is None while that is not known."""

    @property
    def session_id(self) -> str | None: ...


class CallContext(NamedTuple):
    """In `work` of a framework and, if there is a `turn`, in that turn; in its call `call_id`."""

    recorder: Recorder
    work: InSession
    turn: Turn | None = None
    call_id: str | None = None

    @property
    def caller(self) -> Turn | None:
        """The turn that calls for what begins here. None once the turn, or its call, is over.

        One that waits is not: an agent may be asked whether a call may run.
        """
        turn, call_id = self.turn, self.call_id
        if turn is None or turn.is_over:
            return None
        call = None if call_id is None else turn.calls.get(call_id)
        is_over = call_id is not None and (call is None or call.status not in UNFINISHED)
        return None if is_over else turn

    @property
    def session_id(self) -> str | None:
        """The session around what begins here. None once the turn is over."""
        if self.turn is None:
            return self.work.session_id
        return None if self.turn.is_over else self.turn.session_id

    def calls_for(self, turn: Turn) -> None:
        """Make the caller, if there is one, the parent of a turn that begins here."""
        caller = self.caller
        if caller is not None:
            turn.parent, turn.parent_call_id = caller, self.call_id
            caller.handed_to(turn)

    def called_for(self, turn: Turn) -> None:
        """As `calls_for`, of a turn made anew from its state, which may know its parent.

        If that is another turn than the caller, it was handed over to for good since.
        """
        caller, known = self.caller, turn.parent_reference
        if caller is None or known is None:
            self.calls_for(turn)
        elif (known["runtime"], known["turn"]) == (caller.runtime_id, caller.turn_id):
            turn.parent, turn.parent_call_id = caller, known.get("tool_call_id", self.call_id)
        else:
            before = Turn(known.get("session", turn.session_id), known["runtime"], known["turn"])
            before.parent, before.parent_call_id = caller, self.call_id
            turn.parent, turn.parent_call_id = before, known.get("tool_call_id")
            turn.for_good = before.handed_on = True


_context: ContextVar[CallContext | None] = ContextVar("journal_call_context", default=None)


def current(recorder: Recorder | None = None) -> CallContext | None:
    """Where this code is running; with `recorder`, only if that recorder mirrors it."""
    found = _context.get()
    return found if found is None or recorder in (None, found.recorder) else None


def enter_context(context: CallContext) -> None:
    """Code that runs in this Python context from now on runs there."""
    _context.set(context)


class use_context:  # noqa: N801 - it is called like a function
    """`with use_context(context):` runs the block there; None changes nothing."""

    def __init__(self, context: CallContext | None) -> None:
        self._used = context
        self._token: Token[CallContext | None] | None = None

    def __enter__(self) -> None:
        if self._used is not None:
            self._token = _context.set(self._used)

    def __exit__(self, *_: object) -> None:
        if self._token is not None:
            try:
                _context.reset(self._token)
            except ValueError:
                pass  # closed from another Python context, as an abandoned coroutine is
