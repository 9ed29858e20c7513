"""The past of a session: all of it, or what is left and why the rest is not."""

import gc
import gzip
import os
import shutil
from collections.abc import Callable, Iterator
from errno import EACCES, EIO
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from journal.codec import control_line, decode_line
from journal.engines.files.directory import Directory
from journal.engines.files.log import LogOptions
from journal.engines.files.storage import CHUNK, Storage
from journal.errors import (
    DamagedError,
    HistoryError,
    JournalError,
    ReadError,
    WrongSessionError,
)
from journal.events import Clear, Event, Open
from journal.past import Past
from projections.view import View
from tests.faults.sizes import sized
from tests.support import FaultyStorage, Recorder, no_fault, set_event


def engine_in(folder: Path, storage: Storage | None = None) -> Directory:
    return Directory(
        str(folder), LogOptions(durability="os", storage=storage or FaultyStorage(no_fault))
    )


class Session:
    """Session `s` with archives up to 4, 8 and 12, of which each event is known."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.engine = engine_in(folder)
        recorder = Recorder()
        log = self.engine.open("s", recorder)
        for number in range(3):
            log.append([set_event(f"b{number}"), set_event("a"), Clear(runtime_id="other")])
            log.append([set_event("c", {"n": number}, "other")])
            log.refresh()
            self.engine.compact("s")
        log.append([set_event("a"), set_event("d")])
        log.refresh()
        log.close()
        self.hashes = [event.hash for event in recorder.events]

    @property
    def log(self) -> Path:
        return self.folder / "s.jsonl"

    def archive(self, base: int, packed: bool = False) -> Path:
        return self.folder / "archive" / f"s.{base}.jsonl{'.gz' if packed else ''}"

    def past(self, reaching: int = 0) -> Past:
        past = self.engine.history("s", reaching)
        assert past is not None
        return past


Fault = Callable[[str, tuple[Any, ...]], Any]


@pytest.fixture
def session(tmp_path: Path) -> Session:
    return Session(tmp_path / "sessions")


def seqs(past: Past) -> list[int]:
    return [entry.event.seq for entry in past.in_order()]


def read_with(session: Session, fault: Fault) -> tuple[list[int], JournalError | None]:
    """The seqs that a reader finds, and the error that it ends with."""
    found: list[int] = []
    try:
        past = engine_in(session.folder, FaultyStorage(fault)).history("s")
        found.extend(entry.event.seq for entry in (past.in_order() if past is not None else ()))
    except (HistoryError, ReadError) as error:
        return found, error
    return found, None


class At:
    """A fault: something happens before a call, counted from 0; only calls of a `name` count."""

    def __init__(self, number: int, act: Callable[[], None], name: str | None = None) -> None:
        self.left = number
        self.last: tuple[Any, ...] = ()
        self._act = act
        self._name = name

    @property
    def is_over(self) -> bool:
        return self.left < 0

    def __call__(self, name: str, args: tuple[Any, ...]) -> None:
        if self._name in (None, name):
            self.left -= 1
            if self.left == -1:
                self.last = args
                self._act()


def view_of(events: Iterator[Event]) -> View:
    view = View()
    for event in events:
        view.fold(event)
    return view


def rewrite_header(path: Path, **changes: Any) -> None:
    """Change what a header says, with a hash to match."""
    header, _, rest = path.read_bytes().partition(b"\n")
    known = decode_line(header)
    assert isinstance(known, Open)
    path.write_bytes(control_line(replace(known, hash="", **changes)) + rest)


# All of it


@pytest.mark.parametrize("packed", [False, True])
def test_every_event_of_every_file_comes_once_with_its_line(
    session: Session, packed: bool
) -> None:
    if packed:
        assert session.engine.pack("s") == 3
    past = session.past()
    assert (past.floor, past.kept) == (0, [])
    entries = list(past.in_order())
    assert [entry.event.hash for entry in entries] == session.hashes
    assert [decode_line(entry.line) for entry in entries] == [entry.event for entry in entries]
    assert past.problems == []


@pytest.mark.parametrize("chunk", [100, 400, CHUNK])
def test_from_wherever_it_reaches_it_folds_to_the_view_and_has_all_that_follows(
    session: Session, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("journal.engines.files.storage.CHUNK", chunk)
    monkeypatch.setattr("journal.engines.files.archives.CHUNK", chunk)
    session.engine.pack("s")
    want = view_of(session.past().to_fold())
    for reaching in range(16):
        past = session.past(reaching)
        assert past.floor == min(reaching // 4 * 4, 12), "no archive more than is needed"
        assert [entry.event.seq for entry in past.rest] == list(range(past.floor + 1, 15))
        view = view_of(session.past(reaching).to_fold())
        assert view.runtime("native") == want.runtime("native")
        assert view.runtime("other") == want.runtime("other")


def test_what_an_archive_has_beyond_the_base_of_its_successor_comes_once(tmp_path: Path) -> None:
    """Lines that are appended during a compaction are in both files."""
    storage = FaultyStorage(no_fault)
    engine = engine_in(tmp_path, storage)
    log = engine_in(tmp_path).open("s", Recorder())
    log.append([set_event("a"), set_event("a")])

    def fault(name: str, args: tuple[Any, ...]) -> None:
        if name == "write":  # of the new file, so what lives is known
            storage.fault = no_fault
            log.append([set_event("b"), set_event("b")])

    storage.fault = fault
    report = engine.compact("s")
    assert report is not None
    assert report.base_seq == 2
    log.append([set_event("c")])
    past = engine.history("s")
    assert past is not None
    assert seqs(past) == [1, 2, 3, 4, 5]
    assert past.problems == []


def test_a_file_of_which_nothing_lives_is_passed(tmp_path: Path) -> None:
    engine = engine_in(tmp_path)
    log = engine.open("s", Recorder())
    for _ in range(3):
        log.append([set_event("a"), Clear()])
        engine.compact("s")
    past = engine.history("s")
    assert past is not None
    assert (seqs(past), past.problems) == ([1, 2, 3, 4, 5, 6], [])
    past = engine.history("s", 6)
    assert past is not None
    assert (past.floor, past.kept, list(past.rest)) == (6, [], [])


def test_lines_longer_than_what_is_read_at_a_time_come_whole(tmp_path: Path) -> None:
    engine = engine_in(tmp_path)
    log = engine.open("s", Recorder())
    for _ in range(2):
        log.append([set_event("a", "x" * 3 * CHUNK), set_event("a", "y" * (CHUNK + 1))])
        engine.compact("s")
    engine.pack("s")
    past = engine.history("s")
    assert past is not None
    assert [len(entry.line) // CHUNK for entry in past.in_order()] == [3, 1, 3, 1]
    assert past.problems == []


def test_a_past_goes_on_while_the_session_does(session: Session) -> None:
    past = session.past()
    for _ in range(3):
        next(past.rest)
    log = session.engine.open("s", Recorder())
    log.append([set_event("a"), set_event("a")])
    session.engine.pack("s")
    session.engine.compact("s")
    assert [entry.event.seq for entry in past.rest][:11] == list(range(4, 15))
    assert past.problems == []


# What is not there any more


@pytest.mark.parametrize("history", ["drop", "delete"])
def test_what_goes_while_it_is_read_is_an_error_that_says_to_read_again(
    session: Session, history: str
) -> None:
    past = session.past()
    next(past.rest)
    if history == "drop":
        session.engine.open("s", Recorder()).append([set_event("a")])
        session.engine.compact("s", "drop")
    else:
        session.engine.delete("s")
    with pytest.raises(HistoryError, match="read it again"):
        list(past.rest)


def append_and_drop(session: Session) -> None:
    session.engine.open("s", Recorder()).append([set_event("a")])
    session.engine.compact("s", "drop")


def pack(session: Session) -> None:
    session.engine.pack("s")


def delete(session: Session) -> None:
    session.engine.delete("s")


@pytest.mark.parametrize("act", [append_and_drop, pack, delete])
def test_whatever_happens_to_the_archives_nothing_in_the_middle_is_left_out(
    session: Session, act: Callable[[Session], None]
) -> None:
    """Before each call of a reader. It is told to read again, if it has begun with them."""
    saved = session.folder.with_name("saved")
    shutil.copytree(session.folder, saved)
    for call in range(100):
        fault = At(call, lambda: act(session))
        found, error = read_with(session, fault)
        if error is not None:
            assert act is not pack
            assert "read it again" in str(error)
        elif found[:3] == [1, 2, 3]:
            assert found in (list(range(1, 15)), list(range(1, 16)))
        else:  # it has come too late
            assert act is not pack
        assert found == sorted(set(found))
        if not fault.is_over:
            break
        shutil.rmtree(session.folder)
        shutil.copytree(saved, session.folder)
    assert 10 < call < 99


@pytest.mark.parametrize("base", [4, 8, 12])
def test_a_missing_archive_is_named_and_all_after_it_comes(session: Session, base: int) -> None:
    session.archive(base).unlink()
    past = session.past()
    assert past.floor == base
    assert [entry.event.seq for entry in past.rest] == list(range(base + 1, 15))
    (problem,) = past.problems
    assert (problem.kind, problem.where) == ("archive", str(session.archive(base)))
    assert "is missing" in problem.reason


@pytest.mark.parametrize("base", [4, 8, 12])
def test_why_events_before_the_floor_are_not_there_is_said_truly(
    session: Session, base: int
) -> None:
    session.archive(base).unlink()
    lost = session.past()
    assert lost.why_short == f"the archive that has the events up to {base} cannot be read"
    session.engine.compact("s", "drop")
    assert "compaction has dropped" in session.past().why_short


def test_without_its_header_a_compacted_log_comes_in_the_order_of_the_seqs_all_the_same(
    tmp_path: Path,
) -> None:
    """Compaction keeps turns in the order of the view: here events 4, 2, 3."""
    engine = engine_in(tmp_path)
    with_turns = ["first", "second", "third", "first"]
    log = engine.open("s", Recorder())
    log.append([set_event(turn) for turn in with_turns])
    engine.compact("s", "drop")
    log.append([set_event("later"), set_event("last")])
    log.close()
    path = tmp_path / "s.jsonl"
    header, *lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(header.replace(b"log_id", b"lXg_id") + b"".join(lines))
    in_file = [msgspec.json.decode(line)["seq"] for line in lines]
    assert in_file == [4, 2, 3, 5, 6], "or there is no need for this test"
    past = engine.history("s")
    assert past is not None
    assert [entry.event.seq for entry in past.in_order()] == [2, 3, 4, 5, 6]
    again = engine.history("s")
    assert again is not None
    assert [event.seq for event in again.to_fold()] == in_file, "as the view needs them"


def test_a_dropped_past_is_no_problem(session: Session) -> None:
    session.engine.compact("s", "drop")
    past = session.past()
    assert past.floor == 14
    assert list(past.rest) == []
    assert past.problems == []


# What is damaged


@sized(quick=29, storm=3)
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("base", [4, 8, 12])
def test_an_archive_cut_anywhere_is_named_and_everything_else_comes(
    session: Session, base: int, packed: bool, size: int
) -> None:
    """At every `size`th byte; also what compaction has kept of it, which is in the next file."""
    if packed:
        session.engine.pack("s")
    path = session.archive(base, packed)
    data = path.read_bytes()
    whole = gzip.decompress(data) if packed else data
    end = whole.index(b'{"op":"sealed"')  # what is behind it may go
    kept = {entry.event.seq for entry in session.past(base).kept}
    for cut in range(0, len(data) - 1 if packed else end, size):
        path.write_bytes(data[:cut])
        past = session.past()
        found = seqs(past)
        assert found == sorted(set(found))
        assert set(found) >= kept | set(range(base + 1, 15))
        if past.floor < base:
            assert set(found) >= set(range(1, base - 3))
        (problem, *_) = past.problems
        assert problem.where.removesuffix(".gz") == str(session.archive(base))
        assert problem.kind in ("archive", "header", "kept")
        assert view_of(session.past().to_fold()).runtime("native")["a"] is not None


def test_where_it_cannot_begin_it_begins_with_the_next_file(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What an archive has kept is needed to fold what follows."""
    monkeypatch.setattr("journal.engines.files.archives.CHUNK", 50)
    session.engine.pack("s")
    want = view_of(session.past().to_fold())
    path = session.archive(8, packed=True)
    data = path.read_bytes()
    floors = []
    for size in range(0, len(data) - 1, 3):
        path.write_bytes(data[:size])
        past = session.past(4)
        floors.append(past.floor)
        assert view_of(past.to_fold()).runtime("native") == want.runtime("native")
        assert [problem.kind for problem in past.problems][:1] == ["archive"]
    assert sorted(set(floors)) == [4, 8]


