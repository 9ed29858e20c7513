"""Opening a log from its snapshot, for those who need not read all of it.

A snapshot is looked for only where a log is long enough, and used only if it is of this log.
Whatever is wrong with it, the log is read as if there were none.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from journal.engines.files.ends import begins_elsewhere
from journal.engines.files.logfile import LogFile
from journal.engines.files.segment import Segment, Tip
from journal.engines.files.snapshot import Anchor, SnapshotFile
from journal.engines.files.storage import Storage
from journal.events import Open
from journal.names import Paths
from journal.snapshots import UNREADABLE, Freezable, SavedTurn

SHORT = 1 << 13
"""Bytes of a log that is read as soon as a snapshot of it would be."""


def thaw(segment: Segment, size: int, projection: Freezable) -> tuple[Open, Anchor] | None:
    """Let `projection` hold what the snapshot of a log of `size` bytes holds.

    Returns the log's header and the place from which to read on. None if there is no such
    snapshot: `projection` may be in any state then. O(bytes of the snapshot).
    """
    with snapshot_of(segment.storage, segment.paths, segment.file.fd, size) as found:
        if found is None:
            return None
        header, snapshot = found
        try:
            turns = snapshot.turns()
            if turns is None:
                return None
            projection.thaw(turns, snapshot.rest)
        except (OSError, *UNREADABLE):
            return None
        return header, snapshot.place


def anchor(segment: Segment) -> None:
    """Move the tip to where the snapshot was taken, for a writer that has read nothing yet."""
    file = segment.file
    size = file.size()
    if size <= SHORT:
        return
    with snapshot_of(segment.storage, segment.paths, file.fd, size) as found:
        if found is not None:
            header, place = found[0], found[1].place
            segment.tip = Tip(header, place.end, place.seq, place.hash, place.line_hash)


def saved_summary(storage: Storage, paths: Paths) -> bytes | None:
    """See `journal.backend.Backend.saved_summary`."""
    with _log_at(storage, paths) as (log, size):
        if log is not None:
            with snapshot_of(storage, paths, log.fd, size) as found:
                if found is not None and found[1].place.end == size:
                    return found[1].summary
    return None


def saved_turn(storage: Storage, paths: Paths, runtime_id: str, turn_id: str) -> SavedTurn | None:
    """See `journal.backend.Backend.saved_turn`."""
    with _log_at(storage, paths) as (log, size):
        if log is not None:
            with snapshot_of(storage, paths, log.fd, size) as found:
                if found is not None:
                    return _turn_in(found[1], runtime_id, turn_id)
    return None


def _turn_in(snapshot: SnapshotFile, runtime_id: str, turn_id: str) -> SavedTurn | None:
    try:
        turn = snapshot.turn(runtime_id, turn_id)
    except OSError:
        return None
    place = snapshot.place
    return SavedTurn(place.log_id, place.seq, place.hash, *turn) if turn is not None else None


@contextmanager
def _log_at(storage: Storage, paths: Paths) -> Iterator[tuple[LogFile | None, int]]:
    """The session's log and its size; None where it cannot be read.

    Whoever has to read it is told why.
    """
    log: LogFile | None = None
    size = 0
    try:
        try:
            log = LogFile(storage, paths.log, create=False)
            size = log.size()
        except OSError:
            pass
        yield log, size
    finally:
        if log is not None:
            log.close()


@contextmanager
def snapshot_of(
    storage: Storage, paths: Paths, log: int, size: int
) -> Iterator[tuple[Open, SnapshotFile] | None]:
    """The snapshot of the log that is open as `log`, `size` bytes long, and its header."""
    snapshot: SnapshotFile | None = None
    header: Open | None = None
    try:
        try:
            if size > SHORT or begins_elsewhere(storage, log, size):
                snapshot = SnapshotFile.open(storage, paths)
                header = snapshot.header_in(log, size) if snapshot is not None else None
        except OSError:
            pass  # as if there were none
        yield (header, snapshot) if snapshot is not None and header is not None else None
    finally:
        if snapshot is not None:
            snapshot.close()
