"""Operations of a contender that has a process to itself, timed here, a block at a time.

Each role answers `[first, count]` with the nanoseconds of each operation, until nobody asks.
"""

import json
import sys

from projections import DefaultSessionStore
from tests.benchmarks.artefacts import RUNTIME, SESSION, turn_id
from tests.benchmarks.contenders import make
from tests.benchmarks.measure import Block, timed
from tests.benchmarks.roles.talking import say


def sets(peer: str, folder: str, *, sync: bool = False, turns: int | None = None) -> None:
    """`set` of new turns; or of `turns` turns, there from the start, again and again."""
    contender = make(peer, folder, sync=sync)
    if turns is None:
        serve(timed(contender.set))
    else:
        contender.set_many(0, turns)
        serve(timed(lambda index: contender.set(index % turns)))
    contender.close()


def batches(peer: str, folder: str, size: int) -> None:
    """`set_many` of so many new turns."""
    contender = make(peer, folder)
    serve(timed(lambda number: contender.set_many(number * size, size)))
    contender.close()


def first_gets(folder: str) -> None:
    """The first `get` of a fresh store; the store is closed off the clock."""
    serve(lambda first, count: [_first_get(folder) for _ in range(count)])


def _first_get(folder: str) -> int:
    found: list[object] = []
    with DefaultSessionStore(folder, durability="os", auto_compact=False) as store:
        get = timed(lambda _: found.append(store.get_runtime_state(SESSION, RUNTIME, turn_id(0))))
        (taken,) = get(0, 1)
    if not found[0]:
        raise AssertionError("the session is not what was built")
    return taken


def serve(block: Block) -> None:
    """Answer until nobody asks."""
    say("ready")
    for line in sys.stdin:
        say(list(block(*json.loads(line))))
