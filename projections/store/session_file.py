"""The session file: the view in the shape in which PraisonAI keeps sessions.

`<session>.json` holds PraisonAI's own data (messages, metadata …) and, under
`runtime_state`, our view. We change that key and `updated_at` and keep the others byte
for byte (re-encoded only where the file is no strict JSON: Python writes NaN). We write
under PraisonAI's own lock (`<session>.json.lock`, `flock`), by a new file and a rename.
The log is the truth; this file can be rebuilt from it.

PraisonAI replaces characters it does not allow in file names by `_`. Where such a file
exists already and says it is this session's, it is this session's file. A session whose own
name is taken by such a file of another one has its file apart, under a name with a digest.
"""

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec import Raw

from journal.engines.files.folder import make_folders
from journal.engines.files.locking import LockFile
from journal.engines.files.storage import Storage, chunks, create_anew, write_all
from journal.errors import JournalError, SessionFileError, StorageError
from journal.names import SESSION_SUFFIX, Paths, lock_of, unfinished
from journal.room import NO_ROOM
from journal.state import encode_text

_decode_fields = msgspec.json.Decoder(dict[str, Raw]).decode
_KEY = "runtime_state"
_BLANK = b"\0 \r\n\t"
_LONGEST = 255 - len(
    lock_of(SESSION_SUFFIX)
)  # bytes of a name that PraisonAI can keep a session under
_ID_BYTES = 1 << 12  # of the beginning of a file: more than most ids take
_STARTS_WITH_ID = re.compile(rb'\s*\{\s*"session_id"\s*:\s*("(?:[^"\\]|\\.)*+")\s*[,}]')
_UNREADABLE = (ValueError, RecursionError)  # what `_loads` raises, for huge numbers too


class SessionFile:
    """One session's file. Safe for threads and processes: every write takes the lock.

    Raises `SessionFileError` when the file is not JSON, or when the operating system refuses.
    """

    def __init__(self, storage: Storage, paths: Paths, *, durable: bool) -> None:
        self._storage = storage
        self._paths = paths
        self._durable = durable

    @property
    def path(self) -> str:
        """Where the file is, or would be. Raises `SessionFileError`."""
        return self._place()

    def runtime_state(self) -> dict[str, dict[str, Any]]:
        """What an older session file holds under `runtime_state`; `{}` if nothing."""
        _, fields = self._find()
        raw = fields.get(_KEY) if fields is not None else None
        if raw is None or raw == b"null":
            return {}
        try:
            state = _loads(raw)
        except _UNREADABLE:
            state = None
        if not isinstance(state, dict) or not all(isinstance(t, dict) for t in state.values()):
            raise SessionFileError(
                f"{self._paths.session_file}: `runtime_state` is not an object of objects; "
                "mend it or move the file away"
            )
        return state

    def name(self) -> str | None:
        """The name of the session's file if there is one, be it damaged."""
        try:
            path, fields = self._find()
        except SessionFileError:
            own = self._paths.session_file
            return os.path.basename(own) if self._storage.find(own) is not None else None
        return os.path.basename(path) if fields is not None else None

    def write(self, render: Callable[[], bytes | None], timeout: float) -> None:
        """Put what `render` gives under `runtime_state`; nothing if it gives None.

        `render` is called with the lock held, so that whoever writes last writes the
        newest. Waits for the lock up to `timeout` seconds and raises `LockTimeoutError`.
        """
        with self.locked(timeout):
            path, fields = self._find()
            state = render()
            if state is None:
                return
            if fields is not None and fields.get(_KEY) == state:
                return
            try:
                self._replace(path, self._document(fields, state))
            except OSError as error:
                raise _refusal(path, "written", error) from error

    def document(self, state: bytes | None) -> bytes:
        """The whole file with `state` under `runtime_state`; as it is if that is None."""
        _, fields = self._find()
        if state is not None:
            return self._document(fields, state)
        return _document(fields if fields is not None else self._new_fields())

    def _document(self, fields: dict[str, bytes] | None, state: bytes) -> bytes:
        fields = self._new_fields() if fields is None else fields
        fields[_KEY] = state
        fields["updated_at"] = encode_text(_now(), "updated_at")
        return _document(fields)

    @contextmanager
    def locked(self, timeout: float) -> Iterator[None]:
        """Hold the lock that PraisonAI's own store takes. Raises `LockTimeoutError`."""
        while True:
            place = self._place()
            lock = self._take_lock(lock_of(place), timeout)
            try:
                if self._place() != place:  # PraisonAI has made its file while we waited
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
            raise _refusal(path, "opened", error) from error
        try:
            lock.acquire(timeout)
        except BaseException as error:
            lock.release()
            if isinstance(error, OSError) and not isinstance(error, JournalError):
                raise _refusal(path, "locked", error) from error
            raise
        return lock

    def _place(self) -> str:
        """Where this session's file is or would be. Reads nothing for ordinary ids."""
        own = self._paths.session_file
        if own == self._praisonai_path() and "_" not in self._paths.session_id:
            return own  # nobody else's name becomes this one
        return self._find()[0]

    def _find(self) -> tuple[str, dict[str, bytes] | None]:
        """Where this session's file is or would be, and its fields if it exists.

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
        name = "".join(c if c.isalnum() or c in "-_" else "_" for c in self._paths.session_id)
        if len(name.encode()) > _LONGEST:
            return self._paths.session_file
        return os.path.join(self._paths.folder, f"{name}{SESSION_SUFFIX}")

    def _is_ours(self, path: str, fields: dict[str, bytes]) -> bool:
        """A file belongs to the session it names, or to the one it is named after."""
        encoded = fields.get("session_id", b"null")
        if encoded == encode_text(self._paths.session_id, "session_id"):
            return True
        try:
            named = _loads(encoded)
        except _UNREADABLE as error:
            raise SessionFileError(f"{path}: its session_id is not readable: {error}") from None
        return named == self._paths.session_id or (not named and path == self._paths.session_file)

    def _read(self, path: str) -> dict[str, bytes] | None:
        """A file's fields, still encoded. None if it is missing or empty."""
        try:
            fd = self._storage.open(path, os.O_RDONLY)
            try:
                size = self._storage.size(fd)
                data = b"".join(chunks(self._storage, fd, 0, size))
            finally:
                self._storage.close(fd)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _refusal(path, "read", error) from error
        # all of it is looked at only if need be
        is_blank = not data[:1].strip(_BLANK) and not data.strip(_BLANK)
        return None if is_blank else _parse(path, data)

    def _replace(self, path: str, data: bytes) -> None:
        new = unfinished(path)
        try:
            fd = create_anew(self._storage, new)
            try:
                write_all(self._storage, fd, data)
                if self._durable:  # PraisonAI's messages are in there too
                    self._storage.sync(fd)
            finally:
                self._storage.close(fd)
            self._storage.rename(new, path)
        except OSError:
            self._remove(new)  # the log may need the room
            raise

    def discard_unfinished(self) -> None:
        """With the lock held: remove what a refresh has left that was killed."""
        self._remove(unfinished(self._place()))

    def _remove(self, path: str) -> None:
        try:
            self._storage.unlink(path)
        except OSError:
            pass  # it is not there, or the next refresh writes over it

    def _new_fields(self) -> dict[str, bytes]:
        """What PraisonAI writes for a session without messages."""
        empty: dict[str, Any] = {
            "session_id": self._paths.session_id,
            "messages": [],
            "created_at": _now(),
            "updated_at": "",
            "agent_name": None,
            "user_id": None,
            "metadata": {},
            "gateway_session_id": None,
            "agent_id": None,
            _KEY: {},
            "archived_messages": [],
        }
        return {key: msgspec.json.encode(value) for key, value in empty.items()}


