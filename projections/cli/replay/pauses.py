"""The pauses of a replay that nobody can shorten by a key."""

import math
import sys
import time
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Protocol, TypeVar

from journal.events import Event
from projections.cli.formats.durations import duration
from projections.cli.terminal.output import notice
from projections.replay import Step, paced

LONG = 5.0
"""Seconds from which on a pause is one that nobody expects: it is said how long it takes."""

_SHORTEST_COUNTDOWN = 1.0  # seconds
_TICK = 1.0  # seconds between two updates of the countdown


class _OfAnEvent(Protocol):
    @property
    def event(self) -> Event: ...


Item = TypeVar("Item", bound=_OfAnEvent)


def in_time(found: Iterable[Item], speed: float, max_wait: float | None) -> Iterator[Item]:
    """The same items, each when its event is due."""
    if speed == math.inf:
        yield from found
        return
    taken: deque[Item] = deque()  # those that `paced` has taken but not yielded

    def steps() -> Iterator[Step]:
        for item in found:
            taken.append(item)
            yield Step(item.event, None, None)  # `paced` looks at its time only

    pauses = ReplayPauses(is_limited=max_wait is not None)
    for _ in paced(steps(), speed, max_wait, sleep=pauses.sleep):
        yield taken.popleft()


class ReplayPauses:
    """Sleeps. Says how long a long pause takes: on a terminal all the time, else once.

    If somebody has limited the pauses, it is no surprise, and only a terminal shows it.
    """

    def __init__(self, *, is_limited: bool) -> None:
        self._is_said = is_limited

    def sleep(self, seconds: float) -> None:
        is_terminal = sys.stderr.isatty()
        if seconds > LONG and not is_terminal and not self._is_said:
            self._is_said = True
            notice(
                f"the next event is due in {duration(math.ceil(seconds))}, as it was then; with "
                "--max-wait 2 no pause takes longer than 2 s"
            )
        _pause(seconds, is_shown=is_terminal and seconds > _SHORTEST_COUNTDOWN)


def _pause(seconds: float, *, is_shown: bool) -> None:
    """Sleep; if asked to, show how long that still takes."""
    end = time.monotonic() + seconds
    try:
        while (left := end - time.monotonic()) > 0:
            if is_shown:
                _show(f"(next in {duration(math.ceil(left))})")
            time.sleep(min(left, _TICK))
    finally:
        if is_shown:
            _show("")


def _show(text: str) -> None:
    """Write over the last line of the terminal."""
    sys.stderr.write(f"\r\x1b[K{text}")
    sys.stderr.flush()
