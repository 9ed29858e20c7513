"""A snapshot never says anything but what its log says, whatever became of either file."""

import logging
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journal.codec import control_line, digest_of
from journal.engines.files.directory import Directory
from journal.engines.files.log import LogOptions
from journal.events import GENESIS, Open
from projections import DefaultSessionStore
from projections.store.folded import FoldedSession
from tests.faults.damage.forgery import append_raw
from tests.faults.snapshots import forged, of_any_log
from tests.faults.storms.saving import THAWED, look
from tests.support import set_event

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


# Forged, with digests that are right: it may lie, but nothing breaks

HUGE = 1 << 70
NUMBERS = st.sampled_from([-HUGE, -(1 << 63), -1, 0, 1, 1 << 31, 1 << 63, HUGE]) | st.integers()
WRONG: st.SearchStrategy[Any] = (
    NUMBERS | st.none() | st.text(max_size=3) | st.just([]) | st.floats()
)
HEAD_KEYS = st.sampled_from(["lengths", "states", "version", "rest", "summary", "place"])
PLACE_KEYS = st.sampled_from(["seq", "end", "count", "hash", "line_hash", "opened", "log_id"])
IDS = st.sampled_from(["native", "t0", "t1"])
LENGTHS = st.dictionaries(IDS, st.dictionaries(IDS, st.lists(NUMBERS, min_size=2, max_size=2)))


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
