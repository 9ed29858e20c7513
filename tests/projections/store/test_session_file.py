"""The session file `<session>.json`: when it is refreshed, what it keeps, how it reads."""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgspec
import pytest

from journal.engines.files.locking import LockFile
from journal.errors import LockTimeoutError, SessionFileError
from projections import DefaultSessionStore
from projections.store.session_file import SessionFile
from tests.support import BOTH, TURN_1, TURN_2, FaultyStorage, state_in


class Clock:
    """A clock of our own: a refresh of a session file takes `takes` seconds, all else none."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.refreshes = 0
        self.takes = 1.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    write = SessionFile.write

    def slow_write(self: SessionFile, render: Callable[[], bytes], timeout: float) -> None:
        write(self, render, timeout)
        clock.refreshes += 1
        clock.now += clock.takes

    monkeypatch.setattr("projections.store.refreshing.monotonic", clock)
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


@pytest.fixture
def stores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[DefaultSessionStore]]:
    """As many processes would have them. Nothing is done in the background."""
    monkeypatch.setattr("projections.store.refreshing._LARGE", 1 << 30)
    with ExitStack() as stack:
        made = [DefaultSessionStore(tmp_path, durability="os") for _ in range(4)]
        yield [stack.enter_context(store) for store in made]


def storm(stores: list[DefaultSessionStore], clock: Clock, seconds: float) -> None:
    """The stores set in turn, five times a second."""
    end = clock.now + seconds
    while clock.now < end:
        for store in stores:
            store.set_runtime_state("s", "native", "turn-1", {"at": clock.now})
            clock.now += 0.2 / len(stores)


def test_a_storm_of_several_spends_a_twentieth_of_its_time_on_it_in_all(
    stores: list[DefaultSessionStore], clock: Clock
) -> None:
    start = clock.now
    storm(stores, clock, 500)
    elapsed = clock.now - start
    first_of_each = len(stores)
    assert clock.refreshes <= elapsed / 20 + first_of_each
    assert clock.refreshes >= elapsed / 25, "it falls behind more than it has to"


def test_another_goes_on_with_it_where_the_one_stops_that_wrote_it(
    stores: list[DefaultSessionStore], clock: Clock
) -> None:
    storm(stores, clock, 100)
    for left in (stores[1:], stores[2:], stores[3:]):
        before = clock.refreshes
        storm(left, clock, 2 * 42)  # it looks every 2 x 20 times as long as a refresh takes
        assert clock.refreshes > before


def test_a_single_set_shows_at_once_though_another_has_just_written_it(
    stores: list[DefaultSessionStore], clock: Clock, tmp_path: Path
) -> None:
    storm(stores, clock, 100)
    clock.now += 100
    for number, store in enumerate(stores):
        store.set_runtime_state("s", "native", f"turn-{number}", TURN_1)
        assert f"turn-{number}" in state_in(tmp_path / "s.json")["native"]


def test_a_storm_is_not_left_for_ever_to_others_who_write_the_file(
    store: DefaultSessionStore, clock: Clock, tmp_path: Path
) -> None:
    """They may be PraisonAI, which knows nothing of the turns."""
    for _ in range(450):  # it looks every 40 seconds, and the 21st time it writes
        store.set_runtime_state("s", "native", "turn-1", TURN_1)
        clock.now += 2
        written = (tmp_path / "s.json").read_bytes()
        (tmp_path / "new").write_bytes(written)
        (tmp_path / "new").rename(tmp_path / "s.json")
    assert clock.refreshes >= 2


def test_a_storm_does_not_try_again_and_again_while_another_writes_the_file(
    store: DefaultSessionStore, clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.set_runtime_state("s", "native", "turn-1", TURN_1)
    tries: list[float] = []

    def refuse(self: LockFile, timeout: float) -> None:
        tries.append(clock.now)
        raise LockTimeoutError("another has it")

    monkeypatch.setattr(LockFile, "acquire", refuse)
    for _ in range(500):
        store.set_runtime_state("s", "native", "turn-1", TURN_1)
        clock.now += 0.2
    assert 3 <= len(tries) <= 5, "once in twenty seconds"


def test_a_storm_over_many_sessions_spends_a_twentieth_of_its_time_on_it(
    store: DefaultSessionStore, clock: Clock
) -> None:
    start = clock.now
    for number in range(500):
        store.set_runtime_state(f"s{number}", "native", "turn-1", TURN_1)
        clock.now += 0.2
    elapsed, one_second, saved_before = clock.now - start, 1, 0.1
    assert clock.refreshes * one_second <= elapsed / 20 + one_second + saved_before
    assert clock.refreshes >= elapsed / 25, "it falls behind more than it has to"


def test_a_set_here_and_there_shows_at_once_in_each_session(
    store: DefaultSessionStore, tmp_path: Path, clock: Clock
) -> None:
    clock.takes = 0.0005
    names = [f"s{number}" for number in range(200)]
    for name in names:
        store.set_runtime_state(name, "native", "turn-1", TURN_1)
    assert [name for name in names if not (tmp_path / f"{name}.json").exists()] == []


def test_after_a_storm_over_many_sessions_a_single_set_shows_at_once(
    store: DefaultSessionStore, tmp_path: Path, clock: Clock
) -> None:
    for number in range(100):
        store.set_runtime_state(f"s{number}", "native", "turn-1", TURN_1)
    store.set_runtime_state("s", "native", "turn-1", TURN_1)
    assert not (tmp_path / "s.json").exists()
    clock.now += 20
    store.set_runtime_state("s", "native", "turn-2", TURN_2)
    assert state_in(tmp_path / "s.json") == BOTH


def test_a_flush_of_many_sessions_keeps_no_later_set_waiting(
    store: DefaultSessionStore, tmp_path: Path, clock: Clock
) -> None:
    for number in range(100):
        store.set_runtime_state(f"s{number}", "native", "turn-1", TURN_1)
    store.flush()
    clock.now += 20
    store.set_runtime_state("s", "native", "turn-1", TURN_1)
    assert state_in(tmp_path / "s.json") == {"native": {"turn-1": TURN_1}}


@pytest.mark.parametrize(
    "act", [DefaultSessionStore.flush, DefaultSessionStore.close], ids=["flush", "close"]
)
def test_what_a_storm_over_many_sessions_left_out_is_made_up_for(
    act: Callable[[DefaultSessionStore], None], tmp_path: Path, clock: Clock
) -> None:
    """Also of sessions that had to make room, of which no more than ever are open for it."""
    names = [f"s{number}" for number in range(50)]
    logs_open: list[int] = []

    def count(name: str, args: tuple[Any, ...]) -> None:
        if name == "rename":
            logs_open.append(sum(path.endswith(".jsonl") for path in paths_open(tmp_path)))

    with DefaultSessionStore(
        tmp_path, durability="os", max_open=3, storage=FaultyStorage(count)
    ) as store:
        for name in names:
            store.set_runtime_state(name, "native", "turn-1", TURN_1)
        assert clock.refreshes == 1
        act(store)
        assert clock.refreshes == len(names)
        assert set(logs_open) <= {1, 2, 3}
        for name in names:
            assert state_in(tmp_path / f"{name}.json") == {"native": {"turn-1": TURN_1}}


def paths_open(folder: Path) -> list[str]:
    """What this process has open below a folder."""
    paths = []
    for link in Path("/proc/self/fd").iterdir():
        try:
            path = os.readlink(link)
        except FileNotFoundError:
            continue  # it was open to list the others
        if path.startswith(f"{folder}/"):
            paths.append(path)
    return paths


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
        pytest.param("before \ud800 after", id="a text with a lone surrogate"),
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
