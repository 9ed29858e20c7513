"""Looking back: replay, time travel, versions, differences, blame, the handoff audit, the tail.

The part of the store that only reads events. It knows the engine and nothing of files. What
it reads them with is imported when it is called for: most programs set and get.
"""

import weakref
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeAlias

from journal.backend import Backend
from journal.ciphertext import naming
from journal.errors import DamagedError, NotFoundError
from journal.past import Newest, Past
from journal.state import check_text

if TYPE_CHECKING:
    from projections.compare.blame import Blamed
    from projections.compare.difference import Difference
    from projections.handoffs.findings import HandoffAudit
    from projections.refs import Ref
    from projections.replay import Step, Version
    from projections.resolving import Resolver
    from projections.statistics.figures import SessionStatistics
    from projections.tail.arguments import After
    from projections.tail.choice import Patterns
    from projections.tail.tail import Tail

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
    def session_exists(self, session_id: str) -> bool:
        """Whether there is a log or a session file of this id."""

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
    ) -> "Iterator[Step]":
        """The session again, step by step in order of seq, archived events included.

        Yields `Step(event, turn, state)`; those of one runtime if it is named, between
        `since` and `until`, both included. `speed` 1.0 waits between steps as long as it
        took then, 10.0 a tenth of it, None not at all; `max_wait` caps each wait, in
        seconds. Nothing is executed. Events that a compaction has dropped are missing; `seq`
        shows where. Reads all events, one at a time, as the steps are asked for. Raises
        `NotFoundError` when there is no such session, ValueError for a speed, wait or point
        that makes no sense, `ClosedError`, and `ReadError` and its siblings, also between steps;
        `EncryptionKeyError`, as all that reads states, for one whose key is not there.
        """
        from projections.replay import check_pace, paced, steps
        from projections.resolving import events_of
        from projections.times import point_of

        self._check_open()
        first = point_of(since, "since") if since is not None else None
        last = point_of(until, "until") if until is not None else None
        check_pace(speed, max_wait)
        found = steps(events_of(self._known_past(session_id)), runtime_id, first, last)
        found = _in_session(session_id, found)
        return paced(found, speed, max_wait) if speed is not None else found

    def state_at(self, session_id: str, at: Point | None = None) -> dict[str, dict[str, Any]]:
        """The whole view `{runtime_id: {turn_id: state}}` as of a seq or a moment, or now.

        As of a moment: up to the last event that is not later. `{}` for 0, for a moment
        before the first event, and when there is no such session. Now costs O(size of the
        view); as of a point, all events up to it are read. Raises `HistoryError` when what was
        there then has been dropped since, `NotFoundError` for a seq that the log has not
        reached, ValueError for a point that is none, `ClosedError`, `ReadError`.
        """
        from projections.times import point_of

        with naming(session_id):
            return self._resolver(session_id).state_at(point_of(at) if at is not None else None)

    def history(self, session_id: str, runtime_id: str, turn_id: str) -> "list[Version]":
        """Every version of a turn, oldest first, as `Version(event, state)`.

        A clear that dropped the turn is a version whose state is None. Empty when there
        never was such a turn. Reads all events; holds those versions. Raises `NotFoundError`
        when there is no such session, `StateTypeError` for ids that are no strings,
        `ClosedError`, `ReadError`.
        """
        with naming(session_id):
            found = self._resolver(session_id).versions(runtime_id, turn_id)
        if not found:
            self._require_session(session_id)
        return found

    def diff(
        self, session_id: str, old: "Ref | Point", new: "Ref | Point | None" = None
    ) -> "Difference":
        """What is different between two states, as JSON Patch (RFC 6902) and as text.

        Each is a `Ref` or its text: `native/turn-1@7` is a turn as of event 7,
        `native/turn-1~1` one version back, `native` all turns of a runtime, `@5m` the whole
        view five minutes ago. An int or a datetime is the whole view; text is always a ref.
        Without `new`, `old` is compared with what is there now; a turn without `@` or `~` with
        its version before. Costs as `resolve`, twice. Raises `NotFoundError`, `HistoryError`
        when a version was dropped, ValueError for text that is no ref, and `DamagedError` for
        a state that is nested too deep to compare.
        """
        from projections.compare.difference import diff
        from projections.refs import ref_of

        before, after = _ends(ref_of(old), ref_of(new) if new is not None else None)
        with _comparable(session_id):
            return diff(self.resolve(session_id, before), self.resolve(session_id, after))

    def resolve(self, session_id: str, ref: "Ref | Point") -> Any:
        """The state that a ref names, given as to `diff`: of a turn, a runtime, or the whole view.

        Of a turn as it is now, reads the end of the log, up to 1 MiB, or what was saved of the
        view. Else costs as `state_at`, or
        as `history` for so many versions back. Raises `NotFoundError`, `HistoryError`, and as
        these.
        """
        from projections.refs import ref_of

        with naming(session_id):
            return self._resolver(session_id).resolve(ref_of(ref))

    def blame(
        self, session_id: str, runtime_id: str, turn_id: str, at: Point | None = None
    ) -> "list[Blamed]":
        """Which event set each value of a turn, as `Blamed(path, value, event)`.

        Of the turn as it is now, or as of `at`. Reads all events, and compares each version
        of the turn with the one before. Raises `NotFoundError`, and as `diff`.
        """
        from projections.compare.blame import blame
        from projections.refs import Ref
        from projections.times import point_of

        ref = Ref(runtime_id, turn_id, point_of(at) if at is not None else None)
        resolver = self._resolver(session_id)
        with _comparable(session_id), naming(session_id):
            found = blame(resolver.versions_up_to(ref))
        if not found:
            resolver.resolve(ref)  # says what is missing; an empty state is not
        return found

    def audit(self, session_id: str) -> "HandoffAudit":
        """Who had the session when, what was handed over, and what was lost.

        Reads all events, and if a turn is open, which processes this machine has. Raises
        `NotFoundError` when there is no such session, `ClosedError`, `ReadError` and its
        siblings.
        """
        from projections.handoffs.audit import audit
        from projections.resolving import events_of
        from projections.writers import Writers

        events = events_of(self._known_past(session_id))
        with naming(session_id):
            return audit(events, Writers().is_gone, datetime.now(UTC))

    def statistics(self, session_id: str) -> "SessionStatistics":
        """How many turns and calls there were, how they ended, and what they took.

        Per runtime, per tool and in all: counts by status, times, tokens and cost. Of the whole
        history that is there, cleared turns included. Reads all events. Raises `NotFoundError`
        when there is no such session, `ClosedError`, `ReadError` and its siblings.
        """
        from projections.resolving import events_of
        from projections.statistics.counting import count

        with naming(session_id):
            return count(events_of(self._known_past(session_id)))

    def tail(
        self,
        sessions: str | Iterable[str] | None = None,
        after: "After | None" = None,
        from_start: bool = False,
        *,
        matching: "Patterns | None" = None,
        excluding: "Patterns | None" = None,
    ) -> "Tail":
        """Events as they arrive, from any process: for `for` and for `async for`.

        Of one session, of several, of those whose ids match a pattern (`"support/*"`; a list
        for several), or of all but those that match `excluding`. It waits for sessions that
        are not there yet, and for the folder: what comes later is followed from its first
        event. Begins now; after a cursor, or `{session_id: cursor}`, as an `Arrival` carries
        it; or `from_start`.
        Nothing is missed or repeated across compaction, deletion and re-creation. Where the
        log does not have the event of a cursor, the iteration raises `CursorError`, whose
        `resume_after` is the cursor to go on from. Close it, use it in `with`, or `stop` it
        from another thread; closing the store does too. Raises TypeError and ValueError for
        arguments that make no sense, and `ClosedError`.
        """
        from projections.tail.tail import Tail

        self._check_open()
        tail = Tail(
            self._backend, sessions, after, from_start, matching=matching, excluding=excluding
        )
        self._tails.add(tail)
        return tail

    def past(self, session_id: str, reaching: int = 0) -> Past | None:
        """What is left of a session's events, as stored: for tools that read all of them.

        None when there is no log. Where only what came after the seq `reaching` matters, what is
        older and archived may not be read. Raises `ReadError` and its siblings, also
        while it is read.
        """
        self._check_open()
        check_text(session_id, "session_id")
        return self._backend.history(session_id, reaching)

    def newest(self, session_id: str) -> Newest | None:
        """The newest of a session's events, as stored, read from the end of the log.

        None where `past` has to be asked instead, also when there is no log: see
        `journal.backend.Backend.newest`. Raises `ClosedError` and `StateTypeError`.
        """
        self._check_open()
        check_text(session_id, "session_id")
        return self._backend.newest(session_id)

    # Inside

    def _known_past(self, session_id: str) -> Past | None:
        """Like `past`, but raises `NotFoundError` when there is no such session.

        None for a session that only PraisonAI keeps.
        """
        past = self.past(session_id)
        if past is None:
            self._require_session(session_id)
        return past

    def _require_session(self, session_id: str) -> None:
        if not self.session_exists(session_id):
            raise NotFoundError(f"there is no session {session_id!r}")

    def _resolver(self, session_id: str) -> "Resolver":
        from projections.resolving import Resolver

        return Resolver(
            session_id,
            lambda reaching: self.past(session_id, reaching),
            lambda: self.newest(session_id),
            lambda *turn: self._backend.saved_turn(session_id, *turn),
            lambda: self._view_now(session_id),
        )


def _in_session(session_id: str, steps: "Iterator[Step]") -> "Iterator[Step]":
    with naming(session_id):
        yield from steps


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


def _ends(old: "Ref", new: "Ref | None") -> "tuple[Ref, Ref]":
    """Both ends of a comparison of which only the older one may have been given."""
    from projections.refs import Ref

    if new is not None:
        return old, new
    now = Ref(old.runtime_id, old.turn_id)
    if old.turn_id is not None and old.at is None and not old.back:
        return Ref(old.runtime_id, old.turn_id, back=1), now
    return old, now
