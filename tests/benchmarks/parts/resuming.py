"""A tail of a long log that goes on where another stopped: at its end, or in its middle."""

import os
import time
from collections.abc import Callable
from typing import NamedTuple

import msgspec

from journal.events import Cursor
from projections import DefaultSessionStore
from tests.benchmarks.artefacts import RUNTIME, SESSION, STATE, turn_id
from tests.benchmarks.children import Child
from tests.benchmarks.logs import copy
from tests.benchmarks.measure import Stats
from tests.benchmarks.results import OURS, Row, at_most
from tests.benchmarks.shared import Shared
from tests.benchmarks.sizes import Sizes

_SHORT = "short"  # another session of the folder
_PAUSE = 0.2  # seconds after which the tail waits, if it reads no more than it should
_SOON, _ALLOWED = 0.005, 64 << 10  # seconds, bytes


class _Resumed(NamedTuple):
    """A tail up to its first arrival: seconds, and the bytes it read for it."""

    seconds: float
    read: int


def run(sizes: Sizes, folder: str, shared: Shared) -> list[Row]:
    """A row for each place; each tail has a process of its own."""
    where = copy(shared.long_log, f"{folder}/copy")
    with DefaultSessionStore(where, durability="os", auto_compact=False) as store:
        store.set_runtime_state(_SHORT, RUNTIME, turn_id(0), STATE)
        at_end = _from_newest(store, where, sizes.repeats + 1)
    middle = str(_in_middle(f"{where}/{SESSION}.jsonl"))
    in_middle = [_resumed(where, middle) for _ in range(sizes.repeats + 1)]
    what = f"tail of a log of {sizes.log_events:,} events"
    return [
        _row(f"{what} from its newest cursor, from append to arrival", at_end[1:]),
        _row(f"{what} from its middle, from the call to the first arrival", in_middle[1:]),
    ]


def _row(name: str, found: list[_Resumed]) -> Row:
    figures = {OURS: Stats.of([tail.seconds for tail in found])}
    read = max(tail.read for tail in found)
    return Row(
        name,
        figures,
        [
            at_most("median", figures[OURS].median, _SOON, "s"),
            at_most("read", read, _ALLOWED, "bytes"),
        ],
    )


def _from_newest(store: DefaultSessionStore, folder: str, rounds: int) -> list[_Resumed]:
    """Each goes on after the newest event, and gets one that is appended a moment later."""
    found = []
    with store.tail(SESSION) as tail:
        _append(store)
        for _ in range(rounds):
            newest = str(next(tail).cursor)
            found.append(_resumed(folder, newest, lambda: _append(store)))
    return found


def _append(store: DefaultSessionStore) -> None:
    stamped = STATE | {"at": time.monotonic_ns()}
    store.set_runtime_state(SESSION, RUNTIME, turn_id(0), stamped)


def _resumed(folder: str, cursor: str, append: Callable[[], None] | None = None) -> _Resumed:
    """The first arrival after a cursor, counted from the append if there is one."""
    with Child("tailing.resume", folder=folder, cursor=cursor, short_session=_SHORT) as child:
        child.hear()
        child.tell()
        child.hear()
        if append is not None:
            time.sleep(_PAUSE)
            append()
        found = child.hear()
    since = found["begun"] if append is None else found["sent"]
    return _Resumed((found["arrived"] - since) / 1e9, found["read"])


def _in_middle(log: str) -> Cursor:
    """After the event whose line is in the middle of the log."""
    with open(log, "rb") as file:
        log_id = msgspec.json.decode(file.readline())["log_id"]
        file.seek(os.path.getsize(log) // 2)
        file.readline()
        event = msgspec.json.decode(file.readline())
    return Cursor.at(log_id, event["seq"], event["hash"])
