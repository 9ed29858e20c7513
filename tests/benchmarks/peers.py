"""The contenders: each saves a turn's state and gives it back, as well as it can.

Every one is used in the way its documentation recommends for many small writes, with its
connection kept open and, where it takes bytes, with the same encoder. `sync` chooses between
surviving the death of the process and surviving power loss, for those that can choose.
"""

import logging
import os
import sqlite3
from collections.abc import Callable, Iterable
from typing import Any, Protocol

import diskcache
import lmdb
from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event
from praisonaiagents.session import SqliteTranscriptStore
from praisonaiagents.session.store import DefaultSessionStore as PraisonAIStore

from journal import Limits
from projections import DefaultSessionStore
from tests.benchmarks.artefacts import RUNTIME, SESSION, STATE, decode, encode, turn_id

_MAP_SIZE = 4 << 30  # bytes of address space for LMDB


class Closes(Protocol):
    """Something to close in the end."""

    def close(self) -> None: ...


def close(them: Iterable[Closes]) -> None:
    """Each of them."""
    for it in them:
        it.close()


class Contender(Closes, Protocol):
    """Something that keeps the states of turns."""

    def set(self, index: int) -> object:
        """Save the turn of this number."""
        ...

    def get(self, index: int) -> object:
        """The state of that turn, decoded."""
        ...


class Journal:
    """Us, as a store is opened by default, but for the limits, of which it would warn once."""

    def __init__(self, folder: str, *, sync: bool) -> None:
        limits = Limits(turn_bytes=1 << 20, runtime_bytes=1 << 40)
        self.store = DefaultSessionStore(
            folder, durability="fsync" if sync else "os", limits=limits
        )

    def fill(self, turns: int) -> None:
        """Have that many turns in the session."""
        for start in range(0, turns, 1_000):
            self.store.set_many(
                SESSION,
                [
                    (RUNTIME, turn_id(index), STATE)
                    for index in range(start, min(start + 1_000, turns))
                ],
            )

    def set(self, index: int) -> object:
        return self.store.set_runtime_state(SESSION, RUNTIME, turn_id(index), STATE)

    def set_in(self, session: str, index: int) -> object:
        """As `set`, in another session."""
        return self.store.set_runtime_state(session, RUNTIME, turn_id(index), STATE)

    def get(self, index: int) -> object:
        return self.store.get_runtime_state(SESSION, RUNTIME, turn_id(index))

    def close(self) -> None:
        self.store.close()


class RawWrite:
    """The floor: one `os.write` of a line as long as ours, and `fdatasync` if asked for."""

    def __init__(self, folder: str, *, sync: bool) -> None:
        os.makedirs(folder)
        self._fd = os.open(f"{folder}/raw", os.O_RDWR | os.O_APPEND | os.O_CREAT)
        self._sync = sync

    def write(self, line: bytes) -> None:
        os.write(self._fd, line)
        if self._sync:
            os.fdatasync(self._fd)

    def close(self) -> None:
        os.close(self._fd)


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


class DiskCache:
    """As it comes: SQLite with WAL and synchronous NORMAL, no eviction."""

    def __init__(self, folder: str, *, sync: bool) -> None:
        level = 2 if sync else 1
        self._cache = diskcache.Cache(folder, eviction_policy="none", sqlite_synchronous=level)

    def set(self, index: int) -> object:
        return self._cache.set(f"{SESSION}/{RUNTIME}/turn-{index}", encode(STATE))

    def get(self, index: int) -> object:
        return decode(self._cache.get(f"{SESSION}/{RUNTIME}/turn-{index}"))

    def close(self) -> None:
        self._cache.close()


class _Turns(Aggregate):
    """A session as the library `eventsourcing` models one: an aggregate of events."""

    states: dict[str, Any]

    @event("Started")
    def __init__(self) -> None:
        self.states = {}

    @event("StateSet")
    def save(self, turn: str, state: dict[str, Any]) -> None:
        self.states[turn] = state


class EventSourcing:
    """`eventsourcing` on SQLite, its aggregate kept in memory, so that a save only inserts.

    It leaves SQLite's synchronous at FULL.
    """

    def __init__(self, folder: str) -> None:
        os.makedirs(folder)
        module, name = "eventsourcing.sqlite", f"{folder}/events.db"
        self._app: Any = Application({"PERSISTENCE_MODULE": module, "SQLITE_DBNAME": name})
        self._session = _Turns()

    def set(self, index: int) -> object:
        self._session.save(turn_id(index), STATE)
        return self._app.save(self._session)

    def get(self, index: int) -> object:
        return self._session.states[turn_id(index)]

    def close(self) -> None:
        self._app.close()


class PraisonAI:
    """The system that this one re-implements: `store` is its JSON or its SQLite store."""

    def __init__(self, make: Callable[[str], Any], folder: str) -> None:
        logging.getLogger("praisonaiagents").setLevel(logging.ERROR)
        self.store = make(folder)

    @classmethod
    def json(cls, folder: str) -> "PraisonAI":
        return cls(PraisonAIStore, folder)

    @classmethod
    def sqlite(cls, folder: str) -> "PraisonAI":
        return cls(SqliteTranscriptStore, folder)

    def fill(self, turns: int) -> None:
        """Have that many turns in the session without saving it once for each."""

        def put(session: Any) -> None:
            session.runtime_state[RUNTIME] = {turn_id(index): STATE for index in range(turns)}

        assert self.store._modify_session_locked(SESSION, put, error_label="fill")

    def set(self, index: int) -> object:
        return self.store.set_runtime_state(SESSION, RUNTIME, turn_id(index), STATE)

    def get(self, index: int) -> object:
        return self.store.get_runtime_state(SESSION, RUNTIME, turn_id(index))

    def close(self) -> None:
        pass
