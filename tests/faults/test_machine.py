"""The store against a model, step by step, with crashes, errors, damage and compaction.

After each step, whatever went wrong in it, the store must show what the model says. A
step that failed or was killed has happened, has not, or, if it was a batch, has happened
in part: the machine looks once which it was, and holds the store to that from then on.
"""

import errno
import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule, run_state_machine_as_test

import projections.store.refreshing
from journal.backend import never
from journal.errors import (
    CompactionError,
    HistoryError,
    JournalError,
    LockTimeoutError,
    NotFoundError,
)
from journal.events import Cursor
from projections import DefaultSessionStore
from projections.store.folded import FoldedSession
from tests.faults import snapshots
from tests.faults.machine.desks import TROUBLES, Counts, Desk, DeskMachine, Trouble, found_in
from tests.faults.machine.model import MeanwhileAt, Model, Told, change_a_byte, told
from tests.faults.sizes import Figure, sized

SESSIONS = ["s", "a/b", "a_b"]
RUNTIMES = ["native", "plugin", "ü"]
sessions = st.sampled_from(["s", "s", "s", *SESSIONS])  # mostly one, so that much happens to it
runtimes = st.sampled_from(RUNTIMES)
turns = st.sampled_from([f"t{n}" for n in range(4)])
states = st.fixed_dictionaries({"n": st.integers(0, 99)}, optional={"x": st.text(max_size=9)})
some = st.lists(st.tuples(runtimes, turns, states), min_size=3, max_size=9)
items = st.lists(st.tuples(runtimes, turns, states), max_size=2) | some
desks = st.integers(0, 1)

calls = st.integers(0, 3) | st.integers(0, 14)  # an append makes few, a compaction many
troubles = st.none() | st.tuples(st.sampled_from(sorted(TROUBLES)), calls)
halves = st.sampled_from([("torn", 0), ("short", 0)]) | troubles  # of a batch, which they leave
flips = st.integers(1, 127)
STEPS = 40  # of one example, at most
TAILS = [b"\0" * 9, b'{"seq":', b"half\n", b'{"op":"sea']


def remove(_: DeskMachine, path: Path, data: st.DataObject) -> None:
    path.unlink(missing_ok=True)


def cut_in_half(_: DeskMachine, path: Path, data: st.DataObject) -> None:
    if path.exists():
        snapshots.cut(path)


def damage(_: DeskMachine, path: Path, data: st.DataObject) -> None:
    if path.exists():
        snapshots.flip(path, data.draw(st.floats(0, 0.999)), data.draw(flips))


def put_another(machine: DeskMachine, path: Path, data: st.DataObject) -> None:
    if machine.copies:
        path.write_bytes(data.draw(st.sampled_from(machine.copies)))


CHANGES = [remove, cut_in_half, damage, put_another, put_another]


