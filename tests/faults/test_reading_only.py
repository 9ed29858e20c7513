"""Who only reads opens nothing for writing, and the first append costs no second reading."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from projections import DefaultSessionStore
from projections.store.store import writer_of
from projections.tail.tail import Tail
from tests.faults.kernel.disks import overlay
from tests.support import FaultyStorage

TURNS = 50


class Watched(FaultyStorage):
    """Notes how files are opened, and every call."""

    def __init__(self) -> None:
        self.opened: list[tuple[str, int]] = []
        self.calls: list[str] = []
        self.bytes_read = 0
        super().__init__(self._note)

    def _note(self, name: str, args: tuple[Any, ...]) -> None:
        self.calls.append(name)
        if name == "open":
            self.opened.append((os.path.basename(args[0]), args[1]))
        elif name == "read":
            self.bytes_read += args[1]

    @property
    def written_to(self) -> list[str]:
        return [name for name, flags in self.opened if flags & ~os.O_APPEND]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two sessions, one of them compacted and overwritten since."""
    place = tmp_path / "sessions"
    with DefaultSessionStore(place, durability="os") as store:
        for session in ("a", "b"):
            for number in range(TURNS):
                store.set_runtime_state(session, "agent", f"turn-{number % 5}", {"n": number})
            store.hand_off(session, "agent", "other")
        store.compact("a")
        store.set_runtime_state("a", "agent", "turn-0", {"n": -1})
    return place


def next_of(tail: Tail) -> None:
    with tail:
        next(tail)


READS: dict[str, Callable[[DefaultSessionStore], object]] = {
    "get": lambda store: store.get_runtime_state("a", "agent"),
    "whole view": lambda store: store.state_at("a"),
    "view as of an event": lambda store: store.state_at("a", 7),
    "versions": lambda store: store.history("a", "agent", "turn-0"),
    "replay": lambda store: list(store.replay("a")),
    "audit": lambda store: store.audit("a"),
    "verify": lambda store: store.verify("a"),
    "list": lambda store: store.list_sessions(),
    "exists": lambda store: store.session_exists("b"),
    "session file": lambda store: store.session_document("a"),
    "tail": lambda store: next_of(store.tail(from_start=True)),
    "tail of what comes": lambda store: store.tail().close(),
    "flush": lambda store: store.flush(),
    "clear of nothing": lambda store: store.clear_runtime_state("a", "nobody"),
}


@pytest.mark.parametrize("name", READS)
def test_who_only_reads_opens_nothing_for_writing(folder: Path, name: str) -> None:
    storage = Watched()
    with DefaultSessionStore(folder, storage=storage) as store:
        READS[name](store)
        READS[name](store)
    assert storage.opened or name in ("list", "flush")
    assert storage.written_to == []


def test_the_first_append_goes_on_where_reading_has_come_to(folder: Path) -> None:
    storage = Watched()
    with DefaultSessionStore(folder, storage=storage, durability="os") as store:
        before = store.get_runtime_state("b", "agent")
        read = storage.bytes_read
        size = (folder / "b.jsonl").stat().st_size
        assert read >= size
        storage.calls.clear()
        writer = writer_of(store)
        new = writer.encoder.event("b", "agent", "new", {"n": 1})
        assert writer.append_at_once("b", [new]) is False
        writer.append("b", [new], refresh=False)
        assert storage.bytes_read - read <= 64, "no more than the end, to see that it is there"
        assert storage.calls.count("open") == 1
        storage.calls.clear()
        newer = writer.encoder.event("b", "agent", "newer", {"n": 2})
        writer.append("b", [newer], refresh=False)
        assert sorted(storage.calls) == ["find", "lock", "read", "unlock", "write"]
        assert store.get_runtime_state("b", "agent") == {
            **before,
            "new": {"n": 1},
            "newer": {"n": 2},
        }


def test_a_log_replaced_between_reading_and_the_first_append_is_read_anew(folder: Path) -> None:
    """As a compaction by another process does."""
    with DefaultSessionStore(folder, durability="os") as store:
        store.get_runtime_state("b", "agent")
        with DefaultSessionStore(folder) as other:
            other.compact("b")
            other.set_runtime_state("b", "agent", "theirs", {"n": 1})
        store.set_runtime_state("b", "agent", "ours", {"n": 2})
        found = store.get_runtime_state("b", "agent")
        assert found["theirs"] == {"n": 1}
        assert found["ours"] == {"n": 2}
        assert store.verify("b").problems == []


@pytest.mark.parametrize("same_device", [True, False])
def test_reading_copies_nothing_up_on_an_overlay(
    folder: Path, tmp_path: Path, same_device: bool
) -> None:
    """As the layers of a container's image are. Whoever writes there later is seen."""
    with overlay(tmp_path / "overlay", folder, same_device=same_device) as (merged, upper):
        with DefaultSessionStore(merged) as store:
            for read in READS.values():
                read(store)
        assert list(upper.iterdir()) == []
        with (
            DefaultSessionStore(merged) as reader,
            DefaultSessionStore(merged, durability="os") as writer,
        ):
            before = reader.get_runtime_state("a", "agent")
            writer.get_runtime_state("a", "agent")
            writer.set_runtime_state("a", "agent", "new", {"n": 1})
            assert (upper / "a.jsonl").exists()
            assert not (upper / "b.jsonl").exists()
            assert reader.get_runtime_state("a", "agent") == {**before, "new": {"n": 1}}
            assert reader.verify("a").problems == []
