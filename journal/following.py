"""Keeping a projection in step with one log file's bytes, read in whatever pieces.

Knows nothing of locks or of opening files; its owner calls it with both settled. The
projection and the scanner are in step after each call that returns; after one that
raises, the owner has to `forget`.
"""

import logging
from collections.abc import Sequence

from journal.backend import Projection
from journal.events import Event, Head, Open
from journal.handle import LogFile
from journal.names import Paths
from journal.refusal import check_beginning, check_session, newer_format_error
from journal.scan import Scanner, find_kept
from journal.storage import Storage, chunks

logger = logging.getLogger("journal")


class Following:
    """A projection, how far it has come, and the scanner of the file it follows.

    `scanner` is of the file now open; where the projection is outlives it, for a log
    may go on in another file.
    """

    def __init__(self, storage: Storage, paths: Paths, projection: Projection) -> None:
        self.scanner = Scanner()
        self._storage = storage
        self._paths = paths
        self._projection = projection
        self._place: Head | None = None  # of the last event folded
        self._reported = 0  # damage of the file already logged
        self._newer_reported = False

    def leave_file(self) -> None:
        """Another file comes next; the projection may go on in it.

        Unless this one was damaged: the next may have what is missing here.
        """
        if self.scanner.damage_count:
            self._place = None
        self.scanner = Scanner()
        self._reported = 0

    def forget(self) -> None:
        """Start from nothing."""
        self.leave_file()
        self._forget_projection()

    def _forget_projection(self) -> None:
        self._place = None
        self._projection.reset()

    def read_on(self, file: LogFile, size: int) -> None:
        """Judge and fold the bytes not seen yet, up to `size`. OSError, `DamagedError` …"""
        if size < self.scanner.end:
            self.forget()
        folded = 0 if self.scanner.end > 0 else self._skip_kept(file, size)
        before, resumed = self.scanner.damage_count, self.scanner.end > 0
        self._fold_rest(file, size, folded)
        if resumed and self.scanner.damage_count > before:
            # Either the file is damaged here, or what we read earlier, while it was being
            # written, has since been cut back and replaced. A full read tells which.
            self.forget()
            self._fold_rest(file, size, None)
        self._report_damage()

    def _fold_rest(self, file: LogFile, size: int, skip: int | None) -> None:
        """Fold what comes after event `skip`; None: where that is has to be found out."""
        scanner, fold = self.scanner, self._projection.fold
        scanner.rewind()
        for data in chunks(self._storage, file.fd, scanner.end, size):
            for event in scanner.feed(data):
                if skip is None:
                    skip = self._resume_point()
                if event.seq > skip:
                    fold(event)
                elif event.seq == skip and not self._is_place(event):
                    return self._fold_anew(file, size)
        check_beginning(self._storage, file, self._paths, scanner)
        if skip is None:
            skip = self._resume_point()
        if scanner.seq < skip:
            return self._fold_anew(file, size)
        self._place = scanner.head
        return None

    def _skip_kept(self, file: LogFile, size: int) -> int | None:
        """Go past the events that a compaction has kept, where all of them are folded already.

        Otherwise every writer of a session would decode them all, one after the other with the
        lock between processes held, as soon as somebody else compacts it. They were verified
        when they were folded, and by the compaction; what follows them is checked as ever.
        Returns the seq up to which all is folded, None if it went past nothing.
        """
        place = self._place
        if place is None:
            return None
        found = find_kept(chunks(self._storage, file.fd, 0, size))
        if found is None or not self._goes_on(found.header):
            return None
        check_session(self._paths, found.header)
        self.scanner.skip_kept(found.header, found.last_hash, found.end)
        return place.seq

    def _fold_anew(self, file: LogFile, size: int) -> None:
        """The file is an older copy of the log, or another branch of it."""
        self.forget()
        self._fold_rest(file, size, None)

    def _is_place(self, event: Event) -> bool:
        return self._place is not None and self._place.hash == event.hash

    def _resume_point(self) -> int:
        """The seq up to which the projection has folded the file that we begin to read.

        A compacted log is the same log: a projection that was past its base goes on. Of
        any other it has to forget what it knew.
        """
        header, place = self.scanner.header, self._place
        check_session(self._paths, header)
        if place is not None and header is not None and self._goes_on(header):
            return place.seq
        self._forget_projection()
        return 0

    def _goes_on(self, header: Open) -> bool:
        """Whether the projection is past the base of the log that begins with `header`."""
        place = self._place
        return (
            place is not None
            and header.log_id == place.log_id
            and (
                header.base_seq < place.seq
                or (header.base_seq, header.base_hash) == (place.seq, place.hash)
            )
        )

    def _report_damage(self) -> None:
        scanner = self.scanner
        for damage in scanner.damage[self._reported :]:
            logger.error(
                "session %r: %s: %s at byte %d, %d bytes: %s. The other events are loaded; "
                "restore the file from a backup, or go on without. `verify` lists all damage",
                self._paths.session_id,
                self._paths.log,
                damage.kind,
                damage.offset,
                damage.length,
                damage.reason,
            )
        self._reported = len(scanner.damage)
        if scanner.newer_format is not None and not self._newer_reported:
            self._newer_reported = True
            error = newer_format_error(self._paths, scanner)
            logger.warning("%s. What could be read of it is loaded", error)

    def wrote(self, header: Open | None, events: Sequence[Event], size: int) -> Head:
        """Fold what we have just written ourselves: `size` bytes at the end of the file."""
        scanner = self.scanner
        if header is not None:
            scanner.header = header
            self._forget_projection()
        last = events[-1]
        scanner.advance(last.seq, last.hash, len(events), scanner.end + size)
        for event in events:
            self._projection.fold(event)
        self._place = Head(scanner.log_id, last.seq, last.hash)
        return self._place
