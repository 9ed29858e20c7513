"""Killed, or failed by the operating system, at any call: the old state or the new.

Each operation is run again and again on a disk that stops, or fails, one call later
each time, until it gets through. Every time, what was acknowledged before must be
there, what was in progress must be there whole or not at all, and the next append, the
next compaction and the next save must work and leave nothing behind. Logs are opened from
their snapshots, short as they are.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.crashes.log_operations import (
    MOST_CALLS,
    OPERATIONS,
    SESSION,
    append,
    engine,
    run_with_fault,
    save,
    turns,
)
from tests.faults.snapshots import of_any_log
from tests.support import FaultyStorage, files_in, no_fault


@pytest.fixture(autouse=True)
def _of_any_log() -> Iterator[None]:
    with of_any_log():
        yield


@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize("kind", ["killed", "no space", "I/O error"])
def test_old_or_new_never_neither(tmp_path: Path, name: str, kind: str) -> None:
    begin, operation, allowed = OPERATIONS[name]
    template = tmp_path / "template"
    template.mkdir()
    begin(template)
    for number in range(MOST_CALLS):
        folder = tmp_path / str(number)
        shutil.copytree(template, folder)
        got_through = run_with_fault(folder, operation, kind, number)
        after = turns(engine(folder))
        assert after in allowed, (number, after)
        if got_through:
            assert after == allowed[-1]
            assert number > 0, "no call was ever made to go wrong"
            return
        check_it_goes_on(folder, after)
    raise AssertionError(f"{name} makes more than {MOST_CALLS} calls")


def check_it_goes_on(folder: Path, before: dict[str, str] | None) -> None:
    directory = engine(folder)
    append(directory, ("next", "1"), ("next", "2"))
    assert turns(directory) == {**(before or {}), "next": "2"}
    report = directory.verify(SESSION)
    assert report.ok, report.problems
    directory.compact(SESSION)
    directory.pack(SESSION)
    assert turns(directory) == {**(before or {}), "next": "2"}
    report = directory.verify(SESSION)
    assert report.ok, report.problems
    save(directory)
    assert turns(directory) == {**(before or {}), "next": "2"}
    leftovers = {
        name
        for name in files_in(folder)
        if not (name in ("s.jsonl", "s.snapshot") or name.endswith((".jsonl.gz", ".torn")))
    }
    assert leftovers == set()


def test_a_fault_free_disk_behaves_like_the_real_one(tmp_path: Path) -> None:
    """The test double itself must not be what makes the other tests pass."""
    directory = engine(tmp_path, FaultyStorage(no_fault))
    append(directory, ("a", "1"))
    assert turns(directory) == {"a": "1"}
