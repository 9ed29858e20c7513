"""The sessions of a folder: whose log each file is, and which were changed last."""

import os
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeAlias

from journal.backend import Order
from journal.engines.files.ends import header_of
from journal.engines.files.logfile import LogFile
from journal.engines.files.storage import FileEntry, Storage, chunks
from journal.errors import ReadError
from journal.names import (
    ARCHIVE,
    LOG_SUFFIX,
    SNAPSHOT_SUFFIX,
    has_digest,
    session_id_of,
    stem_in,
)
from journal.reports import SessionInfo, SessionUsage, when

_Named: TypeAlias = tuple[str, FileEntry]
"""A session's id and what the folder says of its log."""


class Listing:
    """The logs of one folder. Remembers nothing."""

    def __init__(self, storage: Storage, folder: str) -> None:
        self._storage = storage
        self._folder = folder

    def sessions(self, limit: int | None, order: Order) -> Iterator[SessionInfo]:
        """See `journal.backend.Backend.sessions`. Looks at each file once, in one listing.

        An id that is too long for a name is read from the first line of its log: in the order
        of ids from all of these, else only from those that are asked for.
        """
        for session_id, entry in islice(self._in(order), limit):
            yield {
                "session_id": session_id,
                "updated_at": when(entry.modified),
                "log_bytes": entry.size,
            }

    def usage(self) -> Iterator[SessionUsage]:
        """See `journal.backend.Backend.usage`. Lists the folder and the archive once each.

        The logs first: as long as a log is as it was then, nothing was put away since.
        """
        logs = self._logs()
        snapshots = self._by_stem(self._folder, SNAPSHOT_SUFFIX)
        archived = self._by_stem(os.path.join(self._folder, ARCHIVE))
        for session_id, entry in self._named(logs):
            stem = stem_in(entry.name)
            archives = archived.get(stem, ())
            yield SessionUsage(
                session_id=session_id,
                updated_at=when(entry.modified),
                log_bytes=entry.size,
                archives=tuple(archive.name for archive in archives),
                archive_bytes=sum(archive.size for archive in archives),
                other_bytes=sum(snapshot.size for snapshot in snapshots.get(stem, ())),
            )

    def _by_stem(self, folder: str, suffix: str = "") -> dict[str, list[FileEntry]]:
        found: dict[str, list[FileEntry]] = {}
        for entry in self._entries(folder, suffix):
            found.setdefault(stem_in(entry.name), []).append(entry)
        return found

    def _in(self, order: Order) -> Iterator[_Named]:
        if order == "id":
            yield from sorted(self._named(self._logs()))
        else:
            newest_first = sorted(self._logs(), key=lambda entry: entry.modified, reverse=True)
            yield from self._named(newest_first)

    def _named(self, entries: Iterable[FileEntry]) -> Iterator[_Named]:
        for entry in entries:
            session_id = self.session_id_at(entry.name) if entry.size else None
            if session_id is not None:
                yield session_id, entry

    def _logs(self) -> list[FileEntry]:
        return self._entries(self._folder, LOG_SUFFIX)

    def _entries(self, folder: str, suffix: str) -> list[FileEntry]:
        try:
            return self._storage.list(folder, suffix)
        except OSError as error:
            raise ReadError(
                error.errno, f"the folder {folder} cannot be read: {error.strerror}"
            ) from error

    def session_id_at(self, name: str) -> str | None:
        """Whose log a file is; only over-long ids have to be looked up inside."""
        stem = name.removesuffix(LOG_SUFFIX)
        if not has_digest(stem):
            return session_id_of(stem)
        try:
            file = LogFile(self._storage, os.path.join(self._folder, name), create=False)
        except (FileNotFoundError, ReadError):
            return None
        try:
            header = header_of(chunks(self._storage, file.fd, 0, file.size()))
        finally:
            file.close()
        return header.session_id if header is not None else None
