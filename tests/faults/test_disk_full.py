"""A full disk, or a read-only one: the call fails and says so, and nothing of it stays.

Real short writes at every byte of what is written, and then an error. A tiny tmpfs gives
errno 28; it hands out room by the page, so the file that grows is padded until the last free
page ends where it should. A limit on the size of files can end anywhere.
"""

import errno
import json
import os
import resource
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from journal.engines.files.directory import Directory
from journal.engines.files.log import LogOptions
from journal.errors import JournalError, SessionFileError
from projections import DefaultSessionStore
from tests.faults.kernel.disks import PAGE, TinyDisk, tiny_disk
from tests.faults.sizes import Figure, sized
from tests.faults.storms.checker import events_of
from tests.support import files_in, state_in

S = "s"
PAGES = 24
NEW: dict[str, Any] = {"text": "the one that does not fit", "n": 1}


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[TinyDisk]:
    with tiny_disk(tmp_path / "tiny", PAGES) as disk:
        yield disk


def put(folder: Path, turn: str, pad: int = 0) -> None:
    with DefaultSessionStore(folder) as store:
        store.set_runtime_state(S, "native", turn, {"pad": "x" * pad})


def nothing_yet(folder: Path, pad: int) -> None:
    """The attempt pads by itself, with what it finds here."""
    folder.mkdir(parents=True)


def a_log(folder: Path, pad: int) -> None:
    """With something dead in it, as long as the padding, and something that lives."""
    put(folder, "padded", pad)
    put(folder, "padded")
    put(folder, "t0")


def a_living_log(folder: Path, pad: int) -> None:
    """As `a_log`, but the padding lives, before something else that does."""
    put(folder, "padded", 0)
    put(folder, "padded", pad)
    put(folder, "t0")


def an_older_session(folder: Path, pad: int) -> None:
    turns = {"t0": {"pad": "x" * pad}, "t1": {"text": "older"}}
    folder.mkdir(parents=True)
    document = {"session_id": S, "messages": [], "runtime_state": {"native": turns}}
    (folder / "s.json").write_text(json.dumps(document))


Attempt = Callable[[DefaultSessionStore, int], object]


def append(store: DefaultSessionStore, pad: int) -> None:
    assert store.set_runtime_state(S, "native", "new", NEW) is True


def append_many(store: DefaultSessionStore, pad: int) -> None:
    assert store.set_many(S, [("native", f"new-{n}", NEW) for n in range(3)]) is True


def begin(store: DefaultSessionStore, pad: int) -> None:
    padded: dict[str, Any] = {"pad": "x" * pad}
    items = [("native", "padded", padded), ("native", "new", NEW)]
    assert store.set_many(S, items) is True


def compact(store: DefaultSessionStore, pad: int) -> None:
    """The engine's, which neither packs nor refreshes anything afterwards."""
    assert store.session_dir is not None
    report = Directory(store.session_dir, LogOptions()).compact(S)
    assert report is not None
    assert report.events_after < report.events_before


class Scenario(NamedTuple):
    """An attempt to write to a disk with `spare` free pages.

    `grown` is the file in which it runs out of room, as it is called afterwards. `new` says
    that all of that file is written by the attempt, and not only appended to.
    """

    prepare: Callable[[Path, int], None]
    attempt: Attempt
    grown: str
    spare: int
    new: bool


SCENARIOS = {
    "append": Scenario(a_log, append, "s.jsonl", 0, False),
    "set_many": Scenario(a_log, append_many, "s.jsonl", 0, False),
    "new session": Scenario(nothing_yet, begin, "s.jsonl", 1, True),
    "older session": Scenario(an_older_session, append, "s.jsonl", 1, True),
    "compaction, its new file": Scenario(a_living_log, compact, "s.jsonl", 1, True),
    "compaction, its seal": Scenario(a_log, compact, "archive/s.3.jsonl", 1, False),
}


def whole_view(folder: Path) -> dict[str, object]:
    with DefaultSessionStore(folder) as store:
        assert store.verify(S).ok or not store.list_sessions()
        return store.get_runtime_state(S, "native")


def contents(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in files_in(folder)}


class Measure(NamedTuple):
    """Of an attempt that had room, without padding: bytes of the file that grows, how many
    of its last ones to try, and bytes of the longest file."""

    whole: int
    last: int
    longest: int


def measure(folder: Path, scenario: Scenario) -> Measure:
    scenario.prepare(folder, 0)
    log = folder / "s.jsonl"
    before = log.stat().st_size if log.exists() else 0
    with DefaultSessionStore(folder) as store:
        scenario.attempt(store, 0)
        sizes = {name: (folder / name).stat().st_size for name in files_in(folder)}
    shutil.rmtree(folder)
    whole = sizes[scenario.grown]
    return Measure(whole, whole - 1 if scenario.new else whole - before, max(sizes.values()))


@contextmanager
def filled(disk: TinyDisk, spare: int) -> Iterator[None]:
    disk.fill(spare)
    try:
        yield
    finally:
        disk.free()