class StoreMachine(DeskMachine):
    """The rules: what may happen, and what must be seen then."""

    # Writing

    @initialize(items=some, saves=st.booleans())
    def begin(self, items: list[tuple[str, str, dict[str, Any]]], saves: bool = False) -> None:
        """`saves`: snapshots are taken and used, as they are of long logs only otherwise."""
        if saves:
            self.begin_saving()
        self.set_many(0, "s", items, None)

    @rule(
        desk=desks, session=sessions, runtime=runtimes, turn=turns, state=states, trouble=troubles
    )
    def set(
        self,
        desk: int,
        session: str,
        runtime: str,
        turn: str,
        state: dict[str, Any],
        trouble: Trouble,
    ) -> None:
        self.attempt(
            desk,
            session,
            trouble,
            lambda store: store.set_runtime_state(session, runtime, turn, state),
            [("set", runtime, turn, state)],
        )

    @rule(desk=desks, session=sessions, items=items, trouble=halves)
    def set_many(
        self,
        desk: int,
        session: str,
        items: list[tuple[str, str, dict[str, Any]]],
        trouble: Trouble,
    ) -> None:
        self.attempt(
            desk,
            session,
            trouble,
            lambda store: store.set_many(session, items),
            [("set", *item) for item in items],
        )

    @rule(desk=desks, session=sessions, runtime=st.none() | runtimes, trouble=troubles)
    def clear(self, desk: int, session: str, runtime: str | None, trouble: Trouble) -> None:
        """Writes nothing where there is nothing."""
        view = self.models[session].view() if session in self.models else {}
        holds = bool(view) if runtime is None else runtime in view
        self.attempt(
            desk,
            session,
            trouble,
            lambda store: store.clear_runtime_state(session, runtime),
            [("clear", runtime)] if holds else [],
        )

    @rule(desk=desks, session=sessions, receiver=st.sampled_from(RUNTIMES[1:]), trouble=troubles)
    def hand_off(self, desk: int, session: str, receiver: str, trouble: Trouble) -> None:
        self.attempt(
            desk,
            session,
            trouble,
            lambda store: store.hand_off(session, "native", receiver, reason="tired"),
            [("handoff", "native", receiver, None, "tired")],
        )

    @rule(desk=desks, session=sessions, receiver=st.sampled_from(RUNTIMES[1:]), trouble=troubles)
    def hand_over(self, desk: int, session: str, receiver: str, trouble: Trouble) -> None:
        """From both sides."""
        self.hand_off(desk, session, receiver, trouble)
        self.take_over(1 - desk, session, receiver, None)

    @rule(desk=desks, session=sessions, runtime=runtimes, trouble=troubles)
    def take_over(self, desk: int, session: str, runtime: str, trouble: Trouble) -> None:
        model = self.models.get(session)
        view = model.view() if model is not None else {}
        answered = model.unanswered(runtime) if model is not None else None
        seen = model.last if model is not None else 0
        inherited = self.attempt(
            desk,
            session,
            trouble,
            lambda store: store.take_over(session, runtime),
            [("takeover", runtime, answered, seen)],
        )
        assert inherited is None or json.dumps(inherited) == json.dumps(view)

    @rule(desk=desks, session=sessions, trouble=troubles)
    def delete(self, desk: int, session: str, trouble: Trouble) -> None:
        there, left = session in self.models, session in self.ghosts
        deleted = self.attempt(
            desk, session, trouble, lambda store: store.delete_session(session), deletes=True
        )
        if deleted is not None:
            assert session not in self.models, "still there"
            assert deleted is there or left
        if deleted:
            assert not list(self.folder.glob(f"{self.snapshot(session).name}*"))

    # Looking after the files

    @rule(
        desk=desks,
        session=sessions,
        history=st.sampled_from(["archive", "archive", "drop"]),
        trouble=troubles,
    )
    def compact(self, desk: int, session: str, history: Any, trouble: Trouble) -> None:
        there = session in self.models
        report = self.attempt(
            desk, session, trouble, lambda store: store.compact(session, history)
        )
        if report is not None:
            assert there
            check_compacted(self.models[session], report.events_after)
        elif trouble is None:
            assert not there

    @rule(
        desk=desks,
        session=sessions,
        history=st.sampled_from(["archive", "drop"]),
        at=st.integers(0, 12),
        acts=st.sampled_from(["set", "delete", "delete and set"]),
    )
    def another_acts_in_the_middle_of_a_compaction(
        self, desk: int, session: str, history: Any, at: int, acts: str
    ) -> None:
        """What it does has happened, or it was told that the log is locked."""
        new: list[Told] = []
        done: list[str] = []

        def act() -> None:
            other = self.desks[1 - desk].store
            try:
                if acts != "set":
                    other.delete_session(session)
                    done.append("deleted")
                if acts != "delete":
                    other.set_runtime_state(session, "native", "t0", {"n": -1})
                    new.append(("set", "native", "t0", {"n": -1}))
            except LockTimeoutError:
                pass  # the compaction has the lock just now

        process = self.desks[desk].process
        process.fault = MeanwhileAt(at, act)
        try:
            self.desks[desk].store.compact(session, history)
        except CompactionError:
            assert done, "nothing was in its way"
        process.fault = None
        if done:
            self.models.pop(session, None)
        self.counts.meanwhile += bool(new or done)
        self.settle(session, new, len(new), len(new))

    @rule(desk=desks, session=sessions, trouble=troubles)
    def pack(self, desk: int, session: str, trouble: Trouble) -> None:
        self.attempt(desk, session, trouble, lambda store: packed(store, session))

    @rule(desk=desks, session=sessions, trouble=troubles)
    def flush(self, desk: int, session: str, trouble: Trouble) -> None:
        self.attempt(desk, session, trouble, lambda store: store.flush())

    @rule(desk=desks)
    def reopen(self, desk: int) -> None:
        self.desks[desk].store.close()
        self.desks[desk] = Desk(self.folder)

    # Damage

    @rule(session=sessions, tail=st.sampled_from(TAILS))
    def a_dead_writer_leaves_a_tail(self, session: str, tail: bytes) -> None:
        if session in self.models and not self.after_the_lines(session):
            with self.path(session).open("ab") as file:
                file.write(tail)

    @rule(session=sessions, data=st.data())
    def a_byte_is_changed(self, session: str, data: st.DataObject) -> None:
        """Of any event but the last, which would be a torn tail. Who reads it anew loses it."""
        model = self.models.get(session)
        lines = model.lines()[:-1] if model is not None else []
        intact = [
            (place, seq)
            for place, seq in enumerate(lines, 1)
            if model is not None and seq not in model.now.damaged
        ]
        if model is None or not intact:
            return
        place, seq = data.draw(st.sampled_from(intact))
        self.change(session, place, seq, data.draw(st.floats(0, 0.999)), data.draw(flips))
        history = data.draw(st.sampled_from([None, "archive", "drop"]))
        if history is not None:
            self.compact(0, session, history, None)

    def change(self, session: str, place: int, seq: int, where: float, flip: int) -> None:
        """A byte of the line at `place`, with the event `seq`, `where` in it from 0 to 1."""
        lines = self.path(session).read_bytes().split(b"\n")
        offset, length = sum(len(line) + 1 for line in lines[:place]), len(lines[place])
        for desk in self.desks:
            desk.store.close()
        change_a_byte(self.path(session), offset + int(where * length), flip)
        self.forget_snapshot(session, offset)
        self.desks = [Desk(self.folder), Desk(self.folder)]
        self.models[session].damage(seq, offset, length + 1)
        self.counts.damaged += 1

    @rule(session=sessions)
    def a_snapshot_is_copied(self, session: str) -> None:
        if self.snapshot(session).exists():
            self.copies.append(self.snapshot(session).read_bytes())

    @rule(desk=desks, session=sessions, data=st.data())
    def a_snapshot_is_changed(self, desk: int, session: str, data: st.DataObject) -> None:
        """Removed, cut, damaged, replaced by any that ever was. The next process looks at it."""
        path = self.snapshot(session)
        if not (path.exists() or self.copies):
            return
        self.desks[desk].store.close()
        data.draw(st.sampled_from(CHANGES))(self, path, data)
        self.desks[desk] = Desk(self.folder)
        self.counts.tampered += 1

    # Looking

    @rule(desk=desks, session=sessions)
    def sum_up(self, desk: int, session: str) -> None:
        """What was saved of a session is what all of its events fold to: also who has it."""
        past = self.disk.history(session, 1 << 62)
        store, folded = self.desks[desk].store, FoldedSession()
        for event in past.to_fold() if past is not None else ():
            folded.fold(event)
        for info in store.list_sessions():
            if info["session_id"] == session in self.models:
                found = store.summary(info)
                expected = folded.freeze().sum_up(self.models[session].last)
                assert msgspec.structs.replace(found, problem=None) == expected

    @rule(desk=desks, session=sessions, note=st.booleans())
    def verify(self, desk: int, session: str, note: bool) -> None:
        """It finds exactly what was damaged, and every head that was noted down."""
        store, model = self.desks[desk].store, self.models.get(session)
        if model is None:
            report = store.verify(session)
            assert report.head is None
            return
        expected = sorted([*model.findings(), *self.torn(session)])
        for head in [None, *model.heads.values()]:
            report = store.verify(session, head)
            assert found_in(report) == expected
            assert report.head is not None
            assert report.head.seq == model.last
            assert report.events == len(model.folded(model.now, model.last))
        if note and model.last:
            model.heads[model.last] = str(store.verify(session).head)

    @rule(desk=desks, session=sessions)
    def replay(self, desk: int, session: str) -> None:
        """History is all that happened, but for what was dropped or damaged."""
        model = self.models.get(session)
        store = self.desks[desk].store
        if model is None:
            with pytest.raises(NotFoundError):
                store.replay(session)
            return
        found = [step.event for step in store.replay(session)]
        expected = [(seq, model.events[seq - 1]) for seq in model.history()]
        assert [(event.seq, told(event)) for event in found] == expected
        for one, other in pairwise(found):
            assert other.seq > one.seq + 1 or other.prev == one.hash

    @rule(desk=desks, session=sessions, data=st.data())
    def state_at(self, desk: int, session: str, data: st.DataObject) -> None:
        store, model = self.desks[desk].store, self.models.get(session)
        if model is None:
            return
        seq = data.draw(st.integers(0, model.last))
        expected = model.view_at(seq)
        if expected is None:
            with pytest.raises(HistoryError):
                store.state_at(session, seq)
        else:
            assert json.dumps(store.state_at(session, seq)) == json.dumps(expected)

    @rule(desk=desks, session=sessions, runtime=runtimes, turn=turns)
    def history(self, desk: int, session: str, runtime: str, turn: str) -> None:
        model = self.models.get(session)
        store = self.desks[desk].store
        if model is None:
            with pytest.raises(NotFoundError):
                store.history(session, runtime, turn)
            return
        found, expected = store.history(session, runtime, turn), model.versions(runtime, turn)
        assert [(version.event.seq, version.state) for version in found] == expected

    # CatchUp

    @rule(session=sessions, anew=st.booleans())
    def follow(self, session: str, anew: bool) -> None:
        """Read on with what is open or, by its cursor, with another follower.

        What was still open of a life that has ended comes first, then all of the next.
        """
        follower = self.follower(session, anew)
        before = follower.cursor
        now = self.models.get(session)
        seen = {before.seq} if before is not None and now and before.log_id == now.log_id else {0}
        place = before
        for event in follower.read():
            cursor = follower.cursor
            assert cursor is not None
            if place is None or cursor.log_id != place.log_id:
                assert now is not None
                assert cursor.log_id == now.log_id, "back to a life that has ended"
                place = Cursor(cursor.log_id, 0)
            assert cursor.seq == event.seq > place.seq, "twice, or out of order"
            assert follower.lost == event.seq - place.seq - 1
            assert told(event) == self.lives[cursor.log_id].events[event.seq - 1]
            place = cursor
            if now is not None and cursor.log_id == now.log_id:
                seen.add(event.seq)
            self.counts.followed += 1
        left = [seq for seq in now.history() if seq > min(seen)] if now is not None else []
        assert set(left) <= seen, "missed"

    # Always

    @invariant()
    def each_desk_shows_the_view_of_the_model(self) -> None:
        self.counts.steps += 1
        for session in SESSIONS:
            model = self.models.get(session)
            view = json.dumps(model.view() if model is not None else {})
            for desk in self.desks:
                assert json.dumps(desk.store.state_at(session)) == view
                assert desk.store.session_exists(session) is (model is not None)

    @invariant()
    def the_listing_is_the_model(self) -> None:
        """But for ghosts: a listing opens no log, so it may show those."""
        for desk in self.desks:
            listed = [info["session_id"] for info in desk.store.list_sessions()]
            assert sorted({*listed} - self.ghosts) == sorted(self.models)
            assert len(listed) == len({*listed})


