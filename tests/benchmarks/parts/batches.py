"""`set_many`: 1,000 turns with one write."""

from hashlib import sha256

from tests.benchmarks.artefacts import STATE, encode
from tests.benchmarks.bare import BareLog
from tests.benchmarks.builds import OLDER
from tests.benchmarks.children import Child
from tests.benchmarks.contenders import ManyContender, close
from tests.benchmarks.embedded import Lmdb, Sqlite
from tests.benchmarks.floors import RawWrite
from tests.benchmarks.measure import Operation, interleave
from tests.benchmarks.ours import Journal
from tests.benchmarks.results import OURS, Row, at_least, at_most, ratio
from tests.benchmarks.shared import Shared
from tests.benchmarks.sizes import Sizes

_BATCH = 1_000
_BARE = "the same steps, bare"


def run(sizes: Sizes, folder: str, shared: Shared) -> list[Row]:
    """One row; its times are of one event of a batch."""
    raw = RawWrite(f"{folder}/raw", sync=False)
    contenders: dict[str, ManyContender] = {
        OURS: Journal(f"{folder}/journal", sync=False),
        _BARE: BareLog(f"{folder}/bare", sync=False),
        "LMDB, one transaction": Lmdb(f"{folder}/lmdb", sync=False),
        "SQLite, one transaction": Sqlite(f"{folder}/sqlite", sync=False),
    }
    operations: dict[str, Operation] = {
        name: lambda number, peer=peer: peer.set_many(number * _BATCH, _BATCH)  # type: ignore[misc]
        for name, peer in contenders.items()
    }
    operations["encode + hash + write"] = lambda number: raw.write(
        b"".join(_hashed_lines(number * _BATCH))
    )
    with Child(
        "blocks.batches",
        build=shared.older,
        peer="journal",
        folder=f"{folder}/older",
        size=_BATCH,
    ) as older:
        older.hear()
        figures = interleave(
            operations, rounds=sizes.batches, block=1, elsewhere={OLDER: older.block}
        )
    close([*contenders.values(), raw])
    figures = {name: stats.each(_BATCH) for name, stats in figures.items()}
    goals = [
        at_least(f"the rate of {_BARE}", ratio(figures, _BARE, OURS), 0.6),
        at_most(OLDER, ratio(figures, OURS, OLDER), 0.5),
    ]
    return [Row(f"set_many of {_BATCH:,}, one of them", figures, goals)]


def _hashed_lines(first: int) -> list[bytes]:
    """Such lines with hashes of the same parts, and nothing else."""
    lines, digest = [], "0" * 32
    for seq in range(first, first + _BATCH):
        state = encode(STATE)
        head = (
            b'{"seq":%d,"ts":"2026-11-22T10:18:00.123456Z","op":"set","runtime_id":"native",'
            b'"turn_id":"turn-%d","writer":"host:4242","state":'
        ) % (seq, seq)
        tail = b',"prev":"%b"' % digest.encode()
        hashed = sha256(state).hexdigest().encode()
        digest = sha256(b"%b%b%b" % (head, hashed, tail)).hexdigest()[:32]
        lines.append(b'%b%b%b,"hash":"%b"}\n' % (head, state, tail, digest.encode()))
    return lines
