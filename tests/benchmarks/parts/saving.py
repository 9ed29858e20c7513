"""`set` of one turn: without sync, with sync, and late in a long session."""

import fcntl
import os
from hashlib import sha256

from journal.redaction import may_hold_secrets
from tests.benchmarks.artefacts import ENCODED, STATE, decode, encode, line
from tests.benchmarks.measure import Operation, interleave
from tests.benchmarks.peers import (
    Contender,
    DiskCache,
    EventSourcing,
    Journal,
    Lmdb,
    RawWrite,
    Sqlite,
    close,
)
from tests.benchmarks.results import OURS, Row, at_most, ratio
from tests.benchmarks.sizes import Sizes

_BLOCK, _SLOW_BLOCK = 100, 20
_EARLY = 10
_LAST = 36  # bytes of the last line that hold its hash, and one more


def run(sizes: Sizes, folder: str) -> list[Row]:
    """The three rows of `set`."""
    return [
        _unsynced(sizes, f"{folder}/os"),
        _synced(sizes, f"{folder}/fsync"),
        _late(sizes, folder),
    ]


def _unsynced(sizes: Sizes, folder: str) -> Row:
    raw = RawWrite(f"{folder}/raw", sync=False)
    bare = _Bare(f"{folder}/bare", sync=False)
    contenders: dict[str, Contender] = {
        OURS: Journal(f"{folder}/journal", sync=False),
        "LMDB, no sync": Lmdb(f"{folder}/lmdb", sync=False),
        "SQLite NORMAL": Sqlite(f"{folder}/sqlite", sync=False),
        "diskcache": DiskCache(f"{folder}/diskcache", sync=False),
    }
    operations: dict[str, Operation] = {name: peer.set for name, peer in contenders.items()}
    operations["the same steps, bare"] = bare.set
    operations["os.write"] = lambda index: raw.write(line(index))
    figures = interleave(operations, rounds=sizes.rounds, block=_BLOCK)
    close([*contenders.values(), raw, bare])
    return Row(
        'set, durability "os"',
        figures,
        [
            at_most("LMDB without sync", ratio(figures, OURS, "LMDB, no sync"), 1.0),
            at_most("os.write of the same line", ratio(figures, OURS, "os.write"), 4.5),
            at_most("SQLite NORMAL", ratio(figures, OURS, "SQLite NORMAL"), 1 / 3),
        ],
    )


class _Bare:
    """What the guarantees ask of each `set`, one call after the other, and nothing around it.

    Encoding, decoding and comparing (what comes back is what went in), the search for secrets,
    two hashes, the lock between processes, the look whether the file ends as it did and whether
    the path leads to it, before the write and after a sync, and the write.
    """

    def __init__(self, folder: str, *, sync: bool) -> None:
        os.makedirs(folder)
        self._path = f"{folder}/bare"
        self._fd = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT)
        self._sync = sync
        self._end = 0

    def set(self, index: int) -> None:
        encoded = encode(STATE)
        if decode(encoded) != STATE or may_hold_secrets(encoded):
            raise AssertionError("the state of the benchmark is plain and holds no secret")
        data = line(index)
        sha256(encoded).hexdigest()
        sha256(data[: len(data) - len(ENCODED)]).hexdigest()
        fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.pread(self._fd, _LAST, max(0, self._end - _LAST + 1))
        os.lstat(self._path)
        self._end += os.write(self._fd, data)
        fcntl.flock(self._fd, fcntl.LOCK_UN)
        if self._sync:
            os.fdatasync(self._fd)
            os.lstat(self._path)

    def close(self) -> None:
        os.close(self._fd)


def _synced(sizes: Sizes, folder: str) -> Row:
    raw = RawWrite(f"{folder}/raw", sync=True)
    bare = _Bare(f"{folder}/bare", sync=True)
    contenders: dict[str, Contender] = {
        OURS: Journal(f"{folder}/journal", sync=True),
        "SQLite FULL": Sqlite(f"{folder}/sqlite", sync=True),
        "LMDB": Lmdb(f"{folder}/lmdb", sync=True),
        "diskcache FULL": DiskCache(f"{folder}/diskcache", sync=True),
        "eventsourcing": EventSourcing(f"{folder}/eventsourcing"),
    }
    operations: dict[str, Operation] = {name: peer.set for name, peer in contenders.items()}
    operations["the same steps, bare"] = bare.set
    operations["write + fdatasync"] = lambda index: raw.write(line(index))
    figures = interleave(operations, rounds=sizes.slow_rounds, block=_SLOW_BLOCK)
    close([*contenders.values(), raw, bare])
    return Row(
        'set, durability "fsync"',
        figures,
        [
            at_most("write + fdatasync", ratio(figures, OURS, "write + fdatasync"), 1.15),
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
