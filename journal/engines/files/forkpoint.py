"""Finding the event at which a session is to be forked, and the files that lead up to it."""

import os
from collections.abc import Iterator
from shlex import quote
from typing import NamedTuple

from journal.engines.files.archives import archived_header, read_archive
from journal.engines.files.ends import ends_deleted, last_record, scan_beginning
from journal.engines.files.logfile import LogFile
from journal.engines.files.seeking import find_end, find_event
from journal.engines.files.shared import lost_beginning
from journal.engines.files.storage import FIRST, Storage, chunks
from journal.engines.files.validation import check_session, newer_format_error
from journal.errors import (
    CursorError,
    DamagedError,
    HistoryError,
    JournalError,
    NotFoundError,
)
from journal.events import CURSOR_DIGITS, GENESIS, Cursor, Open, Sealed
from journal.names import Paths, is_packed, packed
from journal.scan import Scanner


class ForkPoint(NamedTuple):
    """An event of the log `log_id` of a session: in whose file it is."""

    session_id: str
    log_id: str
    seq: int
    hash: str


class FoundPoint(NamedTuple):
    """The point, and the paths of the files up to it, the newest first."""

    point: ForkPoint
    files: list[str]


class _File(NamedTuple):
    path: str
    header: Open


def find_point(
    storage: Storage, paths: Paths, log: LogFile, at: int | Cursor | None
) -> FoundPoint:
    """Where to fork the session of an open log, whose lock is held.

    A few reads, and one for each archive; O(events before it) where the event is in a packed
    archive, or the log is damaged. Raises as `Backend.fork`.
    """
    return _Finding(storage, paths, log).find(at)


class _Finding:
    def __init__(self, storage: Storage, paths: Paths, log: LogFile) -> None:
        self._storage = storage
        self._paths = paths
        self._log = log

    def find(self, at: int | Cursor | None) -> FoundPoint:
        header = self._header_of_log()
        if isinstance(at, Cursor):
            self._check_log(at, header)
            seq = at.seq
        else:
            seq = self._newest(header) if at is None else at
        if seq == 0:
            found = FoundPoint(ForkPoint(header.session_id, header.log_id, 0, GENESIS), [])
        else:
            found = self._find_in(list(self._files(header)), seq)
        if isinstance(at, Cursor) and not found.point.hash.startswith(at.hash):
            raise self._another(at, found.point)
        return found

    def _header_of_log(self) -> Open:
        storage, log, paths = self._storage, self._log, self._paths
        scanner = scan_beginning(chunks(storage, log.fd, 0, log.size(), FIRST))
        if log.size() == 0 or ends_deleted(storage, log.fd):
            raise NotFoundError(f"there is no session {paths.session_id!r} to fork")
        if scanner.newer_format is not None:
            raise newer_format_error(paths, scanner)
        if scanner.header is None:
            raise DamagedError(
                f"{paths.log}: its header is not intact, so it cannot be forked. Restore it from "
                "a backup first; `journal doctor` says how"
            )
        check_session(paths, scanner.header)
        return scanner.header

    def _newest(self, header: Open) -> int:
        """Reads the last line or, if that is no event, all of the log."""
        last = last_record(self._storage, self._log.fd)
        if last is None or isinstance(last, Open | Sealed) or last.seq <= header.base_seq:
            return self._head()
        return last.seq

    def _head(self) -> int:
        return find_end(self._storage, self._log, self._log.size()).scanner.seq

    def _files(self, header: Open) -> Iterator[_File]:
        """The log and its archives, as far as they are there, the newest first."""
        found = _File(self._paths.log, header)
        seen: set[str] = set()
        while True:
            yield found
            name = found.header.archive
            if name is None or name in seen:
                return
            seen.add(name)
            older = self._archive(name)
            if older is None or _log_of(older.header) != found.header.goes_on_from:
                return
            found = older

    def _archive(self, name: str) -> _File | None:
        """None where it is missing, or its header damaged."""
        try:
            path, header = archived_header(self._storage, self._paths, name)
        except FileNotFoundError:
            return None
        return _File(path, header) if header is not None else None

    def _find_in(self, files: list[_File], seq: int) -> FoundPoint:
        """The newest file that has the event, and all that are older."""
        for number, file in enumerate(files):
            base = file.header.base_seq
            if base < seq or (base == seq and not file.header.shares):
                digest = file.header.base_hash if base == seq else self._hash_in(file, seq)
                if digest is None:
                    raise self._missing(seq)
                header = file.header
                point = ForkPoint(header.session_id, header.log_id, seq, digest)
                return FoundPoint(point, [older.path for older in files[number:]])
        oldest = files[-1].header
        if oldest.shares:
            raise lost_beginning(self._paths, oldest)
        raise HistoryError(
            f"session {self._paths.session_id!r} cannot be forked at event {seq}: what was there "
            f"before event {oldest.base_seq} was dropped by a compaction, or its archive is gone"
        )

    def _hash_in(self, file: _File, seq: int) -> str | None:
        """The hash of an event; None if it is not found."""
        if is_packed(file.path):
            pieces = read_archive(self._storage, self._paths, os.path.basename(file.path))
            return _read_to(seq, pieces)
        if file.path == self._log.path:
            return self._hash_at(self._log, seq)
        try:
            log = LogFile(self._storage, file.path, create=False)
        except FileNotFoundError:  # packed meanwhile, which takes no lock
            return self._hash_in(file._replace(path=packed(file.path)), seq)
        try:
            return self._hash_at(log, seq)
        finally:
            log.close()

    def _hash_at(self, log: LogFile, seq: int) -> str | None:
        size = log.size()
        point = find_event(self._storage, log, size, seq)
        if point is not None:
            return point.hashes[-1]
        return _read_to(seq, log.chunks(0, size))

    # What is refused

    def _missing(self, seq: int) -> JournalError:
        session_id, head = self._paths.session_id, self._head()
        if seq > head:
            return NotFoundError(
                f"session {session_id!r} has no event {seq} to fork at: its last is {head}"
            )
        return HistoryError(
            f"session {session_id!r} cannot be forked at event {seq}, which is damaged; fork at "
            f"another, or restore it first. `journal verify {quote(session_id)}` says where it was"
        )

    def _check_log(self, at: Cursor, header: Open) -> None:
        if at.log_id != header.log_id:
            raise CursorError(
                f"session {self._paths.session_id!r}: the cursor {at} is of another log than "
                f"{header.log_id}, which is there now: the session was made anew, or the cursor "
                "is another session's. Fork at a seq, or at a cursor of this log",
                at,
                Cursor.start_of(header.log_id),
            )

    def _another(self, at: Cursor, point: ForkPoint) -> CursorError:
        there = point.hash[:CURSOR_DIGITS]
        return CursorError(
            f"session {self._paths.session_id!r}: the log has no event {at.seq} with the hash "
            f"{at.hash}: there it is {there}. Probably it was restored from a backup. Fork at a "
            "seq, or at a cursor of this log",
            at,
            Cursor.start_of(at.log_id),
        )


def _log_of(header: Open) -> tuple[str, str]:
    return header.session_id, header.log_id


def _read_to(seq: int, pieces: Iterator[bytes]) -> str | None:
    for event in Scanner().read(pieces):
        if event.seq == seq:
            return event.hash
    return None
