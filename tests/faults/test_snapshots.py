"""A snapshot never says anything but what its log says, whatever became of either file."""

import errno
import logging
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from journal.codec import control_line, decode_line, digest_of
from journal.engines.files.directory import Directory
from journal.engines.files.log import FileLog, LogOptions
from journal.errors import ReadError, StorageError
from journal.events import GENESIS, Open
from journal.names import paths_of
from projections import DefaultSessionStore
from projections.store.folded import FoldedSession
from tests.faults.damage.forgery import append_raw
from tests.faults.snapshots import forged, of_any_log
from tests.faults.storms.saving import THAWED, look
from tests.support import FaultyStorage, set_event

SESSION = "s"


@pytest.fixture(autouse=True)
def _of_any_log() -> Iterator[None]:
    with of_any_log():
        yield


def opened(folder: Path) -> DefaultSessionStore:
    return DefaultSessionStore(folder, durability="os", auto_compact=False)


def put(store: DefaultSessionStore, *turns: str) -> None:
    for turn in turns:
        store.set_runtime_state(SESSION, "native", turn, {"turn": turn})


def saved(folder: Path, *turns: str) -> Path:
    """A session with these turns, and its snapshot."""
    with opened(folder) as store:
        put(store, *turns)
    path = folder / f"{SESSION}.snapshot"
    assert path.exists()
    return path


def snapshot_in(folder: Path) -> bytes | None:
    """The snapshot, if there is one, be it unfinished."""
    found = [path.read_bytes() for path in folder.glob(f"{SESSION}.snapshot*")]
    return found[0] if found else None


def of(*turns: str) -> dict[str, Any]:
    return {"native": {turn: {"turn": turn} for turn in turns}}


def test_a_writer_whose_folder_is_replaced_says_what_was_lost(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """By an older copy, with the snapshot that was taken of it: that does not hide the loss."""
    caplog.set_level(logging.ERROR, "journal")
    folder, copy, away = tmp_path / "s", tmp_path / "copy", tmp_path / "away"
    saved(folder, "t1", "t2")
    shutil.copytree(folder, copy)
    with opened(folder) as store:
        put(store, "t3", "t4")
        folder.rename(away)
        copy.rename(folder)
        put(store, "t5")
        assert store.state_at(SESSION) == of("t1", "t2", "t5")
    (record,) = caplog.records
    assert "events 3 to 4, which this process had read, are gone" in record.getMessage()


def test_what_is_saved_of_a_log_that_was_just_compacted_is_in_that_log(tmp_path: Path) -> None:
    """The saving process finds only then that there is another file, and knows more than that."""
    engine = Directory(str(tmp_path), LogOptions("os"))
    log = engine.open(SESSION, FoldedSession())
    for runtime in ("one", "other", "one", "other"):  # changes without a handoff
        log.append([set_event("t", runtime=runtime)])
    engine.compact(SESSION)
    log.save()
    log.close()
    assert look(str(tmp_path)) == THAWED


def test_a_log_whose_tail_was_mended_is_saved(tmp_path: Path) -> None:
    saved(tmp_path, "t1", "t2").unlink()
    append_raw(tmp_path / f"{SESSION}.jsonl", b'{"seq":3,"ts":"20')
    saved(tmp_path, "t3")


def test_a_log_that_lacks_what_its_header_says_was_kept_is_not_saved(tmp_path: Path) -> None:
    """Or whoever goes on from the snapshot would not notice that it is damaged."""
    header = Open(
        format=1,
        session_id=SESSION,
        log_id="0123456789abcdef",
        base_seq=0,
        base_hash=GENESIS,
        kept=2,
        kept_digest=digest_of(b""),
        archive=None,
        ts="",
        writer="",
    )
    (tmp_path / f"{SESSION}.jsonl").write_bytes(control_line(header))
    log = Directory(str(tmp_path), LogOptions("os")).open(SESSION, FoldedSession())
    for turn in ("t1", "t2", "t3"):
        log.append([set_event(turn)])
        log.save()
        assert not (tmp_path / f"{SESSION}.snapshot").exists()
    log.close()


def test_a_log_in_which_an_event_comes_twice_is_not_saved(tmp_path: Path) -> None:
    saved(tmp_path, "t1", "t2").unlink()
    path = tmp_path / f"{SESSION}.jsonl"
    header, first, *rest = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join((header, first, first, *rest)))
    with opened(tmp_path) as store:
        put(store, "t3")
    assert snapshot_in(tmp_path) is None


def test_a_snapshot_is_of_the_log_with_that_very_header(tmp_path: Path) -> None:
    """Another one, as long as it, says of which events the log is what is left."""
    engine = Directory(str(tmp_path), LogOptions("os"))
    saved(tmp_path, "t1", "t2")
    assert engine.saved_summary(SESSION) is not None
    path = tmp_path / f"{SESSION}.jsonl"
    line, newline, rest = path.read_bytes().partition(b"\n")
    header = decode_line(line)
    assert isinstance(header, Open)
    other = control_line(replace(header, ts=header.ts[::-1], hash=""))
    assert len(other) == len(line + newline)
    path.write_bytes(other + rest)
    assert engine.saved_summary(SESSION) is None


