"""Documents of `journal doctor`."""

from typing import Literal

from projections.cli.documents.base import Document


class FindingItem(Document, kw_only=True):
    """Something that `journal doctor` found. `remedy` has commands between backticks.

    `offset`, in bytes, and `seq` say where in the file at `path` it is, if it is at one place
    in it. `session_id` is null if it concerns no session, or one whose id is unknown.
    """

    severity: Literal["error", "warning", "note"]
    kind: str
    session_id: str | None
    path: str
    offset: int | None
    seq: int | None
    what: str
    remedy: str


class DoctorDocument(Document, kw_only=True):
    """`journal doctor`: the worst findings first. `damaged` says whether any data is damaged."""

    folder: str
    sessions: int
    damaged: bool
    findings: list[FindingItem]


class RestoredItem(Document, kw_only=True):
    """An event that was put back, and the file from which it was taken."""

    seq: int
    where: str


class RestoreItem(Document, kw_only=True):
    """`journal doctor --restore`: one session. `left` says what stays lost, and why.

    `evidence` is the path where the log is kept as it was; null if the log was not changed.
    """

    session_id: str
    restored: list[RestoredItem]
    left: list[str]
    evidence: str | None


class RestoreDocument(Document, kw_only=True):
    """`journal doctor --restore`."""

    sessions: list[RestoreItem]


class SecretItem(Document, kw_only=True):
    """The place of a secret; or, with an `error`, a file that could not be read.

    The secret itself is not shown. `at` is the place in the event or in the session file; it
    is empty in a line that is not JSON. `offset` is where the line begins, in bytes of the
    unpacked file.
    """

    session_id: str | None
    path: str
    seq: int | None
    offset: int | None
    at: str
    kind: str
    in_key: bool
    error: str | None


class SecretsDocument(Document, kw_only=True):
    """`journal doctor --secrets`: file by file."""

    folder: str
    sessions: int
    secrets: list[SecretItem]
