"""Idempotency keys: which are known, by a model of what is in the log."""

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from journal import once
from journal.events import Set
from projections import DefaultSessionStore

WINDOW = 4

keys = st.integers(0, 7)
turns = st.sampled_from(["t0", "t1"])
steps = st.lists(
    st.one_of(
        st.tuples(st.just("once"), keys, turns),
        st.tuples(st.just("set"), st.just(0), turns),
        st.tuples(st.sampled_from(["clear", "handoff", "archive", "drop", "save"]), keys, turns),
        st.tuples(st.just("reopen"), st.integers(0, 1), turns),
    ),
    max_size=40,
)


def lines(folder: Path) -> list[dict[str, Any]]:
    path = folder / "s.jsonl"
    found = path.read_bytes().splitlines() if path.exists() else []
    return [line for line in map(json.loads, found) if "seq" in line]


class World:
    """Two stores of one folder, and which keys were ever used."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.stores = [self.open(), self.open()]
        self.used: dict[str, int] = {}
        self.seq = 0

    def open(self) -> DefaultSessionStore:
        return DefaultSessionStore(self.folder, durability="os", auto_compact=False)

    def once(self, number: int, key: str, turn: str) -> None:
        in_log = {line["once"] for line in lines(self.folder) if "once" in line}
        recent = {key for key, seq in self.used.items() if seq > self.seq - WINDOW}
        appended = self.stores[number].append_once(key, "s", "native", turn, {"key": key})
        if key in in_log | recent:
            assert not appended, "it is there, or was a moment ago"
        if key not in self.used:
            assert appended, "nobody has ever used it"
        if appended:
            self.seq += 1
            self.used[key] = self.seq
        assert self.seq == self.stores[1 - number].head("s").seq

    def do(self, deed: str, number: int, turn: str) -> None:
        store = self.stores[number % 2]
        match deed:
            case "once":
                self.once(number % 2, f"key-{number}", turn)
            case "set":
                store.set_runtime_state("s", "native", turn, {})
            case "clear":
                store.clear_runtime_state("s", "native")
            case "handoff":
                store.hand_off("s", "native", "codex")
            case "archive" | "drop":
                store.compact("s", deed)
            case "save":
                store.flush()
            case _:
                store.close()
                self.stores[number] = self.open()
        self.seq = self.stores[0].head("s").seq


@given(steps=steps)
def test_a_key_is_known_while_its_event_is_in_the_log_and_for_a_while_after(
    steps: list[tuple[str, int, str]],
) -> None:
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as folder:
        patch.setattr(once, "WINDOW", WINDOW)
        patch.setattr("journal.engines.files.resuming.SHORT", 0)  # so that snapshots are used
        world = World(Path(folder))
        for deed, number, turn in steps:
            world.do(deed, number, turn)
        for store in world.stores:
            assert store.verify("s").ok
            store.close()


def memory_after(rounds: int) -> int:
    """How much is held by who has followed so many compactions, each of which drops one key."""
    memory = once.KeyMemory()
    for number in range(rounds):
        seq = 2 * number
        key = f"key-{number}"
        memory.fold(Set(seq=seq + 1, runtime_id="r", turn_id="t", state=Raw(b"{}"), once=key))
        memory.fold(Set(seq=seq + 2, runtime_id="r", turn_id="t", state=Raw(b"{}")))
        memory.recall(seq + 2, [(seq + 1, once.key_digest(key))])
    return len(memory.seqs) + len(memory.alive) + len(memory.replaced)


def test_what_the_headers_of_compactions_told_is_forgotten_with_them() -> None:
    assert memory_after(20) == memory_after(10)


def test_a_key_that_two_events_have_is_known_as_long_as_one_is_there() -> None:
    """Nobody writes such a log but by hand, or where a damaged header has lost its keys."""
    memory = once.KeyMemory()
    for seq, turn, key in ((1, "a", "k"), (2, "b", "k"), (3, "a", None)):
        memory.fold(Set(seq=seq, runtime_id="r", turn_id=turn, state=Raw(b"{}"), once=key))
    memory.recall(3, ())
    assert memory.seq_of("k") is not None
    memory.fold(Set(seq=4, runtime_id="r", turn_id="b", state=Raw(b"{}")))
    memory.recall(4, ())
    assert memory.seq_of("k") is None
