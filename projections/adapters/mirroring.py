"""What `mirror` of every adapter has in common: where to write, and how to end it."""

import os
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self, TypeAlias

from journal.config import GatewaySettings, Limits, SessionSettings
from projections.adapters.recorder import Recorder
from projections.adapters.turns import new_turn_id
from projections.store import DefaultSessionStore

Source: TypeAlias = (
    DefaultSessionStore | GatewaySettings | SessionSettings | str | os.PathLike[str]
)
"""Where to write: a store, a config that names a folder, or the folder."""

_MADE: dict[str, Any] = {
    "durability": "os",
    "limits": Limits(runtime_bytes=1 << 30),  # a session may have any number of turns
    "lock_timeout": 2.0,  # seconds: an agent waits for that, where it is not asynchronous
}
"""How stores are made here."""


class Mirror:
    """Mirrors agents while it is open. A context manager; `close` undoes all of it.

    `store` is where the turns go, `store.mirrors` whether they go anywhere. A store that was
    made here has durability "os", the usual limit for a turn and none for a whole runtime, and
    gives up a write after two seconds in which another process has the session's lock.
    """

    def __init__(self, source: Source) -> None:
        """Raises TypeError and ValueError for what cannot be a source."""
        self._owns_store = not isinstance(source, DefaultSessionStore)
        self.store = source if isinstance(source, DefaultSessionStore) else _store_for(source)
        self.recorder = Recorder(self.store)
        self._undo: list[Callable[[], object]] = []

    @property
    def failures(self) -> int:
        """How many writes failed. The first is logged; no agent notices any."""
        return self.recorder.failures

    @property
    def last_failure(self) -> Exception | None:
        """What went wrong last."""
        return self.recorder.last_failure

    def on_close(self, undo: Callable[[], object]) -> None:
        """Have it called by `close`, the last one first."""
        self._undo.append(undo)

    def close(self) -> None:
        """Leave the agents as they were; close the store unless it was given. Again: no change.

        Waits for what is being written. Turns that have not ended stay open in the journal:
        what becomes of them is not known.
        """
        self.recorder.settle()  # before an adapter stops: it still cares for what was left
        while self._undo:
            self._undo.pop()()
        self.recorder.end()
        if self._owns_store:
            self.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def new_session_id(framework: str) -> str:
    """For agents that are in no session: `openai-agents-20261123T102041.714-9f3a1c`."""
    return f"{framework}-{new_turn_id()}"


def check_session_id(session_id: object) -> None:
    """Raises TypeError unless it is an id, what makes one, or None."""
    if not (session_id is None or isinstance(session_id, str) or callable(session_id)):
        kind = type(session_id).__name__
        raise TypeError(f"session_id must be a string or a callable, not {kind}")


def _store_for(
    source: GatewaySettings | SessionSettings | str | os.PathLike[str],
) -> DefaultSessionStore:
    if isinstance(source, str | os.PathLike):
        return DefaultSessionStore(source, **_MADE)
    if source is None:
        raise TypeError("mirror() needs a folder, a config or a store, not None")
    return DefaultSessionStore(config=source, **_MADE)
