"""Stores that prune by themselves: in the background, and one process of a folder at a time."""

import logging
import os
from datetime import timedelta
from pathlib import Path

import pytest

from journal import Prune, SessionConfig
from journal.engines.files.storage import DiskStorage
from journal.names import PRUNE_MARK
from projections import DefaultSessionStore
from projections.store.pruning.schedule import claimed
from tests.projections.doctor.examining import examine
from tests.support import finish, finish_maintenance, python

HOUR = timedelta(hours=1)
DISK = DiskStorage()


def put(store: DefaultSessionStore, session: str) -> None:
    store.set_runtime_state(session, "native", "turn", {"status": "completed"})


def ids(store: DefaultSessionStore) -> set[str]:
    return {info["session_id"] for info in store.list_sessions()}


def test_a_store_prunes_by_itself_after_its_first_write(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with DefaultSessionStore(tmp_path) as before:
        for session in ("a", "b", "c"):
            put(before, session)
    caplog.set_level(logging.INFO, "journal")
    with DefaultSessionStore(tmp_path, prune=Prune(keep_last=2)) as store:
        assert ids(store) == {"a", "b", "c"}, "nothing is done before"
        put(store, "d")
        finish_maintenance(store)
        assert ids(store) == {"c", "d"}
        put(store, "e")
        finish_maintenance(store)
        assert ids(store) == {"c", "d", "e"}, "an hour is not over"
    assert "pruned 2 sessions" in caplog.text


def test_a_store_in_memory_does_so_too() -> None:
    rule = Prune(keep_last=1, every=timedelta(0))
    memory = SessionConfig(persist=False, mirror_runtime_state=True)
    with DefaultSessionStore(config=memory, prune=rule) as store:
        for session in ("a", "b", "c"):
            put(store, session)
            finish_maintenance(store)
        assert ids(store) == {"c"}


def test_a_rule_of_another_type_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match=r"journal\.Prune"):
        DefaultSessionStore(tmp_path, prune=30)  # type: ignore[arg-type]


def test_a_folder_is_pruned_by_one_at_a_time_and_once_in_a_while(tmp_path: Path) -> None:
    folder = str(tmp_path)
    with claimed(DISK, folder, HOUR) as first, claimed(DISK, folder, HOUR) as second:
        assert (first, second) == (True, False)
    with claimed(DISK, folder, HOUR) as soon:
        assert not soon
    mark = tmp_path / PRUNE_MARK
    before = mark.stat().st_mtime - 3601
    os.utime(mark, (before, before))
    with claimed(DISK, folder, HOUR) as later:
        assert later
    with claimed(DISK, str(tmp_path / "none"), HOUR) as nowhere:
        assert not nowhere


def test_who_dies_at_it_has_not_pruned(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="died"), claimed(DISK, str(tmp_path), HOUR):
        raise OSError("died")
    with claimed(DISK, str(tmp_path), HOUR) as again:
        assert again


def test_of_many_processes_that_begin_together_one_prunes(tmp_path: Path) -> None:
    code = """
import sys
from datetime import timedelta
from journal.engines.files.storage import DiskStorage
from projections.store.pruning.schedule import claimed
sys.stdin.readline()
with claimed(DiskStorage(), sys.argv[1], timedelta(hours=1)) as is_ours:
    print(is_ours)
"""
    processes = [python(code, str(tmp_path), stdin=-1) for _ in range(4)]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    assert sorted(finish(processes)) == ["False\n"] * 3 + ["True\n"]


def test_the_doctor_knows_the_file_that_says_when_it_was_pruned(tmp_path: Path) -> None:
    with DefaultSessionStore(tmp_path, prune=Prune(keep_last=1)) as store:
        for session in ("a", "b"):
            put(store, session)
            finish_maintenance(store)
    assert (tmp_path / PRUNE_MARK).stat().st_mode & 0o777 == 0o600
    assert examine(str(tmp_path)) == []
