"""LMDB and SQLite, used as their documentation recommends for many small writes.

The connection is kept open, and states go through the same encoder as ours. `sync` chooses
between surviving the death of the process and surviving power loss.
"""

import os
import sqlite3

import lmdb

from tests.benchmarks.artefacts import RUNTIME, SESSION, STATE, decode, encode, turn_id

_MAP_SIZE = 4 << 30  # bytes of address space for LMDB


class Lmdb:
    """One transaction for each put or get."""

    def __init__(self, folder: str, *, sync: bool) -> None:
        os.makedirs(os.path.dirname(folder), exist_ok=True)
        self._env = lmdb.open(folder, map_size=_MAP_SIZE, sync=sync, metasync=sync)

    def set(self, index: int) -> object:
        with self._env.begin(write=True) as transaction:
            return transaction.put(b"bench\0native\0turn-%d" % index, encode(STATE))

    def set_many(self, first: int, count: int) -> None:
        with self._env.begin(write=True) as transaction:
            for index in range(first, first + count):
                transaction.put(b"bench\0native\0turn-%d" % index, encode(STATE))

    def get(self, index: int) -> object:
        with self._env.begin() as transaction:
            return decode(transaction.get(b"bench\0native\0turn-%d" % index) or b"")

    def close(self) -> None:
        self._env.close()


class Sqlite:
    """WAL; synchronous NORMAL, or FULL to survive power loss. Each statement commits."""

    def __init__(self, folder: str, *, sync: bool) -> None:
        os.makedirs(folder, exist_ok=True)
        self._connection = sqlite3.connect(
            f"{folder}/states.db", isolation_level=None, timeout=60, check_same_thread=False
        )
        for statement in (
            "PRAGMA journal_mode = WAL",
            f"PRAGMA synchronous = {'FULL' if sync else 'NORMAL'}",
            "CREATE TABLE IF NOT EXISTS states (session TEXT, runtime TEXT, turn TEXT, "
            "state BLOB, PRIMARY KEY (session, runtime, turn)) WITHOUT ROWID",
        ):
            self._connection.execute(statement)

    def set(self, index: int) -> object:
        return self._connection.execute(
            "INSERT OR REPLACE INTO states VALUES (?, ?, ?, ?)",
            (SESSION, RUNTIME, turn_id(index), encode(STATE)),
        )

    def set_many(self, first: int, count: int) -> object:
        with self._connection:
            self._connection.execute("BEGIN")
            return self._connection.executemany(
                "INSERT OR REPLACE INTO states VALUES (?, ?, ?, ?)",
                [
                    (SESSION, RUNTIME, turn_id(index), encode(STATE))
                    for index in range(first, first + count)
                ],
            )

    def get(self, index: int) -> object:
        (state,) = self._connection.execute(
            "SELECT state FROM states WHERE session = ? AND runtime = ? AND turn = ?",
            (SESSION, RUNTIME, turn_id(index)),
        ).fetchone()
        return decode(state)

    def close(self) -> None:
        self._connection.close()