def test_two_archives_in_a_row_that_are_cut_short_give_nothing_twice(session: Session) -> None:
    for base, cut_at in ((8, 5), (12, 9)):
        path = session.archive(base)
        data = path.read_bytes()
        path.write_bytes(data[: data.index(b'{"seq":%d,' % cut_at)])
    past = session.past()
    found = seqs(past)
    assert found == sorted(set(found))
    assert set(found) >= {1, 2, 3, 4, 13, 14}
    assert {Path(problem.where).name for problem in past.problems} == {"s.8.jsonl", "s.12.jsonl"}


@pytest.mark.parametrize("place", range(0, 60, 5))
def test_a_packed_archive_with_a_bad_byte_is_named(session: Session, place: int) -> None:
    session.engine.pack("s")
    path = session.archive(8, packed=True)
    data = bytearray(path.read_bytes())
    place = place if place < 10 and place not in range(3, 10) else len(data) // 2 + place
    data[place] ^= 0xFF
    path.write_bytes(data)
    past = session.past()
    assert set(seqs(past)) >= set(range(9, 15))
    assert past.problems
    assert {Path(problem.where).name for problem in past.problems} <= {"s.8.jsonl"}


def test_a_damaged_line_is_named_with_its_place_and_only_it_is_missing(session: Session) -> None:
    for path, seq in ((session.archive(8), 6), (session.log, 13)):
        data = path.read_bytes()
        place = data.index(b'{"seq":%d,' % seq)
        path.write_bytes(data[:place] + b"X" + data[place + 1 :])
    past = session.past()
    assert seqs(past) == [seq for seq in range(1, 15) if seq not in (6, 13)]
    found = [(Path(problem.where).name, problem.kind, problem.seq) for problem in past.problems]
    assert found == [("s.8.jsonl", "corrupt", 6), ("s.jsonl", "corrupt", 13)]
    assert session.past(8).problems == []


