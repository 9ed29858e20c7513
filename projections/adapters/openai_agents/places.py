"""Where code is running: in which run, and in which tool call of which turn.

The SDK runs each tool in a task or a thread of its own, with a copy of the context, so what a
tool calls finds its call there. A run that an agent's guardrails or hooks start finds the run.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, NamedTuple

from projections.adapters.turns import Turn

if TYPE_CHECKING:
    from projections.adapters.openai_agents.runs import Run


class Place(NamedTuple):
    """In a run, and if `turn` is there, in that tool call of it."""

    run: "Run"
    turn: Turn | None = None
    call_id: str = ""

    @property
    def caller(self) -> Turn | None:
        """The turn that calls for what begins here; None outside of calls that go on."""
        if self.turn is None or self.turn.status != "open":
            return None
        call = self.turn.calls.get(self.call_id)
        return self.turn if call is not None and call.status == "open" else None


_place: ContextVar[Place | None] = ContextVar("journal_openai_agents_place", default=None)


def place() -> Place | None:
    """Where this code is running; None outside of runs."""
    return _place.get()


def enter(place: Place) -> None:
    """What runs in this context from now on runs there."""
    _place.set(place)


@contextmanager
def inside(run: "Run") -> Iterator[None]:
    """Run the block as part of the run."""
    token = _place.set(Place(run))
    try:
        yield
    finally:
        try:
            _place.reset(token)
        except ValueError:
            pass  # closed from another context, as an abandoned coroutine is
