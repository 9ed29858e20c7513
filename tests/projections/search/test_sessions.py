"""Searching many logs: in parts, by several processes, while others change them."""

import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from journal.engines.files.storage import DiskStorage
from projections import DefaultSessionStore
from projections.search import sessions as searched
from projections.search import sweep
from projections.search.pattern import Pattern
from projections.search.sessions import Search, SearchOptions
from tests.support import FaultyStorage


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DefaultSessionStore]:
    with DefaultSessionStore(tmp_path, durability="os", auto_compact=False, redact=None) as store:
        yield store


@pytest.fixture
def in_small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(searched, "PART", 700)
    monkeypatch.setattr(sweep, "_CHUNK", 256)


def fill(store: DefaultSessionStore, session: str, count: int, seed: int = 1) -> None:
    """Sets of turns, each said once; every fifth or so has the word `needle`."""
    chance = random.Random(seed)
    for n in range(count):
        words = chance.choices(["hay", "Straße", "two\nlines", 'a "quote"'], k=chance.randrange(9))
        if chance.randrange(5) == 0:
            words.append("needle")
        store.set_runtime_state(session, "native", f"turn-{n}", {"n": n, "text": " ".join(words)})


def found(
    store: DefaultSessionStore,
    pattern: str,
    choice: SearchOptions | None = None,
    storage: DiskStorage | None = None,
) -> list[tuple[str, int]]:
    """Session and seq of all matches."""
    sessions = sorted(info["session_id"] for info in store.list_sessions())
    search = Search(store, storage or DiskStorage(), Pattern(pattern), choice or SearchOptions())
    result = [(match.session_id, match.event.seq) for match in search.matches(sessions)]
    assert search.failures == []
    return result


def expected(store: DefaultSessionStore, word: str) -> list[tuple[str, int]]:
    return [
        (info["session_id"], step.event.seq)
        for info in sorted(store.list_sessions(), key=lambda info: info["session_id"])
        for step in store.replay(info["session_id"])
        if word in str(step.state)
    ]


