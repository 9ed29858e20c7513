"""Prints events as they arrive, until interrupted."""

import os
import select
import signal
import stat
import sys
import threading
from time import monotonic
from typing import Protocol

from journal.events import Cursor, Event
from projections.cli.arguments.filters import Filter
from projections.cli.events.cursors import CursorFile
from projections.cli.exit_codes import Terminated
from projections.cli.lines.effects import Effect, Effects
from projections.cli.terminal.output import notice
from projections.tail.tail import Arrival, Tail

SAVE_EVERY = 0.2
"""Seconds between writings of a cursor file."""


class Shows(Protocol):
    """Whatever is done with each event that is chosen."""

    effects: Effects | None

    def print(self, session_id: str, log_id: str, event: Event, effect: Effect) -> None: ...

    def flush(self) -> None: ...


def follow_on(
    tail: Tail,
    printer: Shows,
    chosen: Filter,
    file: CursorFile,
    save_every: float = SAVE_EVERY,
) -> None:
    """Print what arrives, until interrupted. The cursor file never runs ahead of the output.

    It is saved at most `save_every` seconds after an event that comes before the next one.
    """
    cursors = tail.cursors
    save_at = 0.0  # on the monotonic clock
    terminated = _raise_at_sigterm()
    _stop_when_unread(tail)
    with tail:
        try:
            file.save(cursors)
            for arrival in tail:
                _print_arrival(arrival, printer, chosen, cursors.get(arrival.session_id))
                cursors[arrival.session_id] = arrival.cursor
                if monotonic() >= save_at:
                    file.save(cursors)
                    save_at = monotonic() + save_every
        except KeyboardInterrupt:
            if terminated.is_set():
                raise Terminated from None  # watchfiles makes an interrupt of every signal
            raise
        finally:
            file.save(cursors)


def _stop_when_unread(tail: Tail) -> None:
    """Stop the tail when the reader of our pipe is gone; the next write may be hours away."""
    fd = sys.stdout.fileno()
    if not stat.S_ISFIFO(os.fstat(fd).st_mode):
        return

    def wait() -> None:
        unread = select.poll()
        unread.register(fd, 0)  # errors are always reported
        unread.poll()
        tail.stop()

    threading.Thread(target=wait, name="journal-unread", daemon=True).start()


def _raise_at_sigterm() -> threading.Event:
    """From now on a SIGTERM sets the returned event and raises `Terminated`."""
    terminated = threading.Event()

    def terminate(number: int, frame: object) -> None:
        terminated.set()
        raise Terminated

    signal.signal(signal.SIGTERM, terminate)
    return terminated


def _print_arrival(arrival: Arrival, printer: Shows, chosen: Filter, last: Cursor | None) -> None:
    session_id, cursor, event, lost = arrival
    is_gap = _notice_gap(arrival, last)
    effect = Effect(known=False)
    if printer.effects is not None:
        if is_gap:
            printer.effects.forget(session_id)
        effect = printer.effects.effect_of(session_id, event)
    if chosen(event, effect):
        effect = effect._replace(lost=lost)
        printer.print(session_id, cursor.log_id, event, effect)
        printer.flush()


def _notice_gap(arrival: Arrival, last: Cursor | None) -> bool:
    """Say so if an event does not simply follow the one at `last`; True if it does not."""
    session_id, cursor, _, lost = arrival
    is_another = last is not None and last.log_id != cursor.log_id
    goes_back = last is not None and not is_another and cursor.seq <= last.seq
    if is_another:
        notice(f"session {session_id!r} was deleted and made again")
    if goes_back:
        notice(
            f"session {session_id!r}: the log goes on with another event {cursor.seq}: what was "
            "shown from there on is no longer in it (its write failed, or an older copy of the "
            "log was put in its place)"
        )
    if lost:
        notice(
            f"session {session_id!r}: {lost} events before event {cursor.seq} are gone for good: "
            "dropped by a compaction, or damaged"
        )
    return is_another or goes_back or lost > 0
