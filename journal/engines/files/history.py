"""A session's events from its first one on, gathered from the log and its archives.

Each file of a session is a snapshot, the events that compaction kept, with the chain of
all that came after it. So reading begins with the newest file that reaches back far
enough, and goes on through those that replaced it, each from its base. What one file
has beyond its successor's base is in the successor too.
"""

import logging
import math
from collections.abc import Iterator
from shlex import quote

from msgspec.structs import asdict

from journal.damage import summary_of
from journal.engines.files.archives import read_archive
from journal.engines.files.ends import ends_deleted
from journal.engines.files.logfile import LogFile
from journal.engines.files.segment import Segment
from journal.engines.files.shared import lost_beginning
from journal.engines.files.storage import Storage
from journal.engines.files.validation import check_beginning, check_session
from journal.errors import HistoryError, ReadError
from journal.events import Open
from journal.names import Paths
from journal.past import Entry, Past
from journal.reports import Problem
from journal.scan import Scanner

logger = logging.getLogger("journal")


def gather(storage: Storage, paths: Paths, log: LogFile, reaching: int) -> Past | None:
    """What is left of the events after `reaching`, and a snapshot to fold them onto.

    `log` is the session's open log; it must stay open until the past has been read. None
    when it was never begun. Raises `DamagedError` and `WrongSessionError` for a file that
    is not the session's log, and `ReadError`.
    """
    return _Gathering(storage, paths, log).gather(reaching)


class _Source:
    """One file, read once: the header first, then entry by entry."""

    def __init__(self, where: str, pieces: Iterator[bytes]) -> None:
        self.where = where
        self.scanner = Scanner()
        self._entries = _read(self.scanner, pieces)
        self._next = next(self._entries, None)  # reads the header on its way

    @property
    def header(self) -> Open | None:
        return self.scanner.header

    @property
    def base(self) -> int:
        return self.header.base_seq if self.header is not None else 0

    def is_before(self, header: Open) -> bool:
        """Whether this can be the file that the one with `header` replaced.

        One whose own header is damaged can be anything that has events.
        """
        if self.header is None:
            return self._next is not None
        return self.header.log_id == header.goes_on_from[1]

    @property
    def shares(self) -> bool:
        """Whether it folds to the view only with the file before it: see `Open.shares`."""
        header = self.header
        return header is not None and header.origin is not None and header.shares

    def up_to(self, seq: float) -> Iterator[Entry]:
        """The entries that come next, before the first one beyond `seq`."""
        if seq == math.inf and self._next is not None:  # all: without a look at each
            entry, self._next = self._next, None
            yield entry
            yield from self._entries
            return
        while self._next is not None and self._next.event.seq <= seq:
            entry, self._next = self._next, None  # what cannot be read comes after this one
            yield entry
            self._next = next(self._entries, None)

    def first(self, count: int) -> list[Entry]:
        """So many of the entries that come next."""
        found: list[Entry] = []
        while len(found) < count and self._next is not None:
            found.append(self._next)
            self._next = next(self._entries, None)
        return found

    def count_to_order(self) -> int:
        """How many entries there are up to the last one that is not in the order of the seqs."""
        highest = count = 0
        for number, entry in enumerate(self.up_to(math.inf), start=1):
            if entry.event.seq < highest:
                count = number
            highest = max(highest, entry.event.seq)
        return count


def _read(scanner: Scanner, pieces: Iterator[bytes]) -> Iterator[Entry]:
    """Not a method: a source that no generator leads back to closes its file when let go."""
    new = tuple.__new__  # a third of the time of `Entry(…)`
    for event in scanner.read(pieces):
        yield new(Entry, (event, scanner.line))
    scanner.finish()