def crowd(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Have three processes search, however little there is. Returns a list of those started."""
    monkeypatch.setattr(searched, "_WORTH_A_CREW", 0)
    monkeypatch.setattr(searched, "_processors", lambda: 3)
    started: list[int] = []
    fork = os.fork

    def counted() -> int:
        pid = fork()
        started.append(pid)
        return pid

    monkeypatch.setattr(os, "fork", counted)
    return started


@pytest.mark.parametrize("processes", [1, 3])
@pytest.mark.parametrize("part", [300, 700, 5000, 1 << 22])
def test_parts_and_processes_make_no_difference(
    store: DefaultSessionStore, monkeypatch: pytest.MonkeyPatch, part: int, processes: int
) -> None:
    for number, session in enumerate(("a", "b", "c/d")):
        fill(store, session, 40, seed=number)
    store.compact("b")
    fill(store, "b", 10, seed=9)
    monkeypatch.setattr(searched, "PART", part)
    monkeypatch.setattr(sweep, "_CHUNK", 256)
    started = crowd(monkeypatch) if processes > 1 else []
    wanted = expected(store, "needle")
    assert len(wanted) > 15
    assert found(store, "needle") == wanted
    assert bool(started) is (processes > 1 and part < 1 << 20), "one task is done here"
    everything = expected(store, "")
    others = [each for each in everything if each not in wanted]
    assert found(store, "needle", SearchOptions(invert=True)) == others
    for pid in started:
        with pytest.raises(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)


def damaged(path: Path, change: Callable[[list[bytes]], list[bytes]]) -> None:
    path.write_bytes(b"".join(change(path.read_bytes().splitlines(keepends=True))))


CHANGES: dict[str, Callable[[list[bytes]], list[bytes]]] = {
    "a line that is none": lambda lines: [*lines[:20], b"garbage\n", *lines[20:]],
    "a line is missing": lambda lines: [*lines[:20], *lines[21:]],
    "a line comes twice": lambda lines: [*lines[:21], *lines[20:]],
    "lines are glued": lambda lines: [*lines[:20], lines[20].rstrip(b"\n"), *lines[21:]],
    "a line is torn apart": lambda lines: [
        *lines[:20],
        lines[20][:50] + b"\n" + lines[20][50:],
        *lines[21:],
    ],
    "a match is not intact": lambda lines: [
        line.replace(b"needle", b"NEEDLE") if number > 9 and b"needle" in line else line
        for number, line in enumerate(lines)
    ],
    "the header is gone": lambda lines: lines[1:],
    "the last newline is missing": lambda lines: [*lines[:-1], lines[-1].rstrip(b"\n")],
    "blank lines": lambda lines: [*lines[:5], b"\n", *lines[5:], b"\n\n"],
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=list(CHANGES))
@pytest.mark.parametrize("processes", [1, 3])
def test_of_a_damaged_log_all_that_other_readers_read_is_searched(
    store: DefaultSessionStore,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    in_small_parts: None,
    change: Callable[[list[bytes]], list[bytes]],
    processes: int,
) -> None:
    for session in ("a", "b", "c"):
        fill(store, session, 40)
    store.close()
    damaged(tmp_path / "b.jsonl", change)
    if processes > 1:
        crowd(monkeypatch)
    with DefaultSessionStore(tmp_path, durability="os", auto_compact=False) as reader:
        assert found(reader, "(?i)needle") == expected(reader, "needle")


def test_each_event_of_log_and_archives_is_told_once(store: DefaultSessionStore) -> None:
    fill(store, "a", 30)
    history = expected(store, "needle")
    for n in range(30):  # what was said is overwritten, but for the last few
        if n < 25:
            store.set_runtime_state("a", "native", f"turn-{n}", {"n": n, "text": "gone"})
    store.compact("a")
    fill(store, "z", 5)
    left = [each for each in history if each[1] > 25]
    assert left
    assert [each for each in found(store, "needle") if each[0] == "a"] == left
    archived = found(store, "needle", SearchOptions(archives=True))
    assert [each for each in archived if each[0] == "a"] == history


def test_what_later_states_of_a_turn_repeat_is_told_once(store: DefaultSessionStore) -> None:
    for text in ("nothing", "the needle", "the needle, and more", "a new needle", "a new needle"):
        store.set_runtime_state("a", "native", "turn-1", {"text": text})
        store.set_runtime_state("a", "other", "turn-1", {"text": "hay"})
    assert found(store, "needle") == [("a", 3), ("a", 7)]
    assert found(store, "needle", SearchOptions(repeats=True)) == [
        ("a", seq) for seq in (3, 5, 7, 9)
    ]
    store.set_runtime_state("a", "native", "turn-2", {"text": "a new needle"})
    assert found(store, "needle") == [("a", 3), ("a", 7), ("a", 11)]


@pytest.mark.parametrize("moment", range(4))
@pytest.mark.parametrize("act", ["compact", "delete", "delete and make again"])
def test_a_log_that_changes_during_the_search_is_searched_as_it_is_then(
    store: DefaultSessionStore, in_small_parts: None, act: str, moment: int
) -> None:
    for session in ("a", "b", "c"):
        fill(store, session, 12)
    before = expected(store, "needle")
    opened = 0

    def change(name: str, args: tuple[object, ...]) -> None:
        nonlocal opened
        if name != "open" or not str(args[0]).endswith("b.jsonl"):
            return
        opened += 1
        if opened != moment + 1:
            return
        if act == "compact":
            store.compact("b")
        else:
            store.delete_session("b")
        if act == "delete and make again":
            store.set_runtime_state("b", "native", "turn-1", {"text": "a needle again"})

    result = found(store, "needle", storage=FaultyStorage(change))
    assert opened > moment
    assert [each for each in result if each[0] != "b"] == [e for e in before if e[0] != "b"]
    of_b = [each for each in result if each[0] == "b"]
    whole = [each for each in before if each[0] == "b"]
    if act == "compact":
        assert of_b == whole
    else:  # what was reported before is reported; of the new log, all is
        again = [[], [("b", 1)]]
        assert of_b in [whole[:n] + more for n in range(len(whole) + 1) for more in again]


def test_what_cannot_be_read_is_said_and_the_rest_is_searched(
    store: DefaultSessionStore,
) -> None:
    for session in ("a", "b"):
        fill(store, session, 12)

    def refuse(name: str, args: tuple[object, ...]) -> None:
        if name == "open" and str(args[0]).endswith("a.jsonl"):
            raise PermissionError(13, "Permission denied", args[0])

    search = Search(store, FaultyStorage(refuse), Pattern("needle"), SearchOptions())
    result = [(match.session_id, match.event.seq) for match in search.matches(["a", "b"])]
    assert result == [each for each in expected(store, "needle") if each[0] == "b"]
    ((session, error),) = search.failures
    assert session == "a"
    assert "Permission denied" in str(error)
