"""One session's log over a stream: fold, make events, put them after what was folded."""

import threading
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from journal.backend import EventFactory, Projection, never
from journal.codec import check_format, control_line, decode_line, format_needed, stamp
from journal.errors import AppendError, LockTimeoutError, ReadError, ReentryError, StorageError
from journal.events import GENESIS, NO_HEAD, Event, Head, Open
from journal.group_commit import Batch, Group, RefusedError, Request, Written
from journal.once import Remembering
from journal.room import Answer
from journal.scan import Scanner
from tests.journal.engines.cas.generations import check_session, clock, new_header
from tests.journal.engines.cas.narrow import Message
from tests.journal.engines.cas.stream import Stream, is_tombstone


class _Encoded(NamedTuple):
    begins: bool
    data: bytes
    events: int


def _is_durable() -> None:
    """A put that landed is synced already."""


class CasLog:
    """A `journal.backend.Log`."""

    def __init__(self, stream: Stream, projection: Projection, writer: str) -> None:
        self.lock = threading.RLock()
        self._stream = stream
        self._projection = projection
        self._writer = writer
        self._group = Group()
        # The rest is guarded by `lock`.
        self._busy = False
        self._place = 0  # of the message folded last, or the tombstone seen last
        self._begin_generation(0)
        self._folded: Head | None = None
        self._erasures = 0  # how often states were erased in what was folded

    def _begin_generation(self, start: int) -> None:
        self._start = start
        self._scanner = Scanner()

    @property
    def head(self) -> Head | None:
        return self._folded

    @property
    def size(self) -> None:
        """Nobody has counted."""

    @property
    def unfolded(self) -> int:
        return 0

    @property
    def problem(self) -> None:
        """Nothing is ever damaged."""

    @property
    def unsaved(self) -> int:
        return 0

    def save(self, pause: Callable[[], object] = never) -> None:
        """Nothing is saved."""

    @property
    def is_deleted(self) -> bool:
        return False

    # Reading

    def refresh(self, pause: Callable[[], object] | None = None) -> bool:
        with self.lock:
            if not self._busy:  # else a factory asks, or a signal handler
                self._refresh_locked()
            return self._folded is not None

    def _refresh_locked(self) -> None:
        found = self._stream.generation(self._place)
        if found is None:
            return
        if is_tombstone(found.newest):
            self._forget_locked(found.newest.place)
            return
        if found.newest.start != self._start:
            self._begin_generation(found.newest.start)
        for message in found.messages:
            self._fold_locked(message)

    def _forget_locked(self, place: int = 0) -> None:
        """There is no log, or what we know of it may be wrong."""
        self._begin_generation(0)
        self._place, self._folded = place, None
        self._projection.reset()

    def _fold_locked(self, message: Message) -> None:
        if message.place == self._start:
            self._settle_locked(message)
        known = self._folded.seq if self._folded is not None else 0
        for event in self._scanner.feed(message.data):
            if event.seq > known:
                self._projection.fold(event)
        self._place, self._folded = message.place, self._scanner.head
        assert self._scanner.damage == [], "a stream is whole"

    def _settle_locked(self, first: Message) -> None:
        """A generation begins, after all that was in those before it: does ours go on in it?"""
        header = decode_line(first.data.partition(b"\n")[0])
        assert isinstance(header, Open)
        check_session(header, self._stream.session_id)
        known = self._folded
        ours = (known.log_id, self._erasures) if known is not None else None
        is_ours = ours == (header.log_id, header.erasures)
        self._erasures = header.erasures
        if known is None or not is_ours or known.seq < header.base_seq:
            self._folded = None
            self._projection.reset()
        if header.base_seq and isinstance(self._projection, Remembering):
            self._projection.recall(header.base_seq, header.once or ())

    # Appending

    def append(
        self,
        events: Sequence[Event] | EventFactory,
        import_events: EventFactory | None = None,
        on_appended: Callable[[], None] | None = None,
    ) -> Head:
        if self._group.is_inside:
            raise ReentryError("an append came in the middle of an append on the same thread")
        return self._group.append(Request(events, import_events, on_appended), self._write)

    def append_at_once(
        self, events: Sequence[Event], import_events: EventFactory | None = None
    ) -> bool:
        return False  # each append is a journey

    def _write(self, take: Batch, since: float) -> Written:
        with self.lock:
            self._busy = True
            try:
                return self._write_locked(take())
            except StorageError:
                self._forget_locked()
                raise
            finally:
                self._busy = False

    def _write_locked(self, requests: Sequence[Request]) -> Written:
        for _ in range(self._stream.patience):
            self._catch_up_locked()
            encoded = self._encode(requests)
            if not encoded.events:
                return Written(self._folded or NO_HEAD, _is_durable)
            place = self._put(encoded)
            if place is not None:
                return self._take_in_locked(place, encoded, requests)
        raise LockTimeoutError(
            f"session {self._stream.session_id!r}: others were quicker each time. Nothing "
            "was written; try again"
        )

    def _catch_up_locked(self) -> None:
        try:
            self._refresh_locked()
        except ReadError as error:
            raise AppendError(None, f"{error}. Nothing was appended; try again") from error

    def _put(self, encoded: _Encoded) -> int | None:
        if encoded.begins:
            return self._stream.replace(self._place, encoded.data, drop=True)
        return self._stream.put(self._place, encoded.data)

    def _take_in_locked(
        self, place: int, encoded: _Encoded, requests: Sequence[Request]
    ) -> Written:
        if encoded.begins:
            self._begin_generation(place)
        self._fold_locked(Message(place, self._start, "", encoded.data, 0.0))
        for request in requests:
            if request.on_appended is not None:
                request.on_appended()
        assert self._folded is not None
        return Written(self._folded, _is_durable)

    def _encode(self, requests: Sequence[Request]) -> _Encoded:
        """What to put. Raises `RefusedError`."""
        try:
            return self._lines(requests)
        except Exception as error:  # noqa: BLE001 - it is raised where it belongs
            raise RefusedError(error) from None

    def _lines(self, requests: Sequence[Request]) -> _Encoded:
        events = [event for request in requests for event in _made(request)]
        begins = bool(events) and self._folded is None
        lines, session_id = [], self._stream.session_id
        if begins:
            import_events = requests[0].import_events
            events = [*(import_events() if import_events is not None else ()), *events]
            lowest = max(map(format_needed, events))
            lines.append(control_line(new_header(session_id, self._writer, lowest)))
        seq, digest = (0, GENESIS) if begins else (self._scanner.seq, self._scanner.hash)
        ts = clock.now()
        for event in events:
            if not begins:
                check_format(session_id, self._scanner.header, event)
            seq += 1
            line, stamped = stamp(event, seq, ts, self._writer, digest)
            digest = stamped.hash
            lines.append(line)
        return _Encoded(begins, b"".join(lines), len(events))

    # Letting go

    def flush(self) -> None:
        """Nothing is left to sync."""

    def close(self) -> None:
        """Nothing is held open."""

    def close_idle(self) -> Answer:
        return Answer.NONE


def _made(request: Request) -> Any:
    return request.events() if callable(request.events) else request.events
