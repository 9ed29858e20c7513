"""Keeping a projection in step with one log's bytes, read in whatever pieces.

Knows nothing of locks or of opening files; its owner calls it with both settled. The
projection and the segment's scanner are in step after each call that returns; after one that
raises, the owner has to `forget`.
"""

import logging
from collections.abc import Callable, Sequence
from itertools import chain
from shlex import quote

from journal.backend import Projection
from journal.damage import summary_of
from journal.engines.files.ahead import ReadAhead, goes_on, read_ahead
from journal.engines.files.ends import ends_deleted
from journal.engines.files.losses import Losses
from journal.engines.files.resuming import thaw
from journal.engines.files.segment import Segment
from journal.engines.files.shared import SharedPart
from journal.engines.files.validation import check_beginning, check_session, newer_format_error
from journal.errors import DamagedError
from journal.events import NO_LOG_ID, Event, Head, Open
from journal.kept import find_kept
from journal.names import Paths
from journal.once import Remembering
from journal.reports import Problem
from journal.snapshots import Freezable

logger = logging.getLogger("journal")


class CatchUp:
    """A projection, how far it has come, and the segment it is read from, if any.

    Where the projection is outlives the segment, for a log may go on in another file.
    """

    def __init__(self, paths: Paths, projection: Projection) -> None:
        self.segment: Segment | None = None
        self.losses = Losses(paths)
        self._paths = paths
        self._projection = projection
        self._place: Head | None = None  # of the last event folded …
        self._erasures = 0  # … from a file in which states were erased so often
        self._reported = 0  # damage of the file already logged
        self._newer_reported = False
        self.saved_end = 0  # where in the file the newest snapshot was taken that we know of
        self.shared_size = 0  # bytes of other files that are a fork's beginning, and folded …
        self.shared_problems: list[Problem] = []  # … and what is damaged in them
        self.is_carried = False  # the projection goes on in a file that it was not folded from

    def note_saved(self, other: "CatchUp") -> None:
        """What `other` holds of the file was saved."""
        ours, theirs = self.segment, other.segment
        if ours is not None and theirs is not None and ours.file.id == theirs.file.id:
            self.saved_end = other.saved_end

    def begin_file(self, segment: Segment | None) -> None:
        """Another file comes next, or none; the projection may go on in it.

        Unless the last one was damaged: the next may have what is missing there.
        """
        if self.segment is not None and self.segment.scanner.damage_count:
            self._place = None
        self.segment = segment
        self._reported = 0
        self.saved_end = 0
        self._forget_shared()
        self.losses.begin_file()

    def forget(self) -> None:
        """Start from nothing, with the file that is open if there is one."""
        if self.segment is not None:
            self.segment.forget()
        self.begin_file(self.segment)
        self._forget_projection()

    def _forget_shared(self) -> None:
        self.shared_size = 0
        self.shared_problems = []

    def _forget_projection(self) -> None:
        self._place = None
        self.is_carried = False
        self._projection.reset()

    def read_ahead(self, pause: Callable[[], object]) -> ReadAhead | None:
        """What `read_on` may take: see `journal.engines.files.ahead`. Changes nothing. OSError."""
        segment = self.segment
        return None if segment is None else read_ahead(segment, self._place, self._erasures, pause)

    def read_on(self, segment: Segment, size: int, ahead: ReadAhead | None = None) -> None:
        """Judge and fold the bytes not seen yet, up to `size`. OSError, `DamagedError` …

        What was read `ahead` is not read again, if it is still what the file holds.
        """
        if size < segment.tip.end or not segment.is_in_step():
            self.forget()
        events: Sequence[Event] = ()
        if segment.scanner.end > 0:
            folded: int | None = 0
        elif ahead is not None and self._takes(segment, ahead, size):
            folded, events = ahead.place.seq, ahead.events
        else:
            folded = self._thaw(segment, size) or self._skip_kept(segment, size)
        before, resumed = segment.scanner.damage_count, segment.scanner.end > 0
        self._fold_rest(segment, size, folded, events)
        if resumed and segment.scanner.damage_count > before:
            # Either the file is damaged here, or what we read earlier, while it was being
            # written, has since been cut back and replaced. A full read tells which.
            reported = segment.scanner.damage[: self._reported]
            self.forget()
            self._fold_rest(segment, size, None)
            if segment.scanner.damage[: len(reported)] == reported:
                self._reported = len(reported)
        segment.tip = segment.scanner
        self.losses.check(segment.scanner)
        self._report_damage(segment)

    def _takes(self, segment: Segment, ahead: ReadAhead, size: int) -> bool:
        """Whether what was read ahead is of this file, as it is, and for where we are."""
        if segment.file.id != ahead.file or self._place != ahead.place:
            return False
        read = Segment(segment.paths, segment.file, ahead.scanner)
        if size < ahead.scanner.end or not read.is_in_step():
            return False
        if segment.tip is segment.scanner:
            segment.tip = ahead.scanner
        segment.scanner = ahead.scanner
        self._carry_into(ahead.scanner.header)
        return True

    def _fold_rest(
        self, segment: Segment, size: int, skip: int | None, before: Sequence[Event] = ()
    ) -> None:
        """Fold what comes after event `skip`; None: where that is has to be found out.

        `before` are events that were read already, up to where the segment is.
        """
        fold = self.losses.watched(self._projection.fold)
        for event in chain(before, segment.read_on(size)):
            if skip is None:
                skip = self._resume_point(segment)
            if event.seq > skip:
                fold(event)
            elif event.seq == skip and not self._is_place(event):
                return self._fold_anew(segment, size)
        check_beginning(segment)
        if skip is None:
            skip = self._resume_point(segment)
        if segment.scanner.seq < skip:
            return self._fold_anew(segment, size)
        self._note_place(segment)
        return None

    def _thaw(self, segment: Segment, size: int) -> int | None:
        """Go on from the snapshot, where nothing of the log is known but by our own writes.

        Returns the seq up to which all is folded then; None if there is no snapshot of this log.
        """
        projection = self._projection
        if self._place is not None or self.losses.looks or not isinstance(projection, Freezable):
            return None
        thawed = thaw(segment, size, projection)
        if thawed is None:
            projection.reset()
            return None
        header, place = thawed
        segment.scanner.resume(
            header, (place.seq, place.hash), place.line_hash, place.count, place.end
        )
        self.saved_end = place.end
        self.shared_size = place.shared
        self._note_place(segment)
        return place.seq

    def _note_place(self, segment: Segment) -> None:
        """All is folded up to where the segment was read."""
        header = segment.scanner.header
        self._place = segment.scanner.head
        self._erasures = header.erasures if header is not None else 0

    def _skip_kept(self, segment: Segment, size: int) -> int | None:
        """Go past the events that a compaction has kept, where all of them are folded already.

        Otherwise every writer of a session would decode them all, one after the other with the
        lock between processes held, as soon as somebody else compacts it. They were verified
        when they were folded, and by the compaction; what follows them is checked as ever.
        Returns the seq up to which all is folded, None if it went past nothing.
        """
        place = self._place
        if place is None:
            return None
        found = find_kept(segment.pieces(0, size))
        if found is None or not self._goes_on(found.header):
            return None
        check_session(self._paths, found.header)
        segment.scanner.skip_kept(found.header, found.last_hash, found.end)
        self._carry_into(found.header)
        return place.seq

    def _fold_anew(self, segment: Segment, size: int) -> None:
        """The file is an older copy of the log, or another branch of it."""
        self.forget()
        self._fold_rest(segment, size, None)

    def _is_place(self, event: Event) -> bool:
        self.losses.note_seen(event)
        return self._place is not None and self._place.hash == event.hash

    def _resume_point(self, segment: Segment) -> int:
        """The seq up to which the projection has folded the file that we begin to read.

        A compacted log is the same log: a projection that was past its base goes on. Of
        any other it has to forget what it knew.
        """
        header, place = segment.scanner.header, self._place
        check_session(self._paths, header)
        if place is not None and header is not None and self._goes_on(header):
            self._carry_into(header)
            return place.seq
        self._forget_projection()
        self._recall(header)
        if header is not None and header.shares:
            self._fold_shared(segment, header)
        return 0

    def _fold_shared(self, segment: Segment, header: Open) -> None:
        """Fold what a fork shares with its origin: all that is before its own file."""
        shared = SharedPart(segment.storage, self._paths, header)
        try:
            shared.fold_into(self._projection)
        except DamagedError:
            if not ends_deleted(segment.storage, segment.file.fd):
                raise
            self._projection.reset()  # the archives go before the log
        self.shared_size, self.shared_problems = shared.size, shared.problems

    def _carry_into(self, header: Open | None) -> None:
        """The projection goes on in the file that begins with `header`."""
        self.is_carried = True
        self._recall(header)

    def _recall(self, header: Open | None) -> None:
        if header is None or not header.base_seq or header.shares:
            return  # no compaction has made it
        if isinstance(self._projection, Remembering):
            self._projection.recall(header.base_seq, header.once or ())

    def _goes_on(self, header: Open) -> bool:
        """Whether the projection is past the base of the log that begins with `header`."""
        place = self._place
        return place is not None and goes_on(place, self._erasures, header)

    def note_gone(self) -> None:
        """There is no file any more, or a new one that is empty, whatever was at the path."""
        self.begin_file(self.segment)
        if self.segment is not None:
            self.segment.forget()
        self.losses.check(None)

    def _report_damage(self, segment: Segment) -> None:
        scanner = segment.scanner
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

    def wrote_header(self, segment: Segment, header: Open) -> None:
        """Take note of the header that we have just written ourselves, before its events."""
        segment.scanner.header = header
        self._forget_projection()
        self._erasures = 0

    def wrote(self, segment: Segment, events: Sequence[Event], size: int) -> Head:
        """Take note of events that we have just written ourselves: `size` bytes at the tip.

        They are folded, unless what is before them was not read: whoever reads that reads these
        too.
        """
        tip, last = segment.tip, events[-1]
        seq, digest = last.seq, last.hash
        tip.advance(seq, digest, len(events), tip.end + size)
        header = tip.header
        head = Head(header.log_id if header is not None else NO_LOG_ID, seq, digest)
        if tip is segment.scanner:
            fold = self._projection.fold
            for event in events:
                fold(event)
            self._place = head
        self.losses.wrote(head)
        return head
