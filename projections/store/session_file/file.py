"""One session's file, read and written."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, NamedTuple

from journal.engines.files.locking import LockFile
from journal.engines.files.storage import (
    FileId,
    Storage,
    chunks,
    create_anew,
    make_folders,
    write_all,
)
from journal.errors import JournalError, SessionFileError
from journal.names import Paths, lock_of, unfinished
from projections.store.session_file.document import (
    MESSAGES,
    NOTHING,
    RUNTIME_STATE,
    UNREADABLE,
    count_of,
    join,
    loads,
    masked_fields,
    new_fields,
    with_state,
)
from projections.store.session_file.finding import SessionFileFinder, refusal


class _Version(NamedTuple):
    """A file that somebody has put in the place of another: both are never alike."""

    path: str
    id: FileId | None
    modified: float


class FileLook(NamedTuple):
    """What a deletion has to know of a file: its name, which it is, and what of others is in it.

    `messages` is how many PraisonAI has put there; `changed` when it was written last.
    """

    name: str
    version: _Version | None
    messages: int
    changed: datetime


class SessionFile:
    """One session's file. Safe for threads and processes: every write takes the lock.

    Raises `SessionFileError` when the file is not JSON, or when the operating system refuses.
    """

    def __init__(self, storage: Storage, paths: Paths, *, durable: bool) -> None:
        """`durable` syncs what is written. Touches nothing."""
        self._storage = storage
        self._paths = paths
        self._durable = durable
        self._finder = SessionFileFinder(storage, paths)
        self.size = 0  # about how many bytes it had when it was last written or looked at here
        self._seen: _Version | None = None  # the one last written or looked at here

    # Reading

    @property
    def path(self) -> str:
        """Where the file is, or would be. Raises `SessionFileError`."""
        return self._finder.path()

    def name(self) -> str | None:
        """The name of the session's file if there is one, be it damaged."""
        try:
            path, fields = self._finder.find()
        except SessionFileError:
            own = self._paths.session_file
            return os.path.basename(own) if self._storage.find(own) is not None else None
        return os.path.basename(path) if fields is not None else None

    def runtime_state(self) -> dict[str, dict[str, Any]]:
        """What an older session file holds under `runtime_state`; `{}` if nothing."""
        _, fields = self._finder.find()
        raw = fields.get(RUNTIME_STATE) if fields is not None else None
        if raw is None or raw == b"null":
            return {}
        try:
            state = loads(raw)
        except UNREADABLE:
            state = None
        if not isinstance(state, dict) or not all(isinstance(t, dict) for t in state.values()):
            raise SessionFileError(
                f"{self._paths.session_file}: `runtime_state` is not an object of objects; "
                "mend it or move the file away"
            )
        return state

    def document(self, state: bytes | None) -> bytes:
        """The whole file with `state` under `runtime_state`; as it is if that is None."""
        _, fields = self._finder.find()
        if fields is None:
            fields = new_fields(self._paths.session_id)
        return join(fields) if state is None else with_state(fields, state)

    def look(self) -> FileLook | None:
        """The file as it is; None if there is none. O(size of the file)."""
        path, fields = self._finder.find()
        if fields is None:
            return None
        return self._look_at(path, sum(count_of(fields.get(key)) for key in MESSAGES))

    def look_at_damaged(self) -> FileLook | None:
        """The file of which `look` cannot read what is in it. Reads nothing."""
        name = self.name()
        return self._look_at(os.path.join(self._paths.folder, name), 0) if name else None

    def _look_at(self, path: str, messages: int) -> FileLook:
        version = self._version(path)
        modified = version.modified if version is not None else 0.0
        changed = datetime.fromtimestamp(modified, UTC)
        return FileLook(os.path.basename(path), version, messages, changed)

    def is_as(self, look: FileLook | None) -> bool:
        """Whether it is as it was when it was looked at, as far as can be told. Reads nothing."""
        path = self._paths.session_file
        if look is None:
            return self._storage.find(path) is None
        return self._version(os.path.join(self._paths.folder, look.name)) == look.version

    def is_known_to_others(self) -> bool:
        """Whether there is its lock: nobody else has written the file without making that."""
        return self._storage.find(lock_of(self.path)) is not None

    def has_changed(self) -> bool:
        """Whether another has written it since it was written here, or since the last call.

        Two system calls; reads nothing. False where it was never written here.
        """
        before = self._seen
        if before is None:
            return False
        self._seen = self._version(before.path)
        return self._seen not in (None, before)

    def _version(self, path: str) -> _Version | None:
        try:
            return _Version(path, self._storage.find(path), self._storage.modified(path))
        except OSError:
            return None

    # Writing

    def has_folder(self) -> bool:
        """Whether the folder is there that the file belongs into, as far as can be seen."""
        try:
            return self._storage.find(self._paths.folder) is not None
        except OSError:
            return True

    def write(self, render: Callable[[], bytes | None], timeout: float) -> None:
        """Put what `render` gives under `runtime_state`; nothing if it gives None.

        Of `NOTHING`, the file is written without that key. `render` is called with the lock
        held, so the last writer writes the newest view. O(size of the file). Waits for the lock
        up to `timeout` seconds and raises `LockTimeoutError`.
        """
        with self.locked(timeout):
            path, fields = self._finder.find()
            state = render()
            there = fields.get(RUNTIME_STATE, NOTHING) if fields is not None else None
            if state is None or state == there:
                self.size = sum(map(len, (fields or {}).values()))
                self._seen = self._version(path)
                return
            if fields is None:
                fields = new_fields(self._paths.session_id)
            try:
                data = with_state(fields, state)
                self._replace(path, data)
                self.size = len(data)
                self._seen = self._version(path)
            except OSError as error:
                raise refusal(path, "written", error) from error

    # Erasing

    def holds(self, masked: Callable[[Any], Any]) -> bool:
        """Whether `masked` would change anything in it, or in what a refresh has left."""
        path, fields = self._finder.find()
        if fields is not None and masked_fields(path, fields, masked, None):
            return True
        left = self._left(unfinished(path))
        text = left.decode(errors="replace") if left is not None else ""
        return masked(text) is not text

    def erase(
        self, masked: Callable[[Any], Any], render: Callable[[], bytes | None], timeout: float
    ) -> bool:
        """Replace what `masked` changes, durably. False if nothing had to be.

        What `render` gives stands under `runtime_state` then, if it gives anything. As `write`.
        """
        with self.locked(timeout):
            path, fields = self._finder.find()
            had_left = self._left(unfinished(path)) is not None
            self.discard_unfinished()
            changed = masked_fields(path, fields or {}, masked, render())
            try:
                if changed:
                    self._replace(path, join({**(fields or {}), **changed}), durable=True)
                if changed or had_left:
                    self._storage.sync_folder(self._paths.folder)
            except OSError as error:
                raise refusal(path, "written", error) from error
            return bool(changed) or had_left

    def _left(self, path: str) -> bytes | None:
        """What a refresh has left that was killed."""
        try:
            fd = self._storage.open(path, os.O_RDONLY)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise refusal(path, "read", error) from error
        try:
            return b"".join(chunks(self._storage, fd, 0, self._storage.size(fd)))
        finally:
            self._storage.close(fd)

    @contextmanager
    def locked(self, timeout: float) -> Iterator[None]:
        """Hold the lock that PraisonAI's own store takes. Raises `LockTimeoutError`."""
        while True:
            path = self.path
            lock = self._take_lock(lock_of(path), timeout)
            try:
                if self.path != path:  # PraisonAI has made its file while we waited
                    continue
                yield
                return
            finally:
                lock.release()

    def _take_lock(self, path: str, timeout: float) -> LockFile:
        try:
            make_folders(self._storage, self._paths.folder)
            lock = LockFile(self._storage, path)
        except OSError as error:
            raise refusal(path, "opened", error) from error
        try:
            lock.acquire(timeout)
        except BaseException as error:
            lock.release()
            if isinstance(error, OSError) and not isinstance(error, JournalError):
                raise refusal(path, "locked", error) from error
            raise
        return lock

    def _replace(self, path: str, data: bytes, *, durable: bool = False) -> None:
        new = unfinished(path)
        try:
            fd = create_anew(self._storage, new)
            try:
                write_all(self._storage, fd, data)
                if self._durable or durable:  # PraisonAI's messages are in there too
                    self._storage.sync(fd)
            finally:
                self._storage.close(fd)
            self._storage.rename(new, path)
        except OSError:
            self._remove(new)  # the log may need the room
            raise

    def discard_unfinished(self) -> None:
        """With the lock held: remove what a refresh has left that was killed."""
        self._remove(unfinished(self.path))

    def _remove(self, path: str) -> None:
        try:
            self._storage.unlink(path)
        except OSError:
            pass  # it is not there, or the next refresh writes over it
