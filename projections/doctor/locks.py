"""Whether the process that made a file still lives: while it does, it holds a lock."""

import os
from time import sleep

from journal.engines.files.storage import Storage
from projections.doctor.folder import File, look_at

_TRIES = 10
_PAUSE = 0.005  # seconds between tries for a lock that a busy writer has


def is_free(storage: Storage, path: str) -> bool:
    """Whether no process has the lock of the file at `path`, or there is no such file.

    Takes the lock for some microseconds. A busy writer takes it again and again, so it is
    tried for a while. If the file cannot be opened, or another file has taken its place
    meanwhile, the answer is False: some process is at work there.
    """
    try:
        fd = storage.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    try:
        for _ in range(_TRIES):
            if storage.lock(fd):
                storage.unlock(fd)
                return storage.find(path) == storage.identify(fd)
            sleep(_PAUSE)
        return False
    finally:
        storage.close(fd)


def is_left(storage: Storage, file: File, lock: str | None = None) -> bool:
    """Whether the process that made a file is gone: its lock, or the one at `lock`, is free.

    False if the file is no longer there after the lock was tried.
    """
    if not (file.is_regular and is_free(storage, lock or file.path)):
        return False
    now = look_at(file.path)
    return now is not None and now.id == file.id
