"""Writers beside others: what an append costs after many of theirs."""

import os
from pathlib import Path
from typing import Any

import pytest

from journal.engines.files.directory import Directory
from journal.engines.files.log import LogOptions
from projections import DefaultSessionStore
from tests.growth.counting import steps
from tests.support import FaultyStorage, open_log, set_event


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


def is_log(fd: int) -> bool:
    return os.readlink(f"/proc/self/fd/{fd}").endswith(".jsonl")


def test_a_takeover_after_many_of_others_reads_them_before_it_takes_the_lock(
    tmp_path: Path,
) -> None:
    """Nobody else can write while it is held."""

    def read_with_the_lock(others: int) -> int:
        folder = tmp_path / str(others)
        held, read = False, 0

        def note(name: str, args: tuple[Any, ...]) -> None:
            nonlocal held, read
            if name not in ("lock", "unlock", "read") or not is_log(args[0]):
                return
            held = name == "lock" or (held and name != "unlock")
            if name == "read" and held:
                read += args[1]

        storage = FaultyStorage(note)
        with DefaultSessionStore(folder, durability="os", storage=storage) as store:
            store.set_runtime_state("s", "native", "t", {})
            other, _ = open_log(folder)
            other.append([set_event(f"t{number}") for number in range(others)])
            store.set_runtime_state("s", "native", "t", {})
            read = 0
            assert len(store.take_over("s", "native")["native"]) == others + 1
        return read

    assert read_with_the_lock(2000) == read_with_the_lock(1000)


def test_a_long_line_is_compacted_in_pieces_that_grow_with_it(tmp_path: Path) -> None:
    """Each piece is joined to what came before of the line."""

    def pieces(megabytes: int) -> int:
        folder = tmp_path / str(megabytes)
        log, _ = open_log(folder)
        log.append([set_event("t", {"text": "x" * (megabytes << 20)}), set_event("a")])
        log.append([set_event("a")])
        read: list[int] = []

        def note(name: str, args: tuple[Any, ...]) -> None:
            if name == "read":
                read.append(args[1])

        options = LogOptions("os", storage=FaultyStorage(note))
        assert Directory(str(folder), options).compact("s") is not None
        return len(read)

    few, many = pieces(4), pieces(8)
    assert many - few <= 3 * 4, "one more for each megabyte, each time it is read"
    assert few < 60


def test_what_is_saved_grows_with_what_is_appended_and_not_with_the_log(tmp_path: Path) -> None:
    """Of a view that stays as large as it is, however often it is flushed."""

    def written(sets: int) -> int:
        count = 0

        def note(name: str, args: tuple[Any, ...]) -> None:
            nonlocal count
            if name == "write" and os.readlink(f"/proc/self/fd/{args[0]}").endswith(
                ".snapshot.new"
            ):
                count += len(args[1])

        with DefaultSessionStore(
            tmp_path / str(sets), durability="os", storage=FaultyStorage(note), auto_compact=False
        ) as store:
            for number in range(sets):
                store.set_runtime_state("s", "native", f"t{number % 20}", {"text": "x" * 400})
                store.flush()
        return count

    few, many = written(400), written(800)
    assert few > 0
    assert many <= 2.2 * few
