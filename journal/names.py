"""Session id <-> file name, one to one.

Ids of ASCII letters, digits, `-` and `_` are their own stem. Every other byte of
the UTF-8 form is percent-encoded, so no id can leave the folder and no two ids
share a stem. A stem that would grow past `LONGEST` is cut and ends in `%-` and a
digest of the whole id: `%-` is not a percent escape, so it cannot clash either.
The empty id is a lone `%`.
"""

import hashlib
import os
import re
from typing import NamedTuple

from journal.errors import StateTypeError, StateValueError

LONGEST = 160
"""Bytes of the longest stem: leaves room for suffixes in a name of 255 bytes."""

LOG_SUFFIX = ".jsonl"

DAMAGED_SUFFIX = ".damaged"
"""Of a log in `archive/` in whose place one with restored lines was put: evidence only."""

_PLAIN = re.compile(r"[A-Za-z0-9_-]{1,%d}" % LONGEST)
_STEM = re.compile(r"(?:[A-Za-z0-9_-]|%[0-9A-F]{2})+")
_OTHER = re.compile(rb"[^A-Za-z0-9_-]")
_ESCAPED = re.compile(rb"%([0-9A-F]{2})")
_DIGEST = 32


def stem_of(session_id: str) -> str:
    """The file name of a session, without suffix.

    Raises `StateTypeError` when the id is no string and `StateValueError` when it
    holds a lone surrogate, which no file name can carry.
    """
    if not isinstance(session_id, str):
        raise StateTypeError(f"session_id must be a string, not {type(session_id).__name__}")
    if _PLAIN.fullmatch(session_id):
        return session_id
    if not session_id:
        return "%"
    try:
        encoded = _OTHER.sub(_escape, session_id.encode()).decode()
    except UnicodeEncodeError as error:
        raise StateValueError(
            f"session_id has a lone surrogate at position {error.start}; it is not valid Unicode"
        ) from None
    return encoded if len(encoded) <= LONGEST else _digested(encoded, session_id)


def session_id_of(stem: str) -> str | None:
    """The id that `stem_of` gave this stem; None if only the file itself can tell.

    Stems that `stem_of` never makes (a name of somebody else's) give None too.
    """
    if _PLAIN.fullmatch(stem):
        return stem
    if stem == "%":
        return ""
    if not _STEM.fullmatch(stem):
        return None
    try:
        session_id = _ESCAPED.sub(_unescape, stem.encode()).decode()
    except UnicodeDecodeError:
        return None
    return session_id if stem_of(session_id) == stem else None


def _digested(encoded: str, session_id: str) -> str:
    digest = hashlib.sha256(session_id.encode()).hexdigest()[:_DIGEST]
    return f"{encoded[: LONGEST - _DIGEST - 2]}%-{digest}"


def _escape(byte: re.Match[bytes]) -> bytes:
    return b"%%%02X" % ord(byte[0])


def _unescape(byte: re.Match[bytes]) -> bytes:
    return bytes([int(byte[1], 16)])


class Paths(NamedTuple):
    """Where the files of one session are.

    `scratch` is where compaction writes the new log before it takes `log`'s place.
    """

    session_id: str
    stem: str
    folder: str
    log: str
    session_file: str
    scratch: str
    archive: str

    @property
    def session_file_apart(self) -> str:
        """The session file where another session's has the name: PraisonAI makes such."""
        return os.path.join(self.folder, f"{_digested(self.stem, self.session_id)}.json")

    def archived(self, base_seq: int) -> str:
        """Where the log goes that a compaction up to `base_seq` has replaced."""
        return os.path.join(self.archive, f"{self.stem}.{base_seq}.jsonl")

    def owns(self, archived_name: str) -> bool:
        """Whether a file in `archive` is this session's: stems have no dot."""
        return archived_name.startswith(f"{self.stem}.")

    def is_archived_log(self, archived_name: str) -> bool:
        """Whether a file in `archive/` is a log of this session, packed or not."""
        return self.owns(archived_name) and archived_name.endswith((".jsonl", ".jsonl.gz"))


def paths_of(folder: str, session_id: str) -> Paths:
    """Raises like `stem_of`."""
    return paths_of_stem(folder, stem_of(session_id), session_id)


def paths_of_stem(folder: str, stem: str, session_id: str = "") -> Paths:
    """The same for a name that is in use, whosever it is."""
    within = os.path.join(folder, "")
    log = f"{within}{stem}{LOG_SUFFIX}"
    return Paths(
        session_id=session_id,
        stem=stem,
        folder=folder,
        log=log,
        session_file=f"{within}{stem}.json",
        scratch=f"{log}.new",
        archive=f"{within}archive",
    )
