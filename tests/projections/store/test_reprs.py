"""What a store, and all that its methods return, show in a prompt: what it is, and no state."""

import asyncio
import threading
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from msgspec import Raw
from rich.pretty import pretty_repr

from journal import SessionConfig
from journal.engines.files.storage import DiskStorage
from journal.events import Clear, Cursor, Set
from projections import AsyncSessionStore, DefaultSessionStore
from projections.backup import back_up
from projections.compare.blame import Blamed
from projections.compare.difference import Difference, LeafChange, diff
from projections.copying import Backup
from projections.refs import Ref
from projections.replay import Step, Version
from projections.summary import Summary
from projections.tail.async_tail import AsyncTail
from projections.tail.tail import Arrival, Tail
from tests.support import FaultyStorage

LONGEST = 300
"""Characters of any."""

SECRET = "swordfish-17"
FIRST = {"status": SECRET, "transcript": [{"role": "user", "content": SECRET}]}
SECOND = {"status": "done", "transcript": [{"role": "user", "content": SECRET}], "new": SECRET}


class Disk:
    """A fault: while it is `off`, nothing may be done to the disk."""

    off = False

    def __call__(self, name: str, args: tuple[Any, ...]) -> None:
        assert not self.off, f"{name} for a repr"


class Used:
    """A store that was used in every way, and what its methods returned."""

    def __init__(self, folder: Path) -> None:
        self.disk = Disk()
        self.store = store = DefaultSessionStore(
            folder / "sessions", durability="os", redact=None, storage=FaultyStorage(self.disk)
        )
        store.set_runtime_state("trip", "native", "turn-1", FIRST)
        store.set_runtime_state("trip", "native", "turn-1", SECOND)
        store.hand_off("trip", "native", "codex", reason="rate limited")
        store.take_over("trip", "codex")
        store.set_runtime_state("trip", "codex", "turn-1", FIRST)
        store.clear_runtime_state("trip", "native")
        self.newest = store.newest("trip")
        self.tails = [store.tail("trip", from_start=True), store.tail(["a", "b"]), store.tail()]
        self.steps = list(store.replay("trip"))
        self.versions = store.history("trip", "native", "turn-1")
        self.arrivals = list(islice(self.tails[0], 6))
        self.difference = store.diff("trip", "native/turn-1@1", "native/turn-1@2")
        self.lines = diff(FIRST, SECOND).lines()
        self.blamed = store.blame("trip", "codex", "turn-1")
        self.audit = store.audit("trip")
        self.past = store.past("trip")
        self.entries = list(self.past.in_order()) if self.past is not None else []
        self.summary = store.summary(store.list_sessions()[0])
        self.report = store.compact("trip")
        self.verified = store.verify("trip")
        self.backup = back_up(DiskStorage(), str(folder / "sessions"), str(folder / "copy"))
        self.async_store = AsyncSessionStore(store)

    def things(self) -> Iterator[object]:
        """Everything, also what things hold."""
        for thing in vars(self).values():
            if not isinstance(thing, Disk):
                yield from thing if isinstance(thing, list) else [thing]
        yield from (*self.audit.spans, *self.audit.changes)
        for turn in self.audit.shared_turns:
            yield from (turn, *turn.runs)
        for arrival in self.arrivals:
            yield from (arrival.event, arrival.cursor)


@pytest.fixture
def used(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Used]:
    used = Used(tmp_path_factory.mktemp("used"))
    yield used
    used.disk.off = False
    used.store.close()


def test_all_show_what_they_are_without_states_and_io(used: Used) -> None:
    used.disk.off = True
    things = [thing for thing in used.things() if thing is not None]
    assert len({type(thing) for thing in things}) > 20
    for thing in things:
        text = repr(thing)
        assert text.startswith(f"{type(thing).__name__}(")
        assert len(text) <= LONGEST
        assert text.isprintable()
        assert SECRET not in text
        assert "0x" not in text, "an address says nothing"
        assert "…" not in text, "all of it is there"


def test_rich_shows_no_state_either(used: Used) -> None:
    for thing in used.things():
        assert SECRET not in pretty_repr(thing), repr(thing)


SET = Set(seq=2, runtime_id="native", turn_id="turn-1", state=Raw(b'{"status":"%b"}' % b"x" * 9))
CURSOR = Cursor("0011223344556677", 2, "c" * 12)
SUMMARY: dict[str, Any] = {"events": 6, "runtimes": 1, "turns": 2, "turn_id": "turn-1"}
SUMMARY |= {"status": SECRET, "first_words": SECRET}

