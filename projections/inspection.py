"""Looking back: replay, time travel, versions, differences, blame, the handoff audit, the tail.

The part of the store that only reads events. It knows the engine and nothing of files.
"""

import weakref
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeAlias

from journal.backend import Backend, Entry, Past
from journal.errors import DamagedError, HistoryError, NotFoundError
from journal.events import Event
from journal.state import check_text
from projections.refs import Ref, ref_of
from projections.replay import (
    Step,
    Version,
    check_pace,
    paced,
    seq_at,
    steps,
    versions,
    view_as_of,
)
from projections.tail.tail import After, Tail
from projections.times import point_of
from projections.view import View

if TYPE_CHECKING:
    from projections.compare.blame import Blamed
    from projections.compare.difference import Difference
    from projections.handoffs.findings import HandoffAudit

Point: TypeAlias = int | str | datetime
"""A seq, a moment, or the text of either: 7, "7", "5m", "2026-11-22T10:18:00Z"."""


class Inspection(ABC):
    """The reading methods of a store."""

    _backend: Backend
    _tails: "weakref.WeakSet[Tail]"

    @abstractmethod
    def _check_open(self) -> None:
        """Raises `ClosedError`."""

    @abstractmethod
    def _view_now(self, session_id: str) -> dict[str, dict[str, Any]]:
        """The whole view, of an older session that has no log too."""

    def replay(
        self,
        session_id: str,
        runtime_id: str | None = None,
        since: Point | None = None,
        until: Point | None = None,
        speed: float | None = None,
        max_wait: float | None = None,
    ) -> Iterator[Step]:
        """The session again, step by step in order of seq, archived events included.

        Yields `Step(event, turn, state)`; those of one runtime if it is named, between
        `since` and `until`, both included. `speed` 1.0 waits between steps as long as it
        took then, 10.0 a tenth of it, None not at all; `max_wait` caps each wait, in
        seconds. Nothing is executed. Yields nothing when there is no such session. Events
        that a compaction has dropped are missing; `seq` shows where.
        """
        self._check_open()
        first = point_of(since, "since") if since is not None else None
        last = point_of(until, "until") if until is not None else None
        check_pace(speed, max_wait)
        found = steps(_events(self.past(session_id)), runtime_id, first, last)
        return paced(found, speed, max_wait) if speed is not None else found

    def state_at(self, session_id: str, at: Point | None = None) -> dict[str, dict[str, Any]]:
        """The whole view `{runtime_id: {turn_id: state}}` as of a seq or a moment, or now.

        As of a moment: up to the last event that is not later. `{}` for 0, for a moment
        before the first event, and when there is no such session. Raises `HistoryError`
        when what was there then has been dropped since, and `NotFoundError` for a seq
        that the log has not reached.
        """
        if at is None:
            return self._view_now(session_id)
        view = self._view_at(session_id, point_of(at))
        return {runtime_id: view.runtime(runtime_id) for runtime_id in view.turns}

    def history(self, session_id: str, runtime_id: str, turn_id: str) -> list[Version]:
        """Every version of a turn, oldest first, as `Version(event, state)`.

        A clear that dropped the turn is a version whose state is None. Empty when there
        never was such a turn.
        """
        check_text(runtime_id, "runtime_id")
        check_text(turn_id, "turn_id")
        return list(versions(_events(self.past(session_id)), runtime_id, turn_id))

    def diff(
        self, session_id: str, old: Ref | Point, new: Ref | Point | None = None
    ) -> "Difference":
        """What is different between two states, as JSON Patch (RFC 6902) and as text.

        Each is a `Ref` or its text: `native/turn-1@7` is a turn as of event 7,
        `native/turn-1~1` one version back, `native` all turns of a runtime, `@5m`, an int or a
        datetime the whole view. Without `new`, `old` is compared with what is there now; a turn
        without `@` or `~` with its version before. Raises `NotFoundError`, and
        `HistoryError` when a version was dropped.
        """
        from projections.compare.difference import diff

        before, after = _ends(ref_of(old), ref_of(new) if new is not None else None)
        with _comparable(session_id):
            return diff(self.resolve(session_id, before), self.resolve(session_id, after))

    def resolve(self, session_id: str, ref: Ref | Point) -> Any:
        """The state that a ref names. Raises `NotFoundError` and `HistoryError`."""
        wanted = ref_of(ref)
        if wanted.back:
            return self._version(session_id, wanted).state
        found: Any = self.state_at(session_id, wanted.at)
        for part in (wanted.runtime_id, wanted.turn_id):
            if part is not None and part not in found:
                raise _missing(session_id, wanted)
            found = found[part] if part is not None else found
        return found

    def blame(
        self, session_id: str, runtime_id: str, turn_id: str, at: Point | None = None
    ) -> "list[Blamed]":
        """Which event set each value of a turn, as `Blamed(path, value, event)`.

        Of the turn as it is now, or as of `at`. Raises `NotFoundError`.
        """
        from projections.compare.blame import blame

        ref = Ref(runtime_id, turn_id, point_of(at) if at is not None else None)
        with _comparable(session_id):
            found = blame(self._versions_up_to(session_id, ref))
        if not found:
            self.resolve(session_id, ref)  # says what is missing; an empty state is not
        return found

    def audit(self, session_id: str) -> "HandoffAudit":
        """Who had the session when, what was handed over, and what was lost.

        Of a session that does not exist, the audit of no events.
        """
        from projections.handoffs.audit import audit

        return audit(_events(self.past(session_id)))

    def tail(
        self,
        sessions: str | Iterable[str] | None = None,
        after: After | None = None,
        from_start: bool = False,
    ) -> Tail:
        """Events as they arrive, from any process: for `for` and for `async for`.

        Of one session, of several, or of all, those to come included. Begins now; after a
        cursor, or `{session_id: cursor}`, as an `Arrival` carries it; or `from_start`.
        Nothing is missed or repeated across compaction, deletion and re-creation. Where the
        log does not have the event of a cursor, the iteration raises `CursorError`, whose
        `resume_after` is the cursor to go on from. Close it, use it in `with`, or `stop` it
        from another thread; closing the store does too.
        """
        self._check_open()
        tail = Tail(self._backend, sessions, after, from_start)
        self._tails.add(tail)
        return tail

    def past(self, session_id: str, reaching: int = 0) -> Past | None:
        """What is left of a session's events, as stored: for tools that read all of them.

        None when there is no log. Where only what came after the seq `reaching` matters, a
        snapshot spares reading what is older. Raises `ReadError` and its siblings, also
        while it is read.
        """
        self._check_open()
        check_text(session_id, "session_id")
        return self._backend.history(session_id, reaching)

    # Inside

    def _seq_of(self, session_id: str, point: int | str) -> int:
        if isinstance(point, int):
            return point
        past = self.past(session_id)
        return seq_at(past, point) if past is not None else 0

    def _view_at(self, session_id: str, point: int | str) -> View:
        seq = self._seq_of(session_id, point)
        past = self.past(session_id, seq)
        if past is None or point == 0:  # before the first event, whatever was dropped
            return View()
        return view_as_of(past, seq, session_id)

    def _version(self, session_id: str, ref: Ref) -> Version:
        found = self._versions_up_to(session_id, ref)
        if not found:
            raise _missing(session_id, ref)
        if len(found) <= ref.back:
            self._check_nothing_dropped(session_id, ref)
            raise NotFoundError(
                f"session {session_id!r}: there is no {ref}: the turn has {len(found)} version"
                f"{'s' * (len(found) != 1)}, ~0 being the last"
            )
        version = found[-1 - ref.back]
        if version.state is None:
            raise NotFoundError(
                f"session {session_id!r}: {ref}: it was cleared then, by event {version.event.seq}"
            )
        return version

    def _check_nothing_dropped(self, session_id: str, ref: Ref) -> None:
        past = self.past(session_id)
        if past is not None and past.floor > 0:
            raise HistoryError(
                f"session {session_id!r}: {ref} is not known any more: {past.why_short}"
            )

    def _versions_up_to(self, session_id: str, ref: Ref) -> list[Version]:
        found = self.history(session_id, ref.runtime_id or "", ref.turn_id or "")
        if ref.at is None:
            return found
        seq = self._seq_of(session_id, ref.at)
        self._view_at(session_id, seq)  # says whether the log reaches there, forward and back
        return [version for version in found if version.event.seq <= seq]


