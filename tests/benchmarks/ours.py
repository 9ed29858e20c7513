"""The journal as a contender. Also run with the older build: only what both have is used."""

from typing import Any

from journal import Limits
from projections import DefaultSessionStore
from tests.benchmarks.artefacts import RUNTIME, SESSION, STATE, turn_id

LIMITS = Limits(turn_bytes=1 << 20, runtime_bytes=1 << 40)
"""More than any of the benchmarks saves."""

_BATCH = 1_000


class Journal:
    """Us, as a store is opened by default, but for the limits, of which it would warn once."""

    def __init__(self, folder: str, *, sync: bool, **options: Any) -> None:
        """`options` are more settings of the store, which the older build may not have."""
        self.store = DefaultSessionStore(
            folder, durability="fsync" if sync else "os", limits=LIMITS, **options
        )

    def fill(self, turns: int) -> None:
        """Have that many turns in the session."""
        for first in range(0, turns, _BATCH):
            self.set_many(first, min(_BATCH, turns - first))

    def set(self, index: int) -> object:
        return self.store.set_runtime_state(SESSION, RUNTIME, turn_id(index), STATE)

    def set_many(self, first: int, count: int) -> object:
        turns = [(RUNTIME, turn_id(index), STATE) for index in range(first, first + count)]
        return self.store.set_many(SESSION, turns)

    def set_in(self, session: str, index: int) -> object:
        """As `set`, in another session."""
        return self.store.set_runtime_state(session, RUNTIME, turn_id(index), STATE)

    def get(self, index: int) -> object:
        return self.store.get_runtime_state(SESSION, RUNTIME, turn_id(index))

    def close(self) -> None:
        self.store.close()