SHOWN: list[tuple[object, str]] = [
    (Step(SET, "turn-1", FIRST), f"Step({SET!r})"),
    (Step(Clear(seq=3), None, None), "Step(Clear(seq=3, all runtimes))"),
    (Version(SET, FIRST), f"Version({SET!r})"),
    (Arrival("a trip", CURSOR, SET, 0), f"Arrival('a trip', {SET!r})"),
    (Arrival("trip", CURSOR, SET, 1000), f"Arrival('trip', {SET!r}, 1,000 lost before)"),
    (Blamed("calls[0]", SECRET, SET), f"Blamed('calls[0]', {SET!r})"),
    (LeafChange("~", "calls[0]", SECRET, 1), "LeafChange(~ 'calls[0]')"),
    (Difference(FIRST, SECOND), "Difference(not compared yet)"),
    (Ref("native", "turn-1", at=7), "Ref('native/turn-1@7')"),
    (Ref(), "Ref('')"),
    (
        Summary(**SUMMARY, owner="native", findings=2),
        "Summary(6 events, 1 runtime, 2 turns, owner native, 2 findings)",
    ),
    (
        Summary(**SUMMARY, owner=None, findings=0, problem="torn"),
        "Summary(6 events, 1 runtime, 2 turns, no owner, 0 findings, damaged)",
    ),
    (Backup("/copy", [], ["old"], 0, 2000), "Backup('/copy', ok, 1 session, 2,000 bytes)"),
]


@pytest.mark.parametrize(("thing", "text"), SHOWN, ids=[text for _, text in SHOWN])
def test_in_a_prompt_it_looks_like_this(thing: object, text: str) -> None:
    assert repr(thing) == text


def test_a_difference_that_was_looked_at_knows_its_edits() -> None:
    found = diff(FIRST, SECOND)
    found.lines()
    assert repr(found) == "Difference(2 edits)"


class Untouchable:
    """A state that nobody may look at, not even at its size."""

    def __getattribute__(self, name: str) -> Any:
        raise AssertionError(name)

    __repr__ = __str__ = __len__ = __iter__ = __bool__ = __eq__ = __hash__ = None  # type: ignore


def test_no_state_is_looked_at_so_none_takes_longer() -> None:
    state = Untouchable()
    for thing in (
        Step(SET, "turn-1", state),
        Version(SET, state),
        Blamed("a", state, SET),
        LeafChange("~", "a", state, state),
        Difference(state, state),
    ):
        assert "…" not in repr(thing)


def test_a_store_says_where_it_writes_and_whether(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("used")
    store = DefaultSessionStore(folder)
    assert repr(store) == f"DefaultSessionStore('{folder}')"
    store.close()
    assert repr(store) == f"DefaultSessionStore('{folder}', closed)"
    silent = SessionConfig(persist=False)
    with DefaultSessionStore(config=silent) as store:
        assert repr(store) == "DefaultSessionStore(in memory, not mirroring)"
        assert repr(AsyncSessionStore(store)) == f"AsyncSessionStore({store!r})"


def test_a_tail_says_what_it_follows_and_how_far_it_is(store: DefaultSessionStore) -> None:
    tail = store.tail("trip")
    assert repr(tail) == "Tail('trip', from its start)"
    store.set_runtime_state("trip", "native", "turn-1", {})
    arrival = next(tail)
    assert repr(tail) == f"Tail('trip', after {arrival.cursor!r})"
    tail.close()
    assert repr(tail) == f"Tail('trip', after {arrival.cursor!r}, stopped)"
    assert repr(store.tail(["a", "b"])) == "Tail(2 sessions)"
    assert repr(store.tail()) == "Tail(all sessions)"


def test_a_tail_that_another_thread_waits_for_can_be_shown(store: DefaultSessionStore) -> None:
    """That thread has the lock of the iteration, perhaps for hours."""
    store.set_runtime_state("trip", "native", "turn-1", {})
    tail = store.tail("trip", from_start=True)
    next(tail)
    waiting = threading.Thread(target=lambda: next(tail, None))
    waiting.start()
    assert repr(tail).startswith("Tail('trip', after Cursor(")
    tail.stop()
    waiting.join()


def test_an_async_tail_shows_its_tail(store: DefaultSessionStore) -> None:
    async def main() -> None:
        async with AsyncSessionStore(store) as async_store:
            tail = await async_store.tail()
            assert repr(tail) == "AsyncTail(Tail(all sessions))"
            await tail.aclose()
            assert repr(tail) == "AsyncTail(Tail(all sessions, stopped))"

    asyncio.run(main())


@pytest.mark.parametrize("kind", [DefaultSessionStore, AsyncSessionStore, Tail, AsyncTail])
def test_what_could_not_be_made_can_be_shown(kind: Any) -> None:
    """A debugger shows it, while `__init__` raises."""
    assert repr(kind.__new__(kind)) == f"{kind.__name__}(…)"
