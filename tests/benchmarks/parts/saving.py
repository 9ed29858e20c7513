"""`set` of one turn: without sync, with sync, and late in a long session."""

from tests.benchmarks.artefacts import line
from tests.benchmarks.bare import BareLog
from tests.benchmarks.builds import OLDER
from tests.benchmarks.children import Child
from tests.benchmarks.contenders import Contender, close
from tests.benchmarks.embedded import Lmdb, Sqlite
from tests.benchmarks.floors import RawWrite
from tests.benchmarks.measure import Operation, interleave
from tests.benchmarks.ours import Journal
from tests.benchmarks.peers import DiskCache, EventSourcing
from tests.benchmarks.results import OURS, Row, at_most, ratio
from tests.benchmarks.shared import Shared
from tests.benchmarks.sizes import Sizes

_BLOCK, _SLOW_BLOCK = 100, 20
_EARLY = 10
_BARE = "the same steps, bare"


def run(sizes: Sizes, folder: str, shared: Shared) -> list[Row]:
    """The three rows of `set`."""
    return [
        _unsynced(sizes, f"{folder}/os", shared),
        _synced(sizes, f"{folder}/fsync"),
        _late(sizes, folder),
    ]


def _unsynced(sizes: Sizes, folder: str, shared: Shared) -> Row:
    raw = RawWrite(f"{folder}/raw", sync=False)
    contenders: dict[str, Contender] = {
        OURS: Journal(f"{folder}/journal", sync=False),
        "LMDB, no sync": Lmdb(f"{folder}/lmdb", sync=False),
        "SQLite NORMAL": Sqlite(f"{folder}/sqlite", sync=False),
        "diskcache": DiskCache(f"{folder}/diskcache", sync=False),
        _BARE: BareLog(f"{folder}/bare", sync=False),
    }
    operations: dict[str, Operation] = {name: peer.set for name, peer in contenders.items()}
    operations["os.write"] = lambda index: raw.write(line(index))
    with Child(
        "blocks.sets", build=shared.older, peer="journal", folder=f"{folder}/older"
    ) as older:
        older.hear()
        figures = interleave(
            operations, rounds=sizes.rounds, block=_BLOCK, elsewhere={OLDER: older.block}
        )
    close([*contenders.values(), raw])
    return Row(
        'set, durability "os"',
        figures,
        [
            at_most(_BARE, ratio(figures, OURS, _BARE), 1.15),
            at_most(OLDER, ratio(figures, OURS, OLDER), 0.6),
            at_most("SQLite NORMAL", ratio(figures, OURS, "SQLite NORMAL"), 0.6),
            at_most("os.write of the same line", ratio(figures, OURS, "os.write"), 4.5),
        ],
    )


def _synced(sizes: Sizes, folder: str) -> Row:
    raw = RawWrite(f"{folder}/raw", sync=True)
    contenders: dict[str, Contender] = {
        OURS: Journal(f"{folder}/journal", sync=True),
        "SQLite FULL": Sqlite(f"{folder}/sqlite", sync=True),
        "LMDB": Lmdb(f"{folder}/lmdb", sync=True),
        "diskcache FULL": DiskCache(f"{folder}/diskcache", sync=True),
        "eventsourcing": EventSourcing(f"{folder}/eventsourcing"),
        _BARE: BareLog(f"{folder}/bare", sync=True),
    }
    operations: dict[str, Operation] = {name: peer.set for name, peer in contenders.items()}
    operations["write + fdatasync"] = lambda index: raw.write(line(index))
    figures = interleave(operations, rounds=sizes.slow_rounds, block=_SLOW_BLOCK)
    close([*contenders.values(), raw])
    return Row(
        'set, durability "fsync"',
        figures,
        [
            at_most("write + fdatasync", ratio(figures, OURS, "write + fdatasync"), 1.25),
            at_most("SQLite FULL", ratio(figures, OURS, "SQLite FULL"), 1.0),
        ],
    )


def _late(sizes: Sizes, folder: str) -> Row:
    """Sets from turn 10 on of a new session each round, and from turn 100,000 on of one."""
    early = Journal(f"{folder}/early", sync=False)
    late = Journal(f"{folder}/late", sync=False)
    at_early = f"journal, at turn {_EARLY}"
    late.fill(sizes.late_turn)

    def begin(index: int) -> None:
        for turn in range(_EARLY):
            early.set_in(f"session-{index // _EARLY}", turn)

    for round_ in range(sizes.rounds + 1):
        begin(round_ * _EARLY)
    operations: dict[str, Operation] = {
        OURS: lambda index: late.set(sizes.late_turn + index),
        at_early: lambda index: early.set_in(f"session-{index // _EARLY}", _EARLY + index % 10),
    }
    figures = interleave(operations, rounds=sizes.rounds, block=_EARLY)
    early.close()
    late.close()
    return Row(
        f"set at turn {sizes.late_turn:,} of a session",
        figures,
        [at_most(f"at turn {_EARLY}", ratio(figures, OURS, at_early), 1.1)],
    )
