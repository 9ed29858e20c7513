"""Secrets that are in the files already: those that today's rules find, and where.

Logs and archives are read line by line, damaged ones too; a session file is read as a whole.
Nothing is changed, and no secret is shown.
"""

import os
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
from msgspec import Struct

from journal.engines.files.archives import read_archive
from journal.engines.files.storage import Storage, chunks
from journal.errors import JournalError
from journal.names import LOG_SUFFIX, SESSION_SUFFIX, as_archived, paths_of_stem, stem_in
from journal.redaction import may_hold_secrets, redact_text
from journal.redaction.locate import Located, locate
from journal.state import MAX_LINE
from projections.doctor.finding import shown
from projections.doctor.folder import File, ListedSession, take_inventory
from projections.doctor.identity import session_id_of_files

_decode = msgspec.json.Decoder().decode
_ENCRYPTED = b'","encrypted_by":'  # behind a string; quotes in a state have a backslash before


class FoundSecret(Struct, frozen=True, kw_only=True):
    """The place of a secret; or, with an `error`, a file that could not be read.

    `at` is the place in the event or the file, such as `state.calls[2].arguments`; it is empty
    in a line that is not JSON. `offset` is where the line begins, in bytes of the unpacked
    file. Secrets in the path and in the session's id are replaced.
    """

    session_id: str | None
    path: str
    seq: int | None = None
    offset: int | None = None
    at: str = ""
    kind: str = ""
    in_key: bool = False
    error: str | None = None


class SecretSearch:
    """The search through the sessions of one folder; for one thread.

    It knows no keys: `encrypted` is how many lines hold states that it could not search.
    """

    def __init__(self, storage: Storage, folder: str) -> None:
        self._storage = storage
        self._folder = folder
        self.encrypted = 0

    def session(self, listed: ListedSession) -> Iterator[FoundSecret]:
        """The secrets in all files of a session, file by file."""
        session_id = session_id_of_files(self._storage, self._folder, listed)
        inventory = take_inventory(self._folder, listed, session_id)
        name = None if session_id is None else redact_text(session_id)
        for file in inventory.files:
            if file.is_regular:
                yield from self._file(name, file, inventory.paths.archive)

    def _file(self, session_id: str | None, file: File, archive: str) -> Iterator[FoundSecret]:
        path = redact_text(shown(file.path))
        try:
            pieces = self._pieces(file, archive)
            if file.name.endswith(SESSION_SUFFIX):
                secrets = _in_document(b"".join(pieces))
            else:
                secrets = self._in_lines(pieces)
            for secret in secrets:
                yield msgspec.structs.replace(secret, session_id=session_id, path=path)
        except FileNotFoundError:
            return  # compacted or deleted meanwhile
        except (OSError, JournalError) as error:
            reason = getattr(error, "strerror", None) or redact_text(str(error))
            yield FoundSecret(session_id=session_id, path=path, error=f"cannot be read: {reason}")

    def _in_lines(self, pieces: Iterable[bytes]) -> Iterator[FoundSecret]:
        for offset, line in _lines(pieces):
            self.encrypted += _ENCRYPTED in line
            if not may_hold_secrets(line):
                continue
            event = _decoded(line)
            seq = event.get("seq") if isinstance(event, dict) else None
            for located in locate(event):
                yield _found(located, seq if isinstance(seq, int) else None, offset)

    def _pieces(self, file: File, archive: str) -> Iterator[bytes]:
        if os.path.dirname(file.path) == archive and LOG_SUFFIX in file.name:
            paths = paths_of_stem(self._folder, stem_in(file.name))
            yield from read_archive(self._storage, paths, as_archived(file.name))
            return
        fd = self._storage.open(file.path, os.O_RDONLY)
        try:
            yield from chunks(self._storage, fd, 0, self._storage.size(fd))
        finally:
            self._storage.close(fd)


def _in_document(data: bytes) -> Iterator[FoundSecret]:
    if may_hold_secrets(data):
        for located in locate(_decoded(data)):
            yield _found(located, None, None)


def _found(located: Located, seq: int | None, offset: int | None) -> FoundSecret:
    return FoundSecret(
        session_id=None,
        path="",
        seq=seq,
        offset=offset,
        at=located.path,
        kind=located.kind,
        in_key=located.in_key,
    )


def _decoded(data: bytes) -> Any:
    """The JSON in a line or a file; its text if it is not JSON."""
    try:
        return _decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return data.decode(errors="replace")


def _lines(pieces: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    """Lines with their offsets. A line that is longer than `MAX_LINE` comes in parts."""
    rest, offset = b"", 0
    for piece in pieces:
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            yield offset, line
            offset += len(line) + 1
        if len(rest) > MAX_LINE:
            yield offset, rest
            offset, rest = offset + len(rest), b""
    if rest:
        yield offset, rest
