"""The session file `<session>.json`: when it is refreshed, what it keeps, how it reads."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from journal.errors import SessionFileError
from projections import DefaultSessionStore
from projections.session_file import SessionFile
from tests.support import BOTH, TURN_1, TURN_2, state_in


class Clock:
    """A clock of our own: refreshing the session file takes a second, all else none."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.refreshes = 0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    write = SessionFile.write

    def slow_write(self: SessionFile, render: Callable[[], bytes], timeout: float) -> None:
        write(self, render, timeout)
        clock.refreshes += 1
        clock.now += 1.0

    monkeypatch.setattr("projections.sessions.monotonic", clock)
    monkeypatch.setattr(SessionFile, "write", slow_write)
    return clock


# When it is refreshed


def test_a_single_set_shows_in_it_at_once(store: DefaultSessionStore, tmp_path: Path) -> None:
    store.set_runtime_state("s", "native", "turn-1", TURN_1)
    assert state_in(tmp_path / "s.json") == {"native": {"turn-1": TURN_1}}


@pytest.mark.parametrize(
    "act",
    [DefaultSessionStore.flush, DefaultSessionStore.close, lambda store: store.compact("s")],
    ids=["flush", "close", "compact"],
)
def test_what_a_set_left_out_is_made_up_for(
    act: Callable[[DefaultSessionStore], Any],
    store: DefaultSessionStore,
    tmp_path: Path,
    clock: Clock,
) -> None:
    store.set_runtime_state("s", "native", "turn-1", TURN_1)
    store.set_runtime_state("s", "native", "turn-2", TURN_2)
    assert state_in(tmp_path / "s.json") == {"native": {"turn-1": TURN_1}}
    act(store)
    assert state_in(tmp_path / "s.json") == BOTH


def test_a_storm_spends_a_twentieth_of_its_time_on_it(
    store: DefaultSessionStore, clock: Clock
) -> None:
    start = clock.now
    for number in range(1000):
        store.set_runtime_state("s", "native", "turn-1", {"number": number})
        clock.now += 0.2
    elapsed, one_second = clock.now - start, 1
    assert clock.refreshes * one_second <= elapsed / 20 + one_second
    assert clock.refreshes >= elapsed / 25, "it falls behind more than it has to"


def test_deleted_it_is_rebuilt_by_flush(
    store: DefaultSessionStore, tmp_path: Path, clock: Clock
) -> None:
    store.set_runtime_state("s", "native", "turn-1", TURN_1)
    (tmp_path / "s.json").unlink()
    store.set_runtime_state("s", "native", "turn-2", TURN_2)
    store.flush()
    assert state_in(tmp_path / "s.json") == BOTH


# What it keeps

PLAIN = {
    "zeta": "1.50e3",
    "messages": '[ {"role":"user",\n "content":"h\\u00e9llo \\/ é\\u2028"} ]',
    "metadata": '{"b":1,  "a":-0.0, "b":2}',
    "updated_at": '"2026-01-01T00:00:00+00:00"',
    "session_id": '"s"',
    "runtime_state": '{"native": {"turn-1": {"calls": ["c-1"]}}}',
    "größe": "123456789012345678901234567890123456789012345678901234567890",
    "archived_messages": "[1 , 1e400, {}]",
    "a": "null",
}


def test_keys_of_others_keep_their_bytes_and_their_order(
    store: DefaultSessionStore, tmp_path: Path
) -> None:
    text = ", ".join(f'"{key}" : {value}' for key, value in PLAIN.items())
    (tmp_path / "s.json").write_text("{" + text + "}")
    store.set_runtime_state("s", "native", "turn-2", TURN_2)
    after = msgspec.json.decode((tmp_path / "s.json").read_bytes(), type=dict[str, msgspec.Raw])
    assert list(after) == list(PLAIN)
    for key in PLAIN.keys() - {"runtime_state", "updated_at"}:
        assert bytes(after[key]).decode() == PLAIN[key]
    assert state_in(tmp_path / "s.json") == BOTH


