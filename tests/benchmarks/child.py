"""What other processes do in the benchmarks: `python -m tests.benchmarks.child role arguments`.

Each role prints "ready", waits for a line, works, and prints what it found as JSON.
"""

import gc
import json
import select
import sys
import time
from collections.abc import Callable
from time import monotonic, perf_counter_ns, sleep
from typing import Any

from journal import Limits
from projections import DefaultSessionStore
from tests.benchmarks.artefacts import RUNTIME, SESSION, STATE, turn_id

_LIMITS = Limits(turn_bytes=1 << 20, runtime_bytes=1 << 40)


def say(found: Any) -> None:
    """One line to whoever started us."""
    print(json.dumps(found), flush=True)


def ready() -> None:
    """Say so, and wait until told to start."""
    say("ready")
    if not sys.stdin.readline():
        sys.exit("nobody is there any more")


def told_to_stop() -> bool:
    """Whether there is another line, or nobody is there any more to write one."""
    return bool(select.select([sys.stdin], [], [], 0)[0])


def growth(task: Callable[[], None]) -> int:
    """By how many bytes this process grows while it does `task`, at the most.

    The kernel's peak is reset before: the one of `getrusage` is inherited from the parent.
    """
    gc.collect()
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")
    before = _memory("VmRSS")
    task()
    return _memory("VmHWM") - before


def _memory(name: str) -> int:
    """A line of /proc/self/status, in bytes."""
    with open("/proc/self/status") as lines:
        found = next(line for line in lines if line.startswith(name + ":"))
    return int(found.split()[1]) << 10


def save(peer: str, folder: str, first: int, seconds: float) -> None:
    """Save turns for so many seconds with one of the contenders; prints how many it saved."""
    from tests.benchmarks import peers

    makers: dict[str, Callable[[str], peers.Contender]] = {
        "journal": lambda where: peers.Journal(where, sync=False),
        "lmdb": lambda where: peers.Lmdb(where, sync=False),
        "sqlite": lambda where: peers.Sqlite(where, sync=False),
    }
    contender = makers[peer](folder)
    contender.set(first)
    ready()
    count = 1
    end = monotonic() + seconds
    while monotonic() < end:
        contender.set(first + count)
        count += 1
    say(count - 1)
    contender.close()


def save_slowly(folder: str, session: str, pause: float, count: int | None) -> None:
    """Save `count` turns, or until told to stop, with a pause of so many seconds between.

    Each carries when its `set` began, on the monotonic clock. Prints how long each took.
    """
    taken: list[float] = []
    with DefaultSessionStore(folder, durability="os", limits=_LIMITS, auto_compact=False) as store:
        store.set_runtime_state(session, "writer", "warm", STATE)
        ready()
        while len(taken) != count and not told_to_stop():
            start = perf_counter_ns()
            stamped = STATE | {"at": time.monotonic_ns()}
            store.set_runtime_state(session, "writer", f"turn-{len(taken)}", stamped)
            taken.append((perf_counter_ns() - start) / 1e9)
            sleep(pause)
    say(taken)


def memory(task: str, folder: str) -> None:
    """Do one thing with the session of the benchmarks; prints by how many bytes memory grew."""
    tasks = {"view": _view, "verify": _verify, "tail": _tail}
    with DefaultSessionStore(folder, durability="os", auto_compact=False) as store:
        store.get_runtime_state("none", RUNTIME, turn_id(0))  # what any first use loads
        ready()
        say(growth(lambda: tasks[task](store)))


def _view(store: DefaultSessionStore) -> None:
    assert store.get_runtime_state(SESSION, RUNTIME, turn_id(0))


def _verify(store: DefaultSessionStore) -> None:
    assert store.verify(SESSION).ok


def _tail(store: DefaultSessionStore) -> None:
    head = store.verify(SESSION).head
    assert head is not None
    with store.tail(SESSION, from_start=True) as tail:
        for arrival in tail:
            if arrival.event.seq == head.seq:
                break


if __name__ == "__main__":
    globals()[sys.argv[1]](**json.loads(sys.argv[2]))
