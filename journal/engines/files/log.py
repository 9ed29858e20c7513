"""One session's log: append to it, read on in it, let go, in step with other processes.

- The lock order is: this log's thread lock, then the `flock` of the open file.
- Syncs happen outside both, so that other writers go on meanwhile.
- A signal handler may come here in the middle of its own thread's append or read, which `busy`
  shows. It gets an error, or what is known already, and changes nothing.

One event is appended in one function where nothing is unusual, `_append_one_locked`. All else
goes the careful way, in steps that have modules of their own: `reader` follows the path and
reads, `locked_end` comes to the end of the right file with its lock held, `encoding` makes the
lines, `syncing` makes them durable.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from journal import exiting
from journal.backend import EventFactory, Projection, never
from journal.codec import check_format, default_writer, stamp
from journal.config import Durability
from journal.engines.files.appending import cut_back, put, reentry_error, unknown_outcome
from journal.engines.files.encoding import Encoded, LineEncoder
from journal.engines.files.locked_end import lock_after_pause, lock_at_end, lock_at_once
from journal.engines.files.reader import LogReader
from journal.engines.files.saving import save
from journal.engines.files.scratch import begin_whole
from journal.engines.files.segment import LAST_BYTES, LINE_END, Segment
from journal.engines.files.skimming import skim
from journal.engines.files.storage import DiskStorage, Storage
from journal.engines.files.syncing import Appended, flush, make_durable
from journal.errors import JournalError
from journal.events import NO_HEAD, Event, Head, Set
from journal.forking import AT_ONCE, leave_stopped_threads, tell_after_fork, tell_after_stop
from journal.group_commit import Batch, Group, RefusedError, Request, Written
from journal.names import Paths
from journal.snapshots import Freezable
from journal.waiting import DEFAULT_TIMEOUT, Pauses, attempts

_LockAtEnd: TypeAlias = Callable[[Sequence[Event], EventFactory | None], Segment | Head | None]
"""Locks the file in which the log ends. A head: it has appended; None: it cannot do it now."""


@dataclass(frozen=True)
class LogOptions:
    """How logs are written. `lock_timeout` is in seconds; `writer` None means host:pid."""

    durability: Durability = "fsync"
    lock_timeout: float = DEFAULT_TIMEOUT
    writer: str | None = None
    storage: Storage = field(default_factory=DiskStorage)


class FileLog(LogReader):
    """A `journal.backend.Log` in a file. Opens it on first use and again when needed."""

    def __init__(self, paths: Paths, projection: Projection, options: LogOptions) -> None:
        self._projection = projection
        self._options = options
        self._durable = options.durability == "fsync"
        self._start_afresh(paths)
        tell_after_fork(self)
        tell_after_stop(self)

    def _start_afresh(self, paths: Paths) -> None:
        super().__init__(self._options.storage, paths, self._projection)
        self._group = Group()  # in use without `lock`, as the next
        self._pauses = Pauses()
        writer = self._options.writer or default_writer()
        self._encoder = LineEncoder(paths.session_id, writer)

    def after_fork(self) -> None:
        self._start_afresh(self.paths)
        self._projection.reset()

    def after_stop(self) -> None:
        self.after_fork()  # a stopped thread may be in the middle of anything here

    def append(
        self,
        events: Sequence[Event] | EventFactory,
        import_events: EventFactory | None = None,
        on_appended: Callable[[], None] | None = None,
    ) -> Head:
        if exiting.begun:
            leave_stopped_threads()
        append = self._append
        if not (self._durable or on_appended is not None or callable(events) or len(events) != 1):
            head = self._append_one(self._at_end_locked, events, import_events)
            if head is not None:
                return head
            append = self._append_later
        request = Request(events, import_events, on_appended)
        # Below a signal handler, the thread that would have to go on may be this very one.
        if self._durable and not self._group.is_inside:
            return self._group.append(request, self._append_for_group)
        try:
            done = append((request,), None)
        except RefusedError as refused:
            raise refused.error from None
        if done.ticket is not None:
            make_durable(self, done)
        return done.head

    def append_at_once(
        self, events: Sequence[Event], import_events: EventFactory | None = None
    ) -> bool:
        if self._durable:
            return False
        has_lock: list[bool] = []
        try:
            has_lock += map(self.lock.acquire, AT_ONCE)
            if not has_lock[0] or self.busy:
                return False
            if len(events) == 1:
                return self._append_one(self._at_once_locked, events, None) is not None
            return self._append_locked((Request(events, import_events),), lock_at_once) is not None
        except RefusedError as refused:
            raise refused.error from None
        finally:
            if has_lock and has_lock[0]:
                self.lock.release()

    def flush(self) -> None:
        flush(self)

    def save(self, pause: Callable[[], object] = never) -> None:
        if isinstance(self._projection, Freezable):
            save(self, self._projection, pause)

    def _append_one(
        self, lock: _LockAtEnd, events: Sequence[Event], import_events: EventFactory | None
    ) -> Head | None:
        """Append one event that waits for no sync; None if `lock` gives nothing.

        Flat, with half of the calls that the careful way makes for the same steps.
        """
        with self.lock:
            if self.busy:
                raise reentry_error(self.paths)
            self.busy = True
            try:
                found = lock(events, import_events)
                if not isinstance(found, Segment):
                    return found
                file, tip, encoder = found.file, found.tip, self._encoder
                try:
                    event = events[0]
                    if type(event) is Set and event.encrypted_by is not None:
                        check_format(self.paths.session_id, tip.header, event)
                    line, event = stamp(
                        event, tip.seq + 1, encoder.clock.now(), encoder.writer, tip.hash
                    )
                except Exception as error:  # noqa: BLE001 - it is raised where it belongs
                    file.unlock()
                    raise RefusedError(error) from None
                put(found, line)
                self.storage.unlock(file.fd)  # others need not wait until it is folded
                return self.catchup.wrote(found, (event,), len(line))
            except RefusedError as refused:
                raise refused.error from None  # nothing was touched
            except BaseException as error:
                self._fail_locked(error)
                raise
            finally:
                self.busy = False

    def _at_end_locked(
        self, events: Sequence[Event], import_events: EventFactory | None
    ) -> Segment | Head | None:
        """As usual: the file is open, and ends as it did, or what was added is counted.

        Whatever else is the case is settled in the careful way. None if another process has the
        lock.
        """
        segment = self.catchup.segment
        if segment is None or not self.is_open:
            return self._append_carefully_locked(events, import_events)
        file, tip, storage = segment.file, segment.tip, self.storage
        if (
            tip.header is None
            or segment.scanner.newer_format is not None
            or file.write_error is not None
            or file.sync_error is not None
            or not file.writes
        ):
            return self._append_carefully_locked(events, import_events)
        if not storage.lock(file.fd):
            return None
        last = tip.line_hash.encode() + LINE_END
        place = tip.end - LAST_BYTES
        is_at_end = storage.read(file.fd, LAST_BYTES + 1, place) == last
        if not ((is_at_end or skim(segment, self.catchup.losses.known)) and file.is_current()):
            return self._append_carefully_locked(events, import_events)
        self.note_look()
        return segment

    def _at_once_locked(self, *_: object) -> Segment | None:
        return lock_at_once(self)

    def _append_carefully_locked(
        self, events: Sequence[Event], import_events: EventFactory | None
    ) -> Head | None:
        segment = lock_at_end(self)
        if segment is None:
            return None
        return self._append_to_locked(segment, (Request(events, import_events),)).head

    def _append_for_group(self, take: Batch, since: float) -> Written:
        done = self._append(take, since)
        return Written(done.head, lambda: make_durable(self, done))

    def _append(self, take: Batch | Sequence[Request], since: float | None) -> Appended:
        """Append as soon as the other process lets go."""
        with self.lock:
            done = self._append_locked(take, lock_at_end)
        return done if done is not None else self._append_later(take, since)

    def _append_later(self, take: Batch | Sequence[Request], since: float | None) -> Appended:
        """`_append` after an attempt in vain."""
        timeout = self._options.lock_timeout
        for _ in attempts(timeout, self.paths.log, since, self._pauses):
            with self.lock:
                done = self._append_locked(take, lock_after_pause)
            if done is not None:
                return done
        raise AssertionError("this loop ends with an error")  # pragma: no cover, no mutate

    def _append_locked(
        self,
        take: Batch | Sequence[Request],
        lock_segment: Callable[[LogReader], Segment | None],
    ) -> Appended | None:
        """Append if `lock_segment` gives the file to append to; None if it does not."""
        if self.busy:
            raise reentry_error(self.paths)
        self.busy = True
        try:
            segment = lock_segment(self)
            return self._append_to_locked(segment, take) if segment is not None else None
        except RefusedError:
            raise  # nothing was touched, so nothing has to be forgotten
        except BaseException as error:
            self._fail_locked(error)
            raise
        finally:
            self.busy = False

    def _fail_locked(self, error: BaseException) -> None:
        """Start anew from what is on the disk. Raises `StorageError` for an OSError."""
        self.forget_locked()  # closes the file, and with that unlocks it
        if isinstance(error, OSError) and not isinstance(error, JournalError):
            raise unknown_outcome(self.paths, error) from error

    def _append_to_locked(self, segment: Segment, take: Batch | Sequence[Request]) -> Appended:
        """Write what is taken as one piece at the end, and fold it. Unlocks the file."""
        requests = take() if callable(take) else take
        if segment.tip is not segment.scanner and any(each.is_alone for each in requests):
            self.catchup.read_on(segment, segment.tip.end)  # it is made from the newest state
        encoded = self._encode_locked(segment, requests)
        if not encoded.events:
            self._step_back_locked(segment)
            return Appended(segment.tip.head or NO_HEAD, segment.file, None, 0)
        data = encoded.data
        if encoded.imports:
            segment.file = begin_whole(self.storage, segment.file, self.paths.scratch, data)
        else:
            put(segment, data)
        if encoded.header is not None:
            self.catchup.wrote_header(segment, encoded.header)
        head = self.catchup.wrote(segment, encoded.events, len(data))
        ticket = segment.file.mark_written() if self._durable else None
        segment.file.unlock()
        for request in requests:
            if request.on_appended is not None:
                request.on_appended()
        return Appended(head, segment.file, ticket, self.catchup.losses.count)

    def _encode_locked(self, segment: Segment, requests: Sequence[Request]) -> Encoded:
        """What to write. Raises `RefusedError`; all is then as it was."""
        if segment.tip.end == 0:
            self.catchup.forget()  # what makes events must not see a log that was deleted
        try:
            return self._encoder.encode(requests, segment.tip)
        except Exception as error:  # noqa: BLE001 - it is raised where it belongs
            self._step_back_locked(segment)
            raise RefusedError(error) from None
        except BaseException:
            if segment.tip.end == 0:
                cut_back(segment)
            raise

    def _step_back_locked(self, segment: Segment) -> None:
        """Nothing is to be written after all; a log that does not begin must not be left."""
        if segment.tip.end == 0:
            cut_back(segment)
            self.let_go_locked()  # closes the file, and with that unlocks it
        else:
            segment.file.unlock()