class _Gathering:
    def __init__(self, storage: Storage, paths: Paths, log: LogFile) -> None:
        self._storage = storage
        self._paths = paths
        self._log = log
        self._problems: list[Problem] = []

    def gather(self, reaching: int) -> Past | None:
        source = self._open_log()
        check_beginning(Segment(self._paths, self._log, source.scanner))
        check_session(self._paths, source.header)
        if source.header is None and not source.scanner.count:
            return None
        log_id = source.scanner.log_id
        origin = source.header.origin if source.header is not None else None
        newer: list[str | None] = []  # archives to read after `source`, the newest first
        name: str | None = None
        while (source.base > reaching or source.shares) and source.header is not None:
            older = self._predecessor(source.header, newer)
            if older is None and source.shares:
                if ends_deleted(self._storage, self._log.fd):
                    return None
                if not self._log.is_current():
                    raise self._removed(source.header.archive or "")
                raise lost_beginning(self._paths, source.header)
            if older is None:
                break
            newer.append(name)
            name, source = source.header.archive, older
        while (kept := self._kept(source, name)) is None:
            name = newer.pop()
            source = self._reopen(name)
            if source.shares and source.header is not None:  # it is nothing without that one
                raise lost_beginning(self._paths, source.header)
        return Past(
            log_id=log_id,
            floor=source.base,
            floor_hash=source.header.base_hash if source.header is not None else "",
            folded_at=source.header.ts if source.header is not None and source.base else "",
            kept=kept,
            rest=self._read_forward(source, newer),
            problems=self._problems,
            origin=origin,
        )

    def _kept(self, source: _Source, name: str | None) -> list[Entry] | None:
        """None where these cannot be unpacked, nor then what follows them: an archive.

        Without a header, all that stands before the last event out of order: a compaction
        keeps events in the order of the view, and the rest follows by seq.
        """
        try:
            if source.header is None:
                return source.first(self._reopen(name).count_to_order())
            return list(source.up_to(source.base))
        except ReadError as error:
            self._note_unreadable(source, error)
            return None

    def _open_log(self) -> _Source:
        log = self._log
        return _Source(log.path, log.chunks(0, log.size()))

    def _open_archive(self, name: str) -> _Source:
        where = self._paths.in_archive(name)
        return _Source(where, read_archive(self._storage, self._paths, name))

    def _predecessor(self, header: Open, newer: list[str | None]) -> _Source | None:
        """The file that the one with `header` replaced; None if that is gone."""
        name = header.archive
        if name is None:
            return None  # it was dropped on purpose
        try:
            source = self._open_archive(name)
        except FileNotFoundError:
            self._note_archive(name, f"is missing: history before event {header.base_seq} is gone")
            return None
        except ReadError as error:
            _raise_refusal(error)
            self._note_archive(name, str(error))
            return None
        if name in newer or not source.is_before(header):
            self._note_archive(name, "is not of this log, or not before it")
            return None
        return source

    def _read_forward(self, source: _Source, newer: list[str | None]) -> Iterator[Entry]:
        """All entries after the base of `source`, through the files that replaced it."""
        last = source.base
        while True:
            successor = self._reopen(newer.pop()) if newer else None
            if successor is None:
                yield from self._readable(source, math.inf)
                self._note_damage(source)
                return
            for entry in self._readable(source, successor.base):
                last = max(last, entry.event.seq)
                yield entry
            self._note_damage(source)
            if last < successor.base:
                self._note_early_end(source, last, successor)
            source = successor
            yield from self._kept_after(source, last)
            last = source.base

    def _kept_after(self, source: _Source, seq: int) -> list[Entry]:
        """What `source` has kept of what could not be read in the file it replaced: mostly
        nothing.
        """
        kept = [entry for entry in self._readable(source, source.base) if entry.event.seq > seq]
        return sorted(kept, key=lambda entry: entry.event.seq)

    def _reopen(self, name: str | None) -> _Source:
        if name is None:
            return self._open_log()
        try:
            return self._open_archive(name)
        except FileNotFoundError:
            raise self._removed(name) from None

    def _removed(self, name: str) -> HistoryError:
        return HistoryError(
            f"session {self._paths.session_id!r}: {self._paths.in_archive(name)} "
            "was removed while the history was read; read it again",
        )

    def _readable(self, source: _Source, bound: float) -> Iterator[Entry]:
        """The entries up to `bound`, as far as an archive can be unpacked."""
        try:
            yield from source.up_to(bound)
        except ReadError as error:
            self._note_unreadable(source, error)

    def _note_unreadable(self, source: _Source, error: ReadError) -> None:
        _raise_refusal(error)
        self._note_loss(source, source.scanner.seq, str(error))

    def _note_early_end(self, source: _Source, last: int, successor: _Source) -> None:
        what = f"ends after event {last}; what replaced it goes on after {successor.base}"
        self._note_loss(source, last, what)

    def _note_loss(self, source: _Source, last: int, reason: str) -> None:
        self._note(
            Problem(
                kind="archive",
                where=source.where,
                offset=source.scanner.end,
                length=0,
                seq=last + 1,
                reason=reason,
            )
        )

    def _note_damage(self, source: _Source) -> None:
        found = source.scanner.damage
        self._problems += [Problem(where=source.where, **asdict(damage)) for damage in found]
        for line in summary_of(found):
            logger.error(
                "session %r: %s: %s. `journal verify %s` lists all damage",
                self._paths.session_id,
                source.where,
                line,
                quote(self._paths.session_id),
            )

    def _note_archive(self, name: str, reason: str) -> None:
        where = self._paths.in_archive(name)
        self._note(
            Problem(kind="archive", where=where, offset=0, length=0, seq=None, reason=reason)
        )

    def _note(self, problem: Problem) -> None:
        self._problems.append(problem)
        logger.error("session %r: %s", self._paths.session_id, problem)


def _raise_refusal(error: ReadError) -> None:
    """What the operating system refuses is not lost, so it must not be left out."""
    if error.errno is not None:
        raise error
