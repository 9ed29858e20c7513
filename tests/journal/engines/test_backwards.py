"""The newest events, read from the end: those that reading everything gives, or fewer."""

import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from journal.backend import Backend
from journal.engines.files import backwards
from journal.engines.files.backwards import lines_back
from journal.engines.files.directory import Directory
from journal.engines.files.log import LogOptions
from journal.engines.files.storage import DiskStorage
from journal.events import Clear, Event, Handoff, Takeover
from journal.past import Entry
from tests.support import FaultyStorage, fails, open_log, set_event

STORAGE = DiskStorage()


@pytest.fixture(autouse=True)
def _no_log_is_short(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few lines are read backwards too."""
    monkeypatch.setattr(backwards, "_SHORT", 0)


def engine_in(folder: Path, storage: DiskStorage = STORAGE) -> Directory:
    return Directory(str(folder), LogOptions("os", storage=storage))


def newest(engine: Backend, session: str = "s") -> list[Entry]:
    found = engine.newest(session)
    return list(found.entries) if found is not None else []


def all_in_file(engine: Backend, session: str = "s") -> list[Entry]:
    """All events of the log's file but those that compaction has kept, the newest first."""
    past = engine.history(session, 1 << 60)
    return list(past.rest)[::-1] if past is not None else []


events: st.SearchStrategy[Event] = st.one_of(
    st.builds(set_event, st.sampled_from(["t1", "t2"]), st.none(), st.sampled_from(["a", "b"])),
    st.builds(lambda size: set_event("long", "x" * size), st.integers(0, 9000)),
    st.builds(Clear, runtime_id=st.sampled_from(["a", "b", None])),
    st.just(Handoff(source="a", target="b", reason="why\n")),
    st.just(Takeover(runtime_id="b")),
)
appends = st.lists(st.lists(events, min_size=1, max_size=4), max_size=8)


logs = st.lists(appends, min_size=1, max_size=3)
"""What is appended before each compaction, and after the last one."""


def write(folder: Path, stretches: list[list[list[Event]]]) -> Path:
    log, _ = open_log(folder)
    for number, stretch in enumerate(stretches):
        if number:
            engine_in(folder).compact("s")
        for batch in stretch:
            log.append(batch)
    log.close()
    return folder / "s.jsonl"


class Edit:
    """Bytes put in the place of others, somewhere in a log, as a share of its length."""

    def __init__(self, at: float, length: int, new: bytes) -> None:
        self.at, self.length, self.new = at, length, new

    def __repr__(self) -> str:
        return f"Edit({self.at}, {self.length}, {self.new!r})"

    def apply(self, data: bytes) -> bytes:
        place = int(self.at * len(data))
        return data[:place] + self.new + data[place + self.length :]


edits = st.lists(
    st.builds(
        Edit,
        st.floats(0, 1),
        st.integers(0, 600) | st.just(1),
        st.binary(max_size=5) | st.sampled_from([b"", b"\n", b"\0" * 70, b'{"seq":1}\n']),
    ),
    max_size=3,
)


@settings(deadline=None)
@given(
    data=st.binary(max_size=60) | st.text("a\n", max_size=60).map(str.encode),
    first=st.integers(1, 9),
)
def test_lines_come_back_as_splitting_gives_them(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, first: int
) -> None:
    path = tmp_path_factory.mktemp("lines") / "file"
    path.write_bytes(data)
    fd = os.open(path, os.O_RDONLY)
    try:
        assert list(lines_back(STORAGE, fd, len(data), first)) == data.split(b"\n")[::-1]
    finally:
        os.close(fd)


@settings(deadline=None)
@given(stretches=logs, blank=st.sampled_from([b"\n", b" \r\n", b"\n\n"]), every=st.integers(0, 4))
def test_of_an_intact_log_they_are_all_that_came_after_the_base(
    tmp_path_factory: pytest.TempPathFactory,
    stretches: list[list[list[Event]]],
    blank: bytes,
    every: int,
) -> None:
    """Blank lines, wherever they stand, are nothing. That nothing is before the first event
    after a base is not known, so it is left to whoever reads what was kept.
    """
    path = write(tmp_path_factory.mktemp("s"), stretches)
    if not path.exists():
        return
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(line + blank * (n % 4 < every) for n, line in enumerate(lines)))
    engine = engine_in(path.parent)
    past = engine.history("s", 1 << 60)
    assert past is not None
    after_base = list(past.rest)[::-1]
    assert newest(engine) == (after_base[:-1] if past.floor else after_base)
    found = engine.newest("s")
    if found is not None:
        assert (found.log_id, found.base) == (past.log_id, past.floor)


@settings(deadline=None)
@given(stretches=logs, damage=edits)
@example(stretches=[[[set_event("t1")], [set_event("t2")]]], damage=[Edit(0.999, 1, b"")])
def test_of_a_damaged_log_they_are_the_last_ones_or_fewer(
    tmp_path_factory: pytest.TempPathFactory,
    stretches: list[list[list[Event]]],
    damage: list[Edit],
) -> None:
    """Torn or corrupt, cut, or without the newline at its end."""
    path = write(tmp_path_factory.mktemp("s"), stretches)
    if not path.exists():
        return
    data = path.read_bytes()
    for edit in damage:
        data = edit.apply(data)
    path.write_bytes(data)
    engine = engine_in(path.parent)
    found = newest(engine)
    if found:
        assert found == all_in_file(engine)[: len(found)]


