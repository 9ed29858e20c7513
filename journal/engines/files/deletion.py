"""Deleting a session, so that it is gone whole or not at all.

The seal is the moment it happens: a log that ends in a "deleted" seal does not exist
for any reader, and the next writer finishes what a crash left of it. The log itself
goes last, so that the seal is there until nothing else is.
"""

import os

from journal.engines.files.storage import Storage
from journal.errors import StorageError
from journal.names import DAMAGED_SUFFIX, Paths


def finish_deletion(
    storage: Storage, paths: Paths, session_file: str | None, *, begun_by_us: bool = False
) -> None:
    """Remove every file of a session whose log, which the caller holds, is sealed.

    When somebody else began it, a session file that was written after the seal is a
    new one and stays.
    """
    try:
        if session_file is not None and "\0" not in session_file:
            path = os.path.join(paths.folder, os.path.basename(session_file))
            if begun_by_us or _is_older(storage, path, than=paths.log):
                _remove(storage, path)
        remove_history(storage, paths, evidence=True)
        _remove(storage, paths.scratch)
        storage.sync_folder(paths.folder)  # the seal must outlast all that it stands for
        _remove(storage, paths.log)
        storage.sync_folder(paths.folder)
    except OSError as error:
        raise StorageError(
            error.errno,
            f"session {paths.session_id!r}: its deletion could not be finished "
            f"({error.strerror}); the next write or deletion goes on with it",
        ) from error


def remove_history(storage: Storage, paths: Paths, *, evidence: bool) -> None:
    """Remove the session's archives, and with `evidence` what repairs set aside. OSError.

    Looks again until nothing is left, for an archive may just be being packed.
    """
    removed = False
    while names := [
        entry.name
        for entry in storage.list_own(paths.archive)
        if paths.owns(entry.name)
        and (evidence or not entry.name.endswith((".torn", DAMAGED_SUFFIX)))
    ]:
        for name in names:
            _remove(storage, os.path.join(paths.archive, name))
        removed = True
    if removed:
        storage.sync_folder(paths.archive)


def _is_older(storage: Storage, path: str, than: str) -> bool:
    try:
        return storage.modified(path) <= storage.modified(than)
    except FileNotFoundError:
        return False


def _remove(storage: Storage, path: str) -> None:
    try:
        storage.unlink(path)
    except FileNotFoundError:
        pass
