"""How far a reader of a log has come, and whether the log is still the one it has read.

A position is not an identity: after a restore the log has other events at the same seqs.
So a position knows the hashes of the last events that were read. Those of the last append
may be cut back, if it fails, and others come in their place; those of earlier appends are
there to stay. Where one of these is another, or gone, the log is not the one that was read.

Knows nothing of files; its owner feeds it the events in the order of their seqs.
"""

from collections import deque
from collections.abc import Collection
from typing import NamedTuple

from journal.errors import CursorError
from journal.events import CURSOR_DIGITS, GENESIS, Cursor, Event, Open
from journal.past import Past

_REMEMBERED = 1000  # events whose hashes are known, and of what was read more of one append
_NONE = -1


class StaleError(Exception):
    """The log is not the one that was read: `reason` says what shows it. For our own use."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class _Met(NamedTuple):
    """What is remembered of an event."""

    seq: int
    ts: str
    prev: str
    hash: str


class Position:
    """After event `seq` of the log `log_id`, which is None as long as there was no log."""

    def __init__(self, after: Cursor | None = None) -> None:
        self.lost = 0
        self.log_id = after.log_id if after is not None else None
        self.seq = after.seq if after is not None else 0
        self._claim = after.hash if after is not None else ""  # of `seq`, as long as it is unseen
        # Of the last events, and of the one before them, by their `prev`; the last is of `seq`.
        self._hashes: deque[str] = deque()
        self._unsettled = 0  # how many of these are of the last append
        self._ts = ""  # of the newest event, and of all that were appended with it
        self._passing: list[_Met] = []  # the last events before that of the claim
        self._met = _NONE  # the seq last met in the file that is read now

    @property
    def cursor(self) -> Cursor | None:
        if self.log_id is None:
            return None
        known = self.hash_of(self.seq) or (GENESIS if self.seq == 0 else "")
        return Cursor.at(self.log_id, self.seq, known)

    @property
    def settled(self) -> int:
        """The last seq whose event is there to stay."""
        return self.seq - self._unsettled

    @property
    def remembered(self) -> int:
        """The last seq before the events whose hashes are known."""
        return max(0, self.seq - len(self._hashes))

    def hash_of(self, seq: int) -> str | None:
        """The hash of the event that was read with `seq`, or its beginning, if that is known."""
        behind = self.seq - seq
        if behind == 0 and not self._hashes:
            return self._claim or None
        return self._hashes[-1 - behind] if 0 <= behind < len(self._hashes) else None

    @property
    def is_cursor(self) -> bool:
        """Whether nothing was read yet that leads up to the event `seq`."""
        return self.seq > 0 and not self._hashes

    def is_at(self, log_id: str, digest: str) -> bool:
        """Whether event `seq` is, for all that we know, the one of that log with that hash."""
        return log_id == self.log_id and digest.startswith(self.hash_of(self.seq) or "")

    def begin_log(self, log_id: str) -> None:
        """Another log: all of it is new."""
        self.log_id = log_id
        self._forget(0)

    def begin_file(self) -> None:
        """What comes next is read from the beginning of a file."""
        self._met = _NONE
        self._passing.clear()

    def jump(self, seq: int, before: str, hashes: Collection[str], ts: str) -> None:
        """To after event `seq`, of which and of the events appended with it `hashes` are, at `ts`.

        `before` is the hash of the event before these.
        """
        self._forget(seq)
        self._hashes.extend((before, *hashes))
        self._unsettled, self._ts, self._met = len(hashes), ts, seq

    def _forget(self, seq: int) -> None:
        self.seq, self._claim, self._ts, self._unsettled = seq, "", "", 0
        self._hashes.clear()
        self.begin_file()

    # Events

    def take(self, event: Event) -> bool:
        """Take in an event of the log, unless it was read already; says whether it is new.

        `lost` says how many before it are gone for good. Raises `StaleError`. 0.3 µs for one
        that simply follows, as nearly all do.
        """
        hashes = self._hashes
        if hashes and event.prev == hashes[-1] and event.seq == self.seq + 1 and not self.lost:
            if event.ts != self._ts:
                self._begin_append(event.ts)
            hashes.append(event.hash)
            self._unsettled += 1
            self.seq = self._met = event.seq
            return True
        if self._has_read(event):
            return False
        self._step(event)
        return True

    def _has_read(self, event: Event) -> bool:
        """Whether an event was read already. Raises `StaleError`.

        If it has taken the place of one that was cut back, the position goes back.
        """
        behind = self.seq - event.seq
        if behind < 0:
            return False
        if behind > _REMEMBERED and behind >= len(self._hashes):
            return True  # long ago
        known = self.hash_of(event.seq)
        if known is None or event.hash.startswith(known):
            self._meet(event)
            return True
        if event.seq <= self.settled:
            raise StaleError(_another(event.seq, event.hash, known))
        self._leads_to(event)  # first: a follower that is refused must not have gone back already
        while self.seq >= event.seq:
            self._hashes.pop()
            self.seq -= 1
            self._unsettled -= 1
        return False

    def _meet(self, event: Event) -> None:
        """Learn from an event that was read before us, for all we know of it is a cursor."""
        self._met = event.seq
        if self._hashes:
            return
        passing = self._passing
        if passing and passing[-1].seq + 1 != event.seq:
            passing.clear()
        passing.append(_Met(event.seq, event.ts, event.prev, event.hash))
        if event.seq == self.seq:
            first, hashes = passing[0], [met.hash for met in passing]
            together = sum(1 for met in passing if met.ts == event.ts)
            self.jump(self.seq, first.prev, hashes, event.ts)
            self._unsettled = together

    def _step(self, event: Event) -> None:
        self.lost = event.seq - self.seq - 1
        if not self.lost and not self._leads_to(event):
            self.lost = 1  # what was read before it was cut back, what took its place dropped
        if self.lost:
            self._hashes.clear()
            self._begin_append(event.ts)
        elif event.ts != self._ts:
            self._begin_append(event.ts)
        if not self._hashes:
            self._hashes.append(event.prev)
        self._hashes.append(event.hash)
        self._unsettled += 1
        self.seq = self._met = event.seq
        self._claim = ""

    def _begin_append(self, ts: str) -> None:
        """What came before this append is there to stay."""
        self._ts, self._unsettled = ts, 0
        while len(self._hashes) > _REMEMBERED:
            self._hashes.popleft()

    def _leads_to(self, event: Event) -> bool:
        """Whether an event follows the one that was read before it. Raises `StaleError`."""
        before = event.seq - 1
        known = self.hash_of(before)
        if known is None or event.prev.startswith(known):
            return True
        if self._met != before == self.settled:
            raise StaleError(_another(before, event.prev, known))
        return False

    def check_end(self, seq: int, digest: str) -> None:
        """The log ends with event `seq` and its hash `digest`. Raises `StaleError`."""
        settled = self.settled
        if seq > settled:
            return
        if seq < settled:
            raise StaleError(f"the log ends with event {seq}, before the one that was read")
        known = self.hash_of(settled)
        if known is not None and not digest.startswith(known):
            raise StaleError(_another(seq, digest, known))


def _another(seq: int, there: str, known: str) -> str:
    there, known = there[:CURSOR_DIGITS], known[:CURSOR_DIGITS]
    return f"event {seq} of this log has the hash {there}, the one that was read there had {known}"


def cursor_of_origin(position: Position, header: Open) -> CursorError:
    """The error for a cursor of the session that the one with this header was forked from."""
    cursor = position.cursor or Cursor("", position.seq)
    own = Cursor.start_of(header.log_id)
    if header.origin is not None and cursor.seq <= header.origin.seq:
        own = Cursor(header.log_id, cursor.seq, cursor.hash)
    what = "goes on after the same event" if own.seq == cursor.seq else "reads all again"
    return CursorError(
        f"session {header.session_id!r}: is a fork of {header.origin}, and the cursor {cursor} is "
        f"of that session's log: {own} {what}. Give that cursor as `after`, with --after-cursor, "
        "or in the cursor file",
        cursor,
        own,
    )


def refusal(where: str, position: Position, stale: StaleError, past: Past | None) -> CursorError:
    """The error for a position that is not in the log; `where` names the session and its file.

    `past` is what the log has of the events that are remembered, if any are.
    """
    cursor = position.cursor or Cursor("", position.seq)
    good = Cursor.start_of(cursor.log_id)
    if past is not None and past.log_id == cursor.log_id:
        for entry in past.in_order():
            if position.hash_of(entry.event.seq) == entry.event.hash:
                good = Cursor.at(cursor.log_id, entry.event.seq, entry.event.hash)
    event = (
        f"event {cursor.seq} with the hash {cursor.hash}" if cursor.hash else f"event {cursor.seq}"
    )
    return CursorError(
        f"{where}: the log has no {event}: {stale.reason}. Probably it was restored from a "
        f"backup, replaced by another copy, or has lost its end. The cursor {cursor} leads "
        "nowhere; "
        + (
            f"go on after {good}, the newest event that is still the one that was read"
            if good.seq
            else "which events are still those that were read is not known: "
            f"{good} reads all again"
        )
        + ". Give that cursor as `after`, with --after-cursor, or in the cursor file",
        cursor,
        good,
    )
