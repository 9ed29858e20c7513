"""`set_many`: 1,000 turns with one write."""

from hashlib import sha256

from tests.benchmarks.artefacts import RUNTIME, SESSION, STATE, encode, turn_id
from tests.benchmarks.measure import interleave
from tests.benchmarks.peers import Journal, Lmdb, RawWrite, Sqlite, close
from tests.benchmarks.results import OURS, Row, at_least, ratio
from tests.benchmarks.sizes import Sizes

_BATCH = 1_000
_RATE, _SHARE = 300_000, 0.6


def run(sizes: Sizes, folder: str) -> list[Row]:
    """One row; its times are of one event of a batch."""
    ours = Journal(f"{folder}/journal", sync=False)
    raw = RawWrite(f"{folder}/raw", sync=False)
    lmdb = Lmdb(f"{folder}/lmdb", sync=False)
    sqlite = Sqlite(f"{folder}/sqlite", sync=False)

    def batch(number: int) -> object:
        first = number * _BATCH
        turns = [(RUNTIME, turn_id(index), STATE) for index in range(first, first + _BATCH)]
        return ours.store.set_many(SESSION, turns)

    bare = "encode + hash + write"
    figures = interleave(
        {
            OURS: batch,
            bare: lambda number: raw.write(b"".join(_bare_lines(number * _BATCH))),
            "LMDB, one transaction": lambda number: lmdb.set_many(number * _BATCH, _BATCH),
            "SQLite, one transaction": lambda number: sqlite.set_many(number * _BATCH, _BATCH),
        },
        rounds=sizes.batches,
        block=1,
    )
    close([ours, raw, lmdb, sqlite])
    figures = {name: stats.each(_BATCH) for name, stats in figures.items()}
    rate = 1 / figures[OURS].median
    goal = (
        at_least(f"the rate of {bare}, or {_RATE:,}/s", ratio(figures, bare, OURS), _SHARE)
        if rate < _RATE
        else at_least("", rate, _RATE, "events/s")
    )
    return [Row(f"set_many of {_BATCH:,}, one of them", figures, [goal])]


def _bare_lines(first: int) -> list[bytes]:
    """The same lines with hashes of the same parts, and nothing else."""
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
