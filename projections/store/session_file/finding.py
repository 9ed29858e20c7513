"""Which file is a session's.

PraisonAI replaces characters it does not allow in file names by `_`. Where such a file
exists already and says it is this session's, it is this session's file. A session whose own
name is taken by such a file of another one has its file apart, under a name with a digest.
"""

import os
import re
from typing import Any

from journal.engines.files.storage import Storage, chunks
from journal.errors import JournalError, SessionFileError, StorageError
from journal.names import SESSION_SUFFIX, Paths, lock_of
from journal.room import NO_ROOM
from journal.state import encode_text
from projections.store.session_file.document import (
    UNREADABLE,
    Fields,
    first_id,
    is_blank,
    loads,
    parse,
)

# bytes of a name that PraisonAI can keep a session under
_LONGEST = 255 - len(lock_of(SESSION_SUFFIX))
_UNCHANGED = re.compile(r"[A-Za-z0-9_-]{1,100}")  # ids that are file names, here and there
_ID_BYTES = 1 << 12  # of the beginning of a file: more than most ids take


class SessionFileFinder:
    """Finds the file of one session. Raises `SessionFileError` and `StorageError`."""

    def __init__(self, storage: Storage, paths: Paths) -> None:
        self._storage = storage
        self._paths = paths

    def path(self) -> str:
        """Where the file is or would be. Reads nothing for ordinary ids."""
        own = self._paths.session_file
        if own == self._praisonai_path() and "_" not in self._paths.session_id:
            return own  # nobody else's name becomes this one
        return self.find()[0]

    def find(self) -> tuple[str, Fields | None]:
        """Where the file is or would be, and its fields if it exists. O(size of the file).

        Files that say they are another session's are passed over.
        """
        own = self._paths.session_file
        place = own
        for path in dict.fromkeys((own, self._praisonai_path())):
            fields = self._read(path)
            if fields is None:
                continue
            if self._is_ours(path, fields):
                return path, fields
            if path == own:
                place = self._paths.session_file_apart
        if place == own:
            return own, None
        fields = self._read(place)
        if fields is not None and not self._is_ours(place, fields):
            raise SessionFileError(f"{place}: is of another session than its name says")
        return place, fields

    def _praisonai_path(self) -> str:
        """PraisonAI's name for the file; ours where it could not make such a file."""
        if _UNCHANGED.fullmatch(self._paths.session_id):
            return self._paths.session_file
        name = "".join(c if c.isalnum() or c in "-_" else "_" for c in self._paths.session_id)
        if len(name.encode()) > _LONGEST:
            return self._paths.session_file
        return os.path.join(self._paths.folder, f"{name}{SESSION_SUFFIX}")

    def _is_ours(self, path: str, fields: Fields) -> bool:
        """A file belongs to the session it names, or to the one it is named after."""
        encoded = fields.get("session_id", b"null")
        if encoded == encode_text(self._paths.session_id, "session_id"):
            return True
        try:
            named = loads(encoded)
        except UNREADABLE as error:
            raise SessionFileError(f"{path}: its session_id is not readable: {error}") from None
        return named == self._paths.session_id or (not named and path == self._paths.session_file)

    def _read(self, path: str) -> Fields | None:
        """A file's fields. None if it is missing or empty."""
        try:
            fd = self._storage.open(path, os.O_RDONLY)
            try:
                data = _all_of(self._storage, fd)
            finally:
                self._storage.close(fd)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise refusal(path, "read", error) from error
        return None if is_blank(data) else parse(path, data)


def refusal(path: str, what: str, error: OSError) -> JournalError:
    """What to raise. That too many files are open says nothing about this one."""
    text = f"{path}: cannot be {what}: {error.strerror}"
    return StorageError(error.errno, text) if error.errno in NO_ROOM else SessionFileError(text)


def session_id_in(storage: Storage, path: str) -> str | None:
    """Which session a session file says it is; None if it is unreadable or says nothing.

    Reads no more than the beginning of a file whose first key is `session_id`, as in those
    that PraisonAI and we write: they grow with their messages.
    """
    try:
        fd = storage.open(path, os.O_RDONLY)
        try:
            named = first_id(storage.read(fd, _ID_BYTES, 0))
            if named is None:
                fields = parse(path, _all_of(storage, fd))
                named = loads(fields.get("session_id", b"null"))
        finally:
            storage.close(fd)
    except (OSError, SessionFileError, *UNREADABLE):
        return None
    return named if _is_id(named) else None


def _all_of(storage: Storage, fd: int) -> bytes:
    return b"".join(chunks(storage, fd, 0, storage.size(fd)))


def _is_id(named: Any) -> bool:
    """Whether it is a text without lone surrogates: with these it is no id."""
    if not isinstance(named, str) or not named:
        return False
    return named.isascii() or named.encode(errors="ignore").decode() == named