def test_a_log_that_is_read_again_after_an_error_has_lost_nothing(tmp_path: Path) -> None:
    """What was known of it stands before the snapshot, which somebody else has taken since."""
    errors: list[OSError] = []

    def fail(name: str, args: tuple[Any, ...]) -> None:
        if name == "read" and errors:
            raise errors.pop()

    saved(tmp_path, "t1", "t2")
    options = LogOptions("os", storage=FaultyStorage(fail))
    log = FileLog(paths_of(str(tmp_path), SESSION), FoldedSession(), options)
    assert log.refresh()
    saved(tmp_path, "t3", "t4")
    errors.append(OSError(errno.EIO, "Input/output error"))
    with pytest.raises(ReadError):
        log.refresh()
    assert log.refresh()
    assert log.catchup.losses.count == 0
    log.close()


def test_what_is_saved_while_a_deletion_is_at_its_last_file_does_not_stay(tmp_path: Path) -> None:
    """It has looked for snapshots already, and the log, which goes last, is still there."""

    def fail(name: str, args: tuple[Any, ...]) -> None:
        if name == "unlink" and args[0].endswith(".jsonl"):
            raise OSError(errno.EIO, "Input/output error")

    def delete(name: str, args: tuple[Any, ...]) -> None:
        if name == "open" and args[0].endswith(".snapshot.new"):
            with pytest.raises(StorageError):
                Directory(str(tmp_path), LogOptions(storage=FaultyStorage(fail))).delete(SESSION)

    saved(tmp_path, "t1")
    options = LogOptions("os", storage=FaultyStorage(delete))
    log = Directory(str(tmp_path), options).open(SESSION, FoldedSession())
    log.save()
    log.close()
    assert (tmp_path / f"{SESSION}.jsonl").exists()
    assert snapshot_in(tmp_path) is None


def test_a_snapshot_with_any_byte_changed_gives_what_the_log_gives_or_nothing(
    tmp_path: Path,
) -> None:
    path = saved(tmp_path, "t1", "t2")
    data = path.read_bytes()
    engine = Directory(str(tmp_path), LogOptions("os"))
    found: set[bytes | None] = set()
    for place in range(len(data)):
        path.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        turn = engine.saved_turn(SESSION, "native", "t1")
        found.add(turn.state if turn is not None else None)
        folded = FoldedSession()
        log = engine.open(SESSION, folded)
        assert log.refresh()
        log.close()
        assert folded.view.runtime("native") == of("t1", "t2")["native"]
    assert found == {b'{"turn":"t1"}', None}


# Forged, with digests that are right: it may lie, but nothing breaks

HUGE = 1 << 70
NUMBERS = st.sampled_from([-HUGE, -(1 << 63), -1, 0, 1, 1 << 31, 1 << 63, HUGE]) | st.integers()
WRONG: st.SearchStrategy[Any] = (
    NUMBERS | st.none() | st.text(max_size=3) | st.just([]) | st.floats()
)
HEAD_KEYS = st.sampled_from(["lengths", "states", "version", "rest", "summary", "place"])
PLACE_KEYS = st.sampled_from(["seq", "end", "count", "hash", "line_hash", "opened", "log_id"])
IDS = st.sampled_from(["native", "t0", "t1"])
LENGTHS = st.dictionaries(IDS, st.dictionaries(IDS, NUMBERS))


@given(HEAD_KEYS, WRONG)
def test_a_forged_head(tmp_path_factory: pytest.TempPathFactory, key: str, value: Any) -> None:
    folder = tmp_path_factory.mktemp("forged")
    forge(folder, lambda head: head.update({key: value}))
    check_used(folder)


@given(PLACE_KEYS, WRONG)
def test_a_forged_place(tmp_path_factory: pytest.TempPathFactory, key: str, value: Any) -> None:
    """What is appended on the strength of it is still an event that the log holds."""
    folder = tmp_path_factory.mktemp("forged")
    forge(folder, lambda head: head["place"].update({key: value}))
    check_used(folder)
    with opened(folder) as store:
        assert store.verify(SESSION).events == 4


@given(LENGTHS, st.binary(max_size=9), st.dictionaries(HEAD_KEYS, NUMBERS, max_size=1))
def test_forged_lengths(
    tmp_path_factory: pytest.TempPathFactory,
    lengths: dict[str, Any],
    states: bytes,
    head: dict[str, Any],
) -> None:
    folder = tmp_path_factory.mktemp("forged")
    forge(folder, lambda found: found.update({"states": len(states)} | head), lengths, states)
    check_used(folder)


def forge(folder: Path, change: Callable[[dict[str, Any]], object], *others: Any) -> None:
    path = saved(folder, "t1", "t2")
    path.write_bytes(forged(path.read_bytes(), change, *others))


def check_used(folder: Path) -> None:
    """Used in every way; writers and readers of their own."""
    engine = Directory(str(folder), LogOptions("os"))
    for turn in ("t0", "t1"):
        engine.saved_turn(SESSION, "native", turn)
    for turn in ("t8", "t9"):
        with opened(folder) as store:
            for info in store.list_sessions():
                assert store.summary(info)
            store.state_at(SESSION)
        with opened(folder) as store:
            put(store, turn)
            assert store.get_runtime_state(SESSION, "native", turn) == {"turn": turn}
