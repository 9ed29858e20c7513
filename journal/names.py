"""All names of files: session id <-> stem, one to one, and what is made and known by its suffix.

Ids of ASCII letters, digits, `-` and `_` are their own stem. Every other byte of
the UTF-8 form is percent-encoded, so no id can leave the folder and no two ids
share a stem. A stem that would grow past `LONGEST` is cut and ends in `%-` and a
digest of the whole id: `%-` is not a percent escape, so it cannot clash either.
The empty id is a lone `%`. A stem has no dot: the first one ends it.
"""

import hashlib
import os
import re
from typing import NamedTuple

from journal.errors import StateTypeError, StateValueError

LONGEST = 160
"""Bytes of the longest stem: leaves room for suffixes in a name of 255 bytes."""

LOG_SUFFIX = ".jsonl"
SESSION_SUFFIX = ".json"

NEW_SUFFIX = ".new"
"""After a whole name: of a file that is being written and has not taken its place yet."""

SNAPSHOT_SUFFIX = ".snapshot"
"""Of what was folded from a log, so that opening it need not read all of it; derived."""

LOCK_SUFFIX = ".lock"
"""After the whole name of a session file: of PraisonAI's lock on it. Nothing is in it."""

PACKED_SUFFIX = ".gz"
"""After the whole name of an archived log."""

TORN_SUFFIX = ".torn"
"""Of a torn tail in `archive/`, which a repair has cut off: evidence only."""

DAMAGED_SUFFIX = ".damaged"
"""Of a log in `archive/` in whose place one with restored lines was put: evidence only."""

FORK_SUFFIX = ".fork"
"""Of a note in `archive/` that a session was forked: which session depends on its history."""

ARCHIVE = "archive"
"""The folder for what compactions have replaced and repairs have set aside."""

PRUNE_MARK = ".prune"
"""In the folder: locked by the process that prunes it by itself, changed when that was done."""

_DIGEST_MARK = "%-"

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
    return f"{encoded[: LONGEST - _DIGEST - 2]}{_DIGEST_MARK}{digest}"


def _escape(byte: re.Match[bytes]) -> bytes:
    return b"%%%02X" % ord(byte[0])


def _unescape(byte: re.Match[bytes]) -> bytes:
    return bytes([int(byte[1], 16)])


def has_digest(stem: str) -> bool:
    """Whether only the file itself can tell the id: it was too long for a name."""
    return _DIGEST_MARK in stem


def stem_in(name: str) -> str:
    """The stem of the session that a file is of, by its name in the folder or in `archive/`."""
    return name.partition(".")[0]


def unfinished(path: str) -> str:
    """Where a file is written until it is whole and takes its place at `path`."""
    return f"{path}{NEW_SUFFIX}"


def is_in_folder(name: str) -> bool:
    """Whether a file beside the logs has a name that the journal gives, or PraisonAI's lock."""
    return name == PRUNE_MARK or name.endswith(
        (
            *(LOG_SUFFIX, unfinished(LOG_SUFFIX)),
            *(SESSION_SUFFIX, unfinished(SESSION_SUFFIX), lock_of(SESSION_SUFFIX)),
            *(SNAPSHOT_SUFFIX, unfinished(SNAPSHOT_SUFFIX)),
        )
    )


def lock_of(session_file: str) -> str:
    """The file that PraisonAI locks when it writes the session file."""
    return f"{session_file}{LOCK_SUFFIX}"


def packed(path: str) -> str:
    """An archived log, compressed."""
    return f"{path}{PACKED_SUFFIX}"


def as_archived(path: str) -> str:
    """The name that an archived log has in headers, packed or not."""
    return path.removesuffix(PACKED_SUFFIX)


def packing(path: str) -> str:
    """Where an archived log is written compressed, until all of it is."""
    return unfinished(packed(path))


def source_of_packing(path: str) -> str | None:
    """The archived log that the file at `path` is an unfinished packed form of, if it is one."""
    suffix = packing("")
    return path.removesuffix(suffix) if path.endswith(suffix) else None


def is_packed(path: str) -> bool:
    """Whether an archived log is compressed."""
    return path.endswith(PACKED_SUFFIX)


def is_archived_log(name: str) -> bool:
    """Whether a file in `archive/` is a log, packed or not."""
    return as_archived(name).endswith(LOG_SUFFIX)


def seq_in(archived_name: str) -> int:
    """The event that the name of a file in `archive/` says it reaches; 0 if it says nothing."""
    number = archived_name.partition(".")[2].partition(".")[0].partition("-")[0]
    return int(number) if number.isascii() and number.isdigit() else 0


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
        name = f"{_digested(self.stem, self.session_id)}{SESSION_SUFFIX}"
        return os.path.join(self.folder, name)

    @property
    def snapshot(self) -> str:
        """Where the snapshot is, if there is one."""
        return os.path.join(self.folder, f"{self.stem}{SNAPSHOT_SUFFIX}")

    def in_archive(self, name: str) -> str:
        """Where the archive is that a header of this session names.

        Or a header that a fork has from its origin: it names the origin's archives, which the
        fork has under its own stem.
        """
        name = os.path.basename(name)
        stem, dot, rest = name.partition(".")
        return os.path.join(self.archive, f"{self.stem}.{rest}" if stem and dot else name)

    def fork_note(self, log_id: str) -> str:
        """Where it is noted that the log `log_id` is a fork of this session."""
        return os.path.join(self.archive, f"{self.stem}.{log_id}{FORK_SUFFIX}")

    def archived(self, base_seq: int, number: int = 1) -> str:
        """Where the log goes that a compaction up to `base_seq` has replaced.

        A `number` tells those apart that reach the same event.
        """
        return self._in_archive(base_seq, number, LOG_SUFFIX)

    def damaged(self, seq: int, number: int = 1) -> str:
        """Where the log goes, as evidence, of which `seq` was the last event."""
        return self._in_archive(seq, number, DAMAGED_SUFFIX)

    def torn(self, offset: int, digest: str) -> str:
        """Where a torn tail goes that stood at `offset`, in bytes, of the log."""
        return os.path.join(self.archive, f"{self.stem}.{offset}-{digest}{TORN_SUFFIX}")

    def _in_archive(self, seq: int, number: int, suffix: str) -> str:
        which = f"{seq}-{number}" if number > 1 else str(seq)
        return os.path.join(self.archive, f"{self.stem}.{which}{suffix}")


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
        session_file=f"{within}{stem}{SESSION_SUFFIX}",
        scratch=unfinished(log),
        archive=f"{within}{ARCHIVE}",
    )
