"""Processes that save for a while: as fast as they can, slowly, or to very many sessions."""

import random
import time
from itertools import count
from time import monotonic, perf_counter_ns, sleep

from projections import DefaultSessionStore
from tests.benchmarks.artefacts import STATE
from tests.benchmarks.contenders import make
from tests.benchmarks.ours import LIMITS, Journal
from tests.benchmarks.roles.talking import ready, say, told_to_stop

_FAR = 10_000_000  # turns between what two processes write


def save(peer: str, folder: str, first: int, seconds: float, turns: int | None = None) -> None:
    """Save turns for so many seconds with one of the contenders; prints how many it saved.

    From turn `first` on, new turns; or `turns` of them, again and again.
    """
    contender = make(peer, folder)
    contender.set(first)
    ready()
    saved = 0
    end = monotonic() + seconds
    while monotonic() < end:
        saved += 1
        contender.set(first + (saved if turns is None else saved % turns))
    say(saved)
    contender.close()


def save_slowly(folder: str, session: str, pause: float, count: int | None) -> None:
    """Save `count` turns, or until told to stop, with a pause of so many seconds between.

    Each carries when its `set` began, on the monotonic clock. Prints how long each took.
    """
    taken: list[float] = []
    with DefaultSessionStore(folder, durability="os", limits=LIMITS, auto_compact=False) as store:
        store.set_runtime_state(session, "writer", "warm", STATE)
        ready()
        while len(taken) != count and not told_to_stop():
            start = perf_counter_ns()
            stamped = STATE | {"at": time.monotonic_ns()}
            store.set_runtime_state(session, "writer", f"turn-{len(taken)}", stamped)
            taken.append((perf_counter_ns() - start) / 1e9)
            sleep(pause)
    say(taken)


def save_at_random(folder: str, sessions: int, seed: int, seconds: float, windows: int) -> None:
    """Save new turns to sessions drawn at random; prints how many in each of the windows.

    All windows are of one length, `seconds` together.
    """
    draw = random.Random(seed)
    journal = Journal(folder, sync=False)
    journal.set_in("session-0", 0)
    ready()
    saved = [0] * windows
    start = monotonic()
    for turn in count(1):
        window = int((monotonic() - start) / seconds * windows)
        if window >= windows:
            break
        journal.set_in(f"session-{draw.randrange(sessions)}", seed * _FAR + turn)
        saved[window] += 1
    say(saved)
    journal.close()
