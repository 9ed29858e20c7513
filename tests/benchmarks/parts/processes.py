"""Eight processes that save to one session at once."""

from contextlib import ExitStack

from tests.benchmarks.children import Child
from tests.benchmarks.measure import Stats, in_turn
from tests.benchmarks.results import OURS, Row, at_least, ratio
from tests.benchmarks.sizes import Sizes

_PROCESSES = 8
_FAR = 10_000_000  # turns between what two of them write
_PEERS = {OURS: "journal", "LMDB, no sync": "lmdb", "SQLite NORMAL": "sqlite"}


def run(sizes: Sizes, folder: str) -> list[Row]:
    """One row: seconds for each append, all together; and how even their shares are."""
    times: dict[str, list[float]] = {name: [] for name in _PEERS}
    shares: dict[str, list[float]] = {name: [] for name in _PEERS}
    for turn, name in in_turn(list(_PEERS), sizes.process_rounds):
        peer = _PEERS[name]
        counts = _race(peer, f"{folder}/{peer}-{turn}", sizes.process_seconds)
        times[name].append(sizes.process_seconds / sum(counts))
        shares[name].append(min(counts) * _PROCESSES / sum(counts))
    figures = {name: Stats.of(found) for name, found in times.items()}
    slowest = " · ".join(f"{name} {min(found):.2f}" for name, found in shares.items())
    return [
        Row(
            f'set, durability "os", {_PROCESSES} processes on one session',
            figures,
            [
                at_least("the rate of SQLite", ratio(figures, "SQLite NORMAL", OURS), 5.0),
                at_least("the rate of LMDB", ratio(figures, "LMDB, no sync", OURS), 5.0),
                at_least("of the mean for the slowest process", min(shares[OURS]), 0.5, ""),
            ],
            "time for one append, all processes together; "
            f"the slowest process saved, of the mean: {slowest}",
        )
    ]


def _race(peer: str, folder: str, seconds: float) -> list[int]:
    """How many each of the processes saved, in a session that was empty."""
    with ExitStack() as stack:
        children = []
        for number in range(_PROCESSES):
            child = Child("save", peer=peer, folder=folder, first=number * _FAR, seconds=seconds)
            children.append(stack.enter_context(child))
        for child in children:
            child.hear()
        for child in children:
            child.tell()
        return [child.hear() for child in children]
