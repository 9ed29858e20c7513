"""Older sessions: a session file with `runtime_state` and no log yet."""

import json
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from praisonaiagents.session.store import FileLock

from journal.config import Limits
from journal.errors import AppendError, JournalError, LimitExceededError
from projections import DefaultSessionStore
from tests.support import finish, forked

STATE: dict[str, Any] = {
    "native": {"turn-2": {"calls": ["c-2"]}, "turn-1": {"n": 10**30, "f": 0.1, "text": "é\u2028"}},
    "plugin": {"turn-1": {}},
}
NEW = {"calls": ["c-9"]}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DefaultSessionStore]:
    with DefaultSessionStore(tmp_path, durability="os") as store:
        yield store


def make_older(folder: Path, state: Any = STATE, session: str = "s") -> Path:
    """A session file as PraisonAI leaves one; returns where its log would be."""
    data = {"session_id": session, "messages": [{"role": "user"}], "runtime_state": state}
    (folder / f"{session}.json").write_text(json.dumps(data, indent=2))
    return folder / f"{session}.jsonl"


def events_in(log: Path) -> list[tuple[Any, ...]]:
    """The log as the contract has it on disk; its header left out."""
    lines = [json.loads(line) for line in log.read_bytes().split(b"\n") if line]
    return [
        (line["seq"], line["op"], line.get("runtime_id"), line.get("turn_id"), line.get("state"))
        for line in lines[1:]
    ]


def imported(state: dict[str, Any] = STATE) -> list[tuple[Any, ...]]:
    """The events an older session's state is to become."""
    turns = [(runtime, turn, s) for runtime, ts in state.items() for turn, s in ts.items()]
    return [(seq, "set", *turn) for seq, turn in enumerate(turns, 1)]


# Reading


def test_get_serves_an_older_session(store: DefaultSessionStore, tmp_path: Path) -> None:
    make_older(tmp_path)
    turns = store.get_runtime_state("s", "native")
    assert list(turns.items()) == list(STATE["native"].items())
    assert store.get_runtime_state("s", "plugin", "turn-1") == {}
    assert store.get_runtime_state("s", "native", "turn-2") == STATE["native"]["turn-2"]
    assert store.get_runtime_state("s", "native", "turn-3") == {}
    assert store.get_runtime_state("s", "other") == {}


def test_what_get_returns_of_an_older_session_is_the_callers_own(
    store: DefaultSessionStore, tmp_path: Path
) -> None:
    make_older(tmp_path)
    store.get_runtime_state("s", "native")["turn-2"]["calls"].append("mine")
    assert store.get_runtime_state("s", "native") == STATE["native"]


def test_reading_an_older_session_creates_and_changes_no_file(
    store: DefaultSessionStore, tmp_path: Path
) -> None:
    make_older(tmp_path)
    before = (tmp_path / "s.json").read_bytes()
    store.get_runtime_state("s", "native")
    store.session_exists("s")
    store.list_sessions()
    store.verify("s")
    assert store.compact("s") is None
    store.flush()
    store.close()
    assert [path.name for path in tmp_path.iterdir()] == ["s.json"]
    assert (tmp_path / "s.json").read_bytes() == before


def test_list_and_exists_know_older_sessions(store: DefaultSessionStore, tmp_path: Path) -> None:
    make_older(tmp_path, session="older")
    make_older(tmp_path, {}, session="without-state")
    store.set_runtime_state("logged", "native", "turn-1", NEW)
    sizes = {info["session_id"]: info["log_bytes"] for info in store.list_sessions()}
    assert sizes.keys() == {"older", "without-state", "logged"}
    assert sizes["older"] == sizes["without-state"] == 0
    assert store.session_exists("older")
    assert not store.session_exists("unknown")


# The first write


