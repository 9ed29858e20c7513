"""Files that may have what a log has lost: archives, evidence, copies. Read, never written."""

import os
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from journal.codec import decode_lines
from journal.engines.files.archives import read_archive
from journal.engines.files.storage import Storage, chunks
from journal.errors import JournalError
from journal.events import Event, Open, Sealed
from journal.names import DAMAGED_SUFFIX, Paths, as_archived, is_archived_log, seq_in
from journal.state import MAX_LINE


class Source(NamedTuple):
    """Where a file is, and how to read it: an iterator of its bytes in pieces."""

    where: str
    pieces: Callable[[], Iterator[bytes]]


def sources_of(storage: Storage, paths: Paths, copies: Sequence[str]) -> list[Source]:
    """The files that were given, the archives, and the logs that were set aside as evidence.

    Raises the `OSError` of a given file that cannot be opened.
    """
    found = []
    for path in copies:
        storage.close(storage.open(path, os.O_RDONLY))  # raise now if it cannot be read
        found.append(Source(path, _reading(storage, path)))
    try:
        names = storage.names_of(paths.archive, paths.stem)
    except OSError:
        names = []  # the events that are lost are not found there
    for name in sorted(names, key=_age):
        where = os.path.join(paths.archive, name)
        if is_archived_log(name):
            found.append(Source(where, _reading_archive(storage, paths, name)))
        elif name.endswith(DAMAGED_SUFFIX):
            found.append(Source(where, _reading(storage, where)))
    return found


def _age(name: str) -> tuple[int, str]:
    """Sorts the newest archive first, by the event that its name says it reaches."""
    return -seq_in(name), name


def _reading(storage: Storage, path: str) -> Callable[[], Iterator[bytes]]:
    def read() -> Iterator[bytes]:
        fd = storage.open(path, os.O_RDONLY)
        try:
            yield from chunks(storage, fd, 0, storage.size(fd))
        finally:
            storage.close(fd)

    return read


def _reading_archive(storage: Storage, paths: Paths, name: str) -> Callable[[], Iterator[bytes]]:
    return lambda: read_archive(storage, paths, as_archived(name))


def readable(source: Source) -> Iterator[bytes]:
    """The bytes of a file as far as they can be read."""
    try:
        yield from source.pieces()
    except (JournalError, OSError, zlib.error):
        return


def lines_in(source: Source) -> Iterator[tuple[Event, bytes]]:
    """The intact events and their lines, wherever they stand in the file."""
    carry, too_long = b"", False
    for piece in readable(source):
        *lines, carry = (carry + piece).split(b"\n")
        if too_long and lines:
            lines, too_long = lines[1:], False
        for line, record in zip(lines, decode_lines(lines), strict=True):
            if record is not None and not isinstance(record, Open | Sealed):
                yield record, line
        if len(carry) > MAX_LINE:
            carry, too_long = b"", True
