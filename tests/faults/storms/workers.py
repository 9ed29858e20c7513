"""Workers of a storm: each does one thing until it is killed, and says so (`deeds`).

They run in processes of their own, or as threads with one store between them.
"""

import random
from collections.abc import Callable
from time import sleep
from typing import NamedTuple, cast

from journal import CompactionError, Durability, Limits
from projections import DefaultSessionStore
from tests.faults.storms.deeds import (
    Began,
    Change,
    Ended,
    Noted,
    Read,
    Saw,
    Witness,
    deeds_in,
    now,
)

TURNS = [f"t{number}" for number in range(12)]
"""Of each runtime: few, so that compaction finds most of the log dead."""

Going = Callable[[], bool]


def forever() -> bool:
    return True


class Stage(NamedTuple):
    """What all workers of a storm share; goes to other processes."""

    folder: str
    deeds: str
    sessions: tuple[str, ...]
    writers: tuple[str, ...]
    durability: str

    def open(self, *, auto_compact: bool = True) -> DefaultSessionStore:
        return DefaultSessionStore(
            self.folder,
            durability=cast(Durability, self.durability),
            limits=Limits(runtime_bytes=1 << 30),
            auto_compact=auto_compact,
        )

    def witness(self, name: str) -> Witness:
        return Witness(self.deeds, name)


class Writer:
    """Appends events of a runtime that nobody else writes to."""

    def __init__(self, store: DefaultSessionStore, stage: Stage, name: str) -> None:
        self._store = store
        self._stage = stage
        self._name = name
        self._witness = stage.witness(name)
        self._dice = random.Random(f"{name} {now()}")
        self._may_clear: set[str] = set()

    def step(self) -> None:
        session = self._dice.choice(self._stage.sessions)
        kind = self._dice.random()
        if kind < 0.04 and session in self._may_clear:
            self._clear(session)
        elif kind < 0.1:
            self._hand_off(session)
        else:
            self._set(session, 1 if kind < 0.8 else self._dice.randrange(2, 6))

    def _begin(self, session: str, changes: list[Change]) -> None:
        self._witness.say(Began(session, changes, now()))

    def _end(self, returned: object) -> None:
        at = now()
        assert returned, returned
        self._witness.say(Ended(at))

    def _set(self, session: str, count: int) -> None:
        changes = [
            Change("set", self._name, self._dice.choice(TURNS), now()) for _ in range(count)
        ]
        states = [{"n": change.number, "text": "x" * 300} for change in changes]
        self._begin(session, changes)
        if count == 1:
            turn = changes[0].turn
            self._end(self._store.set_runtime_state(session, self._name, turn, states[0]))
        else:
            items = [(self._name, changes[i].turn, states[i]) for i in range(count)]
            self._end(self._store.set_many(session, items))
        self._may_clear.add(session)

    def _clear(self, session: str) -> None:
        """Never twice without an acknowledged set between, so that the log tells which it was."""
        self._may_clear.discard(session)
        self._begin(session, [Change("clear", self._name, "", 0)])
        self._end(self._store.clear_runtime_state(session, self._name))

    def _hand_off(self, session: str) -> None:
        change = Change("handoff", self._name, "", now())
        self._begin(session, [change])
        self._end(self._store.hand_off(session, self._name, "other", reason=str(change.number)))


def write(store: DefaultSessionStore, stage: Stage, name: str, going: Going) -> None:
    writer = Writer(store, stage, name)
    while going():
        writer.step()


def read(store: DefaultSessionStore, stage: Stage, name: str, going: Going) -> None:
    """Look at what the writers' runtimes hold, and now and then verify all of it."""
    witness = stage.witness(name)
    dice = random.Random(f"{name} {now()}")
    while going():
        session, runtime = dice.choice(stage.sessions), dice.choice(stage.writers)
        began = now()
        turns = store.get_runtime_state(session, runtime)
        ended = now()
        numbers = {turn: state["n"] for turn, state in turns.items()}
        witness.say(Read(session, runtime, numbers, began, ended))
        if dice.random() < 0.03:
            report = store.verify(session)
            assert report.ok, report.problems
            if report.head is not None:
                witness.say(Noted(session, str(report.head)))
        sleep(0.001)


def compact(store: DefaultSessionStore, stage: Stage, name: str, going: Going) -> None:
    dice = random.Random(f"{name} {now()}")
    while going():
        try:
            store.compact(dice.choice(stage.sessions))
        except CompactionError:
            pass  # another one is at it
        sleep(dice.random() * 0.02)


def tail(store: DefaultSessionStore, stage: Stage, name: str, going: Going) -> None:
    """Follow one session; each life goes on where the last one was killed.

    Among threads, closing the store ends it.
    """
    witness = stage.witness(name)
    session = stage.sessions[int(name[-1]) % len(stage.sessions)]
    cursor = None
    for deed in deeds_in(witness.path):
        if isinstance(deed, Saw):
            cursor = deed.cursor
    for arrival in store.tail(session, after=cursor, from_start=True):
        event = arrival.event
        assert not arrival.lost, arrival
        witness.say(Saw(session, event.seq, event.hash, str(arrival.cursor)))
        if not going():
            return


WORK = {"w": write, "r": read, "c": compact, "t": tail}
"""By the first letter of a worker's name."""


def work(stage: Stage, name: str, going: Going = forever) -> None:
    """What a process of a storm runs."""
    with stage.open() as store:
        WORK[name[0]](store, stage, name, going)
