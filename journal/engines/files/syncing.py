"""Making durable what was appended, in the file that the path leads to.

Outside all locks, so that others write on meanwhile. A compaction may then put another file in
the place of the one that was written to: what counts is that the event is in the new one, and
that this is on the disk.
"""

from msgspec import Struct

from journal.engines.files.logfile import LogFile
from journal.engines.files.losses import holds
from journal.engines.files.reader import LogReader
from journal.engines.files.segment import Segment
from journal.errors import AppendError, StorageError
from journal.events import Head


class Appended(Struct, frozen=True):
    """What was written: the file, the ticket for the sync if there is to be one, and how many
    losses of events had been found before.
    """

    head: Head
    file: LogFile
    ticket: int | None
    losses: int


def make_durable(reader: LogReader, done: Appended) -> None:
    """Return once it is on the disk. Raises `SyncError`, and `AppendError` when the file was
    replaced meanwhile and has it no more.
    """
    file, ticket = done.file, done.ticket
    while ticket is not None and not file.sync_through(ticket):
        found = _find_again(reader, done)
        if found is None:
            return
        file, ticket = found, found.mark_written()


def _find_again(reader: LogReader, done: Appended) -> LogFile | None:
    """The file at the path, now that it is another, with what we have appended in it.

    None if the session was deleted since. Most often another process has compacted it.
    """
    seq, where = done.head.seq, f"session {reader.paths.session_id!r}: {reader.paths.log}"
    with reader.lock:
        reader.look_again()
        try:
            reader.refresh()
            file = reader.file
            if reader.catchup.losses.count == done.losses:
                return file
            there = holds(Segment(reader.paths, file), done.head) if file is not None else False
        except OSError as error:
            raise StorageError(
                error.errno,
                f"{where}: cannot be read any more ({error.strerror}), just after event {seq} "
                "was written. Whether the event is in the log is unknown; read it back",
            ) from error
    if there:
        return file
    if there is None:
        raise StorageError(
            None,
            f"{where}: was replaced by another program, and compacted, while event {seq} was "
            "written. Whether the event is in the log is unknown; read it back",
        )
    raise AppendError(
        None,
        f"{where}: was replaced, moved or deleted by another program while event {seq} was "
        "written. The event is not in the log; append it again",
    )


def flush(reader: LogReader) -> None:
    """Make durable all that the log holds. Raises `SyncError` and as `LogReader.refresh`."""
    while True:
        with reader.lock:
            reader.refresh()  # in one piece with the rest: others may close it at any moment
            file = reader.file
            if file is None or not reader.size:
                return
            ticket = file.mark_written()
        if file.sync_through(ticket):
            return
        with reader.lock:
            if reader.busy:  # a signal handler in the middle of an append, which will look
                return
            reader.look_again()
