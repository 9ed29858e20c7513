"""Turns that are still open, and ought not to be. Pure: no I/O.

A turn that says `open` is **abandoned by its writer** if the process that wrote it last has
ended, and **open for long** if it has been so ten times longer than any turn before it in the
session, and for ten seconds. Turns that wait for a person are left out: they may wait for as
long as they like, and another process may go on with them.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import TypeAlias

from journal.events import Event
from projections.handoffs.lives import Life, Lives

IsGone: TypeAlias = Callable[[Event], bool | None]
"""Whether the process that wrote an event has ended; None if that cannot be told."""

_LONG = 10  # times as long as any turn before
_LEAST = 10.0  # seconds: after turns of milliseconds, one of a second is nothing to wonder about


def nobody_knows(_event: Event) -> bool | None:
    """Tells of no process whether it has ended."""
    return None


def without_writer(lives: Lives, is_gone: IsGone) -> Iterator[Life]:
    """The open turns whose writer has ended, but those read from other programs' files.

    Asks once for each open turn.
    """
    for life in lives.now():
        if life.last is not None and is_gone(life.last):
            yield life


def open_for_long(lives: Iterable[Life], now: datetime) -> Iterator[tuple[Life, float]]:
    """The open turns that last long, each with the longest before it, in seconds.

    `lives` come in the order in which they began. A turn without a duration, since it was set
    once and says nothing of its times, is no measure.
    """
    longest = 0.0
    for life in lives:
        lasted = _seconds(life, now)
        is_open = life.state.status == "open" and life.gone_seq is None
        if is_open and longest and lasted > max(longest * _LONG, _LEAST):
            yield life, longest
        longest = max(longest, lasted)


def _seconds(life: Life, now: datetime) -> float:
    """How long a turn was open, or has been; 0 if that is not known."""
    began = moment_in(life.began_at)
    if life.over_at is not None:
        ended = moment_in(life.over_at)
    else:
        ended = now if life.gone_seq is None and life.state.status is not None else None
    if began is None or ended is None:
        return 0.0
    return max((ended - began).total_seconds(), 0.0)


def moment_in(text: str) -> datetime | None:
    """A timestamp as a moment; None if it has no zone, or is none."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo is not None else None
