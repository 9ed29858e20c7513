"""Keeping a projection in step with one log file's bytes, read in whatever pieces.

Knows nothing of locks or of opening files; its owner calls it with both settled. The
projection and the scanner are in step after each call that returns; after one that
raises, the owner has to `forget`.

Events that were in the log do not leave it, but for a deletion. Where another program has
emptied, cut or replaced the file, what was known of the log says so: the projection begins
anew with the file as it is, and the loss is logged, once.
"""

import logging
from collections.abc import Callable, Sequence
from shlex import quote

from journal.backend import Projection
from journal.engines.files.logfile import LogFile
from journal.engines.files.recovery import is_at_end, is_still_there
from journal.engines.files.storage import Storage, chunks
from journal.engines.files.validation import check_beginning, check_session, newer_format_error
from journal.events import Event, Head, Open
from journal.names import Paths
from journal.scan import Scanner, find_kept, summary_of

logger = logging.getLogger("journal")


class CatchUp:
    """A projection, how far it has come, and the scanner of the file it follows.

    `scanner` is of the file now open; where the projection is outlives it, for a log
    may go on in another file. `losses` counts how often known events were gone.
    """

    def __init__(self, storage: Storage, paths: Paths, projection: Projection) -> None:
        self.scanner = Scanner()
        self.losses = 0
        self._storage = storage
        self._paths = paths
        self._projection = projection
        self._place: Head | None = None  # of the last event folded
        self._known: Head | None = None  # of the newest event in the log; outlives `forget`
        self._is_new = True  # the file is read from its beginning
        self._came_by = False  # the event that is known was in it
        self._may_be_another = False  # the log may have been deleted while nobody looked
        self._reported = 0  # damage of the file already logged
        self._newer_reported = False

    def leave_file(self) -> None:
        """Another file comes next; the projection may go on in it.

        Unless this one was damaged: the next may have what is missing here.
        """
        if self.scanner.damage_count:
            self._place = None
        self.scanner = Scanner()
        self._is_new = True
        self._came_by = False
        self._reported = 0

    def forget(self) -> None:
        """Start from nothing."""
        self.leave_file()
        self._forget_projection()

    def _forget_projection(self) -> None:
        self._place = None
        self._projection.reset()

    def look_away(self) -> None:
        """From now on the log may be deleted, and made again, without our seeing it."""
        self._may_be_another = True

    def is_in_step(self, file: LogFile) -> bool:
        """Whether the file ends, up to where it was read, as it did then."""
        return is_still_there(self._storage, file, self.scanner)

    def is_at_end(self, file: LogFile) -> bool:
        """Whether nothing is to be read, as is plain from the file's last line."""
        return self.scanner.end > 0 and is_at_end(self._storage, file, self.scanner)

    def read_on(self, file: LogFile, size: int) -> None:
        """Judge and fold the bytes not seen yet, up to `size`. OSError, `DamagedError` …"""
        if size < self.scanner.end or not self.is_in_step(file):
            self.forget()
        folded = 0 if self.scanner.end > 0 else self._skip_kept(file, size)
        before, resumed = self.scanner.damage_count, self.scanner.end > 0
        self._fold_rest(file, size, folded)
        if resumed and self.scanner.damage_count > before:
            # Either the file is damaged here, or what we read earlier, while it was being
            # written, has since been cut back and replaced. A full read tells which.
            reported = self.scanner.damage[: self._reported]
            self.forget()
            self._fold_rest(file, size, None)
            if self.scanner.damage[: len(reported)] == reported:
                self._reported = len(reported)
        self._check_known()
        self._report_damage()

    def _fold_rest(self, file: LogFile, size: int, skip: int | None) -> None:
        """Fold what comes after event `skip`; None: where that is has to be found out."""
        scanner, fold = self.scanner, self._folder()
        scanner.rewind()
        for event in scanner.read(chunks(self._storage, file.fd, scanner.end, size)):
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

    def _folder(self) -> Callable[[Event], None]:
        """What folds an event; on its way it looks for the one that is known, if need be."""
        known, fold = self._known, self._projection.fold
        if known is None or not self._is_new:
            return fold

        def watch(event: Event) -> None:
            if event.seq == known.seq and event.hash == known.hash:
                self._came_by = True
            fold(event)

        return watch

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
        self._came_by = self._place is not None and self._place.hash == event.hash
        return self._came_by

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

    # What has left the log

    def note_gone(self) -> None:
        """There is no file any more."""
        self.leave_file()
        self._check_known()

    def _check_known(self) -> None:
        """Look whether the log, read to its end, still holds what was known of it."""
        known, head = self._known, self.scanner.head
        if self._is_new and known is not None and not self._still_has(known, head):
            self.losses += 1
            self._report_loss(known, head)
        self._known = head
        self._is_new = self._may_be_another = False

    def _still_has(self, known: Head, head: Head | None) -> bool:
        if self._came_by or known.seq == 0:
            return True
        if head is None or head.log_id != known.log_id:
            return self._may_be_another
        header = self.scanner.header
        return header is not None and (  # compaction has folded it
            header.base_seq > known.seq
            or (header.base_seq, header.base_hash) == (known.seq, known.hash)
        )

    def _report_loss(self, known: Head, head: Head | None) -> None:
        logger.error(
            "session %r: %s: %s. Another program has emptied, cut, replaced or moved the file, or "
            "a writer has taken back what the disk had no room for. From now on the file counts "
            "as it is; restore it from a backup if that was not meant",
            self._paths.session_id,
            self._paths.log,
            _what_is_gone(known, head),
        )

    # What is wrong with the file

    def _report_damage(self) -> None:
        scanner = self.scanner
        for line in summary_of(scanner.damage[self._reported :]):
            logger.error(
                "session %r: %s: %s. All intact events are loaded. `journal verify %s` lists all "
                "damage, `journal doctor` says what to do",
                self._paths.session_id,
                self._paths.log,
                line,
                quote(self._paths.session_id),
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
        self._place = self._known = Head(scanner.log_id, last.seq, last.hash)
        self._is_new = False
        return self._place


def _what_is_gone(known: Head, head: Head | None) -> str:
    if head is None:
        return f"{_events(1, known.seq)} gone: there is no such file any more, or it is empty"
    if head.log_id != known.log_id:
        return f"{_events(1, known.seq)} gone: in its place is another log, made anew"
    if head.seq < known.seq:
        ends = f"ends at event {head.seq}" if head.seq else "has no event"
        return f"{_events(head.seq + 1, known.seq)} gone: the log now {ends}"
    return (
        f"event {known.seq}, which this process had read, is gone: in its place is another branch "
        f"of the log, which ends at event {head.seq}"
    )


def _events(first: int, last: int) -> str:
    if first == last:
        return f"event {last}, which this process had read, is"
    return f"events {first} to {last}, which this process had read, are"


def holds(storage: Storage, file: LogFile, head: Head) -> bool | None:
    """Whether an event is in a log; None if a compaction leaves no way to tell. OSError."""
    scanner = Scanner()
    for event in scanner.read(chunks(storage, file.fd, 0, file.size())):
        if (event.seq, event.hash) == (head.seq, head.hash):
            return True
    header = scanner.header
    if header is None or header.log_id != head.log_id or header.base_seq < head.seq:
        return False
    return None if header.base_seq > head.seq else header.base_hash == head.hash