def test_the_past_of_a_log_that_lost_its_header_and_was_compacted_since_comes(
    tmp_path: Path,
) -> None:
    """The new log has an id of its own, and the archive none."""
    engine = engine_in(tmp_path)
    log = engine.open("s", Recorder())
    log.append([set_event("a"), set_event("a"), set_event("b")])
    log.close()
    path = tmp_path / "s.jsonl"
    path.write_bytes(b"X" + path.read_bytes()[1:])
    engine.compact("s")
    log.append([set_event("c")])
    past = engine.history("s")
    assert past is not None
    assert seqs(past) == [1, 2, 3, 4]
    assert [problem.kind for problem in past.problems] == ["header"]


@pytest.mark.parametrize("where", ["log", "archive"])
def test_without_its_header_a_file_gives_its_events_and_no_archive(
    session: Session, where: str
) -> None:
    path = session.log if where == "log" else session.archive(8)
    path.write_bytes(b"X" + path.read_bytes()[1:])
    past = session.past()
    found = seqs(past)
    assert sorted(set(found)) == sorted(found)
    assert set(found) >= (set(range(13, 15)) if where == "log" else set(range(5, 15)))
    assert "header" in {problem.kind for problem in past.problems}


@pytest.mark.parametrize(
    "change",
    [
        {"archive": "s.8.jsonl"},  # itself
        {"archive": "s.12.jsonl"},  # its successor
        {"archive": "../archive/s.8.jsonl"},
        {"archive": "\0"},
        {"log_id": "f" * 16},
        {"base_seq": 9, "base_hash": "0" * 32},
    ],
    ids=str,
)
def test_a_header_that_leads_astray_is_named_and_no_event_comes_twice(
    session: Session, change: dict[str, Any]
) -> None:
    rewrite_header(session.archive(8), **change)
    past = session.past()
    kept = [entry.event.seq for entry in past.kept]
    rest = [entry.event.seq for entry in past.rest]
    assert rest == sorted(set(rest))
    assert max(kept, default=0) <= past.floor < min(rest)
    assert set(rest) >= {13, 14}
    assert past.problems


