"""The document of `journal handoffs`."""

from projections.cli.documents.base import Document
from projections.handoffs.findings import DoubleRun, OpenCall, OwnershipSpan, RuntimeChange


class HandoffsDocument(Document, kw_only=True):
    """`journal handoffs`: `ok` is false when there was a fault.

    The history before event `floor` has gaps: the audit knows only the events that compaction
    kept.
    """

    session_id: str
    floor: int
    ok: bool
    spans: tuple[OwnershipSpan, ...]
    changes: tuple[RuntimeChange, ...]
    double_runs: tuple[DoubleRun, ...]
    shared_turns: tuple[DoubleRun, ...]
    lost_calls: tuple[OpenCall, ...]
