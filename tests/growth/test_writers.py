"""Writers beside others: what an append costs after many of theirs."""

from pathlib import Path

import pytest

from journal.engines.files.directory import Directory
from journal.engines.files.log import LogOptions
from tests.growth.counting import steps
from tests.support import open_log, set_event


@pytest.mark.parametrize("compacts", [False, True])
def test_an_append_after_many_of_others_reads_none_of_them(tmp_path: Path, compacts: bool) -> None:
    def append_after(others: int) -> int:
        folder = tmp_path / str(others)
        log, _ = open_log(folder)
        other, _ = open_log(folder)
        log.append([set_event("mine")])
        other.append([set_event(f"t{number}") for number in range(others)])
        if compacts:
            other.append([set_event("t0")])
            assert Directory(str(folder), LogOptions("os")).compact("s") is not None
        return steps(lambda: log.append([set_event("mine")]))

    few, many = append_after(200), append_after(400)
    assert many == pytest.approx(few, abs=50), "nothing but their bytes may count"