@pytest.mark.parametrize("name", ["", ".", "x" * 300])
def test_a_header_that_names_what_cannot_be_opened_is_an_error_that_says_so(
    session: Session, name: str
) -> None:
    rewrite_header(session.archive(8), archive=name)
    with pytest.raises(ReadError, match=r"archive/"):
        session.past()


def test_an_archive_of_another_log_is_named_and_left_out(session: Session, tmp_path: Path) -> None:
    other = Session(tmp_path / "other")
    shutil.copy(other.archive(8), session.archive(8))
    past = session.past()
    assert past.floor == 8
    assert [entry.event.hash for entry in past.rest] == session.hashes[8:]
    (problem,) = past.problems
    assert problem.where == str(session.archive(8))


def test_the_log_itself_must_be_the_sessions_and_be_a_log(session: Session) -> None:
    rewrite_header(session.log, session_id="x")
    with pytest.raises(WrongSessionError):
        session.past()
    session.log.write_bytes(b"this is no journal\n")
    with pytest.raises(DamagedError):
        session.past()


def test_a_newer_format_is_read_as_far_as_it_can_be(session: Session) -> None:
    rewrite_header(session.log, format=2)
    assert seqs(session.past()) == list(range(1, 15))


@pytest.mark.parametrize("call", ["open", "size", "read"])
@pytest.mark.parametrize("errno", [EIO, EACCES])
def test_what_the_system_refuses_is_an_error_that_names_the_file_never_a_gap(
    session: Session, call: str, errno: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may well be readable later, and whoever follows must not take it for lost."""

    monkeypatch.setattr("journal.engines.files.storage.CHUNK", 400)

    def refuse() -> None:
        raise OSError(errno, os.strerror(errno))

    for number in range(100):
        fault = At(number, refuse, call)
        found, error = read_with(session, fault)
        assert found == list(range(1, len(found) + 1))
        if not fault.is_over:
            break
        assert error is not None or errno == EACCES  # a log we may not write can be read
        if error is not None:
            assert isinstance(error, ReadError)
            assert error.errno == errno
            assert str(session.folder) in str(error)
            assert call != "open" or fault.last[0] in str(error)
    assert found == list(range(1, 15))
    assert 3 < number < 99


def test_a_symbolic_link_in_place_of_an_archive_is_not_followed(session: Session) -> None:
    path = session.archive(8)
    elsewhere = session.folder.with_name("elsewhere")
    path.rename(elsewhere)
    path.symlink_to(elsewhere)
    with pytest.raises(ReadError, match=r"archive/s\.8\.jsonl"):
        session.past()


def test_whatever_a_byte_turns_into_nothing_but_our_own_errors_comes(session: Session) -> None:
    for path in (session.log, session.archive(8)):
        data = path.read_bytes()
        for place in range(0, len(data), 11):
            path.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
            try:
                past = session.past()
                found = seqs(past)
            except JournalError:
                continue
            assert len(set(found)) == len(found)
            missing = set(range(1, 15)) - set(found)
            if path == session.log:
                missing -= {14}  # a bad end may be one that is being written
            assert not missing or past.problems
        path.write_bytes(data)


# What it costs


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_no_descriptor_stays_open_wherever_reading_ends(session: Session) -> None:
    """Not even until the garbage collector comes by: archives may be many."""
    session.engine.pack("s")
    gc.collect()
    gc.disable()
    try:
        before = open_files()
        for most in range(16):
            past = session.past()
            for _ in zip(range(most), past.rest, strict=False):
                pass
            del past
            assert open_files() == before
        most_open = 0
        for _ in session.past().rest:
            most_open = max(most_open, open_files())
        assert most_open <= before + 3, "the log, an archive and the next"
        assert open_files() == before
    finally:
        gc.enable()


def test_no_more_is_read_at_a_time_than_a_piece(tmp_path: Path) -> None:
    log = engine_in(tmp_path).open("s", Recorder())
    for _ in range(8):
        log.append([set_event("a", "x" * CHUNK)])
    engine_in(tmp_path).compact("s")
    lengths: list[int] = []

    def fault(name: str, args: tuple[Any, ...]) -> None:
        if name == "read":
            lengths.append(args[1])

    past = engine_in(tmp_path, FaultyStorage(fault)).history("s")
    assert past is not None
    assert seqs(past) == list(range(1, 9))
    assert max(lengths) == CHUNK
