"""Eight processes that save to one session at once."""

from contextlib import ExitStack

from tests.benchmarks.children import Child
from tests.benchmarks.measure import Stats
from tests.benchmarks.results import OURS, Row, at_least, ratio
from tests.benchmarks.sizes import Sizes

_PROCESSES = 8
_ROUNDS = 3
_FAR = 10_000_000  # turns between what two of them write
_PEERS = {OURS: "journal", "LMDB, no sync": "lmdb", "SQLite NORMAL": "sqlite"}


def run(sizes: Sizes, folder: str) -> list[Row]:
    """One row: seconds for each append, all together; and how even their shares are."""
    times: dict[str, list[float]] = {name: [] for name in _PEERS}
    evenness: list[float] = []
    for round_ in range(_ROUNDS):
        for name, peer in _PEERS.items():
            counts = _race(peer, f"{folder}/{peer}", round_, sizes.process_seconds)
            times[name].append(sizes.process_seconds / sum(counts))
            if name == OURS:
                evenness.append(min(counts) * _PROCESSES / sum(counts))
    figures = {name: Stats.of(found) for name, found in times.items()}
    return [
        Row(
            f'set, durability "os", {_PROCESSES} processes on one session',
            figures,
            [
                at_least("as many as SQLite", ratio(figures, "SQLite NORMAL", OURS), 5.0),
                at_least("as many as LMDB", ratio(figures, "LMDB, no sync", OURS), 5.0),
                at_least("the slowest, of the mean", min(evenness), 0.5, ""),
            ],
            "time for one append, all processes together",
        )
    ]


def _race(peer: str, folder: str, round_: int, seconds: float) -> list[int]:
    """How many each of the processes saved."""
    with ExitStack() as stack:
        children = []
        for number in range(_PROCESSES):
            first = (round_ * _PROCESSES + number) * _FAR
            child = Child("save", peer=peer, folder=folder, first=first, seconds=seconds)
            children.append(stack.enter_context(child))
        for child in children:
            child.hear()
        for child in children:
            child.tell()
        return [child.hear() for child in children]