@contextmanager
def no_file_longer(than: int) -> Iterator[None]:
    """Within it a write beyond that is short or fails with errno 27; Python lets no signal."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (than, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def check_fits(
    room: AbstractContextManager[None], folder: Path, scenario: Scenario, pad: int = 0
) -> None:
    """Or `check_fails` would not be at the byte where it thinks it is."""
    scenario.prepare(folder, pad)
    with DefaultSessionStore(folder) as store, room:
        scenario.attempt(store, pad)
    shutil.rmtree(folder)


def check_fails(
    room: AbstractContextManager[None], folder: Path, scenario: Scenario, pad: int = 0
) -> None:
    scenario.prepare(folder, pad)
    before, view = contents(folder), whole_view(folder)
    with DefaultSessionStore(folder) as store:
        with room:
            with pytest.raises(JournalError) as caught:
                scenario.attempt(store, pad)
            says_full(caught.value)
            assert store.get_runtime_state(S, "native") == view == whole_view(folder)
            assert contents(folder) == before
        scenario.attempt(store, pad)
        after = store.get_runtime_state(S, "native")
    check_went_on(folder, scenario, view, after)
    shutil.rmtree(folder)


def says_full(error: JournalError) -> None:
    if isinstance(error, OSError):
        assert error.errno in (errno.ENOSPC, errno.EFBIG)
    says = "disk is probably full", os.strerror(errno.ENOSPC), os.strerror(errno.EFBIG)
    assert any(text in str(error) for text in says), str(error)


def check_went_on(
    folder: Path, scenario: Scenario, before: dict[str, object], after: dict[str, object]
) -> None:
    if scenario.attempt is compact:
        assert before == after
    else:
        assert len(after) > len(before)
        assert before.items() <= after.items()
    assert whole_view(folder) == after
    events_of(folder, S)  # that there is no gap
    assert {name for name in files_in(folder) if name.endswith(".new")} == set()


def sweep(last: int, every: int) -> list[int]:
    """Every so many bytes from 1 to the `last` one."""
    places = [*range(1, last, every), last]
    assert len(places) >= 3
    return places


@sized(quick=97, storm=1)
@pytest.mark.parametrize("name", SCENARIOS)
def test_on_a_full_disk_it_fails_whole_and_works_once_there_is_room(
    disk: TinyDisk, size: int, name: str, figure: Figure
) -> None:
    scenario = SCENARIOS[name]
    whole, last, _ = measure(disk.folder / "bare", scenario)
    check_fits(filled(disk, scenario.spare), disk.folder / "fits", scenario, -whole % PAGE)
    places = sweep(last, size)
    for short in places:
        pad = (short - whole) % PAGE
        check_fails(filled(disk, scenario.spare), disk.folder / str(short), scenario, pad)
    figure(f"{name}: the disk full at {len(places):,} of its bytes, 0 left half done")


@sized(quick=97, storm=1)
@pytest.mark.parametrize("name", SCENARIOS)
def test_where_a_file_may_grow_no_more_it_fails_whole_too(
    disk: TinyDisk, size: int, name: str, figure: Figure
) -> None:
    """On the tiny disk only because syncs cost nothing there."""
    scenario = SCENARIOS[name]
    whole, last, longest = measure(disk.folder / "bare", scenario)
    check_fits(no_file_longer(longest), disk.folder / "fits", scenario)
    places = sweep(last, size)
    for short in places:
        check_fails(no_file_longer(whole - short), disk.folder / str(short), scenario)
    figure(f"{name}: cut short at {len(places):,} of its bytes, 0 left half done")


def a_session_file(folder: Path, pad: int) -> None:
    """With data of PraisonAI's, as long as the padding, and a log with plenty of room."""
    put(folder, "t0")
    document = json.loads((folder / "s.json").read_bytes())
    document["messages"] = ["x" * pad]
    (folder / "s.json").write_text(json.dumps(document))


@sized(quick=197, storm=1)
def test_a_session_file_that_finds_no_room_fails_no_set_and_stays_as_it_was(
    disk: TinyDisk, size: int, figure: Figure
) -> None:
    refresh = Scenario(a_session_file, append, "s.json", 1, True)
    whole, last, _ = measure(disk.folder / "bare", refresh)
    check_refresh(disk, disk.folder / "fits", -whole % PAGE, fits=True)
    places = sweep(last, size)
    for short in places:
        check_refresh(disk, disk.folder / str(short), (short - whole) % PAGE, fits=False)
    figure(f"session file: the disk full at {len(places):,} of its bytes, 0 sets failed")


def check_refresh(disk: TinyDisk, folder: Path, pad: int, *, fits: bool) -> None:
    a_session_file(folder, pad)
    path = folder / "s.json"
    old = path.read_bytes()
    with DefaultSessionStore(folder) as store:
        with filled(disk, 1):
            append(store, 0)
            if not fits:
                with pytest.raises(SessionFileError) as caught:
                    store.flush()
                says_full(caught.value)
                assert path.read_bytes() == old
                assert store.verify(S).ok
            assert files_in(folder) == {"s.jsonl", "s.json"}, "or it holds room the log needs"
            assert ("new" in state_in(path)["native"]) is fits
        store.flush()
        assert state_in(path)["native"]["new"] == NEW
    shutil.rmtree(folder)


def test_on_a_read_only_mount_reading_works_and_writing_says_why_not(disk: TinyDisk) -> None:
    put(disk.folder, "t0")
    before = {name: (disk.folder / name).read_bytes() for name in files_in(disk.folder)}
    disk.make_read_only()
    with DefaultSessionStore(disk.folder) as store:
        assert store.get_runtime_state(S, "native") == {"t0": {"pad": ""}}
        assert store.verify(S).ok
        assert [step.event.seq for step in store.replay(S)] == [1]
        assert [info["session_id"] for info in store.list_sessions()] == [S]
        writes: list[Callable[[], object]] = [
            lambda: store.set_runtime_state(S, "native", "t1", {}),
            lambda: store.set_runtime_state("new", "native", "t1", {}),
            lambda: store.hand_off(S, "native", "other"),
            lambda: store.delete_session(S),
        ]
        for write in writes:
            with pytest.raises(JournalError, match="Read-only file system"):
                write()
    assert {name: (disk.folder / name).read_bytes() for name in files_in(disk.folder)} == before
