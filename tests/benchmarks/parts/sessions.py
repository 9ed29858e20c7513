"""A folder of very many sessions: list them, and save to any of them."""

import random

from tests.benchmarks.artefacts import RUNTIME, STATE, turn_id
from tests.benchmarks.measure import interleave, settle
from tests.benchmarks.ours import Journal
from tests.benchmarks.results import OURS, Row, at_most
from tests.benchmarks.shared import Shared
from tests.benchmarks.sizes import Sizes

_BLOCK = 100


def run(sizes: Sizes, folder: str, shared: Shared) -> list[Row]:
    """Both rows, of sessions with one turn each and a session file."""
    count = sizes.sessions
    peer = Journal(folder, sync=False)
    for number in range(count):
        peer.set_in(f"session-{number}", 0)
    peer.close()  # writes the session files that are not there yet
    settle()
    peer = Journal(folder, sync=False)
    listing = interleave(
        {OURS: lambda _: peer.store.list_sessions()}, rounds=sizes.repeats, block=1
    )
    order = random.Random(1).choices(range(count), k=(sizes.rounds + 1) * _BLOCK)

    def save(index: int) -> object:
        session = f"session-{order[index]}"
        return peer.store.set_runtime_state(session, RUNTIME, turn_id(1), STATE)

    saving = interleave({OURS: save}, rounds=sizes.rounds, block=_BLOCK)
    peer.close()
    return [
        Row(
            f"listing {count:,} sessions",
            listing,
            [at_most("median", listing[OURS].median, 2.0, "s")],
        ),
        Row(
            f"set in a random one of {count:,} sessions",
            saving,
            [at_most("median", saving[OURS].median, 150e-6, "s")],
            "256 are held open at a time",
        ),
    ]
