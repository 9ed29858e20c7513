"""Work in the background: how much it does in one go, while callers of the store wait for it."""

import threading
from pathlib import Path
from typing import Any

import pytest

from journal import codec
from journal.engines.files.segment import SLICE
from projections import DefaultSessionStore
from projections.store.background import Maintenance
from tests.support import finish_maintenance

SHORTEST = 200  # bytes of a line in this test
FEW = 50  # of them are appended at once


@pytest.mark.parametrize("turns", [1000, 2000])
def test_no_more_lines_are_judged_between_two_pauses_where_a_log_is_longer(
    turns: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Compactions, and what follows from them: the new log is read, shown and saved."""
    judged, most, pauses = 0, 0, 0

    def counted(lines: list[bytes]) -> Any:
        nonlocal judged, most
        if threading.current_thread().name == "journal-maintenance":
            judged += len(lines)
            most = max(most, judged)
        return codec.decode_lines(lines)

    def pause(_: Maintenance) -> bool:
        nonlocal judged, pauses
        judged = 0
        pauses += 1
        return False

    monkeypatch.setattr("journal.scan.decode_lines", counted)
    monkeypatch.setattr(Maintenance, "_pause", pause)
    state = {"text": "x" * SHORTEST}
    with DefaultSessionStore(tmp_path, durability="os") as store:
        for _ in range(8):
            for first in range(0, turns, FEW):
                some = range(first, first + FEW)
                store.set_many("s", [("native", f"t{number}", state) for number in some])
                finish_maintenance(store)  # else it has to read what is appended meanwhile, too
        for number in range(turns):
            store.set_runtime_state("s", "native", f"t{number}", state)
    assert list((tmp_path / "archive").iterdir()), "a compaction was to be among them"
    assert pauses > turns * SHORTEST // SLICE
    assert 0 < most <= 2 * SLICE // SHORTEST
