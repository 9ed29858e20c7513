"""What waits in line to be carried out in a session."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import TypeAlias

from journal.events import Set

Action: TypeAlias = Callable[[], None]
"""Reports what came of it by itself, and raises nothing but what ends the program."""

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

    @property
    def size(self) -> int:
        """Bytes of its states."""
        return sum(len(event.state) for event in self.events)


LineItem: TypeAlias = Append | Action
