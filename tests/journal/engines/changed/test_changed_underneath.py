"""A log that other programs change, lock or no lock, under processes that have it open.

Somebody empties it, puts an older copy or another branch over it or in its place, cuts it,
moves or deletes it. Then nothing that is acknowledged afterwards may be lost, the chain goes
on from the file as it is, and what is gone from view is reported: once, by each process.
"""

import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from journal.engines.files.directory import Directory
from journal.engines.files.log import LogOptions
from journal.errors import AppendError, DamagedError, JournalError, StorageError
from journal.room import Answer
from projections import DefaultSessionStore
from tests.journal.engines.changed.strokes import (
    STROKES,
    Clock,
    Reports,
    empty,
    grown,
    prepare,
    problems_in,
)
from tests.support import (
    FaultyStorage,
    no_fault,
    open_log,
    set_event,
    turns_in,
)


@pytest.mark.parametrize("durability", ["os", "fsync"])
@pytest.mark.parametrize("stroke", STROKES)
class TestAStroke:
    def test_is_noticed_by_the_next_append(
        self, tmp_path: Path, clock: Clock, reports: Reports, stroke: str, durability: str
    ) -> None:
        path = prepare(tmp_path)
        strike, what, left = STROKES[stroke]
        log, recorder = grown(path, durability=durability)
        strike(path)
        log.append([set_event("after")])
        assert recorder.turns == [*left, "after"] == turns_in(path.parent)
        assert problems_in(path.parent) == []
        (report,) = reports.losses
        assert what in report
        assert f"session 's': {path}" in report
        clock.now += 2.0
        log.append([set_event("more")])
        assert log.refresh()
        assert len(reports.losses) == 1, "it was said once"
        assert recorder.turns == [*left, "after", "more"] == turns_in(path.parent)

    def test_is_noticed_by_a_look_a_second_later(
        self, tmp_path: Path, clock: Clock, reports: Reports, stroke: str, durability: str
    ) -> None:
        path = prepare(tmp_path)
        strike, what, left = STROKES[stroke]
        writer, _ = grown(path, durability=durability)
        writer.close()
        log, recorder = open_log(path.parent)
        assert log.refresh()
        strike(path)
        clock.now += 1.0
        assert log.refresh() == bool(left)
        assert recorder.turns == left
        (report,) = reports.losses
        assert what in report
        clock.now += 1.0
        log.refresh()
        assert len(reports.losses) == 1, "it was said once"

    def test_is_noticed_by_the_first_append_of_a_reader(
        self, tmp_path: Path, clock: Clock, reports: Reports, stroke: str, durability: str
    ) -> None:
        """Its file is open for reading only, and has to be opened for writing."""
        path = prepare(tmp_path)
        strike, what, left = STROKES[stroke]
        writer, _ = grown(path)
        writer.close()
        log, recorder = open_log(path.parent, writer="w", durability=durability)
        assert log.refresh()
        strike(path)
        log.append([set_event("after")])
        assert recorder.turns == [*left, "after"] == turns_in(path.parent)
        assert problems_in(path.parent) == []
        (report,) = reports.losses
        assert what in report

    def test_is_noticed_by_an_append_that_must_not_wait(
        self, tmp_path: Path, clock: Clock, reports: Reports, stroke: str, durability: str
    ) -> None:
        path = prepare(tmp_path)
        strike, _, left = STROKES[stroke]
        log, _ = grown(path)
        assert log.append_at_once([set_event("t5")])
        strike(path)
        assert not log.append_at_once([set_event("after")]), "somebody has to read anew"
        log.append([set_event("after")])
        assert turns_in(path.parent) == [*left, "after"]
        assert len(reports.losses) == 1


@pytest.mark.parametrize("stroke", ["an older copy in its place", "deleted", "the folder moved"])
def test_a_reader_that_was_closed_says_what_it_can_know(
    tmp_path: Path, reports: Reports, stroke: str
) -> None:
    """While nobody looked, a session may have been deleted; but no log becomes an older one."""
    path = prepare(tmp_path)
    log, recorder = grown(path)
    log.close()
    STROKES[stroke][0](path)
    assert log.refresh() == bool(STROKES[stroke][2])
    assert recorder.turns == STROKES[stroke][2]
    assert len(reports.losses) == (stroke == "an older copy in its place")


@pytest.mark.parametrize("stroke", STROKES)
@pytest.mark.parametrize("then", ["read", "append"])
def test_a_log_that_was_closed_to_make_room_is_compared_when_it_is_opened_again(
    tmp_path: Path, reports: Reports, stroke: str, then: str
) -> None:
    path = prepare(tmp_path)
    strike, _, left = STROKES[stroke]
    log, recorder = grown(path)
    assert log.close_idle() is Answer.CLOSED
    strike(path)
    if then == "append":
        log.append([set_event("after")])
        left = [*left, "after"]
    assert log.refresh() == bool(left)
    assert recorder.turns == left == turns_in(path.parent)
    assert len(reports.losses) <= 1


