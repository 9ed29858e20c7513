"""Session ids and file names: never one name for two ids, never outside the folder."""

import os
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from journal.errors import StateTypeError, StateValueError
from journal.names import paths_of, seq_in, session_id_of, stem_in, stem_of
from projections import DefaultSessionStore
from tests.journal.session_ids import NASTY

LONGEST_SUFFIX = ".99999999999999999999.jsonl.gz.new"
MOST_BYTES = 255  # of a name, on every common file system

nasty = pytest.mark.parametrize("session_id", NASTY.values(), ids=NASTY.keys())

# Short alphabets make near misses likely; the prefixes put them beyond the longest stem.
NEAR = st.text("aA_-%2EeFf./~\0\u00e9\u0301", max_size=12)
IDS = st.builds(str.__add__, st.sampled_from(["", "x" * 159, "x" * 300, "/" * 53]), NEAR)


def assert_inside(folder: str, session_id: str) -> None:
    paths = paths_of(folder, session_id)
    assert paths.archive == os.path.join(folder, "archive")
    for path in (paths.log, paths.session_file, paths.scratch):
        assert os.path.dirname(os.path.normpath(path)) == folder
    assert os.path.dirname(os.path.normpath(paths.archived(10**20 - 1))) == paths.archive
    assert "\0" not in paths.stem
    assert len(os.fsencode(paths.stem + LONGEST_SUFFIX)) <= MOST_BYTES


def assert_apart(folder: str, first: str, second: str) -> None:
    one, other = paths_of(folder, first), paths_of(folder, second)
    assert one.stem != other.stem
    assert {one.log, one.session_file, one.scratch}.isdisjoint(
        {other.log, other.session_file, other.scratch}
    )
    assert stem_in(os.path.basename(other.archived(7))) != one.stem


def test_no_two_nasty_ids_share_a_file() -> None:
    for first, second in combinations(NASTY.values(), 2):
        assert_apart("/sessions", first, second)


@nasty
def test_a_nasty_id_stays_inside_the_folder(session_id: str) -> None:
    assert_inside("/sessions", session_id)


@given(IDS | st.text(), IDS | st.text())
@example("/" * 53 + "/a", "/" * 53 + "/b")
def test_no_two_ids_share_a_file(first: str, second: str) -> None:
    assert_inside("/sessions", first)
    assert_inside("/sessions", second)
    if first != second:
        assert_apart("/sessions", first, second)


@settings(deadline=None)
@given(IDS | st.text())
def test_an_id_that_reads_like_another_ones_stem_gets_a_stem_of_its_own(session_id: str) -> None:
    stem = stem_of(session_id)
    assert (stem_of(stem) == stem) == (stem == session_id)


@settings(deadline=None)
@given(IDS | st.text())
def test_the_stem_gives_the_id_back_unless_it_ends_in_a_digest(session_id: str) -> None:
    stem = stem_of(session_id)
    if "%-" in stem:
        assert session_id_of(stem) is None
        assert len(session_id.encode()) > 50  # short ids are always legible
    else:
        assert session_id_of(stem) == session_id


@given(IDS, st.integers(1, 10**20 - 1), st.integers(2, 99))
def test_of_files_that_reach_the_same_event_the_first_has_no_number(
    session_id: str, seq: int, number: int
) -> None:
    paths = paths_of("/sessions", session_id)
    for path_of, suffix in ((paths.archived, ".jsonl"), (paths.damaged, ".damaged")):
        first, later = os.path.basename(path_of(seq)), os.path.basename(path_of(seq, number))
        assert path_of(seq) == path_of(seq, 1)
        assert first == f"{paths.stem}.{seq}{suffix}"
        assert later == f"{paths.stem}.{seq}-{number}{suffix}"
        assert seq_in(first) == seq_in(later) == seq


@pytest.mark.parametrize("session_id", ["my-session", "A_1", "CON", "-", "0" * 64])
def test_plain_ids_are_their_own_file_name_as_praisonai_expects(session_id: str) -> None:
    assert stem_of(session_id) == session_id


@pytest.mark.parametrize(
    "stem", ["a.b", "%41", "%2e", "%FF", "%2", "a b", "é", "%%", "~", "y" * 300]
)
def test_file_names_that_are_not_ours_stand_for_no_session(stem: str) -> None:
    assert session_id_of(stem) is None


@pytest.mark.parametrize(
    ("session_id", "error"),
    [
        ("a\ud800", StateValueError),
        ("\udfff" + "x" * 300, StateValueError),
        (None, StateTypeError),
        (7, StateTypeError),
        (b"bytes", StateTypeError),
    ],
)
def test_what_no_file_name_can_carry_is_refused(session_id: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="session_id"):
        stem_of(session_id)


@nasty
def test_a_session_of_any_id_can_be_saved_read_listed_and_deleted(
    tmp_path: Path, session_id: str
) -> None:
    folder = tmp_path / "a" / "sessions"
    with DefaultSessionStore(folder, durability="os") as store:
        assert store.set_runtime_state(session_id, "native", "turn-1", {"mine": True})
    with DefaultSessionStore(folder, durability="os") as store:
        assert store.get_runtime_state(session_id, "native", "turn-1") == {"mine": True}
        assert [info["session_id"] for info in store.list_sessions()] == [session_id]
        outside = [path for path in tmp_path.rglob("*") if not path.is_relative_to(folder)]
        assert outside == [folder.parent]
        assert store.delete_session(session_id)
        assert not store.session_exists(session_id)


def test_sessions_of_nasty_ids_in_one_folder_never_mix(tmp_path: Path) -> None:
    short = [session_id for session_id in NASTY.values() if len(session_id) < 100]
    with DefaultSessionStore(tmp_path, durability="os", max_open=3) as store:
        for session_id in short:
            store.set_runtime_state(session_id, "native", "turn-1", {"id": session_id})
        for session_id in short:
            assert store.get_runtime_state(session_id, "native") == {"turn-1": {"id": session_id}}
        assert sorted(info["session_id"] for info in store.list_sessions()) == sorted(short)