def _events(past: Past | None) -> Iterator[Event]:
    """What is left of a session's events, by seq."""
    entries: Iterable[Entry] = past.in_order() if past is not None else ()
    for entry in entries:
        yield entry.event


@contextmanager
def _comparable(session_id: str) -> Iterator[None]:
    """Comparing takes the stack of as many calls as a state is deep. Raises `DamagedError`."""
    try:
        yield
    except RecursionError:
        raise DamagedError(
            f"session {session_id!r}: a state is nested deeper than can be compared; no journal "
            "writes such states"
        ) from None


def _ends(old: Ref, new: Ref | None) -> tuple[Ref, Ref]:
    """Both ends of a comparison of which only the older one may have been given."""
    if new is not None:
        return old, new
    now = Ref(old.runtime_id, old.turn_id)
    if old.turn_id is not None and old.at is None and not old.back:
        return Ref(old.runtime_id, old.turn_id, back=1), now
    return old, now


def _missing(session_id: str, ref: Ref) -> NotFoundError:
    what = f"runtime {ref.runtime_id!r}"
    if ref.turn_id is not None:
        what = f"turn {ref.turn_id!r} of {what}"
    when = f" as of {ref.at}" if ref.at is not None else ""
    return NotFoundError(f"session {session_id!r} has no {what}{when}")
