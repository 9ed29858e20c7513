"""What waits in line to be carried out in a session."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING, TypeAlias

from journal.events import Set

if TYPE_CHECKING:
    from asyncio import Future

Action: TypeAlias = Callable[[], None]
"""Reports what came of it by itself, and raises nothing but what ends the program.

One that was interrupted, or may have been, is carried out again.
"""

Done: TypeAlias = Callable[[BaseException | None], None]
"""Gets what came of something: None, or what was raised."""


@dataclass(slots=True)
class Append:
    """Events for the end of a session's log; `done` gets what came of it.

    `refresh` asks for the session file. `since` is when it was called for, on the monotonic
    clock.
    """

    events: Sequence[Set]
    done: Done
    refresh: bool
    since: float = field(default_factory=monotonic)
    is_reported: bool = field(default=False, init=False)

    @property
    def size(self) -> int:
        """Bytes of its states."""
        return sum(len(event.state) for event in self.events)

    def take(self) -> bool:
        """Whether it is to be written: asked once, just before that."""
        return True

    def report(self, error: BaseException | None) -> None:
        """Say what came of it, unless that was said before."""
        if not self.is_reported:
            self.done(error)
            self.is_reported = True


@dataclass(slots=True)
class LateAppend(Append):
    """An append that has no events yet: `make` makes them, unless `answer` is cancelled before.

    Until then it takes no memory but what `make` holds.
    """

    make: Callable[[], Sequence[Set]] = field(kw_only=True)
    answer: "Future[bool]" = field(kw_only=True)

    def take(self) -> bool:
        """Make the events. What fails is reported here."""
        if self.answer.cancelled():
            self.is_reported = True
            return False
        try:
            self.events = self.make()
        except BaseException as error:  # noqa: BLE001 - raised where it is awaited
            self.report(error)
            return False
        return True


@dataclass(slots=True)
class LineCall:
    """A call that must not be made twice: `done` gets an error if it was interrupted.

    Otherwise it reports what came of it by itself, like an `Action`.
    """

    action: Action
    done: Done

    def __call__(self) -> None:
        self.action()

    def report(self, error: BaseException) -> None:
        """Say that it was interrupted."""
        self.done(error)


LineItem: TypeAlias = Append | LineCall | Action
