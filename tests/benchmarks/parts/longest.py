"""The longest of very many sets, with compactions and session files among them."""

from collections.abc import Mapping
from contextlib import ExitStack

from tests.benchmarks.children import Child
from tests.benchmarks.measure import Stats, interleave
from tests.benchmarks.report import seconds
from tests.benchmarks.results import OURS, Row, at_most
from tests.benchmarks.shared import Shared
from tests.benchmarks.sizes import Sizes

_BLOCK = 1_000
_BARE = "the same steps, bare"
_PEERS = {OURS: "journal", _BARE: "bare", "SQLite NORMAL": "sqlite", "LMDB, no sync": "lmdb"}
_MORE = 0.005  # seconds


def run(sizes: Sizes, folder: str, shared: Shared) -> list[Row]:
    """One row. Each has a process to itself, so that what one does later delays no other."""
    turns, count = sizes.live_turns, sizes.longest_sets
    with ExitStack() as held:
        children = {
            name: held.enter_context(
                Child("blocks.sets", peer=peer, folder=f"{folder}/{peer}", turns=turns)
            )
            for name, peer in _PEERS.items()
        }
        for child in children.values():
            child.hear()
        figures = interleave(
            {},
            rounds=count // _BLOCK,
            block=_BLOCK,
            elsewhere={name: child.block for name, child in children.items()},
        )
    more = figures[OURS].max - figures[_BARE].max
    return [
        Row(
            f"the longest of {count:,} sets of {turns:,} turns",
            figures,
            [
                at_most(f"more than {_BARE}, the longest", more, _MORE, "s"),
                at_most("p99.9", figures[OURS].p999 or 0.0, 0.001, "s"),
            ],
            _rare(figures),
        )
    ]


def _rare(figures: Mapping[str, Stats]) -> str:
    """The column that the table lacks."""
    return "p99.9: " + " · ".join(
        f"{name} {seconds(stats.p999 or 0.0)}" for name, stats in figures.items()
    )