def _refusal(path: str, what: str, error: OSError) -> JournalError:
    """What to raise. That too many files are open says nothing about this one."""
    text = f"{path}: cannot be {what}: {error.strerror}"
    return StorageError(error.errno, text) if error.errno in NO_ROOM else SessionFileError(text)


def _parse(path: str, data: bytes) -> dict[str, bytes]:
    try:
        return {key: bytes(raw) for key, raw in _decode_fields(data).items()}
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass  # NaN and lone surrogates are no JSON, but Python's own encoder writes them
    try:
        fields = _loads(data)
    except _UNREADABLE as error:
        raise SessionFileError(
            f"{path}: is not JSON ({error}); restore it from a backup or move it away"
        ) from None
    if not isinstance(fields, dict):
        raise SessionFileError(f"{path}: is not a JSON object; move it away")
    return {key: _dumps(value) for key, value in fields.items()}


def _loads(data: bytes) -> Any:
    """As Python's own decoder does: NaN and numbers of any size, as PraisonAI writes them."""
    import json  # costs 1 ms to import, and few session files need it

    return json.loads(data)


def _dumps(value: Any) -> bytes:
    """As Python's own encoder does."""
    if isinstance(value, str) and value.isascii() and value.isprintable():
        return msgspec.json.encode(value)  # which gives the same
    import json  # costs 1 ms to import, and few session files need it

    return json.dumps(value).encode()


def _document(fields: dict[str, bytes]) -> bytes:
    """One key a line: readable, and the values stay as they were."""
    pieces = [b"{\n"]
    for key, value in fields.items():
        pieces += (b",\n" if len(pieces) > 1 else b"", b"  ", _dumps(key), b": ", value)
    return b"".join([*pieces, b"\n}\n"])


def _now() -> str:
    return datetime.now(UTC).isoformat()


def session_id_in(storage: Storage, path: str) -> str | None:
    """Which session a session file says it is; None if it is unreadable or says nothing.

    Reads no more than the beginning of a file whose first key is `session_id`, as in those
    that PraisonAI and we write: they grow with their messages.
    """
    try:
        fd = storage.open(path, os.O_RDONLY)
        try:
            named = _first_id(storage.read(fd, _ID_BYTES, 0))
            if named is None:
                fields = _parse(path, b"".join(chunks(storage, fd, 0, storage.size(fd))))
                named = _loads(fields.get("session_id", b"null"))
        finally:
            storage.close(fd)
    except (OSError, SessionFileError, *_UNREADABLE):
        return None
    return named if isinstance(named, str) and named and _is_text(named) else None


def _first_id(beginning: bytes) -> Any:
    found = _STARTS_WITH_ID.match(beginning)
    return _loads(found[1]) if found is not None else None


def _is_text(text: str) -> bool:
    """Whether it has no lone surrogates: with these it is no id."""
    return text.isascii() or text.encode(errors="ignore").decode() == text
