"""Which sessions are forks of a session: a note for each, in the archive.

A note is written before its fork is there, so there may be notes without one; a fork without a
note is one of a session that was gone already. A fork does not need its origin's names, for it
has its own of all files that it shares. The note is for people: deletion tells them.
"""

import os

import msgspec
from msgspec import Struct

from journal.engines.files.ends import header_of
from journal.engines.files.logfile import LogFile
from journal.engines.files.storage import FIRST, Storage, chunks, create_anew, write_all
from journal.errors import ReadError
from journal.events import Open
from journal.names import FORK_SUFFIX, Paths, paths_of
from journal.snapshots import UNREADABLE

_LONGEST = 1 << 20  # bytes of a note: an id may be long


class _Note(Struct, frozen=True):
    """What a note says: the fork and its log."""

    session_id: str
    log_id: str


_decode = msgspec.json.Decoder(_Note).decode


def note_fork(storage: Storage, origin: Paths, fork: Open) -> str:
    """Note that the session of the header `fork` is a fork of `origin`. Returns the path. OSError.

    Not synced: nothing but a message depends on it.
    """
    path = origin.fork_note(fork.log_id)
    copy = create_anew(storage, path)
    try:
        write_all(storage, copy, msgspec.json.encode(_Note(fork.session_id, fork.log_id)) + b"\n")
    finally:
        storage.close(copy)
    return path


def forget_fork(storage: Storage, fork: Paths, header: Open | None) -> None:
    """Remove the note of a fork that is being deleted. OSError."""
    if header is None or header.origin is None:
        return
    path = paths_of(fork.folder, header.origin.session_id).fork_note(header.log_id)
    try:
        storage.unlink(path)
    except FileNotFoundError:
        pass  # the origin is gone


def forks_of(storage: Storage, paths: Paths) -> list[str]:
    """The ids of the sessions that share this one's history, sorted. OSError.

    Lists the archive, and reads the first line of each fork.
    """
    names = storage.names_of(paths.archive, paths.stem)
    notes = (
        _read(storage, os.path.join(paths.archive, name))
        for name in names
        if name.endswith(FORK_SUFFIX)
    )
    return sorted(
        note.session_id
        for note in notes
        if note is not None and _is_there(storage, paths.folder, note)
    )


def _read(storage: Storage, path: str) -> _Note | None:
    """None for what is no note, or not whole."""
    try:
        fd = storage.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        return _decode(storage.read(fd, _LONGEST, 0))
    except UNREADABLE:
        return None
    finally:
        storage.close(fd)


def _is_there(storage: Storage, folder: str, note: _Note) -> bool:
    """Whether the fork is there, and has not dropped what it shared."""
    try:
        log = LogFile(storage, paths_of(folder, note.session_id).log, create=False)
    except (FileNotFoundError, ReadError):
        return False
    try:
        header = header_of(chunks(storage, log.fd, 0, log.size(), FIRST))
    finally:
        log.close()
    return header is not None and header.log_id == note.log_id and header.archive is not None
