"""Workers for the tail sessions: writers, a compactor, a deleter, and many short tails.

Each notes what it did in a file of its own, a line at a time. A tail that has ended leaves
its cursors behind, and whoever comes by, in whatever process and thread, goes on with them.
"""

import asyncio
import os
import random
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from multiprocessing.synchronize import Event as Flag
from pathlib import Path
from time import monotonic_ns, sleep
from typing import NamedTuple

import msgspec
from msgspec import Struct

from journal import CompactionError
from journal.events import Set
from projections import DefaultSessionStore
from projections.tail.tail import Arrival, Tail

SESSIONS = STEADY, LOSSY, BRIEF, OTHER = ("steady", "lossy", "brief", "other/brief")
"""Never deleted; compacted with its history dropped; deleted and made again, both."""

THREADS = 2  # of each worker that tails
_TURNS = [f"t{number}" for number in range(5)]  # few, so that compaction finds much to do


class Wrote(Struct, frozen=True):
    """One acknowledged call of a writer: the numbers of its events, and when it was made."""

    session: str
    writer: str
    numbers: list[int]
    began: int
    ended: int


class Seen(Struct, frozen=True):
    """An arrival."""

    session: str
    log_id: str
    seq: int
    prev: str
    hash: str
    lost: int
    writer: str
    number: int


class Watched(Struct, frozen=True):
    """One tail session, of one session or of all: from where it went, and what it saw.

    `start` is "start", "now" or "cursor", `places` its cursors when it began to read, and
    `ended` those with which to go on. It took its places between `began` and `opened`.
    """

    kind: str
    session: str | None
    start: str
    began: int
    opened: int
    places: dict[str, str]
    ended: dict[str, str]
    seen: list[Seen]


class Place(Struct, frozen=True):
    """Where a tail session has ended."""

    session: str | None
    cursors: dict[str, str]


class Stage(NamedTuple):
    """What all workers share; goes to other processes."""

    folder: str
    notes: str
    places: str

    def open(self) -> DefaultSessionStore:
        return DefaultSessionStore(self.folder, durability="os", max_open=3)

    def noting(self, name: str) -> "Notes":
        return Notes(Path(self.notes, name))


class Notes:
    def __init__(self, path: Path) -> None:
        self._file = path.open("ab")

    def add(self, note: Struct) -> None:
        self._file.write(msgspec.json.encode(note) + b"\n")

    def close(self) -> None:
        self._file.close()


def wrote_in(path: Path) -> list[Wrote]:
    return msgspec.json.Decoder(Wrote).decode_lines(path.read_bytes())


def watched_in(path: Path) -> list[Watched]:
    return msgspec.json.Decoder(Watched).decode_lines(path.read_bytes())


# Writers and who disturbs them


def write(stage: Stage, name: str, going: Flag) -> None:
    """Numbered events, of a runtime of its own; at the end one more to each session."""
    dice, numbers, notes = random.Random(name), count(1), stage.noting(name)

    def append(session: str, events: int) -> None:
        mine = [next(numbers) for _ in range(events)]
        items = [(name, dice.choice(_TURNS), {"n": number}) for number in mine]
        began = monotonic_ns()
        assert store.set_many(session, items) is True
        notes.add(Wrote(session, name, mine, began, monotonic_ns()))

    with stage.open() as store:
        while going.is_set():
            append(dice.choice(SESSIONS), dice.choice([1, 1, 1, 4]))
            sleep(0.002)  # so that no tail falls behind for good
        for session in SESSIONS:
            append(session, 1)
    notes.close()


def compact(stage: Stage, going: Flag) -> None:
    dice = random.Random(1)
    with stage.open() as store:
        while going.is_set():
            session = dice.choice(SESSIONS)
            try:
                store.compact(session, "drop" if session == LOSSY else "archive")
            except CompactionError:
                pass  # it was deleted meanwhile
            sleep(dice.random() * 0.02)


def delete(stage: Stage, going: Flag) -> None:
    dice = random.Random(2)
    with stage.open() as store:
        while going.is_set():
            store.delete_session(dice.choice([BRIEF, OTHER]))
            sleep(dice.random() * 0.2)


# Tails


def tail(stage: Stage, name: str, sessions: int) -> None:
    """So many tail sessions, in several threads with one store between them."""
    with stage.open() as store, ThreadPoolExecutor(THREADS) as pool:
        crew = [
            pool.submit(_tail, store, stage, f"{name}-{thread}", sessions // THREADS)
            for thread in range(THREADS)
        ]
        for one in crew:
            one.result()


def _tail(store: DefaultSessionStore, stage: Stage, name: str, sessions: int) -> None:
    dice, notes = random.Random(name), stage.noting(name)
    for number in range(sessions):
        place = _take_place(stage, name) if dice.random() < 0.6 else None
        start = "cursor" if place is not None else dice.choice(["start", "now"])
        session = dice.choice([*SESSIONS, None]) if place is None else place.session
        kind = dice.choice(["sync", "async"])
        watched = watch(store, kind, session, start, place, dice.randrange(1, 12))
        notes.add(watched)
        _leave_place(stage, f"{name}-{number}", Place(session, watched.ended))
    notes.close()


def watch(
    store: DefaultSessionStore,
    kind: str,
    session: str | None,
    start: str,
    place: Place | None,
    events: int,
) -> Watched:
    """One tail session, over after so many events."""
    began = monotonic_ns()
    after = place.cursors if place is not None else None
    with store.tail(session, after=after, from_start=start != "now") as tail:
        opened = monotonic_ns()
        places = {name: str(cursor) for name, cursor in tail.cursors.items()}
        assert (after or {}).items() <= places.items(), "not where the other has ended"
        if kind == "async":
            arrivals = asyncio.run(_take_async(tail, events))
        else:
            arrivals = [next(tail) for _ in range(events)]
        ended = {name: str(cursor) for name, cursor in tail.cursors.items()}
    seen = [_seen(arrival) for arrival in arrivals]
    return Watched(kind, session, start, began, opened, places, ended, seen)


async def _take_async(tail: Tail, events: int) -> list[Arrival]:
    arrivals: list[Arrival] = []
    async for arrival in tail:
        arrivals.append(arrival)
        if len(arrivals) == events:
            break
    return arrivals


def _seen(arrival: Arrival) -> Seen:
    event = arrival.event
    assert isinstance(event, Set)
    return Seen(
        session=arrival.session_id,
        log_id=arrival.cursor.log_id,
        seq=event.seq,
        prev=event.prev,
        hash=event.hash,
        lost=arrival.lost,
        writer=event.runtime_id,
        number=arrival.state["n"],
    )


def _take_place(stage: Stage, name: str) -> Place | None:
    """Where some tail has ended, which from now on only we know."""
    for entry in os.scandir(stage.places):
        if entry.name.endswith(".taken"):
            continue
        taken = os.path.join(stage.places, f"{name}.taken")
        try:
            os.rename(entry.path, taken)
        except FileNotFoundError:
            continue  # another was faster
        return msgspec.json.decode(Path(taken).read_bytes(), type=Place)
    return None


def _leave_place(stage: Stage, name: str, place: Place) -> None:
    path = Path(stage.places, f"{name}.taken")
    path.write_bytes(msgspec.json.encode(place))
    path.rename(path.with_suffix(".left"))