def test_a_short_log_is_left_to_those_who_read_all_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They notice all damage, and it costs as little."""
    path = write(tmp_path, [[[set_event("t")] * 3]])
    monkeypatch.setattr(backwards, "_SHORT", path.stat().st_size)
    assert engine_in(tmp_path).newest("s") is None
    monkeypatch.setattr(backwards, "_SHORT", path.stat().st_size - 1)
    assert len(newest(engine_in(tmp_path))) == 3


def test_a_session_that_is_deleted_or_was_never_there_has_none(tmp_path: Path) -> None:
    assert engine_in(tmp_path).newest("s") is None
    path = write(tmp_path, [[[set_event("t")]]])
    text = path.read_bytes()
    engine_in(tmp_path).delete("s")
    assert engine_in(tmp_path).newest("s") is None
    path.with_name("other.jsonl").write_bytes(text)
    assert engine_in(tmp_path).newest("other") is None, "it says that it is of another session"


def test_what_cannot_be_read_is_left_to_those_who_say_so(tmp_path: Path) -> None:
    write(tmp_path, [[[set_event("t", "x" * 5000)] * 40]])
    for call in ("open", "identify", "size", "read"):
        faulty = FaultyStorage(fails(call, 5))
        assert engine_in(tmp_path, faulty).newest("s") is None
    later = engine_in(tmp_path, FaultyStorage(fails("read", 5, after=4)))
    found = newest(later)
    assert 0 < len(found) < 40
    assert found == all_in_file(engine_in(tmp_path))[: len(found)]


@pytest.mark.parametrize("taken", [0, 1, 3, 100])
def test_the_file_is_closed_however_few_are_read(tmp_path: Path, taken: int) -> None:
    write(tmp_path, [[[set_event("t")] * 50]])
    open_fds: set[Any] = set()

    class Watched(DiskStorage):
        @staticmethod
        def open(path: str, flags: int) -> int:
            fd = DiskStorage.open(path, flags)
            open_fds.add(fd)
            return fd

        @staticmethod
        def close(fd: int) -> None:
            open_fds.discard(fd)
            os.close(fd)

    found = engine_in(tmp_path, Watched()).newest("s")
    assert found is not None
    entries: Iterator[Entry] = found.entries
    list(islice(entries, taken))
    del found, entries
    assert not open_fds


def test_a_line_longer_than_any_may_be_ends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backwards, "MAX_LINE", 100)
    path = tmp_path / "lines"
    path.write_bytes(b"first\n" + b"x" * 1000 + b"\nlast\n")
    fd = os.open(path, os.O_RDONLY)
    assert list(lines_back(STORAGE, fd, path.stat().st_size, 8)) == [b"", b"last"]
    os.close(fd)


@pytest.mark.parametrize("number", range(1, 5))
def test_a_bad_line_ends_it(tmp_path: Path, number: int) -> None:
    log, _ = open_log(tmp_path)
    log.append([set_event(str(seq)) for seq in range(1, 5)])
    lines = (tmp_path / "s.jsonl").read_bytes().splitlines(keepends=True)
    lines[number] = lines[number].replace(b'"native"', b'"nativE"')
    (tmp_path / "s.jsonl").write_bytes(b"".join(lines))
    found = [entry.event.seq for entry in newest(engine_in(tmp_path))]
    assert found == list(range(4, number + 1, -1)), "that which follows it cannot be checked"


@pytest.mark.parametrize("number", range(1, 4))
def test_a_missing_line_ends_it(tmp_path: Path, number: int) -> None:
    log, _ = open_log(tmp_path)
    log.append([set_event(str(seq)) for seq in range(1, 5)])
    lines = (tmp_path / "s.jsonl").read_bytes().splitlines(keepends=True)
    del lines[number]
    (tmp_path / "s.jsonl").write_bytes(b"".join(lines))
    found = [entry.event.seq for entry in newest(engine_in(tmp_path))]
    assert found == list(range(4, number + 1, -1))


def test_an_interrupt_leaves_no_file_open(tmp_path: Path) -> None:
    log, _ = open_log(tmp_path)
    log.append([set_event("a")])
    opened: list[int] = []

    def fault(name: str, args: tuple[Any, ...]) -> None:
        if name == "close":
            opened.append(args[0])
        if name == "read":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        newest(engine_in(tmp_path, FaultyStorage(fault)))
    assert len(opened) == 1


def test_a_file_that_turns_out_to_be_shorter_ends_it(tmp_path: Path) -> None:
    path = tmp_path / "lines"
    path.write_bytes(b"first\nlast\n")
    fd = os.open(path, os.O_RDONLY)
    assert list(lines_back(STORAGE, fd, 100, 8)) == []
    os.close(fd)
