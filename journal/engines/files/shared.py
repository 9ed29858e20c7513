"""The beginning of a fork: events that it shares with its origin, read from the origin's files.

The fork's header names the file that holds the event after which it begins. That file is the
origin's, under a name of the fork's own; what it has after that event is not the fork's. If it
is the first file of a fork itself, it shares its beginning in the same way, and so on.
"""

import logging
import os
from collections.abc import Iterator
from itertools import chain
from typing import NamedTuple

from msgspec.structs import asdict

from journal.backend import Projection
from journal.engines.files.archives import archived_header, open_archive, read_archive
from journal.engines.files.backwards import events_back
from journal.engines.files.ends import header_of, last_record
from journal.engines.files.logfile import LogFile
from journal.engines.files.resuming import snapshot_of
from journal.engines.files.seeking import find_event
from journal.engines.files.snapshot import Anchor
from journal.engines.files.storage import FIRST, Storage, chunks
from journal.errors import DamagedError, ReadError
from journal.events import Open, Sealed
from journal.names import Paths, is_packed, paths_of
from journal.once import Remembering, Seen
from journal.past import Entry, Newest
from journal.reports import Problem
from journal.scan import Scanner
from journal.snapshots import UNREADABLE, Freezable

logger = logging.getLogger("journal")

_MOST_REPORTED = 10


class _Part(NamedTuple):
    """A file of which a fork has what it holds up to event `last`, whose hash is `hash`.

    `header` is its own; None where that is damaged.
    """

    name: str
    header: Open | None
    last: int
    hash: str


class SharedPart:
    """What the fork with `header` shares. `count` and `size`, in bytes, are of what was read.

    `problems` is what turned out to be damaged. `keys` are idempotency keys of events that
    compactions of the origin have dropped.
    """

    def __init__(self, storage: Storage, paths: Paths, header: Open) -> None:
        self._storage = storage
        self._paths = paths
        self._header = header
        self.problems: list[Problem] = []
        self.keys: list[Seen] = []
        self.count = 0
        self.size = 0

    def entries(self) -> Iterator[Entry]:
        """The events and their lines, in the order in which folding them gives the view.

        Reads all of it, in bounded memory. Raises `DamagedError` where a file is missing, and
        `ReadError`.
        """
        for part in reversed(self._parts()):
            pieces = read_archive(self._storage, self._paths, part.name)
            yield from self._read(part, Scanner(), pieces)

    def fold_into(self, projection: Projection) -> None:
        """Fold it, from a snapshot of the origin where there is one. Raises like `entries`.

        What is damaged is reported, and the rest folded.
        """
        parts = self._parts()
        left = parts[::-1]
        if isinstance(projection, Freezable):
            for number, part in enumerate(parts):
                thawed = self._thaw(part, projection)
                if thawed is not None:
                    left = parts[:number][::-1]
                    self._fold_after(part, *thawed, projection)
                    break
        for part in left:
            if isinstance(projection, Remembering):
                _recall(projection, part.header)
            pieces = read_archive(self._storage, self._paths, part.name)
            for entry in self._read(part, Scanner(), pieces):
                projection.fold(entry.event)
        for problem in self.problems[:_MOST_REPORTED]:
            logger.error("session %r: %s", self._paths.session_id, problem)

    def _parts(self) -> list[_Part]:
        """The newest file first."""
        found: list[_Part] = []
        header: Open | None = self._header
        while header is not None and header.shares and header.archive is not None:
            name, (session_id, log_id) = header.archive, header.goes_on_from
            try:
                _, older = archived_header(self._storage, self._paths, name)
            except FileNotFoundError:
                raise lost_beginning(self._paths, header) from None
            if older is not None and (older.session_id, older.log_id) != (session_id, log_id):
                raise lost_beginning(self._paths, header)
            self.keys += (older.once if older is not None else None) or ()
            found.append(_Part(name, older, header.base_seq, header.base_hash))
            header = older
        return found

    def _read(self, part: _Part, scanner: Scanner, pieces: Iterator[bytes]) -> Iterator[Entry]:
        """What counts of a file, from where `scanner` is."""
        damage, end = 0, scanner.end
        is_whole = (scanner.seq, scanner.hash) == (part.last, part.hash) or self._is_base(part)
        reason = "ends before the event at which the fork begins"
        try:
            for event in scanner.read(pieces):
                if event.seq > part.last:
                    if is_whole:
                        scanner.leave_out(damage)
                    break
                damage, end = scanner.damage_count, scanner.end
                is_whole |= (event.seq, event.hash) == (part.last, part.hash)
                self.count += 1
                yield Entry(event, scanner.line)
        except ReadError as error:
            if error.errno is not None:
                raise  # what the operating system refuses is not lost
            reason = str(error)
        self.size += end
        where = self._paths.in_archive(part.name)
        self.problems += [Problem(where=where, **asdict(each)) for each in scanner.damage]
        if not is_whole:
            self.problems.append(
                Problem(kind="archive", where=where, offset=end, seq=part.last, reason=reason)
            )

    def _is_base(self, part: _Part) -> bool:
        header = part.header
        return header is not None and (header.base_seq, header.base_hash) == (part.last, part.hash)

    def oldest(self) -> Open | None:
        """The header of the oldest of the files; None where that is damaged. Raises likewise."""
        return self._parts()[-1].header

    # From a snapshot of the origin

    def _thaw(self, part: _Part, projection: Freezable) -> tuple[Open, Anchor] | None:
        """Let `projection` hold what the origin's snapshot holds, if all of that is shared.

        Returns the file's header, and the place in it from which to read on.
        """
        if part.header is None:
            return None
        origin = paths_of(self._paths.folder, part.header.session_id)
        fd, path = open_archive(self._storage, self._paths, part.name)
        try:
            if is_packed(path):
                return None
            with snapshot_of(self._storage, origin, fd, self._storage.size(fd)) as found:
                if found is None or found[1].place.seq > part.last:
                    return None
                header, snapshot = found
                turns = snapshot.turns()
                if turns is not None:
                    projection.thaw(turns, snapshot.rest)
                    return header, snapshot.place
        except (OSError, *UNREADABLE):
            pass  # it is read as if there were none
        finally:
            self._storage.close(fd)
        projection.reset()
        return None

    def _fold_after(
        self, part: _Part, header: Open, place: Anchor, projection: Projection
    ) -> None:
        scanner = Scanner()
        event = (place.seq, place.hash)
        scanner.resume(header, event, place.line_hash, place.count, place.end)
        self.size += place.shared
        fd, _ = open_archive(self._storage, self._paths, part.name)
        try:
            pieces = chunks(self._storage, fd, place.end, self._storage.size(fd))
            for entry in self._read(part, scanner, pieces):
                projection.fold(entry.event)
        finally:
            self._storage.close(fd)


