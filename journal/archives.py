"""What compaction replaced: finding it, reading it, packing it.

The header of a log names the archive it came from, that archive's header the one
before, and so on: a chain from the present back to the first event. An archive is
first an ordinary file and is gzipped later, so a name stands for both.
"""

import os
import zlib
from collections.abc import Callable, Iterator

from journal.errors import ReadError
from journal.names import Paths
from journal.storage import CHUNK, Storage, chunks, write_all

_LEVEL = 1  # hashes do not compress and JSON does so at once: more effort gains little


def read_archive(storage: Storage, paths: Paths, name: str) -> Iterator[bytes]:
    """The bytes of an archived log in pieces, packed or not.

    Raises FileNotFoundError when it is not there and `ReadError` when it is damaged.
    """
    path = os.path.join(paths.archive, os.path.basename(name))
    try:
        fd = storage.open(path, os.O_RDONLY)
    except FileNotFoundError:
        path += ".gz"
        fd = storage.open(path, os.O_RDONLY)
    try:
        pieces = chunks(storage, fd, 0, storage.size(fd))
        yield from _unpack(pieces) if path.endswith(".gz") else pieces
    except zlib.error as error:
        raise ReadError(None, f"{path}: damaged gzip data ({error})") from error
    except OSError as error:
        raise ReadError(error.errno, f"{path}: {error.strerror}") from error
    finally:
        storage.close(fd)


def _unpack(pieces: Iterator[bytes]) -> Iterator[bytes]:
    unpacker = zlib.decompressobj(wbits=31)
    for piece in pieces:
        data = unpacker.decompress(piece, CHUNK)
        while data:
            yield data
            data = unpacker.decompress(unpacker.unconsumed_tail, CHUNK)
    if not unpacker.eof:
        raise zlib.error("it ends too early")


def pack_archives(storage: Storage, paths: Paths, stop: Callable[[], bool] = lambda: False) -> int:
    """Gzip the session's archives that are not yet. Returns how many were packed.

    Asks `stop` after each piece and leaves the one under way as it was. A crash leaves
    the archive, its packed form, or both; the next call goes on from there.
    """
    packed = 0
    live = storage.find(paths.log)
    for entry in storage.list(paths.archive):
        path = os.path.join(paths.archive, entry.name)
        if not paths.owns(entry.name) or storage.find(path) == live:
            continue
        if entry.name.endswith(".gz.new"):
            storage.unlink(path)  # of a packing that died
        elif entry.name.endswith(".jsonl"):
            if not _pack(storage, path, stop):
                break
            packed += 1
    if packed:
        storage.sync_folder(paths.archive)
    return packed


def _pack(storage: Storage, path: str, stop: Callable[[], bool]) -> bool:
    target = f"{path}.gz"
    source = storage.open(path, os.O_RDONLY)
    try:
        copy = storage.open(f"{target}.new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        try:
            packer = zlib.compressobj(_LEVEL, wbits=31)
            for data in chunks(storage, source, 0, storage.size(source)):
                if stop():
                    return False
                write_all(storage, copy, packer.compress(data))
            write_all(storage, copy, packer.flush())
            storage.sync(copy)
        finally:
            storage.close(copy)
    finally:
        storage.close(source)
    storage.rename(f"{target}.new", target)
    storage.unlink(path)
    return True
