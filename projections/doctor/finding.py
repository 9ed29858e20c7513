"""What an examination finds, in plain words: plain frozen data.

The kinds:

- what verification reports: `corrupt` `gap` `chain` `order` `kept` `header` `archive`
  `base` `torn` (see `journal.damage.Damage`, `journal.reports.Problem`), and `lost`: a log
  that is gone while its archives are there
- `unreadable`: a file that the operating system refuses to read; its contents may be fine
- `not-a-file`, `wrong-session`, `newer-format`, `misnamed`, `empty`: a file that is not a log
  of the session it is named after
- `unfinished`: a deletion, compaction or restoration that died; `leftover`: a file that one
  of these left behind
- `orphan`: an archive that no log leads to; `evidence`: a file that was set aside
- `session-file`: one that cannot be read or written; `stale`: one that lags behind its log
- `snapshot`: one that does not say what the log says
- `limits`, `dead`, `history`: turns, dead events or archives that are large
- `mode`, `owner`: who else may read and write
- `file-system`, `disk`, `clock`: what the journal relies on
"""

import os
import shlex
from typing import Literal, TypeAlias

from msgspec import Struct

from projections.doctor.remedies import Advice

Severity: TypeAlias = Literal["error", "warning", "note"]
"""`error`: data is damaged or out of reach. `warning`: to be fixed. `note`: for information."""

DAMAGE = frozenset(
    ("corrupt", "gap", "chain", "order", "kept", "header", "archive", "base", "lost")
) | {"session-file", "snapshot"}
"""The kinds that, as errors, mean that data is damaged."""


class Finding(Struct, frozen=True, kw_only=True):
    """One thing that is not as it should be.

    `session_id` is None if it concerns no session, or one whose id is unknown. `offset`, in
    bytes, and `seq` say where in the file at `path` it is, if it is at one place in it.
    """

    severity: Severity
    kind: str
    session_id: str | None
    path: str
    what: str
    advice: Advice
    offset: int | None = None
    seq: int | None = None

    @property
    def remedy(self) -> str:
        """What to do, with commands between backticks, ready for a shell."""
        return self.advice.text

    @property
    def is_damage(self) -> bool:
        """Whether data is damaged, rather than something around it."""
        return self.severity == "error" and self.kind in DAMAGE

    @property
    def identity(self) -> tuple[object, ...]:
        """Equal for two findings of the same thing by two looks."""
        return self.kind, self.session_id, self.path, self.offset, self.seq


def of_path(severity: Severity, kind: str, path: str, what: str, advice: Advice) -> Finding:
    """A finding about a file or a folder, of no particular session."""
    return Finding(
        severity=severity,
        kind=kind,
        session_id=None,
        path=shown(path),
        what=what,
        advice=advice,
    )


class JournalCommands:
    """Commands of the journal, for remedies. They name `folder`, unless it is None."""

    def __init__(self, folder: str | None) -> None:
        self._folder = folder

    def journal(self, command: str, session_id: str, *options: str) -> str:
        """`journal COMMAND SESSION`, between backticks."""
        where = ("--dir", self._folder) if self._folder is not None else ()
        session = ("--", session_id) if session_id.startswith("-") else (session_id,)
        if len(session) > 1:
            return shell("journal", command, *options, *where, *session)
        return shell("journal", command, *session, *options, *where)

    def restore(self, session_id: str, *options: str) -> str:
        """`journal doctor --restore SESSION`, between backticks."""
        where = ("--dir", self._folder) if self._folder is not None else ()
        if session_id.startswith("-"):
            return shell("journal", "doctor", "--restore", *options, *where, "--", session_id)
        return shell("journal", "doctor", "--restore", session_id, *options, *where)

    def show(self, *ids: str) -> str:
        """`journal show SESSION RUNTIME TURN`, between backticks."""
        where = ("--dir", self._folder) if self._folder is not None else ()
        return shell("journal", "show", *where, "--", *ids)


def shell(*words: str) -> str:
    """A command for a shell, between backticks."""
    return f"`{' '.join(map(quoted, words))}`"


def in_sequence(*commands: str) -> str:
    """One command line that runs several commands, each only if the one before it worked."""
    return f"`{' && '.join(command[1:-1] for command in commands)}`"


def aside(folder: str, *paths: str) -> str:
    """A command that moves files out of a folder, into one beside it."""
    target = f"{os.path.realpath(folder)}.aside"
    return in_sequence(
        shell("mkdir", "-p", "-m", "700", "--", target),
        shell("mv", "--backup=numbered", "-t", target, "--", *paths),
    )


def copy_aside(folder: str, path: str) -> str:
    """A command that copies a file into a folder beside its own."""
    target = f"{os.path.realpath(folder)}.aside"
    return in_sequence(
        shell("mkdir", "-p", "-m", "700", "--", target),
        shell("cp", "-p", "--backup=numbered", "-t", target, "--", path),
    )


def quoted(word: str) -> str:
    """A word for a shell. Characters that cannot be shown become escapes of bash."""
    if word.isprintable():
        return shlex.quote(word)
    return "$'" + "".join(map(_escaped, os.fsencode(word))) + "'"


def _escaped(byte: int) -> str:
    char = chr(byte)
    return (
        char if char.isascii() and char.isprintable() and char not in "'\\" else f"\\x{byte:02x}"
    )


def shown(path: str) -> str:
    """A path as text that can be encoded; file names may be any bytes."""
    return os.fsencode(path).decode(errors="backslashreplace")
