"""What a compaction syncs, and when."""

from pathlib import Path
from typing import Any

import pytest

from tests.journal.engines.compaction.steps import directory, write_log
from tests.support import (
    FaultyStorage,
    open_log,
    set_event,
    turns_in,
)


@pytest.mark.parametrize("operation", ["compact", "pack", "begin"])
def test_nothing_is_renamed_before_it_is_synced(tmp_path: Path, operation: str) -> None:
    """A rename may reach the disk before what was written under the old name."""
    log, _ = open_log(tmp_path)
    log.append([set_event("a"), set_event("a")])
    if operation == "pack":
        directory(tmp_path).compact("s")
    dirty: set[object] = set()
    renamed: list[object] = []

    def watch(name: str, args: tuple[object, ...]) -> None:
        if name in ("write", "truncate"):
            dirty.add(args[0])
        elif name in ("sync", "close"):
            assert name == "sync" or args[0] not in dirty, "closed before it was synced"
            dirty.discard(args[0])
        elif name == "rename":
            assert dirty == set(), "renamed before it was synced"
            renamed.append(args)

    storage = FaultyStorage(watch)
    if operation == "begin":
        fresh, _ = open_log(tmp_path, "older", storage=storage)
        fresh.append([set_event("new")], import_events=lambda: [set_event("imported")])
    elif operation == "compact":
        appended: list[str] = []

        def append_meanwhile(name: str, args: tuple[object, ...]) -> None:
            watch(name, args)
            if name == "sync" and not appended:
                appended.append("b")
                log.append([set_event("b")])

        directory(tmp_path, FaultyStorage(append_meanwhile)).compact("s")
        assert turns_in(tmp_path) == ["a", "b"]
    else:
        directory(tmp_path, storage).pack("s")
    assert len(renamed) == 1


def test_what_was_copied_is_on_the_disk_before_the_writers_are_made_to_wait(
    tmp_path: Path,
) -> None:
    write_log(tmp_path)
    log, _ = open_log(tmp_path)
    dirty: set[object] = set()
    waits: list[set[object]] = []
    sizes: list[int] = []
    left = ["sync"]

    def watch(name: str, args: tuple[Any, ...]) -> None:
        if name == "write":
            dirty.add(args[0])
        elif name == "sync":
            dirty.discard(args[0])
        elif name == "lock":
            waits.append(set(dirty))
            sizes.append((tmp_path / "s.jsonl.new").stat().st_size)
        if name in left:
            left.remove(name)
            log.append([set_event("c", {"x": "y" * (1 << 17)})])

    directory(tmp_path, FaultyStorage(watch)).compact("s")
    assert waits == [set(), set()], "of the scratch file, then of the log"
    assert sizes[1] == (tmp_path / "s.jsonl").stat().st_size
    assert turns_in(tmp_path) == ["a", "b", "c"]


def test_what_may_take_long_to_sync_is_synced_before_the_writers_are_caught_up_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What they append during such a sync is copied without making them wait."""
    write_log(tmp_path)
    numbers: list[int] = []
    monkeypatch.setattr(
        "journal.engines.files.logfile.tell_after_fork", lambda file: numbers.append(file.fd)
    )
    calls: list[tuple[str, Any]] = []
    storage = FaultyStorage(lambda name, args: calls.append((name, args[0] if args else None)))
    assert directory(tmp_path, storage).compact("s") is not None
    old, new = numbers
    proof = calls.index(("read", new))
    assert ("sync", new) in calls[:proof], "what is proven is what the disk has"
    caught_up = calls.index(("size", old), proof)
    assert ("sync", old) in calls[proof:caught_up]
    locked = calls.index(("lock", old))
    assert {("sync", old), ("sync", new)} <= set(calls[caught_up:locked])


def test_the_archive_is_on_the_disk_before_what_it_archives_is_replaced(tmp_path: Path) -> None:
    write_log(tmp_path)
    calls: list[tuple[str, Any]] = []
    storage = FaultyStorage(lambda name, args: calls.append((name, args[0] if args else None)))
    directory(tmp_path, storage).compact("s")
    archive = str(tmp_path / "archive")
    made = calls.index(("make_folder", archive))
    renamed = [name for name, _ in calls].index("rename")
    assert ("sync_folder", str(tmp_path)) in calls[made:renamed]
    assert ("sync_folder", archive) in calls[made:renamed]
    assert ("sync_folder", str(tmp_path)) in calls[renamed:]
