"""Whether the log still holds the newest event that was known of it.

Events that were in the log do not leave it, but for a deletion. Where another program has
emptied, cut or replaced the file, what was known of the log says so, once.
"""

import logging
from collections.abc import Callable

from journal.engines.files.segment import Segment
from journal.events import Event, Head, was_relinked
from journal.names import Paths
from journal.scan import Scanner

logger = logging.getLogger("journal")


class Losses:
    """The newest event known of a log, looked for in each file that is read for it.

    `count` is how often it was gone.
    """

    def __init__(self, paths: Paths) -> None:
        self.count = 0
        self._paths = paths
        self._known: Head | None = None
        self._is_new = True  # the file is read from its beginning
        self._came_by = False  # the event that is known was in it
        self._may_be_another = False  # the log may have been deleted while nobody looked

    def begin_file(self) -> None:
        """Another file is read, or this one from its beginning."""
        self._is_new = True
        self._came_by = False

    def look_away(self) -> None:
        """From now on the log may be deleted, and made again, without our seeing it."""
        self._may_be_another = True

    def watched(self, fold: Callable[[Event], None]) -> Callable[[Event], None]:
        """`fold`, which on its way looks for the event that is known, if need be."""
        known = self._known
        if known is None or not self._is_new:
            return fold

        def watch(event: Event) -> None:
            if event.seq == known.seq and event.hash == known.hash:
                self._came_by = True
            fold(event)

        return watch

    @property
    def looks(self) -> bool:
        """Whether an event is to be looked for in the file, which then has to be read."""
        return self._is_new and self._known is not None

    @property
    def known(self) -> Head | None:
        """The newest event known."""
        return self._known

    def note_seen(self, event: Event) -> None:
        """Take note of an event that is in the file and does not have to be folded."""
        self._came_by |= self._is_known(event)

    def _is_known(self, event: Event) -> bool:
        known = self._known
        return known is not None and (event.seq, event.hash) == (known.seq, known.hash)

    def wrote(self, head: Head) -> None:
        """Take note of what we have appended ourselves, to the file that had what was known."""
        self._known = head
        self._is_new = self._may_be_another = False

    def check(self, scanner: Scanner | None) -> None:
        """Look whether the log, read to its end, holds what was known; None: it is gone."""
        known, head = self._known, scanner.head if scanner is not None else None
        if self._is_new and known is not None and not self._still_has(known, head, scanner):
            self.count += 1
            self._report(known, head)
        self._known = head
        self._is_new = self._may_be_another = False

    def _still_has(self, known: Head, head: Head | None, scanner: Scanner | None) -> bool:
        if self._came_by or known.seq == 0:
            return True
        if head is None or head.log_id != known.log_id:
            return self._may_be_another
        header = scanner.header if scanner is not None else None
        if was_relinked(header, known.seq):
            return True
        return header is not None and (  # compaction has folded it
            header.base_seq > known.seq
            or (header.base_seq, header.base_hash) == (known.seq, known.hash)
        )

    def _report(self, known: Head, head: Head | None) -> None:
        logger.error(
            "session %r: %s: %s. Another program has emptied, cut, replaced or moved the file, or "
            "a writer has taken back what the disk had no room for. From now on the file counts "
            "as it is; restore it from a backup if that was not meant",
            self._paths.session_id,
            self._paths.log,
            _what_is_gone(known, head),
        )


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


def holds(segment: Segment, head: Head) -> bool | None:
    """Whether an event is in a log; None if a compaction leaves no way to tell. OSError."""
    for event in segment.read_on():
        if (event.seq, event.hash) == (head.seq, head.hash):
            return True
    header = segment.scanner.header
    if was_relinked(header, head.seq):
        return True
    if header is None or header.log_id != head.log_id or header.base_seq < head.seq:
        return False
    return None if header.base_seq > head.seq else header.base_hash == head.hash
