"""`get` of one turn and of all turns of a runtime."""

from tests.benchmarks.artefacts import ENCODED, RUNTIME, SESSION, decode, turn_id
from tests.benchmarks.contenders import ReadContender, close
from tests.benchmarks.embedded import Lmdb, Sqlite
from tests.benchmarks.measure import Operation, interleave
from tests.benchmarks.ours import Journal
from tests.benchmarks.peers import DiskCache
from tests.benchmarks.results import OURS, Row, at_most, ratio
from tests.benchmarks.shared import Shared
from tests.benchmarks.sizes import Sizes

_TURNS = 10_000
_BLOCK = 100


def run(sizes: Sizes, folder: str, shared: Shared) -> list[Row]:
    """Both rows, of sessions of 10,000 turns."""
    ours = Journal(f"{folder}/journal", sync=False)
    ours.fill(_TURNS)
    rows = [_one(sizes, folder, ours), _all(sizes, ours)]
    ours.close()
    return rows


def _one(sizes: Sizes, folder: str, ours: Journal) -> Row:
    lmdb = Lmdb(f"{folder}/lmdb", sync=False)
    sqlite = Sqlite(f"{folder}/sqlite", sync=False)
    cache = DiskCache(f"{folder}/diskcache", sync=False)
    lmdb.set_many(0, _TURNS)
    sqlite.set_many(0, _TURNS)
    for index in range(_TURNS):
        cache.set(index)
    contenders: dict[str, ReadContender] = {
        OURS: ours,
        "LMDB get + decode": lmdb,
        "SQLite": sqlite,
        "diskcache": cache,
    }
    operations: dict[str, Operation] = {
        name: lambda index, peer=peer: peer.get(index * 7 % _TURNS)  # type: ignore[misc]
        for name, peer in contenders.items()
    }
    held = dict.fromkeys(range(_TURNS), ENCODED)
    operations["a dict of bytes + decode"] = lambda index: decode(held[index * 7 % _TURNS])
    figures = interleave(operations, rounds=sizes.rounds, block=_BLOCK)
    close([lmdb, sqlite, cache])
    goal = at_most("LMDB get + decode", ratio(figures, OURS, "LMDB get + decode"), 1.4)
    return Row("get of one turn", figures, [goal])


def _all(sizes: Sizes, ours: Journal) -> Row:
    encoded = {turn_id(index): bytes(bytearray(ENCODED)) for index in range(_TURNS)}
    alone = "msgspec decoding alone"
    figures = interleave(
        {
            OURS: lambda _: ours.store.get_runtime_state(SESSION, RUNTIME),
            alone: lambda _: {turn: decode(state) for turn, state in encoded.items()},
        },
        rounds=sizes.slow_rounds // 2,
        block=1,
    )
    return Row(
        f"get of all {_TURNS:,} turns",
        figures,
        [at_most(alone, ratio(figures, OURS, alone), 1.3)],
    )
