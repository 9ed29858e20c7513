"""Secrets that are in the files already: what today's rules find, and where.

Logs and archives are read line by line, damaged ones too; of a session file the whole is
read. Nothing is changed, and no secret is shown.
"""

import os
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
from msgspec import Struct

from journal.engines.files.archives import read_archive
from journal.engines.files.storage import Storage, chunks
from journal.errors import JournalError
from journal.names import LOG_SUFFIX
from journal.redaction import Located, locate, may_hold_secrets, redact_text
from journal.state import MAX_LINE
from projections.doctor.finding import shown
from projections.doctor.folder import SESSION_SUFFIX, Belongings, File, case_of
from projections.doctor.identity import session_id_of_files

_decode = msgspec.json.Decoder().decode


class FoundSecret(Struct, frozen=True, kw_only=True):
    """A place where a secret stands, or a file that could not be looked at: then `error`.

    `at` is the place in the event or the file, such as `state.calls[2].arguments`, empty in
    a line that is no JSON. `offset` is where the line begins, in bytes, of an archive when
    unpacked. The path and the session's id are given with their own secrets replaced.
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
    """The search through the sessions of one folder; for one thread."""

    def __init__(self, storage: Storage, folder: str) -> None:
        self._storage = storage
        self._folder = folder

    def session(self, belongings: Belongings) -> Iterator[FoundSecret]:
        """The secrets in all files of a session, file by file."""
        session_id = session_id_of_files(self._storage, self._folder, belongings)
        case = case_of(self._folder, belongings, session_id)
        name = None if session_id is None else redact_text(session_id)
        for file in case.files:
            if file.is_regular:
                yield from self._file(name, file, case.paths.archive)

    def _file(self, session_id: str | None, file: File, archive: str) -> Iterator[FoundSecret]:
        path = redact_text(shown(file.path))
        try:
            pieces = self._pieces(file, archive)
            if file.name.endswith(SESSION_SUFFIX):
                places = _in_document(b"".join(pieces))
            else:
                places = _in_lines(pieces)
            for place in places:
                yield msgspec.structs.replace(place, session_id=session_id, path=path)
        except FileNotFoundError:
            return  # compacted or deleted meanwhile
        except (OSError, JournalError) as error:
            reason = getattr(error, "strerror", None) or redact_text(str(error))
            yield FoundSecret(session_id=session_id, path=path, error=f"cannot be read: {reason}")

    def _pieces(self, file: File, archive: str) -> Iterator[bytes]:
        if os.path.dirname(file.path) == archive and LOG_SUFFIX in file.name:
            case = case_of(self._folder, Belongings("", set(), set()), None)
            yield from read_archive(self._storage, case.paths, file.name.removesuffix(".gz"))
            return
        fd = self._storage.open(file.path, os.O_RDONLY)
        try:
            yield from chunks(self._storage, fd, 0, self._storage.size(fd))
        finally:
            self._storage.close(fd)


def _in_lines(pieces: Iterable[bytes]) -> Iterator[FoundSecret]:
    for offset, line in _lines(pieces):
        if not may_hold_secrets(line):
            continue
        event = _decoded(line)
        seq = event.get("seq") if isinstance(event, dict) else None
        for place in locate(event):
            yield _found(place, seq if isinstance(seq, int) else None, offset)


def _in_document(data: bytes) -> Iterator[FoundSecret]:
    if may_hold_secrets(data):
        for place in locate(_decoded(data)):
            yield _found(place, None, None)


def _found(place: Located, seq: int | None, offset: int | None) -> FoundSecret:
    return FoundSecret(
        session_id=None,
        path="",
        seq=seq,
        offset=offset,
        at=place.path,
        kind=place.kind,
        in_key=place.in_key,
    )


def _decoded(data: bytes) -> Any:
    """What a line or a file holds; its text if that is no JSON."""
    try:
        return _decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return data.decode(errors="replace")


def _lines(pieces: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    """Lines with their offsets. What is longer than any line may be comes in parts."""
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