@pytest.mark.parametrize("then", ["nothing", "made again"])
@pytest.mark.parametrize("compacted", [False, True])
def test_a_deletion_by_another_process_is_no_loss(
    tmp_path: Path, clock: Clock, reports: Reports, then: str, compacted: bool
) -> None:
    log, recorder = open_log(tmp_path)
    log.append([set_event("a")])
    log.append([set_event("a")])
    other = Directory(str(tmp_path), LogOptions("os"))
    if compacted:
        assert other.compact("s") is not None
    assert other.delete("s")
    if then == "made again":
        anew, _ = open_log(tmp_path)
        anew.append([set_event("b")])
    clock.now += 1.0
    log.refresh()
    log.append([set_event("c")])
    assert recorder.turns == [*(["b"] if then == "made again" else []), "c"]
    assert reports.texts == []


def test_a_log_emptied_that_has_archives_is_an_error(tmp_path: Path, clock: Clock) -> None:
    log, _ = open_log(tmp_path)
    log.append([set_event("a")])
    log.append([set_event("a")])
    assert Directory(str(tmp_path), LogOptions("os")).compact("s") is not None
    log.append([set_event("a")])
    empty(tmp_path / "s.jsonl")
    for _ in range(2):
        with pytest.raises(DamagedError):
            log.append([set_event("b")])
        clock.now += 1.0
        with pytest.raises(DamagedError):
            log.refresh()


# In the middle of an append: before each of its calls.

CALLS = 12


@pytest.mark.parametrize("durability", ["os", "fsync"])
@pytest.mark.parametrize("stroke", STROKES)
def test_a_stroke_in_the_middle_of_an_append_loses_nothing_silently(
    tmp_path: Path, reports: Reports, stroke: str, durability: str
) -> None:
    """With "fsync", True is for the file that the path leads to when the sync returns.

    Only between our look and our write can a stranger make us write to the wrong place.
    """
    outcomes: Counter[str] = Counter()
    for number in range(CALLS):
        folder = tmp_path / str(number)
        path = prepare(folder)
        calls: list[str] = []

        def fault(
            name: str, args: tuple[Any, ...], calls: list[str] = calls, path: Path = path
        ) -> None:
            if len(calls) == number:  # noqa: B023 - it is called in this very round
                STROKES[stroke][0](path)
            calls.append(name)

        storage = FaultyStorage(no_fault)
        log, _ = open_log(path.parent, writer="w", storage=storage, durability=durability)
        for turn in ("t3", "t4"):
            log.append([set_event(turn)])
        storage.fault = fault
        try:
            log.append([set_event("after")])
            outcome = "done"
        except AppendError:
            outcome = "not appended"
        except StorageError:
            outcome = "unknown"
        storage.fault = no_fault
        if len(calls) <= number:
            break
        there = "after" in turns_in(path.parent)
        outcomes[f"{outcome}, {'there' if there else 'not there'}"] += 1
        replaced = calls[number:].count("find") and not _keeps_the_inode(stroke)
        if outcome == "done" and durability == "fsync" and replaced:
            assert there, f"True for a file that is gone, after {calls[:number]}"
        if outcome == "not appended":
            assert not there, f"appended again, it would be there twice: {calls[:number]}"
        assert outcome != "unknown"
        again, _ = open_log(path.parent, writer="w")
        again.append([set_event("next")])
        assert turns_in(path.parent)[-1] == "next"
    else:
        pytest.fail("an append makes more calls than were struck")
    assert outcomes["done, there"] >= 3, "the strokes before the look cost nothing"


def _keeps_the_inode(stroke: str) -> bool:
    return " over it" in stroke or stroke.startswith(("emptied", "cut"))


def test_the_store_says_so_and_goes_on(tmp_path: Path, reports: Reports, clock: Clock) -> None:
    """The same through the public store, its view and its session file."""
    folder = tmp_path / "s"
    with DefaultSessionStore(folder) as store:
        store.set_runtime_state("s", "native", "t1", {"v": 1})
        store.flush()
        shutil.copytree(folder, tmp_path / "copy")
        store.set_runtime_state("s", "native", "t2", {"v": 2})
        shutil.copy(tmp_path / "copy" / "s.jsonl", folder / "s.jsonl")
        assert store.set_runtime_state("s", "native", "t3", {"v": 3})
        assert store.get_runtime_state("s", "native") == {"t1": {"v": 1}, "t3": {"v": 3}}
        assert store.verify("s").ok
        (report,) = reports.losses
        assert "event 2" in report
        shutil.copy(tmp_path / "copy" / "s.jsonl", folder / "s.jsonl")
        clock.now += 1.0
        assert store.get_runtime_state("s", "native") == {"t1": {"v": 1}}
        assert len(reports.losses) == 2
    (folder / "s.jsonl").write_bytes(b"garbage\n")
    with DefaultSessionStore(folder) as store, pytest.raises(JournalError):
        store.set_runtime_state("s", "native", "t", {})