def packed(store: DefaultSessionStore, session: str) -> int:
    """Pack what the session has archived, as the store would in the background."""
    pack = store._compactor._pack
    assert pack is not None
    return pack(session, never)


def check_compacted(model: Model, events: int) -> None:
    """Only what lives is left."""
    assert sorted(model.lines()) == sorted(model.living(model.last))
    assert events == len(model.lines())


@sized(quick=400, storm=12_000, long=50_000)
def test_the_store_is_as_the_model_whatever_goes_wrong(
    size: int, figure: Figure, monkeypatch: pytest.MonkeyPatch
) -> None:
    # a session file is refreshed after every write: which calls there are must not hang on time
    monkeypatch.setattr(projections.store.refreshing, "_SHARE", 0)
    StoreMachine.counts = counts = Counts()
    while counts.steps < size or counts.rarest < max(1, size // 1000):
        run_state_machine_as_test(
            StoreMachine,
            settings=settings(
                max_examples=max(5, (size - counts.steps) // STEPS),
                stateful_step_count=STEPS,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
    figure(str(counts))


# Found by the machine in long runs


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Iterator[StoreMachine]:
    monkeypatch.setattr(projections.store.refreshing, "_SHARE", 0)
    machine = StoreMachine()
    yield machine
    machine.teardown()


def test_a_takeover_answers_no_handoff_of_a_session_that_another_deleted(
    machine: StoreMachine,
) -> None:
    machine.begin([("native", "t0", {})])
    machine.hand_off(0, "s", "plugin", None)
    machine.delete(1, "s", None)
    machine.take_over(0, "s", "plugin", None)
    machine.replay(0, "s")


def test_another_appends_while_damage_in_what_was_kept_is_compacted_away(
    machine: StoreMachine,
) -> None:
    machine.begin([("native", turn, {}) for turn in ("t0", "t0", "t1")])
    machine.compact(0, "s", "archive", None)
    machine.change("s", place=1, seq=2, where=0.5, flip=1)
    machine.another_acts_in_the_middle_of_a_compaction(0, "s", "archive", at=1, acts="set")
    machine.verify(0, "s", note=False)


@pytest.mark.parametrize("clear", [False, True])
def test_the_event_that_a_log_begins_after_is_not_looked_for_in_that_log(
    machine: StoreMachine, clear: bool
) -> None:
    """It is lost with the line that held it, or was never kept: that is no other damage."""
    machine.begin([("native", turn, {}) for turn in ("t0", "t1", "t2", "t0")])
    if clear:
        machine.set(0, "s", "plugin", "t0", {}, None)
        machine.clear(0, "s", "plugin", None)
    machine.compact(0, "s", "archive", None)
    machine.change("s", place=1, seq=4, where=0.5, flip=1)
    machine.compact(0, "s", "archive", None)
    machine.verify(0, "s", note=False)


def test_a_session_whose_deletion_was_cut_short_is_none_for_a_compaction(tmp_path: Path) -> None:
    """Its log is still there, sealed."""

    def keep_the_log(name: str, args: tuple[Any, ...]) -> None:
        if name == "unlink" and args[0].endswith("s.jsonl"):
            raise OSError(errno.EIO, "Input/output error")

    desk = Desk(tmp_path)
    for number in range(2):
        desk.store.set_runtime_state("s", "native", "t", {"n": number})
    desk.process.fault = keep_the_log
    with pytest.raises(JournalError):
        desk.store.delete_session("s")
    assert not desk.store.session_exists("s")
    assert (tmp_path / "s.jsonl").exists()
    assert desk.store.compact("s") is None
    desk.store.close()
