"""How tests take what a tail brings: none waits for ever."""

import asyncio
import gc
import os
import subprocess
import threading
from collections import defaultdict
from collections.abc import Callable, Coroutine
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from journal.events import Cursor, Set
from projections import DefaultSessionStore
from projections.tail.tail import Arrival, Tail
from tests.support import forked

T = TypeVar("T")

PATIENCE = 60.0
"""Seconds after which something that has to happen has not happened."""

END = "end"
"""The turn that is set last in a session."""


def take(tail: Tail, count: int) -> list[Arrival]:
    """The next `count` arrivals."""
    with giving_up(tail):
        found = list(islice(tail, count))
    assert len(found) == count, f"only {len(found)} of {count} came"
    return found


def take_to_ends(tail: Tail, *sessions: str) -> dict[str, list[Arrival]]:
    """All that comes until each of these sessions has set the turn `END`."""
    found: dict[str, list[Arrival]] = defaultdict(list)
    left = set(sessions)
    with giving_up(tail):
        for arrival in tail:
            found[arrival.session_id].append(arrival)
            if is_end(arrival):
                left.remove(arrival.session_id)
            if not left:
                break
    assert not left, f"{left} came to no end"
    return found


def is_end(arrival: Arrival) -> bool:
    return isinstance(arrival.event, Set) and arrival.event.turn_id == END


class giving_up:  # noqa: N801 - reads as a verb where it is used
    """Stops a tail that keeps us waiting for too long."""

    def __init__(self, tail: Tail) -> None:
        self.timer = threading.Timer(PATIENCE, tail.stop)
        self.timer.daemon = True

    def __enter__(self) -> None:
        self.timer.start()

    def __exit__(self, *_: object) -> None:
        self.timer.cancel()
        self.timer.join()


def seqs(arrivals: list[Arrival]) -> list[int]:
    return [arrival.event.seq for arrival in arrivals]


def put(store: DefaultSessionStore, session: str = "s", *turns: str) -> None:
    for turn in turns:
        store.set_runtime_state(session, "r", turn, {"turn": turn})


def check_whole(store: DefaultSessionStore, session: str, arrivals: list[Arrival]) -> None:
    """They are all events of the session, once each, in order, with places to go on from."""
    events = [step.event for step in store.replay(session)]
    assert [arrival.event for arrival in arrivals] == events
    assert seqs(arrivals) == list(range(1, len(events) + 1))
    assert {arrival.lost for arrival in arrivals} == {0}
    assert {arrival.cursor.log_id for arrival in arrivals} == {log_id(store, session)}
    assert [arrival.cursor.seq for arrival in arrivals] == seqs(arrivals)


def log_id(store: DefaultSessionStore, session: str) -> str:
    past = store.past(session)
    assert past is not None
    return past.log_id


def newest(store: DefaultSessionStore, session: str) -> Cursor:
    """The place after the newest event."""
    return Cursor.parse(str(store.verify(session).head))


_WRITER = """
import sys
from journal import CompactionError
from projections import DefaultSessionStore
folder, count, compact_every, *sessions = sys.argv[1:]
with DefaultSessionStore(folder, durability="os") as store:
    for number in range(1, int(count) + 1):
        for session in sessions:
            store.set_runtime_state(session, "r", f"t{number % 7}", {"n": number})
            if number % 50 == 0:
                store.clear_runtime_state(session, "r")
            if int(compact_every) and number % int(compact_every) == 0:
                try:
                    store.compact(session)
                except CompactionError:
                    pass  # another of us is at it
    if sys.argv[2] != "0":
        for session in sessions:
            store.set_runtime_state(session, "r", "end", {})
"""


def writer(
    folder: Path, count: int, compact_every: int, *sessions: str
) -> "subprocess.Popen[str]":
    return forked(_WRITER, str(folder), str(count), str(compact_every), *sessions)


def open_logs(folder: Path) -> list[str]:
    """The logs below a folder that this process has open."""
    found = []
    for link in os.listdir("/proc/self/fd"):
        try:
            target = os.readlink(f"/proc/self/fd/{link}")
        except FileNotFoundError:
            continue  # that of the listing itself
        if target.startswith(f"{folder}/") and target.endswith(".jsonl"):
            found.append(target)
    return found


def run(main: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run it, and see that nothing is left behind: no thread, no complaint of the loop."""
    noise: list[Any] = []

    async def with_time_limit() -> T:
        asyncio.get_running_loop().set_exception_handler(lambda _, told: noise.append(told))
        return await asyncio.wait_for(main(), PATIENCE)

    result = asyncio.run(with_time_limit())
    gc.collect()
    for thread in tail_threads():
        thread.join(PATIENCE)
    assert tail_threads() == []
    assert noise == []
    return result


def tail_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "journal-tail"]
