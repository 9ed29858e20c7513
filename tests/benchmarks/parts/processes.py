"""Eight processes that save to one session at once."""

from contextlib import ExitStack
from typing import NamedTuple

from tests.benchmarks.builds import OLDER
from tests.benchmarks.children import HERE, Build, Child
from tests.benchmarks.measure import Stats, in_turn
from tests.benchmarks.results import OURS, Row, at_least, ratio
from tests.benchmarks.shared import Shared
from tests.benchmarks.sizes import Sizes

_PROCESSES = 8
_FAR = 10_000_000  # turns between what two of them write
_OVERWRITTEN = 500  # turns of each
_BARE = "the same steps, bare"


class _Peer(NamedTuple):
    contender: str
    build: Build


def run(sizes: Sizes, folder: str, shared: Shared) -> list[Row]:
    """New turns, and turns that are overwritten, with compactions: a row for each."""
    peers = {
        OURS: _Peer("journal", HERE),
        _BARE: _Peer("bare", HERE),
        OLDER: _Peer("journal", shared.older),
        "SQLite NORMAL": _Peer("sqlite", HERE),
        "LMDB, no sync": _Peer("lmdb", HERE),
    }
    name = f'set, durability "os", {_PROCESSES} processes on one session'
    overwriting = f"{name}, each overwriting {_OVERWRITTEN} turns"
    return [
        _row(name, peers, sizes, f"{folder}/new", None),
        _row(overwriting, peers, sizes, f"{folder}/overwritten", _OVERWRITTEN),
    ]


def _row(name: str, peers: dict[str, _Peer], sizes: Sizes, folder: str, turns: int | None) -> Row:
    """Seconds for each append, all together; and how even their shares are."""
    times: dict[str, list[float]] = {peer: [] for peer in peers}
    shares: dict[str, list[float]] = {peer: [] for peer in peers}
    for number, (_, peer) in enumerate(in_turn(list(peers), sizes.process_rounds)):
        counts = _race(peers[peer], f"{folder}-{number}", sizes.process_seconds, turns)
        times[peer].append(sizes.process_seconds / sum(counts))
        shares[peer].append(min(counts) * _PROCESSES / sum(counts))
    figures = {peer: Stats.of(found) for peer, found in times.items()}
    slowest = " · ".join(f"{peer} {min(found):.2f}" for peer, found in shares.items())
    return Row(
        name,
        figures,
        [
            at_least(f"the rate of {_BARE}", ratio(figures, _BARE, OURS), 0.85),
            at_least("the rate of SQLite", ratio(figures, "SQLite NORMAL", OURS), 2.0),
            at_least(f"the rate of {OLDER}", ratio(figures, OLDER, OURS), 5.0),
            at_least("of the mean for the slowest process", min(shares[OURS]), 0.6, ""),
        ],
        "time for one append, all processes together; "
        f"the slowest process saved, of the mean: {slowest}",
    )


def _race(peer: _Peer, folder: str, seconds: float, turns: int | None) -> list[int]:
    """How many each of the processes saved, in a session that was empty."""
    with ExitStack() as stack:
        children = []
        for number in range(_PROCESSES):
            child = Child(
                "saving.save",
                build=peer.build,
                peer=peer.contender,
                folder=folder,
                first=number * _FAR,
                seconds=seconds,
                turns=turns,
            )
            children.append(stack.enter_context(child))
        for child in children:
            child.hear()
        for child in children:
            child.tell()
        return [child.hear() for child in children]
