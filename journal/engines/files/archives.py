"""What compaction replaced: finding it, reading it, packing it.

The header of a log names the archive it came from, that archive's header the one
before, and so on: a chain from the present back to the first event. An archive is
first an ordinary file and is gzipped later, so a name stands for both.
"""

import os
import zlib
from collections.abc import Callable, Iterator
from errno import ENOENT

from journal.engines.files.ends import header_of
from journal.engines.files.logfile import LogFile
from journal.engines.files.storage import CHUNK, FIRST, Storage, chunks, create_anew, write_all
from journal.errors import ReadError
from journal.events import Open
from journal.names import (
    LOG_SUFFIX,
    NEW_SUFFIX,
    Paths,
    is_packed,
    packed,
    packing,
    source_of_packing,
)

_LEVEL = 1  # hashes do not compress and JSON does so at once: more effort gains little


def read_archive(storage: Storage, paths: Paths, name: str) -> Iterator[bytes]:
    """The bytes of an archived log in pieces, packed or not.

    Raises FileNotFoundError when it is not there and `ReadError` when it is damaged, or, with
    an `errno`, when the operating system refuses.
    """
    fd, path = open_archive(storage, paths, name)
    try:
        yield from unpacked(storage, fd, path)
    finally:
        storage.close(fd)


def open_archive(storage: Storage, paths: Paths, name: str) -> tuple[int, str]:
    """A descriptor to read an archived log with, and where it was found, packed or not.

    Raises FileNotFoundError when it is not there, and `ReadError`.
    """
    if "\0" in name:
        raise FileNotFoundError(ENOENT, "no such archive")
    path = paths.in_archive(name)
    try:
        return _open(storage, path), path
    except FileNotFoundError:
        path = packed(path)
        return _open(storage, path), path


def archived_header(storage: Storage, paths: Paths, name: str) -> tuple[str, Open | None]:
    """Where an archived log was found, and its header, None if that is damaged.

    Raises like `open_archive`, and `ReadError` when the operating system refuses.
    """
    fd, path = open_archive(storage, paths, name)
    try:
        pieces = unpacked(storage, fd, path) if is_packed(path) else _beginning(storage, fd)
        return path, header_of(pieces)
    except ReadError as error:
        if error.errno is not None:
            raise
        return path, None
    except OSError as error:
        raise ReadError(error.errno, f"{path}: {error.strerror}") from error
    finally:
        storage.close(fd)


def _beginning(storage: Storage, fd: int) -> Iterator[bytes]:
    return chunks(storage, fd, 0, storage.size(fd), FIRST)


def unpacked(storage: Storage, fd: int, path: str) -> Iterator[bytes]:
    """The bytes of an open archive in pieces. Raises `ReadError` when it is damaged."""
    try:
        pieces = chunks(storage, fd, 0, storage.size(fd))
        yield from _unpack(pieces) if is_packed(path) else pieces
    except zlib.error as error:
        raise ReadError(None, f"{path}: damaged gzip data ({error})") from error
    except OSError as error:
        raise ReadError(error.errno, f"{path}: {error.strerror}") from error


def _open(storage: Storage, path: str) -> int:
    try:
        return storage.open(path, os.O_RDONLY)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise ReadError(error.errno, f"{path}: {error.strerror}") from error


def _unpack(pieces: Iterator[bytes]) -> Iterator[bytes]:
    unpacker = zlib.decompressobj(wbits=31)
    for piece in pieces:
        data = unpacker.decompress(piece, CHUNK)
        while data:
            yield data
            data = unpacker.decompress(unpacker.unconsumed_tail, CHUNK)
        if unpacker.unused_data:
            raise zlib.error("it goes on after its end")
    if not unpacker.eof:
        raise zlib.error("it ends too early")


def pack_archives(storage: Storage, paths: Paths, stop: Callable[[], bool] = lambda: False) -> int:
    """Gzip the session's archives that are not yet. Returns how many were packed.

    What a fork shares with its origin stays as it is. Asks `stop` after each piece and leaves
    the one under way as it was. A crash leaves the archive, its packed form, or both; the next
    call goes on from there. An archive that another process is packing, whose lock on it shows
    that, is left to it.
    """
    count = 0
    live = storage.find(paths.log)
    for name in storage.own_names(paths.archive, paths.stem):
        path = os.path.join(paths.archive, name)
        if storage.find(path) in (live, None):
            continue
        if stop():
            break
        try:
            count += _pack_or_tidy(storage, path, paths.session_id, stop)
        except FileNotFoundError:
            continue  # packed or deleted by another meanwhile
    return count


def _pack_or_tidy(storage: Storage, path: str, session_id: str, stop: Callable[[], bool]) -> bool:
    """Whether it was packed. What an unfinished packing has left goes when its source has."""
    if path.endswith(LOG_SUFFIX):
        return _pack(storage, path, session_id, stop)
    source, made = source_of_packing(path), path.removesuffix(NEW_SUFFIX)
    if source is not None and storage.find(source) is None:
        storage.unlink(path)
    elif made != path and made.endswith(LOG_SUFFIX):
        _tidy_rewriting(storage, path, made)
    return False


def _is_shared(source: LogFile, session_id: str) -> bool:
    """Whether it is a file of a fork's origin, which may be writing into it.

    If it is not, packing would only make another copy of it.
    """
    header = header_of(_beginning(source.storage, source.fd))
    return header is not None and header.session_id != session_id


def _tidy_rewriting(storage: Storage, path: str, name: str) -> None:
    """Remove what is left of an erasure in an archive. A living one has that locked."""
    for source in (name, packed(name)):
        try:
            file = LogFile(storage, source, create=False)
        except FileNotFoundError:
            continue
        try:
            if not (file.try_lock() and file.is_current()):
                return
            storage.unlink(path)
            return
        finally:
            file.close()
    storage.unlink(path)


def _pack(storage: Storage, path: str, session_id: str, stop: Callable[[], bool]) -> bool:
    source = LogFile(storage, path, create=False)
    try:
        if _is_shared(source, session_id):
            return False
        if not source.try_lock() or not source.is_current():
            return False
        unfinished = packing(path)
        if not _compress(storage, source, unfinished, stop) or not source.is_current():
            storage.unlink(unfinished)
            return False
        storage.rename(unfinished, packed(path))
        storage.sync_folder(os.path.dirname(path))  # before its source goes
        storage.unlink(path)
        return True
    finally:
        source.close()


def _compress(storage: Storage, source: LogFile, target: str, stop: Callable[[], bool]) -> bool:
    copy = create_anew(storage, target)
    try:
        packer = zlib.compressobj(_LEVEL, wbits=31)
        for data in chunks(storage, source.fd, 0, source.size()):
            if stop():
                return False
            write_all(storage, copy, packer.compress(data))
        write_all(storage, copy, packer.flush())
        storage.sync(copy)
        return True
    finally:
        storage.close(copy)