def test_the_first_set_imports_all_turns_as_events_in_order(
    store: DefaultSessionStore, tmp_path: Path
) -> None:
    log = make_older(tmp_path)
    store.set_runtime_state("s", "native", "turn-9", NEW)
    assert events_in(log) == [*imported(), (4, "set", "native", "turn-9", NEW)]
    store.close()
    (tmp_path / "s.json").unlink()
    with DefaultSessionStore(tmp_path) as again:
        turns = again.get_runtime_state("s", "native")
        assert list(turns.items()) == [*STATE["native"].items(), ("turn-9", NEW)]
        assert again.get_runtime_state("s", "plugin") == STATE["plugin"]
        assert again.verify("s").ok


def test_an_overwritten_older_turn_keeps_its_place_and_its_history(
    store: DefaultSessionStore, tmp_path: Path
) -> None:
    log = make_older(tmp_path)
    store.set_runtime_state("s", "native", "turn-2", NEW)
    assert list(store.get_runtime_state("s", "native")) == ["turn-2", "turn-1"]
    assert events_in(log) == [*imported(), (4, "set", "native", "turn-2", NEW)]


@pytest.mark.parametrize("runtime", ["native", None])
def test_clear_imports_and_clears(
    runtime: str | None, store: DefaultSessionStore, tmp_path: Path
) -> None:
    log = make_older(tmp_path)
    assert store.clear_runtime_state("s", runtime)
    assert events_in(log) == [*imported(), (4, "clear", runtime, None, None)]
    assert store.get_runtime_state("s", "native") == {}
    assert store.get_runtime_state("s", "plugin") == (STATE["plugin"] if runtime else {})


def test_clear_of_a_runtime_that_is_not_there_writes_nothing(
    store: DefaultSessionStore, tmp_path: Path
) -> None:
    log = make_older(tmp_path)
    assert store.clear_runtime_state("s", "other")
    assert not log.exists()


def test_secrets_are_redacted_on_import(store: DefaultSessionStore, tmp_path: Path) -> None:
    key, password = "sk-" + "a1B2" * 8, "correct horse"
    state = {"native": {"turn-1": {"note": f"use {key}", "password": password, "max_tokens": 5}}}
    make_older(tmp_path, state)
    store.set_runtime_state("s", "native", "turn-2", NEW)
    turn = store.get_runtime_state("s", "native", "turn-1")
    assert turn["note"] == "use [REDACTED:openai-key]"
    assert turn["password"] == "[REDACTED:password]"
    assert turn["max_tokens"] == 5
    store.close()
    written = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert key.encode() not in written
    assert password.encode() not in written


@pytest.mark.parametrize("value", [["c-1", 2], "text", None, 7, True])
def test_states_that_are_no_objects_survive_import(
    value: Any, store: DefaultSessionStore, tmp_path: Path
) -> None:
    make_older(tmp_path, {"native": {"turn-1": value}})
    assert store.get_runtime_state("s", "native", "turn-1") == value
    store.set_runtime_state("s", "native", "turn-2", NEW)
    assert store.get_runtime_state("s", "native", "turn-1") == value
    assert store.get_runtime_state("s", "native") == {"turn-1": value, "turn-2": NEW}


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "NaN": ({"native": {"turn-1": {"score": float("nan")}}}, r"native\.turn-1\.score"),
    "surrogate in a state": ({"native": {"turn-1": {"x": "\ud800"}}}, r"native\.turn-1\.x"),
    "surrogate in a turn id": ({"native": {"\ud800": {}}}, "turn_id"),
    "surrogate in a runtime id": ({"\ud800": {"turn-1": {}}}, "runtime_id"),
}


@pytest.mark.parametrize(("state", "place"), BAD.values(), ids=BAD.keys())
def test_what_json_cannot_carry_is_served_but_not_imported(
    state: dict[str, Any], place: str, store: DefaultSessionStore, tmp_path: Path
) -> None:
    log = make_older(tmp_path, state)
    runtime = next(iter(state))
    assert repr(store.get_runtime_state("s", runtime)) == repr(state[runtime])
    with pytest.raises(JournalError, match=place):
        store.set_runtime_state("s", "native", "turn-2", NEW)
    assert not log.exists()
    assert repr(store.get_runtime_state("s", runtime)) == repr(state[runtime])


