"""The events that a damaged log has lost, and the files that still have them."""

import os
from collections.abc import Sequence

from journal.engines.files.restoring import Restored, RestoreReport, plan_restoration
from journal.engines.files.storage import Storage
from journal.errors import JournalError
from journal.names import ARCHIVE, Paths
from projections.doctor.finding import shown

RESTORABLE = frozenset(("corrupt", "gap", "order", "kept"))
"""The kinds of damage after which lost events can be put back into a log."""


def what_can_be_restored(storage: Storage, paths: Paths) -> RestoreReport | None:
    """None if that cannot be found out; then other findings say why."""
    try:
        return plan_restoration(storage, paths)
    except (JournalError, OSError):
        return None


def by_file(restored: Sequence[Restored], one: str, many: str) -> str:
    """`event 3 is in archive/s.40.jsonl.gz`, for each file; `one` is "is in", `many` "are in"."""
    files: dict[str, list[int]] = {}
    for event in restored:
        files.setdefault(event.where, []).append(event.seq)
    return "; ".join(
        f"{_seqs(seqs)} {one if len(seqs) == 1 else many} {_name(where)}"
        for where, seqs in files.items()
    )


def _name(where: str) -> str:
    folder, name = os.path.split(where)
    is_archive = os.path.basename(folder) == ARCHIVE
    return shown(os.path.join(ARCHIVE, name) if is_archive else where)


def _seqs(seqs: Sequence[int]) -> str:
    """`event 3`, `events 3, 5 and 7 to 9`."""
    spans: list[list[int]] = []
    for seq in sorted(set(seqs)):
        if spans and spans[-1][1] == seq - 1:
            spans[-1][1] = seq
        else:
            spans.append([seq, seq])
    parts = [str(first) if first == last else f"{first} to {last}" for first, last in spans]
    listed = " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)
    return f"event{'s' * (len(seqs) > 1)} {listed}"
