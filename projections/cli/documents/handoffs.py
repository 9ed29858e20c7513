"""The document of `journal handoffs`."""

from projections.cli.documents.base import Document
from projections.handoffs.findings import (
    AuditFinding,
    ChildTurn,
    DoubleRun,
    OpenCall,
    OwnershipSpan,
    RuntimeChange,
)

HANDOFFS_VERSION = 2


class HandoffsDocument(Document, kw_only=True):
    """`journal handoffs`: `ok` is false when there was a fault, null when that cannot be told.

    `findings` says which, in words; the rest are the facts. The history before event `floor`
    has gaps: the audit knows only the events that compaction kept.
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
