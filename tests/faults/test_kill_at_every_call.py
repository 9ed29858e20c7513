"""Killed, or failed by the operating system, at any call: the old state or the new.

Each operation is run again and again on a disk that stops, or fails, one call later
each time, until it gets through. Every time, what was acknowledged before must be
there, what was in progress must be there whole or not at all, and the next append and
the next compaction must work and leave nothing behind.
"""

import errno
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from journal.engines.files.directory import Directory
from journal.engines.files.log import LogOptions
from journal.engines.files.storage import DiskStorage
from journal.errors import JournalError
from projections.view import View
from tests.support import DiesAt, FailsAt, FaultyStorage, Killed, files_in, no_fault, set_event

SESSION = "s"
BASE = {"a": "2", "b": "1"}
MOST_CALLS = 60


def engine(folder: Path, storage: DiskStorage | None = None) -> Directory:
    return Directory(str(folder), LogOptions("fsync", 1.0, None, storage or DiskStorage()))


def turns(directory: Directory) -> dict[str, str] | None:
    """What the log folds to, `{turn: n}`; None when there is no session."""
    view = View()
    log = directory.open(SESSION, view)
    try:
        if not log.refresh():
            return None
        return {turn: state["n"] for turn, state in view.runtime("native").items()}
    finally:
        log.close()


def append(directory: Directory, *pairs: tuple[str, str]) -> None:
    log = directory.open(SESSION, View())
    try:
        log.append([set_event(turn, {"n": n}) for turn, n in pairs])
    finally:
        log.close()


def prepare(folder: Path) -> None:
    """A log with something dead in it, so that there is something to compact."""
    directory = engine(folder)
    append(directory, ("a", "1"))
    append(directory, ("b", "1"))
    append(directory, ("a", "2"))


def prepare_compacted(folder: Path) -> None:
    prepare(folder)
    engine(folder).compact(SESSION)
    engine(folder).pack(SESSION)
    append(engine(folder), ("b", "0"), ("b", "1"))


def prepare_archive(folder: Path) -> None:
    prepare(folder)
    engine(folder).compact(SESSION)


def prepare_torn(folder: Path) -> None:
    prepare(folder)
    with (folder / "s.jsonl").open("ab") as file:
        file.write(b'{"seq":4,"ts":"20')


def nothing(folder: Path) -> None:
    """No session yet."""


Operation = Callable[[Directory], object]
NEW = ("c", "1"), ("a", "3")

OPERATIONS: dict[str, tuple[Callable[[Path], None], Operation, list[dict[str, str] | None]]] = {
    "create": (nothing, lambda d: append(d, ("c", "1")), [None, {"c": "1"}]),
    "append": (prepare, lambda d: append(d, ("c", "1")), [BASE, {**BASE, "c": "1"}]),
    "append many": (prepare, lambda d: append(d, *NEW), [BASE, {"a": "3", "b": "1", "c": "1"}]),
    "repair": (prepare_torn, lambda d: append(d, ("c", "1")), [BASE, {**BASE, "c": "1"}]),
    "compact": (prepare, lambda d: d.compact(SESSION), [BASE]),
    "compact and drop": (prepare, lambda d: d.compact(SESSION, "drop"), [BASE]),
    "compact again": (prepare_compacted, lambda d: d.compact(SESSION), [BASE]),
    "pack": (
        prepare_archive,
        lambda d: d.pack(SESSION),
        [BASE],
    ),
    "delete": (prepare_compacted, lambda d: d.delete(SESSION, "s.json"), [BASE, None]),
}


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
        got_through = run(folder, operation, kind, number)
        after = turns(engine(folder))
        assert after in allowed, (number, after)
        if got_through:
            assert after == allowed[-1]
            assert number > 0, "no call was ever made to go wrong"
            return
        check_it_goes_on(folder, after)
    raise AssertionError(f"{name} makes more than {MOST_CALLS} calls")


def run(folder: Path, operation: Operation, kind: str, number: int) -> bool:
    """Run with the `number`th call going wrong. Whether there were so few calls."""
    if kind == "killed":
        death = DiesAt(number)
        try:
            operation(engine(folder, FaultyStorage(death)))
        except Killed:
            return False
        return not death.dead
    failure = FailsAt(number, errno.ENOSPC if kind == "no space" else errno.EIO)
    try:
        operation(engine(folder, FaultyStorage(failure)))
    except JournalError:
        assert failure.failed is not None
        return False
    return failure.failed is None


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
    leftovers = {
        name
        for name in files_in(folder)
        if not (name == "s.jsonl" or name.endswith((".jsonl.gz", ".torn")))
    }
    assert leftovers == set()


def test_a_fault_free_disk_behaves_like_the_real_one(tmp_path: Path) -> None:
    """The test double itself must not be what makes the other tests pass."""
    directory = engine(tmp_path, FaultyStorage(no_fault))
    append(directory, ("a", "1"))
    assert turns(directory) == {"a": "1"}
