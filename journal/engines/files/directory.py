"""A folder of logs, one file per session: the engine for one machine.

Meets `journal.backend.Backend`. Keeps nothing in memory between calls; whoever holds
a `FileLog` from `open` decides how long it stays open.
"""

import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from journal.backend import (
    CompactionReport,
    Entry,
    History,
    Past,
    Projection,
    SessionInfo,
    VerifyReport,
)
from journal.engines.files.archives import pack_archives
from journal.engines.files.compaction import compact
from journal.engines.files.deletion import Deletion
from journal.engines.files.ends import ends_deleted, header_of
from journal.engines.files.follower import FileFollower
from journal.engines.files.history import gather
from journal.engines.files.log import FileLog, LogOptions
from journal.engines.files.logfile import LogFile
from journal.engines.files.storage import chunks
from journal.engines.files.verification import Verification
from journal.engines.files.watching import FolderWatch
from journal.errors import ReadError, StorageError
from journal.events import Cursor, Event, Head
from journal.names import LOG_SUFFIX, Paths, has_digest, paths_of, session_id_of
from journal.stopping import StopEvent


class Directory:
    """The sessions of one folder. Safe for threads and processes."""

    def __init__(self, folder: str, options: LogOptions) -> None:
        self.folder = folder
        self._options = options
        self._storage = options.storage

    def paths(self, session_id: str) -> Paths:
        """Where a session's files are. Raises `StateTypeError`, `StateValueError`."""
        return paths_of(self.folder, session_id)

    def open(self, session_id: str, projection: Projection) -> FileLog:
        return FileLog(self.paths(session_id), projection, self._options)

    def history(self, session_id: str, reaching: int = 0) -> Past | None:
        paths = self.paths(session_id)
        try:
            log = LogFile(self._storage, paths.log, create=False)
        except FileNotFoundError:
            return None
        try:
            past = None
            if not ends_deleted(self._storage, log.fd):
                past = gather(self._storage, paths, log, reaching)
        except OSError as error:
            log.close()
            if isinstance(error, StorageError):
                raise
            raise ReadError(error.errno, f"{paths.log}: {error.strerror}") from error
        except BaseException:
            log.close()
            raise
        if past is None:
            log.close()
        else:
            past.rest = _closing(log, past.rest)
        return past

    def follow(self, session_id: str, after: Cursor | None = None) -> FileFollower:
        paths = self.paths(session_id)
        return FileFollower(self._storage, paths, after, self.history)

    def watch(self, stop: StopEvent) -> Iterator[frozenset[str]]:
        return FolderWatch(self.folder, self._storage, self._session_id_at).reports(stop)

    def compact(
        self,
        session_id: str,
        history: History = "archive",
        stop: Callable[[], bool] = lambda: False,
    ) -> CompactionReport | None:
        """As in the Protocol. Asks `stop` after every few bytes; when that says True, raises
        `CompactionAbandonedError` and leaves all as it was.
        """
        if history not in ("archive", "drop"):
            raise ValueError(f"history is {history!r}; it must be 'archive' or 'drop'")
        options = self._options
        paths = self.paths(session_id)
        timeout, writer = options.lock_timeout, options.writer
        return compact(self._storage, paths, history, timeout, writer, stop)

    def pack(self, session_id: str, stop: Callable[[], bool] = lambda: False) -> int:
        """Gzip what compactions of a session have archived. Returns how many files.

        Raises `StorageError`; what could not be packed stays as it is.
        """
        try:
            return pack_archives(self._storage, self.paths(session_id), stop)
        except OSError as error:
            raise StorageError(
                error.errno,
                f"session {session_id!r}: its archive could not be packed ({error.strerror}); "
                "it stays unpacked",
            ) from error

    def verify(self, session_id: str, head: Head | None = None) -> VerifyReport:
        return Verification(self._storage, self.paths(session_id), head).run()

    def delete(self, session_id: str, session_file: str | None = None) -> bool:
        options = self._options
        paths = self.paths(session_id)
        timeout, writer = options.lock_timeout, options.writer
        return Deletion(self._storage, paths, session_file, timeout, writer).run()

    def exists(self, session_id: str) -> bool:
        log = self.open(session_id, _NOTHING)
        try:
            return log.refresh()
        finally:
            log.close()

    def sessions(self) -> list[SessionInfo]:
        found: list[SessionInfo] = []
        try:
            entries = self._storage.list(self.folder, LOG_SUFFIX)
        except OSError as error:
            raise ReadError(
                error.errno, f"the folder {self.folder} cannot be read: {error.strerror}"
            ) from error
        for entry in entries:
            if not entry.size:
                continue
            session_id = self._session_id_at(entry.name)
            if session_id is not None:
                changed = datetime.fromtimestamp(entry.modified, UTC)
                found.append(
                    {
                        "session_id": session_id,
                        "updated_at": changed.isoformat(),
                        "log_bytes": entry.size,
                    }
                )
        return found

    def _session_id_at(self, name: str) -> str | None:
        """Whose log a file is; only over-long ids have to be looked up inside."""
        stem = name.removesuffix(LOG_SUFFIX)
        if not has_digest(stem):
            return session_id_of(stem)
        try:
            file = LogFile(self._storage, os.path.join(self.folder, name), create=False)
        except (FileNotFoundError, ReadError):
            return None
        try:
            header = header_of(chunks(self._storage, file.fd, 0, file.size()))
        finally:
            file.close()
        return header.session_id if header is not None else None

    def close(self) -> None:
        """Nothing to do: logs are closed by who opened them."""


def _closing(log: LogFile, entries: Iterator[Entry]) -> Iterator[Entry]:
    """Read entries, then close the log they come from."""
    try:
        yield from entries
    except OSError as error:
        if isinstance(error, StorageError):
            raise
        raise ReadError(error.errno, f"{log.path}: {error.strerror}") from error
    finally:
        log.close()


class _Nothing:
    """A projection of no events."""

    def fold(self, event: Event) -> None:
        pass

    def reset(self) -> None:
        pass


_NOTHING = _Nothing()
