"""Plays events like a tape: at a speed, paused, forward and back. Pure: no I/O, a clock is given.

What has been shown is kept for going back, up to `_MOST_KEPT` events.
"""

import math
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Generic, Protocol, TypeVar

from projections.replay import seconds_between

_MOST_KEPT = 1000
_SPEEDS = (0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 1000.0, math.inf)
_MOST_BEHIND = 1.0  # seconds that are caught up with; beyond, the consumer was away


class Timed(Protocol):
    """Something that happened at a time, in the form of the log."""

    @property
    def ts(self) -> str: ...


Item = TypeVar("Item", bound=Timed)


class Tape(Generic[Item]):
    """Items one after the other, and back through those that are kept."""

    def __init__(self, items: Iterable[Item]) -> None:
        self._source = iter(items)
        self._kept: deque[Item] = deque()
        self._shown = 0  # how many of the kept ones lie before or at our place
        self.is_cut = False
        """Whether there were items before those kept."""

    @property
    def current(self) -> Item | None:
        """The item at our place; None before the first."""
        return self._kept[self._shown - 1] if self._shown else None

    @property
    def following(self) -> Item | None:
        """The item after our place; None at the end. May read one from the source."""
        if self._shown == len(self._kept):
            found = next(self._source, None)
            if found is None:
                return None
            self._kept.append(found)
            if len(self._kept) > _MOST_KEPT:
                self._kept.popleft()
                self._shown -= 1
                self.is_cut = True
        return self._kept[self._shown]

    def forward(self) -> Item | None:
        """Go to the next item; None at the end."""
        found = self.following
        self._shown += found is not None
        return found

    def back(self) -> Item | None:
        """Go to the item before; None if none is kept."""
        if self._shown < 2:
            return None
        self._shown -= 1
        return self.current


class Player(Generic[Item]):
    """When the next item of a tape is due, at a speed that may change meanwhile."""

    def __init__(
        self,
        tape: Tape[Item],
        speed: float,
        max_wait: float | None = None,
        *,
        is_paused: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`speed` is over 0, and infinite for no pauses. A pause is at most `max_wait` seconds."""
        self.tape = tape
        self.speed = speed
        self.is_paused = is_paused
        self._most = math.inf if max_wait is None else max_wait
        self._clock = clock
        self._due = clock()
        self._pause = 0.0  # seconds that the one before `_due` takes in all

    @property
    def is_at_end(self) -> bool:
        """May read from the source of the tape."""
        return self.tape.following is None

    @property
    def pause(self) -> float:
        """Seconds that the present pause takes in all, at the present speed."""
        return self._pause

    def wait(self) -> float | None:
        """Seconds until the next item is due, 0 or less for now; None if it is not awaited."""
        return None if self.is_paused or self.is_at_end else self._due - self._clock()

    def advance(self) -> Item | None:
        """Go to the next item, which is due. None at the end."""
        found = self.tape.forward()
        self._begin_pause(max(self._due, self._clock() - _MOST_BEHIND))
        return found

    def step(self) -> Item | None:
        """Go to the next item now, whenever it is due. None at the end."""
        found = self.tape.forward()
        self._begin_pause(self._clock())
        return found

    def back(self) -> Item | None:
        """Go to the item before, and pause. None at the first."""
        self.is_paused = True
        found = self.tape.back()
        self._begin_pause(self._clock())
        return found

    def toggle(self) -> None:
        """Pause, or go on: what is left of the time to the next item begins anew."""
        self.is_paused = not self.is_paused
        self._begin_pause(self._clock())

    def faster(self) -> None:
        self._set_speed(next((each for each in _SPEEDS if each > self.speed), self.speed))

    def slower(self) -> None:
        self._set_speed(
            next((each for each in reversed(_SPEEDS) if each < self.speed), self.speed)
        )

    def _set_speed(self, speed: float) -> None:
        """What part of the pause is left stays so."""
        now = self._clock()
        left = max(0.0, self._due - now) / self._pause if self._pause else 0.0
        self.speed = speed
        self._pause = self._length()
        self._due = now + left * self._pause

    def _begin_pause(self, start: float) -> None:
        self._pause = 0.0 if self.is_paused else self._length()
        self._due = start + self._pause

    def _length(self) -> float:
        """Seconds from the item at our place to the next. If the clock went back, none."""
        current, following = self.tape.current, self.tape.following
        if current is None or following is None or self.speed == math.inf:
            return 0.0
        gap = max(0.0, seconds_between(current.ts, following.ts))
        return min(gap / self.speed, self._most)
