"""Deleting a session, so that it is gone whole or not at all.

The seal is the moment it happens: a log that ends in a "deleted" seal does not exist
for any reader, and the next writer finishes what a crash left of it. The log itself
goes last, so that the seal is there until nothing else is.

A folder may hold the archives of many sessions, so it is listed without the log's lock. What
is listed once the seal is there is complete: whatever else would add a file of the session
looks for the seal first, with the lock held. Only the packing of an archive still goes on.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from journal.codec import default_writer
from journal.engines.files.ends import ends_deleted
from journal.engines.files.logfile import LogFile
from journal.engines.files.recovery import cut_torn_tail
from journal.engines.files.sealing import check_can_be_cut, seal
from journal.engines.files.segment import Segment
from journal.engines.files.snapshot import remove_snapshot
from journal.engines.files.storage import Storage
from journal.errors import AppendError, ChangedError, ForkedError, JournalError, StorageError
from journal.names import (
    DAMAGED_SUFFIX,
    LOG_SUFFIX,
    TORN_SUFFIX,
    Paths,
    packed,
    packing,
)
from journal.reports import SessionUsage, when

_MOST_NAMED = 10  # forks, in the message


class Deletion:
    """One deletion of one session; `run` once. `session_file` is the name of that file."""

    def __init__(
        self,
        storage: Storage,
        paths: Paths,
        session_file: str | None,
        lock_timeout: float,
        writer: str | None,
        listed: SessionUsage | None = None,
        *,
        force: bool = False,
    ) -> None:
        """If the session was `listed`, it is only deleted if it has not changed since."""
        self._storage = storage
        self._paths = paths
        self._session_file = session_file
        self._lock_timeout = lock_timeout
        self._writer = writer or default_writer()
        self._force = force
        self._listed = listed

    def run(self) -> bool:
        """Returns False when there was no such session, and no such session file.

        Raises `ForkedError`, `ChangedError`, `LockTimeoutError` and `AppendError` when nothing was
        deleted, and `StorageError` when the session is gone but not all of its files are.
        """
        while True:
            try:
                file = LogFile(self._storage, self._paths.log, create=False, write=True)
            except FileNotFoundError:
                with reporting(self._paths):  # of a process that died as it saved what was gone
                    remove_snapshot(self._storage, self._paths)
                return self._remove_session_file()
            try:
                if not self._force:
                    self._refuse_forked(file)
                if self._delete(Segment(self._paths, file)):
                    return True
            except OSError as error:
                if isinstance(error, JournalError):
                    raise
                raise not_deleted(self._paths, error) from error
            finally:
                file.close()

    def _refuse_forked(self, file: LogFile) -> None:
        """Without the lock: a fork that is made meanwhile loses nothing either."""
        from journal.engines.files.dependents import forks_of  # few programs delete

        forks = forks_of(self._storage, self._paths)
        if not forks or ends_deleted(self._storage, file.fd):
            return
        some = ", ".join(map(repr, forks[:_MOST_NAMED]))
        more = f" and {len(forks) - _MOST_NAMED:,} more" if len(forks) > _MOST_NAMED else ""
        raise ForkedError(
            f"session {self._paths.session_id!r}: was forked, and its history is shared by "
            f"{some}{more}. Nothing was deleted. Delete these first, or delete it with --force "
            "(`force=True`): then they keep what they share",
            forks,
        )

    def _delete(self, segment: Segment) -> bool:
        """False if the path leads to another file by now."""
        file = segment.file
        file.lock(self._lock_timeout)
        if not file.is_current():
            return False
        if self._listed is not None:
            check_unchanged(segment, self._listed)
        if file.write_error is not None:
            raise file.write_error
        self._seal(segment)
        self._finish(segment)
        return True

    def _finish(self, segment: Segment) -> None:
        """Remove the files of the session, which is gone for every reader by now.

        The session file goes first: while the lock is free, a writer may finish the rest, and it
        keeps a session file that looks newer than the seal.
        """
        file = segment.file
        with reporting(self._paths):
            if self._session_file is not None:
                remove_file(self._storage, session_file_at(self._paths, self._session_file))
            names = list_unlocked(segment)
            file.lock(self._lock_timeout)
            if file.is_current():  # else a writer has finished it
                finish_deletion(segment, names, None)

    def _seal(self, segment: Segment) -> None:
        for _ in segment.read_on():
            pass
        found = segment.scanner.seal
        if found is not None and found.reason == "deleted":
            return
        check_can_be_cut(segment)  # or it could not be removed either
        cut_torn_tail(segment)
        seal(segment, reason="deleted", writer=self._writer, session_file=self._session_file)

    def _remove_session_file(self) -> bool:
        name = self._session_file
        if name is None:
            return False
        try:
            self._storage.unlink(session_file_at(self._paths, name))
            self._storage.sync_folder(self._paths.folder)
        except FileNotFoundError:
            return False
        except OSError as error:
            raise StorageError(
                error.errno, f"{name}: cannot be deleted: {error.strerror}"
            ) from error
        return True


def list_unlocked(segment: Segment) -> Sequence[str]:
    """`names_in_archive`, after unlocking the log, which is sealed. Raises `StorageError`."""
    segment.file.unlock()
    with reporting(segment.paths):
        return names_in_archive(segment.storage, segment.paths)


def session_file_at(paths: Paths, name: str) -> str:
    """Where the session file of this name is: in the folder of the log, whatever the name."""
    return os.path.join(paths.folder, os.path.basename(name))


def names_in_archive(storage: Storage, paths: Paths) -> Sequence[str]:
    """The names of the session's files in the archive, those of evidence last. OSError.

    Lists until nothing more turns up: an archive that is packed meanwhile changes its name, and
    may be missing from one list under either.
    """
    found: set[str] = set()
    while more := {*storage.own_names(paths.archive, paths.stem)} - found:
        found |= more
    return sorted(found, key=lambda name: (is_evidence(name), name))


def is_evidence(name: str) -> bool:
    """Whether a repair has set a file aside in the archive, damaged as it is."""
    return name.endswith((TORN_SUFFIX, DAMAGED_SUFFIX))


def finish_deletion(segment: Segment, names: Sequence[str], session_file: str | None) -> None:
    """Remove every file of a session whose log is sealed, with its lock held.

    `names` are those in the archive, listed since it was sealed. A session file that was
    written after the seal is a new one and stays.
    """
    storage, paths = segment.storage, segment.paths
    with reporting(paths):
        if session_file is not None and "\0" not in session_file:
            path = session_file_at(paths, session_file)
            if _is_older(storage, path, than=paths.log):
                remove_file(storage, path)
        remove_from_archive(storage, paths, names)
        remove_beside(segment)
        storage.sync_folder(paths.folder)  # the seal must outlast all that it stands for
        remove_file(storage, paths.log)
        storage.sync_folder(paths.folder)


def remove_beside(segment: Segment) -> None:
    """Remove what stands beside a log that is sealed and about to go, but for session files."""
    from journal.engines.files.dependents import forget_fork  # few programs delete

    storage, paths = segment.storage, segment.paths
    forget_fork(storage, paths, segment.scanner.header)
    remove_file(storage, paths.scratch)
    remove_snapshot(storage, paths)


def not_deleted(paths: Paths, error: OSError) -> AppendError:
    """What to raise when the operating system refuses before anything was deleted."""
    text = f"session {paths.session_id!r}: cannot be deleted: {error.strerror}"
    return AppendError(error.errno, text)


def check_unchanged(segment: Segment, listed: SessionUsage) -> None:
    """With the lock held. Raises `ChangedError` if the log is not as it was listed. OSError."""
    storage, file = segment.storage, segment.file
    now = file.size(), when(storage.modified(file.path))
    if now != (listed.log_bytes, listed.updated_at):
        raise changed(segment.paths)


def changed(paths: Paths) -> ChangedError:
    """What to raise for a session that is not as it was listed."""
    return ChangedError(
        f"session {paths.session_id!r}: has changed since it was listed, or is gone. Nothing was "
        "deleted; list the sessions again, then decide again"
    )


@contextmanager
def reporting(paths: Paths) -> Iterator[None]:
    try:
        yield
    except StorageError:
        raise
    except OSError as error:
        why = error.strerror or "another writer holds the lock"
        raise StorageError(
            error.errno,
            f"session {paths.session_id!r}: its deletion could not be finished "
            f"({why}); the next write or deletion goes on with it",
        ) from error


def remove_from_archive(storage: Storage, paths: Paths, names: Sequence[str]) -> None:
    """Remove these files, and what an archive among them has been packed to since. OSError."""
    unlink_in_archive(storage, paths, names)
    if names:
        storage.sync_folder(paths.archive)


def unlink_in_archive(storage: Storage, paths: Paths, names: Sequence[str]) -> None:
    """As `remove_from_archive`, without a sync."""
    for name in names:
        for path in _forms(os.path.join(paths.archive, name)):
            remove_file(storage, path)


def _forms(path: str) -> tuple[str, ...]:
    """The names of a file of the archive, in the order in which packing gives them.

    It looks for its source before each, so that nothing comes back under an earlier one.
    """
    return (path, packing(path), packed(path)) if path.endswith(LOG_SUFFIX) else (path,)


def _is_older(storage: Storage, path: str, than: str) -> bool:
    try:
        return storage.modified(path) <= storage.modified(than)
    except FileNotFoundError:
        return False


def remove_file(storage: Storage, path: str) -> None:
    try:
        storage.unlink(path)
    except FileNotFoundError:
        pass
