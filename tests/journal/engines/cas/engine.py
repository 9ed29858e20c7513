"""The engine: the logs of all sessions in one narrow store."""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import groupby, islice

from journal.backend import History, Keyless, Opener, Order, Projection, always, never
from journal.codec import PLAIN
from journal.config import Durability
from journal.erasing import Choice, LineEraser
from journal.errors import (
    ChangedError,
    CompactionAbandonedError,
    CursorError,
    ExistsError,
    HistoryError,
    JournalError,
    LockTimeoutError,
    NotFoundError,
    ReadError,
    StorageError,
)
from journal.events import Cursor, Head, Origin
from journal.past import Newest, Past
from journal.reports import (
    CompactionReport,
    ErasureReport,
    SessionInfo,
    SessionUsage,
    VerifyReport,
    when,
)
from journal.snapshots import SavedTurn
from journal.state import check_text
from journal.stopping import StopEvent
from tests.journal.engines.cas.follower import CasFollower, past_in
from tests.journal.engines.cas.generations import (
    Read,
    compacted,
    forked,
    living,
    past_of,
    read,
    read_all,
    tombstone,
)
from tests.journal.engines.cas.log import CasLog
from tests.journal.engines.cas.narrow import Listed, Message, NarrowStore, UnreachableError
from tests.journal.engines.cas.stream import Generation, Stream, is_tombstone
from tests.journal.engines.cas.verification import verify

_TICK = 0.05  # seconds between looks at whether to stop
_QUIET_TICKS = 10  # of these without news come before an empty set


