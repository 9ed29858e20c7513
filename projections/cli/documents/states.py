"""Documents of `journal show`, `history`, `diff`, `blame` and `takeover`."""

from typing import Any

from projections.cli.documents.base import Document


class StateDocument(Document, kw_only=True):
    """`journal show`: the state of all runtimes, of one runtime, or of one turn.

    `runtime_id` and `turn_id` say which. `at` is the seq or the timestamp that was asked for,
    null for now. `erased` are the turns in it, as RUNTIME/TURN, whose state was erased.
    """

    session_id: str
    runtime_id: str | None
    turn_id: str | None
    at: int | str | None
    state: Any
    erased: tuple[str, ...] = ()


class VersionItem(Document, kw_only=True):
    """A version of a turn; `state` is null if the turn was cleared, `{}` if it was erased."""

    seq: int
    ts: str
    writer: str
    cleared: bool
    erased: bool = False
    state: Any


class HistoryDocument(Document, kw_only=True):
    """`journal history`, the oldest version first."""

    session_id: str
    runtime_id: str
    turn_id: str
    versions: list[VersionItem]


class DiffDocument(Document, kw_only=True):
    """`journal diff`: `patch` is JSON Patch (RFC 6902) from `old` to `new`."""

    session_id: str
    old: str
    new: str | None
    different: bool
    patch: list[dict[str, Any]]


class BlameItem(Document, kw_only=True):
    """A value of a runtime's turn and the event that set it, whose state may be erased."""

    runtime_id: str
    path: str
    value: Any
    seq: int
    ts: str
    writer: str
    erased: bool = False


class BlameDocument(Document, kw_only=True):
    """`journal blame`, in the order of the state; `runtime_id` is null if none was named."""

    session_id: str
    runtime_id: str | None
    turn_id: str
    at: int | str | None
    values: list[BlameItem]


class TakeoverDocument(Document, kw_only=True):
    """`journal takeover`: `state` is the state that the runtime inherits, of all runtimes."""

    session_id: str
    runtime_id: str
    state: dict[str, dict[str, Any]]
