"""The documents of `journal handoffs`."""

from projections.cli.documents.base import Document
from projections.cli.documents.sessions import OriginItem
from projections.handoffs.findings import (
    AuditFinding,
    ChildTurn,
    DoubleRun,
    Kind,
    OpenCall,
    OwnershipSpan,
    RuntimeChange,
    Severity,
    TurnKey,
)

HANDOFFS_VERSION = 2


class HandoffsDocument(Document, kw_only=True):
    """`journal handoffs`: `ok` is false when there was a fault, null when that cannot be told.

    `findings` says which, in words; the rest are the facts. The history before event `floor`
    has gaps: the audit knows only the events that compaction kept. `forked_from` is where a fork
    begins, whose events up to there are its origin's too; null for any other session.
    """

    version: int = HANDOFFS_VERSION
    session_id: str
    floor: int
    ok: bool | None
    findings: tuple[AuditFinding, ...]
    spans: tuple[OwnershipSpan, ...]
    changes: tuple[RuntimeChange, ...]
    double_runs: tuple[DoubleRun, ...]
    shared_turns: tuple[DoubleRun, ...]
    children: tuple[ChildTurn, ...]
    lost_calls: tuple[OpenCall, ...]
    forked_from: OriginItem | None = None


class AuditedSession(Document, kw_only=True):
    """`journal handoffs --all`: a session with the findings that were asked for.

    `ok` is false when there is a fault among them, null when that cannot be told; `error` says
    what could not be read. The history before event `floor` has gaps.
    """

    session_id: str
    ok: bool | None = None
    floor: int = 0
    findings: tuple[AuditFinding, ...] = ()
    error: str | None = None


class AuditsDocument(Document, kw_only=True):
    """`journal handoffs` of several sessions: `ok` is that of all, as for one."""

    ok: bool | None
    sessions: list[AuditedSession]


class AuditFindingItem(Document, kw_only=True):
    """A line of `journal handoffs -o jsonl`: a finding of the audit, and its session."""

    session_id: str
    kind: Kind
    severity: Severity
    text: str
    events: tuple[int, ...]
    turns: tuple[TurnKey, ...]
    consequences: tuple[AuditFinding, ...]