class CasEngine:
    """A `journal.backend.Backend`. One of each process that shares the store."""

    stream_of: Callable[[NarrowStore, str], Stream] = Stream
    durability: Durability = "fsync"

    def __init__(self, store: NarrowStore, writer: str = "cas") -> None:
        self._store = store
        self._writer = writer

    def _stream(self, session_id: str) -> Stream:
        check_text(session_id, "session_id")
        return type(self).stream_of(self._store, session_id)

    def check_durability(self) -> None:
        if not self._store.syncs:
            raise StorageError(
                None, "the store does not sync what it acknowledges; switch that on, or use 'os'"
            )

    def open(self, session_id: str, projection: Projection) -> CasLog:
        return CasLog(self._stream(session_id), projection, self._writer)

    def opener(self, session_id: str) -> Opener:
        return Keyless(session_id)

    def history(self, session_id: str, reaching: int = 0) -> Past | None:
        return past_in(self._stream(session_id), reaching)

    def saved_summary(self, session_id: str) -> bytes | None:
        return None

    def saved_turn(self, session_id: str, runtime_id: str, turn_id: str) -> SavedTurn | None:
        return None

    def newest(self, session_id: str) -> Newest | None:
        """It reads whole generations."""
        check_text(session_id, "session_id")
        return None

    def follow(self, session_id: str, after: Cursor | None = None) -> CasFollower:
        return CasFollower(self._stream(session_id), after)

    def watch(self, stop: StopEvent) -> Iterator[frozenset[str]]:
        seen, quiet = self._store.changes, _QUIET_TICKS
        while not stop.is_set():
            if quiet >= _QUIET_TICKS:
                quiet = 0
                yield frozenset()
            seen, changed = self._store.wait(seen, _TICK)
            quiet += 1
            if changed:
                yield changed

    def compact(
        self,
        session_id: str,
        history: History = "archive",
        stop: Callable[[], bool] = never,
        is_wanted: Callable[[int, int], bool] = always,
        least_format: int = PLAIN,
    ) -> CompactionReport | None:
        stream = self._stream(session_id)
        for _ in range(stream.patience):
            found = stream.generation()
            if found is None or is_tombstone(found.newest):
                return None
            if stop():
                raise CompactionAbandonedError("was told to stop; the log is as it was")
            report = self._rewrite(
                stream, read(found.messages), found.newest.place, history, is_wanted, least_format
            )
            if report is not None:
                return report
        raise CompactionAbandonedError("writers were quicker each time; the log is as it was")

    def _rewrite(
        self,
        stream: Stream,
        old: Read,
        newest: int,
        history: History,
        is_wanted: Callable[[int, int], bool],
        least_format: int,
    ) -> CompactionReport | None:
        """None if somebody else was quicker."""
        kept, drop = living(old.entries), history == "drop"
        data = compacted(old, kept, self._writer, least_format, drop=drop)
        is_needed = is_wanted(old.size, sum(len(entry.line) for entry in kept)) and (
            len(kept) < old.scanner.count
            or old.header.format < least_format
            or (drop and old.header.archive is not None)
        )
        if is_needed and stream.replace(newest, data, drop=drop) is None:
            return None
        return CompactionReport(
            session_id=stream.session_id,
            events_before=old.scanner.count,
            events_after=len(kept) if is_needed else old.scanner.count,
            bytes_before=old.size,
            bytes_after=len(data) if is_needed else old.size,
            base_seq=old.scanner.seq if is_needed else old.base,
            archive=f"generation {old.start}" if is_needed and not drop else None,
        )

    def erase(
        self,
        session_id: str,
        choice: Choice,
        *,
        forget_digest: bool = False,
        dry_run: bool = False,
    ) -> ErasureReport | None:
        stream = self._stream(session_id)
        for _ in range(stream.patience):
            found = stream.everything()
            if found is None or is_tombstone(found.newest):
                return None
            report = self._erase(
                stream, found, LineEraser(choice, forget=forget_digest), dry_run=dry_run
            )
            if report is not None:
                return report
        raise LockTimeoutError(f"session {session_id!r}: others were quicker each time")

    def _erase(
        self, stream: Stream, found: Generation, eraser: LineEraser, *, dry_run: bool
    ) -> ErasureReport | None:
        """None if somebody else was quicker."""
        changed, generations = [], []
        for start, messages in groupby(found.messages, key=lambda one: one.start):
            data = b"".join(message.data for message in messages)
            if eraser.changes([data], ""):
                changed.append(f"generation {start}")
                data = b"".join(eraser.erased([data], ""))
            generations.append(data)
        place = found.newest.place
        if changed and not dry_run and stream.replace_all(place, generations) is None:
            return None
        return ErasureReport(
            session_id=stream.session_id,
            states=len(eraser.seqs),
            blanked=0,
            files=changed,
            kept=eraser.kept,
        )

    def verify(self, session_id: str, head: Head | None = None) -> VerifyReport:
        return verify(self._stream(session_id), head)

    def fork(self, session_id: str, to: str, at: int | Cursor | None = None) -> Head:
        """It copies: each stream is on its own."""
        stream, target = self._stream(session_id), self._stream(to)
        found = stream.everything()
        if found is None or is_tombstone(found.newest):
            raise NotFoundError(f"there is no session {session_id!r} to fork")
        there = target.newest()
        if there is not None and not is_tombstone(there):
            raise ExistsError(f"there is a session {to!r} already")
        generations = read_all(found.messages)
        seq = place_in(generations[-1], session_id, at)
        if seq < generations[0].base:
            raise HistoryError(f"session {session_id!r}: event {seq} was dropped")
        data = forked(past_of(generations, 0), generations[0].header, to, seq, self._writer)
        if data is None:
            raise NotFoundError(f"session {session_id!r} has no event {seq} to fork at")
        new = read([Message(0, 0, "", data, 0.0)])
        head = Head(new.header.log_id, new.scanner.seq, new.scanner.hash)
        if isinstance(at, Cursor) and not head.hash.startswith(at.hash):
            raise another_event(at)
        if target.replace(there.place if there is not None else 0, data, drop=True) is None:
            raise ExistsError(f"there is a session {to!r} by now")
        return head

    def origin(self, session_id: str) -> Origin | None:
        found = self._stream(session_id).generation()
        if found is None or is_tombstone(found.newest):
            return None
        return read(found.messages).header.origin

    def delete(self, session_id: str, *, force: bool = False) -> bool:
        stream = self._stream(session_id)
        for _ in range(stream.patience):
            newest = stream.newest()
            if newest is None or is_tombstone(newest):
                return False
            data = tombstone(0, "0" * 32, self._writer)
            if stream.replace(newest.place, data, drop=True) is not None:
                return True
        raise LockTimeoutError(f"session {session_id!r}: others were quicker each time")

    def usage(self) -> Iterator[SessionUsage]:
        for one in self._listed():
            if not is_tombstone(one.newest):
                yield SessionUsage(
                    session_id=one.session,
                    updated_at=when(one.newest.at),
                    log_bytes=one.size,
                )

    def delete_unchanged(
        self, found: Sequence[SessionUsage], *, force: bool = False
    ) -> list[JournalError | None]:
        return list(map(self._delete_unchanged, found))

    def _delete_unchanged(self, one: SessionUsage) -> JournalError | None:
        """A put after the message that was the newest when it was looked at decides it."""
        stream = self._stream(one.session_id)
        try:
            found = stream.generation()
            if found is not None and not is_tombstone(found.newest):
                size = sum(len(message.data) for message in found.messages)
                if (when(found.newest.at), size) == (one.updated_at, one.log_bytes):
                    data = tombstone(0, "0" * 32, self._writer)
                    if stream.replace(found.newest.place, data, drop=True) is not None:
                        return None
        except JournalError as error:
            return error
        return ChangedError(f"session {one.session_id!r}: has changed, or is gone")

    def sessions(
        self, *, limit: int | None = None, order: Order = "newest"
    ) -> Iterator[SessionInfo]:
        found = [one for one in self._listed() if not is_tombstone(one.newest)]
        if order == "id":
            found.sort(key=lambda one: one.session)
        else:
            found.sort(key=lambda one: one.newest.at, reverse=True)
        for one in islice(found, limit):
            changed = datetime.fromtimestamp(one.newest.at, UTC)
            yield {
                "session_id": one.session,
                "updated_at": changed.isoformat(),
                "log_bytes": one.size,
            }

    def _listed(self) -> list[Listed]:
        for _ in range(Stream.patience):
            try:
                return self._store.listed()
            except UnreachableError:
                continue
        raise ReadError(None, "the store cannot be reached")

    def close(self) -> None:
        """Nothing is held open."""


def place_in(newest: Read, session_id: str, at: int | Cursor | None) -> int:
    """The seq at which to fork. Raises `CursorError` for a cursor of another log."""
    if not isinstance(at, Cursor):
        return newest.scanner.seq if at is None else at
    if at.log_id != newest.header.log_id:
        start = Cursor.start_of(newest.header.log_id)
        raise CursorError(f"session {session_id!r}: {at} is of another log", at, start)
    return at.seq


def another_event(at: Cursor) -> CursorError:
    """The error for a cursor whose event is another."""
    return CursorError(f"{at} leads to no event", at, Cursor.start_of(at.log_id))