@pytest.mark.parametrize(
    "value",
    [
        pytest.param({"score": float("nan"), "low": float("-inf"), "n": 10**60}, id="NaN"),
        pytest.param(["before \ud800 after", {"\udfff": 1.5}], id="lone surrogates"),
    ],
)
def test_what_only_pythons_json_writes_is_kept(
    value: Any, store: DefaultSessionStore, tmp_path: Path
) -> None:
    messages = [{"role": "user", "content": "héllo", "timestamp": 1767225600.123456}]
    path = tmp_path / "s.json"
    path.write_text(json.dumps({"session_id": "s", "messages": messages, "metadata": value}))
    store.set_runtime_state("s", "native", "turn-1", TURN_1)
    after = path.read_text()
    assert json.dumps(value) in after
    assert json.dumps(messages) in after
    assert state_in(path) == {"native": {"turn-1": TURN_1}}


# What reads as nothing, and what must not


@pytest.mark.parametrize(
    "content",
    [
        None,
        b"",
        b"\0" * 64,
        b"{}",
        b'{"messages": [{"role": "user"}]}',
        b'{"runtime_state": null}',
    ],
)
def test_no_runtime_state_reads_as_empty_and_can_be_written(
    content: bytes | None, store: DefaultSessionStore, tmp_path: Path
) -> None:
    if content is not None:
        (tmp_path / "s.json").write_bytes(content)
    assert store.get_runtime_state("s", "native") == {}
    assert store.get_runtime_state("s", "native", "turn-1") == {}
    assert store.set_runtime_state("s", "native", "turn-1", TURN_1)
    assert state_in(tmp_path / "s.json") == {"native": {"turn-1": TURN_1}}


HUGE = b"1" * 5000  # more digits than Python turns into an int
MALFORMED = [
    *(b"{", b"[1]", b'"text"', b'{"runtime_state": {"native"', b"\xff\xfe\xfd", b"{} {}"),
    pytest.param(b'{"session_id": %b}' % HUGE, id="huge session_id"),
]
WRONG_SHAPES = [
    *(b'{"runtime_state": %b}' % state for state in (b"[]", b'"x"', b"1", b'{"native": ["t"]}')),
    pytest.param(b'{"runtime_state": {"native": {"t": %b}}}' % HUGE, id="huge int"),
]


@pytest.mark.parametrize("content", MALFORMED + WRONG_SHAPES)
def test_a_file_we_cannot_read_is_an_error_and_no_empty_session(
    content: bytes, store: DefaultSessionStore, tmp_path: Path
) -> None:
    path = tmp_path / "s.json"
    path.write_bytes(content)
    with pytest.raises(SessionFileError, match=r"s\.json"):
        store.get_runtime_state("s", "native")
    with pytest.raises(SessionFileError, match=r"s\.json"):
        store.set_runtime_state("s", "native", "turn-2", TURN_2)
    assert path.read_bytes() == content
    assert not (tmp_path / "s.jsonl").exists()


@pytest.mark.parametrize("content", MALFORMED)
def test_beside_a_log_a_malformed_file_fails_no_set_and_is_left_alone(
    content: bytes, store: DefaultSessionStore, logged: Path
) -> None:
    logged.write_bytes(content)
    assert store.set_runtime_state("s", "native", "turn-2", TURN_2)
    assert store.get_runtime_state("s", "native") == BOTH["native"]
    with pytest.raises(SessionFileError, match=r"s\.json"):
        store.flush()
    store.close()
    assert logged.read_bytes() == content


@pytest.mark.parametrize("content", MALFORMED + WRONG_SHAPES)
def test_a_file_we_cannot_read_keeps_no_other_session_from_being_listed(
    content: bytes, store: DefaultSessionStore, tmp_path: Path
) -> None:
    (tmp_path / "bad.json").write_bytes(content)
    (tmp_path / "good.json").write_bytes(b'{"session_id": "good"}')
    assert "good" in {info["session_id"] for info in store.list_sessions()}


def test_one_malformed_file_keeps_flush_from_no_other_session(
    store: DefaultSessionStore, tmp_path: Path, clock: Clock
) -> None:
    for session in ("bad", "good"):
        store.set_runtime_state(session, "native", "turn-1", TURN_1)
        store.set_runtime_state(session, "native", "turn-2", TURN_2)
    (tmp_path / "bad.json").write_bytes(b"{")
    with pytest.raises(SessionFileError, match=r"bad\.json"):
        store.flush()
    assert state_in(tmp_path / "good.json") == BOTH


def test_a_malformed_file_fails_no_compaction(store: DefaultSessionStore, logged: Path) -> None:
    logged.write_bytes(b"{")
    store.set_runtime_state("s", "native", "turn-1", TURN_2)
    report = store.compact("s")
    assert report is not None
    assert report.events_after == 1
