"""A session and the plain list of what was done to it, for what looks back."""

import json
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import strategies as st

from journal import SessionConfig
from journal.backend import History
from journal.codec import Clock
from journal.engines.files.storage import DiskStorage
from journal.events import Event, Set
from journal.state import decode_state
from projections import DefaultSessionStore
from projections.times import stamp_of

START = datetime(2026, 11, 22, 10, 18, tzinfo=UTC)
View = dict[str, dict[str, Any]]
Shown = dict[str, Any]


class Unsynced(DiskStorage):
    """A disk that never syncs: it costs most of the time, and a reader sees no difference."""

    @staticmethod
    def sync(fd: int) -> None:  # type: ignore[override]
        pass

    @staticmethod
    def sync_folder(path: str) -> None:
        pass


def shown(event: Event) -> Shown:
    """What a test may expect of an event: all but writer and hashes."""
    fields = msgspec.structs.asdict(event)
    for name in ("writer", "prev", "hash"):
        del fields[name]
    if isinstance(event, Set):
        fields["state"] = decode_state(bytes(event.state))
        for name in ("once", "erased", "encrypted_by"):
            assert fields.pop(name) is None, "the model has none of that"
    return {"op": type(event).__name__, **fields}


def fold(events: Sequence[Shown]) -> View:
    """The view by hand."""
    view: View = {}
    for event in events:
        if event["op"] == "Set":
            view.setdefault(event["runtime_id"], {})[event["turn_id"]] = event["state"]
        elif event["op"] == "Clear" and event["runtime_id"] is None:
            view = {}
        elif event["op"] == "Clear":
            view.pop(event["runtime_id"], None)
    return view


class Model:
    """What was done to session `s` of a store, as a list; `now` is what its clock shows."""

    def __init__(self, store: DefaultSessionStore) -> None:
        self.store = store
        self.events: list[Shown] = []
        self.now = START

    def _add(self, op: str, **fields: Any) -> None:
        event = {"op": op, "seq": len(self.events) + 1, "ts": stamp_of(self.now), **fields}
        self.events.append(event)

    @property
    def view(self) -> View:
        return fold(self.events)

    def set(self, *items: tuple[str, str, Any]) -> None:
        assert self.store.set_many("s", [(r, t, {"n": n}) for r, t, n in items])
        for runtime, turn, number in items:
            self._add("Set", runtime_id=runtime, turn_id=turn, state={"n": number})

    def clear(self, runtime: str | None = None) -> None:
        assert self.store.clear_runtime_state("s", runtime)
        if self.view if runtime is None else runtime in self.view:
            self._add("Clear", runtime_id=runtime)

    def hand_off(self, source: str, target: str, turn: str | None = None) -> None:
        assert self.store.hand_off("s", source, target, turn, "why")
        self._add("Handoff", source=source, target=target, turn_id=turn, reason="why")

    def take_over(self, runtime: str) -> None:
        view = self.view
        assert json.dumps(self.store.take_over("s", runtime)) == json.dumps(view)
        self._add(
            "Takeover",
            runtime_id=runtime,
            handoff_seq=self.open_handoff(runtime),
            seen_seq=len(self.events),
        )

    def open_handoff(self, runtime: str) -> int | None:
        for event in reversed(self.events):
            if event["op"] == "Takeover" and event["runtime_id"] == runtime:
                return None
            if event["op"] == "Handoff" and event["target"] == runtime:
                return int(event["seq"])
        return None

    def compact(self, history: History = "archive") -> None:
        self.store.compact("s", history)

    def pass_time(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    def versions(self, runtime: str, turn: str) -> list[tuple[int, Any]]:
        """`(seq, state)` of each version, None for a clear that dropped the turn."""
        found = []
        for number, event in enumerate(self.events, 1):
            if event["op"] == "Set" and (event["runtime_id"], event["turn_id"]) == (runtime, turn):
                found.append((number, event["state"]))
            elif turn in fold(self.events[: number - 1]).get(runtime, {}) and turn not in fold(
                self.events[:number]
            ).get(runtime, {}):
                found.append((number, None))
        return found


@contextmanager
def session(in_memory: bool, todo: Sequence[tuple[Any, ...]] = ()) -> Iterator[Model]:
    """A store with the clock of its model, when this has been done."""
    folder = tempfile.mkdtemp(prefix="journal-replay-")
    config = SessionConfig(persist=not in_memory, mirror_runtime_state=True)
    with (
        pytest.MonkeyPatch.context() as patch,
        DefaultSessionStore(folder, config=config, durability="os", storage=Unsynced()) as store,
    ):
        model = Model(store)
        patch.setattr(Clock, "now", lambda _: stamp_of(model.now))
        do(model, todo)
        yield model
    shutil.rmtree(folder)


def do(model: Model, todo: Sequence[tuple[Any, ...]]) -> None:
    for name, *arguments in todo:
        getattr(model, name)(*arguments)


RUNTIMES = ["native", "plugin", ""]
TURNS = ["t1", "t2", "t3"]
runtimes = st.sampled_from(RUNTIMES)
turns = st.sampled_from(TURNS)
items = st.lists(st.tuples(runtimes, turns, st.integers(0, 99)), min_size=1, max_size=4)
pairs = st.permutations(RUNTIMES).map(lambda three: three[:2])

operations = st.lists(
    st.one_of(
        items.map(lambda all_of: ("set", *all_of)),
        items.map(lambda all_of: ("set", *all_of)),
        st.tuples(st.just("clear"), st.none() | runtimes),
        st.builds(lambda two, turn: ("hand_off", *two, turn), pairs, st.none() | turns),
        st.tuples(st.just("take_over"), runtimes),
        st.tuples(st.just("compact")),
        st.tuples(st.just("pass_time"), st.integers(-3, 5)),
    ),
    max_size=25,
)


engines = pytest.mark.parametrize("in_memory", [True, False], ids=["memory", "files"])