def newest_of_fork(log: LogFile, paths: Paths) -> Newest | None:
    """See `journal.backend.Backend.newest`: its own events, and then those that it shares.

    Closes the log. None for a session that is no fork, or was compacted since.
    """
    try:
        found = _newest(log, paths)
    except (OSError, DamagedError):
        found = None
    if found is None:
        log.close()
    return found


def _newest(log: LogFile, paths: Paths) -> Newest | None:
    header = header_of(chunks(log.storage, log.fd, 0, log.size(), FIRST))
    if header is None or not header.shares or header.session_id != paths.session_id:
        return None
    oldest = SharedPart(log.storage, paths, header).oldest()
    record = last_record(log.storage, log.fd)
    if oldest is None or record is None or isinstance(record, Sealed):
        return None
    last = record.base_seq if isinstance(record, Open) else record.seq
    entries = _back(log, paths, header, log.size(), last)
    first = next(entries, None)
    return Newest(header.log_id, oldest.base_seq, chain([first], entries)) if first else None


def _back(log: LogFile, paths: Paths, header: Open, end: int, last: int) -> Iterator[Entry]:
    """The events up to `last`, whose line ends at `end`, the newest first. Closes the log."""
    after = last + 1
    for entry in events_back(log, header, end):
        after = entry.event.seq
        yield entry
    if not header.shares or after != header.base_seq + 1:
        return
    try:
        file = LogFile(log.storage, paths.in_archive(header.archive or ""), create=False)
    except (FileNotFoundError, ReadError):
        return  # it may be packed, and is read from its beginning
    try:
        older = header_of(chunks(file.storage, file.fd, 0, file.size(), FIRST))
        point = find_event(file.storage, file, file.size(), header.base_seq)
    except OSError:
        older = point = None
    if older is None or point is None or point.hashes[-1] != header.base_hash:
        file.close()
        return
    yield from _back(file, paths, older, point.scanner.end, header.base_seq)


def _recall(projection: Remembering, header: Open | None) -> None:
    if header is not None and header.base_seq and not header.shares:  # a compaction has made it
        projection.recall(header.base_seq, header.once or ())


def lost_beginning(paths: Paths, header: Open) -> DamagedError:
    """The error for a fork whose beginning is gone."""
    where = paths.in_archive(header.archive or "")
    return DamagedError(
        f"{paths.log}: is a fork of {header.origin}, and {os.path.relpath(where, paths.folder)}, "
        "which has its beginning, is missing or another file. Restore that from a backup"
    )
