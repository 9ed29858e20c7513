"""Forks, killed or failed at any storage call: no fork or a whole one, and its origin as it was.

What is done to a session that was forked, or to a fork, leaves the other as it was, too.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from journal.engines.files.directory import Directory
from projections.store.folded import FoldedSession
from projections.view import View
from tests.faults.crashes.log_operations import (
    BASE,
    MOST_CALLS,
    append,
    engine,
    prepare,
    run_with_fault,
    turns,
)
from tests.support import set_event

ORIGIN = "o"
ORIGINS = {"a": "2", "b": "1", "later": "1"}
LATER = ("later", "1")
States = dict[str, str] | None


def states(directory: Directory, session: str) -> States:
    log = directory.open(session, view := View())
    try:
        if not log.refresh():
            return None
        return {turn: state["n"] for turn, state in view.runtime("native").items()}
    finally:
        log.close()


def write(directory: Directory, session: str, *pairs: tuple[str, str]) -> None:
    log = directory.open(session, View())
    try:
        log.append([set_event(turn, {"n": n}) for turn, n in pairs])
    finally:
        log.close()


def origin(folder: Path) -> None:
    directory = engine(folder)
    for pair in (("a", "1"), ("b", "1"), ("a", "2")):
        write(directory, ORIGIN, pair)


def longer(folder: Path) -> None:
    """The fork is to begin before the end."""
    origin(folder)
    write(engine(folder), ORIGIN, LATER)


def compacted(folder: Path) -> None:
    """The fork is to begin in an archive, one of two that are packed."""
    origin(folder)
    engine(folder).compact(ORIGIN)
    write(engine(folder), ORIGIN, LATER)
    write(engine(folder), ORIGIN, LATER)
    engine(folder).compact(ORIGIN)
    engine(folder).pack(ORIGIN)


def forked(folder: Path) -> None:
    longer(folder)
    engine(folder).fork(ORIGIN, "s", 3)


def forked_and_written(folder: Path) -> None:
    forked(folder)
    append(engine(folder), ("a", "3"))


def forked_before(folder: Path) -> None:
    """An earlier attempt died before the log was there."""
    forked(folder)
    (folder / "s.jsonl").unlink()


def save(directory: Directory) -> None:
    log = directory.open("s", FoldedSession())
    log.save()
    log.close()


NEW = {**BASE, "a": "3"}
Row = tuple[Callable[[Path], None], Callable[[Directory], object], list[States], list[States]]

OPERATIONS: dict[str, Row] = {
    "fork at the head": (origin, lambda d: d.fork(ORIGIN, "s"), [None, BASE], [BASE]),
    "fork earlier": (longer, lambda d: d.fork(ORIGIN, "s", 3), [None, BASE], [ORIGINS]),
    "fork at no event": (origin, lambda d: d.fork(ORIGIN, "s", 0), [None, {}], [BASE]),
    "fork an archive": (compacted, lambda d: d.fork(ORIGIN, "s", 3), [None, BASE], [ORIGINS]),
    "fork again": (forked_before, lambda d: d.fork(ORIGIN, "s", 3), [None, BASE], [ORIGINS]),
    "fork a fork": (
        forked_and_written,
        lambda d: d.fork("s", "t"),
        [NEW],
        [ORIGINS],
    ),
    "write to a fork": (forked, lambda d: append(d, ("a", "3")), [BASE, NEW], [ORIGINS]),
    "write to the origin": (
        forked,
        lambda d: write(d, ORIGIN, ("a", "4")),
        [BASE],
        [ORIGINS, {**ORIGINS, "a": "4"}],
    ),
    "compact a fork": (forked_and_written, lambda d: d.compact("s"), [NEW], [ORIGINS]),
    "compact and drop a fork": (
        forked_and_written,
        lambda d: d.compact("s", "drop"),
        [NEW],
        [ORIGINS],
    ),
    "compact the origin": (forked, lambda d: d.compact(ORIGIN), [BASE], [ORIGINS]),
    "compact and drop the origin": (
        forked,
        lambda d: d.compact(ORIGIN, "drop"),
        [BASE],
        [ORIGINS],
    ),
    "save a fork": (forked, save, [BASE], [ORIGINS]),
    "delete a fork": (forked_and_written, lambda d: d.delete("s"), [NEW, None], [ORIGINS]),
    "delete the origin": (
        forked,
        lambda d: d.delete(ORIGIN, force=True),
        [BASE],
        [ORIGINS, None],
    ),
}


@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize("kind", ["killed", "no space", "I/O error"])
def test_a_whole_fork_or_none(tmp_path: Path, name: str, kind: str) -> None:
    begin, operation, forks, origins = OPERATIONS[name]
    for number in range(MOST_CALLS):
        folder = tmp_path / str(number)
        folder.mkdir()
        begin(folder)
        got_through = run_with_fault(folder, operation, kind, number)
        directory = engine(folder)
        of_fork, of_origin = turns(directory), states(directory, ORIGIN)
        assert of_fork in forks, (number, of_fork)
        assert of_origin in origins, (number, of_origin)
        if got_through:
            assert (of_fork, of_origin) == (forks[-1], origins[-1])
            assert number > 0, "no call was ever made to go wrong"
            return
        check_both_go_on(folder, of_fork, of_origin)
    raise AssertionError(f"{name} makes more than {MOST_CALLS} calls")


def check_both_go_on(folder: Path, of_fork: States, of_origin: States) -> None:
    directory = engine(folder)
    for session, before in (("s", of_fork), (ORIGIN, of_origin)):
        expected = {**(before or {}), "next": "1"}
        write(directory, session, ("next", "1"))
        assert states(directory, session) == expected
        assert directory.verify(session).ok, directory.verify(session).problems
        directory.compact(session)
        directory.pack(session)
        assert states(directory, session) == expected
        assert directory.verify(session).ok, directory.verify(session).problems
    directory.fork("s", "again")
    assert states(directory, "again") == states(directory, "s")
    assert directory.verify("again").ok


def test_what_a_killed_fork_leaves_does_not_keep_another_from_being_made(tmp_path: Path) -> None:
    for number in range(MOST_CALLS):
        folder = tmp_path / str(number)
        folder.mkdir()
        compacted(folder)
        if run_with_fault(folder, lambda d: d.fork(ORIGIN, "s", 3), "killed", number):
            assert number > 5
            return
        directory = engine(folder)
        if states(directory, "s") is None:
            directory.fork(ORIGIN, "s", 3)
        assert states(directory, "s") == BASE
        assert directory.verify("s").ok
    raise AssertionError("it makes more calls")


def test_prepare_is_what_the_operations_begin_with(tmp_path: Path) -> None:
    prepare(tmp_path)
    assert turns(engine(tmp_path)) == BASE