def test_a_refused_import_names_the_file_that_the_bad_value_is_in(
    store: DefaultSessionStore, tmp_path: Path
) -> None:
    make_older(tmp_path, {"native": {"turn-1": {"score": float("nan")}}})
    with pytest.raises(JournalError, match=r"s\.json"):  # the caller passed no such value
        store.set_runtime_state("s", "native", "turn-2", NEW)


def test_limits_count_what_is_imported(tmp_path: Path) -> None:
    log = make_older(tmp_path, {"native": {"turn-1": {"text": "x" * 80}}})
    limits = Limits(turn_bytes=100, runtime_bytes=150, on_exceed="reject")
    with DefaultSessionStore(tmp_path, limits=limits) as store:
        with pytest.raises(LimitExceededError):
            store.set_runtime_state("s", "native", "turn-2", {"text": "y" * 80})
        assert not log.exists()


def test_processes_that_write_first_at_once_import_once(tmp_path: Path) -> None:
    log = make_older(tmp_path)
    code = """
import sys
from projections import DefaultSessionStore
store = DefaultSessionStore(sys.argv[1], durability="os")
print(len(store.get_runtime_state("s", "native")), flush=True)
sys.stdin.read()
store.set_runtime_state("s", "native", sys.argv[2], {})
"""
    writers = [forked(code, str(tmp_path), f"new-{n}", stdin=-1) for n in range(4)]
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "2\n"  # it has seen the older session
    finish(writers)
    events = events_in(log)
    assert events[:3] == imported()
    assert sorted(event[3] for event in events[3:]) == ["new-0", "new-1", "new-2", "new-3"]


def test_a_folder_that_cannot_be_written_is_read_and_writing_says_why_not() -> None:
    with tempfile.TemporaryDirectory() as folder:  # pytest's own lets nobody else in
        log = make_older(Path(folder))
        Path(folder).chmod(0o555)
        before = os.geteuid()
        os.seteuid(before or 65534)  # no mode stops root
        try:
            with DefaultSessionStore(folder) as store:
                assert store.get_runtime_state("s", "native") == STATE["native"]
                with pytest.raises(AppendError, match="Permission denied"):
                    store.set_runtime_state("s", "native", "turn-9", NEW)
                assert store.get_runtime_state("s", "native") == STATE["native"]
        finally:
            os.seteuid(before)
            Path(folder).chmod(0o755)
        assert not log.exists()


# Deletion


@pytest.mark.parametrize(
    "before", [lambda store: None, lambda store: store.set_runtime_state("s", "native", "t", {})]
)
def test_a_deleted_older_session_comes_back_with_nothing(
    before: Callable[[DefaultSessionStore], Any], store: DefaultSessionStore, tmp_path: Path
) -> None:
    make_older(tmp_path)
    before(store)
    assert store.delete_session("s")
    assert not store.session_exists("s")
    assert not store.delete_session("s")
    assert store.list_sessions() == []
    assert store.get_runtime_state("s", "native") == {}
    store.set_runtime_state("s", "native", "turn-9", NEW)
    store.close()
    with DefaultSessionStore(tmp_path) as again:
        assert again.get_runtime_state("s", "native") == {"turn-9": NEW}
        assert again.get_runtime_state("s", "plugin") == {}
    assert json.loads((tmp_path / "s.json").read_bytes())["messages"] == []


def test_a_store_that_had_it_open_does_not_bring_a_deleted_session_back(
    store: DefaultSessionStore, tmp_path: Path
) -> None:
    make_older(tmp_path)
    with DefaultSessionStore(tmp_path) as other:
        with FileLock(str(tmp_path / "s.json")):  # so that it is still to be refreshed
            other.set_runtime_state("s", "native", "turn-9", NEW)
        assert store.delete_session("s")
    assert not store.session_exists("s")
    assert store.list_sessions() == []
