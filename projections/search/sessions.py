"""The matches in many sessions, one session after the other, each in the order of its events."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple, cast

from journal.codec import PLAIN, WITH_ERASED, format_of
from journal.engines.files.storage import FileId, Storage
from journal.errors import DamagedError, JournalError, NotFoundError, ReadError
from journal.events import Event, Set
from journal.names import paths_of
from journal.past import NOW
from journal.state import decode_state
from projections.search.crew import in_crew
from projections.search.log_shape import LogShape
from projections.search.pattern import Pattern, event_in
from projections.search.repeats import Repeats
from projections.search.sample import sample_of
from projections.search.sweep import FoundLine, LogPart, Sweep, Swept, keep_memory
from projections.store.store import DefaultSessionStore

PART = 4 << 20
"""Bytes of a log that are searched by one process at a time."""

_BEGINNING = 1 << 13  # bytes within which most headers end
_HASH_END = 48  # bytes
_MOST_PARTS = 256  # of small logs in one task
_WORTH_A_CREW = 24 << 20  # bytes: less than that is searched before a process is started
_MOST_PROCESSES = 8
_ENCRYPTED = b',"encrypted_by":'
"""Stands in lines whose state is encrypted. Where it stands in a state, that costs time only."""


class SessionMatch(NamedTuple):
    """The line of an event that matches, with the id of its log."""

    session_id: str
    log_id: str
    line: bytes
    decrypted: Event | None = None

    @property
    def event(self) -> Event:
        """Decoded each time that it is asked for: most are only counted."""
        if self.decrypted is not None:
            return self.decrypted
        return cast(Event, event_in(self.line))  # it was intact when it was found


class SearchOptions(NamedTuple):
    """What is searched for besides the pattern.

    `chosen` says which events count, None all; `invert` looks for events that do not match;
    with `first_only` one of a session is enough; `archives` are searched too; `repeats` keeps
    what later states of a turn only repeat.
    """

    chosen: Callable[[Event], bool] | None = None
    invert: bool = False
    first_only: bool = False
    archives: bool = False
    repeats: bool = False


class SearchedLog(NamedTuple):
    """A log as it was when the search began.

    `is_plain`: all that is searched stands in its lines. Of others, the beginning may be another
    session's, and states may be encrypted.
    """

    session_id: str
    path: str
    file: FileId
    size: int
    is_plain: bool


class Search:
    """A search through the sessions of a store's folder."""

    def __init__(
        self,
        store: DefaultSessionStore,
        storage: Storage,
        pattern: Pattern,
        options: SearchOptions,
    ) -> None:
        self._store = store
        self._storage = storage
        self._pattern = pattern
        self._options = options
        self.failures: list[tuple[str, JournalError]] = []
        self._sweep = Sweep(
            storage,
            pattern,
            options.chosen,
            invert=options.invert,
            first_only=options.first_only,
        )

    def matches(self, session_ids: Iterable[str]) -> Iterator[SessionMatch]:
        """The matches in these sessions. One that is deleted meanwhile has none.

        Logs what is damaged, as all readers do. What cannot be read is in `failures` afterwards.
        """
        logs = [log for each in session_ids if (log := self._log_of(each)) is not None]
        if self._options.archives:
            for log in logs:
                yield from self._carefully(log, set(), self._repeats())
            return
        plain = [log for log in logs if log.is_plain]
        total = sum(log.size for log in plain)
        processes = 1
        if total >= _WORTH_A_CREW:
            processes = _processors()
            self._pattern.tune(sample_of(self._storage, [(log.path, log.size) for log in plain]))
            keep_memory()
        parts = _in_order(in_crew(list(_tasks(plain)), self._work, processes))
        for log in logs:
            if log.is_plain:
                yield from self._quickly(log, islice(parts, _count_parts(log)))
            else:
                yield from self._carefully(log, set(), self._repeats())

    def _log_of(self, session_id: str) -> SearchedLog | None:
        path = paths_of(self._store.session_dir or "", session_id).log
        try:
            fd = self._storage.open(path, os.O_RDONLY)
        except FileNotFoundError:
            return None
        except OSError as error:
            self._fail(session_id, ReadError(error.errno, f"{path}: {error.strerror}"))
            return None
        try:
            beginning = self._storage.read(fd, _BEGINNING, 0)
            return SearchedLog(
                session_id,
                path,
                self._storage.identify(fd),
                self._storage.size(fd),
                format_of(beginning.partition(b"\n")[0]) in (PLAIN, WITH_ERASED),
            )
        except OSError as error:
            self._fail(session_id, ReadError(error.errno, f"{path}: {error.strerror}"))
            return None
        finally:
            self._storage.close(fd)

    def _fail(self, session_id: str, error: JournalError) -> None:
        self.failures.append((session_id, error))

    def _repeats(self) -> Repeats | None:
        return None if self._options.repeats or self._options.invert else Repeats(self._pattern)

    def _work(self, parts: Sequence[LogPart]) -> list[tuple[Any, ...]]:
        """What the sweeps found, in plain tuples."""
        each = map(self._sweep.part, parts)
        return [(list(map(tuple, found)), *rest) for found, *rest in each]

    def _quickly(self, log: SearchedLog, parts: Iterator[Swept]) -> Iterator[SessionMatch]:
        """The matches that the sweeps have found; from where they were amiss, all that is left."""
        shape, repeats, reported = LogShape(log.session_id), self._repeats(), set[int]()
        for found in shape.in_order(parts):
            if self._options.first_only and reported:
                continue
            reported.add(_key(found.line))
            if repeats is None or not repeats.is_repeat(*found):
                yield SessionMatch(log.session_id, shape.log_id, found.line)
        for _ in parts:
            pass  # those after what was amiss
        if shape.is_odd and not (self._options.first_only and reported):
            yield from self._carefully(log, reported, repeats)

    def _carefully(
        self, log: SearchedLog, reported: set[int], repeats: Repeats | None
    ) -> Iterator[SessionMatch]:
        """The matches that were not reported yet, read as all readers read a log."""
        reaching = 0 if self._options.archives else NOW
        try:
            past = self._store.past(log.session_id, reaching)
            for entry in past.in_order() if past is not None else ():
                event, line = entry
                if _key(line) in reported or not self._matches(log.session_id, event, line):
                    continue
                runtime_id, turn_id, found = FoundLine.of(event, line)
                decrypted = event if _ENCRYPTED in line else None
                reported.add(_key(line))
                if past is None or (
                    repeats is not None
                    and repeats.is_repeat(runtime_id, turn_id, decrypted or found)
                ):
                    continue
                yield SessionMatch(log.session_id, past.log_id, line, decrypted)
                if self._options.first_only:
                    return
        except NotFoundError:
            return  # deleted meanwhile
        except JournalError as error:
            self._fail(log.session_id, error)

    def _matches(self, session_id: str, event: Event, line: bytes) -> bool:
        """Raises `EncryptionKeyError` for a state whose key is not there."""
        if type(event) is not Set or _ENCRYPTED not in line or event.erased is not None:
            return self._sweep.matches(event, line)
        try:
            decode_state(bytes(event.state))
        except DamagedError as error:
            self._fail(session_id, error)
            return False
        return self._sweep.matches_decrypted(event)


def _key(line: bytes) -> int:
    """What tells an event from the others: the end of its line has its hash."""
    return hash(line[-_HASH_END:])


def _tasks(logs: Iterable[SearchedLog]) -> Iterator[list[LogPart]]:
    """The parts of all logs in order, some megabytes to a task."""
    task: list[LogPart] = []
    size = 0
    for log in logs:
        for start in range(0, max(log.size, 1), PART):
            stop = min(start + PART, log.size)
            task.append(LogPart(log.path, log.file, start, stop, log.size))
            size += stop - start
            if size >= PART or len(task) >= _MOST_PARTS:
                yield task
                task, size = [], 0
    if task:
        yield task


def _count_parts(log: SearchedLog) -> int:
    return len(range(0, max(log.size, 1), PART))


def _in_order(results: Iterator[list[Any]]) -> Iterator[Swept]:
    """The parts of all tasks, out of plain tuples."""
    for result in results:
        for found, lines, first, last, is_odd in result:
            yield Swept([FoundLine(*each) for each in found], lines, first, last, is_odd)


def _processors() -> int:
    return min(len(os.sched_getaffinity(0)), _MOST_PROCESSES)
