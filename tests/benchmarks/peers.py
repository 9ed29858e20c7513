"""The peers that are heavier to import: each saves a turn's state and gives it back.

Every one is used in the way its documentation recommends for many small writes, with its
connection kept open and, where it takes bytes, with the same encoder. `sync` chooses between
surviving the death of the process and surviving power loss, for those that can choose.
"""

import logging
import os
from collections.abc import Callable
from typing import Any

import diskcache
from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event
from praisonaiagents.session import SqliteTranscriptStore
from praisonaiagents.session.store import DefaultSessionStore as PraisonAIStore

from tests.benchmarks.artefacts import RUNTIME, SESSION, STATE, decode, encode, turn_id


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
