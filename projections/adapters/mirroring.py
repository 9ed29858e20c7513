"""What `mirror` of every adapter has in common: where to write, which session, how to end it."""

import functools
import logging
import os
from collections.abc import Callable
from types import TracebackType
from typing import Any, Generic, Self, TypeAlias, TypeVar

from journal.config import GatewaySettings, Limits, SessionSettings
from projections.adapters.context import CallContext, current
from projections.adapters.recorder import Recorder
from projections.adapters.shared import give_back, recorder_in, recorder_of
from projections.adapters.turns import new_turn_id
from projections.store.store import DefaultSessionStore

logger = logging.getLogger("journal")

T = TypeVar("T")

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


_mirrored: dict[str, "Mirror"] = {}  # by framework


class Mirror:
    """Mirrors agents while it is open. A context manager; `close` undoes all of it.

    `store` is where the turns go, `mirrors` whether they go anywhere. A store that was
    made here has durability "os", the usual limit for a turn and none for a whole runtime, and
    gives up a write after two seconds in which another process has the session's lock.

    Mirrors of one store, or of one folder, share one `recorder`, so agents of several frameworks
    can work in one session. Their failures are counted together while they are open together,
    and a store that was made here is closed with the last of them.
    """

    def __init__(self, source: Source) -> None:
        """Raises TypeError and ValueError for what cannot be a source."""
        self.recorder = _recorder_for(source)
        self.recorder.owns_store |= not isinstance(source, DefaultSessionStore)
        self.store = self.recorder.store
        self._failures_before = self.recorder.failures
        self._is_open = True
        self._undo: list[Callable[[], object]] = []

    def begin(self, framework: str, start: Callable[[], object]) -> Self:
        """Mirror all agents of a framework, which `start` does, if the store mirrors.

        `start` registers by `on_close` what undoes its work. If it raises, all is undone, and
        the error passes. Raises RuntimeError when the framework is being mirrored already.
        """
        try:
            if self.mirrors:
                if _mirrored.setdefault(framework, self) is not self:
                    raise RuntimeError(
                        "this process is being mirrored already; close that mirror first"
                    )
                self.on_close(lambda: _mirrored.pop(framework, None))
                start()
        except BaseException:
            self.close()
            raise
        return self

    @property
    def mirrors(self) -> bool:
        """Whether turns are recorded: not where a config does not say `mirror_runtime_state`."""
        return self.recorder.mirrors

    @property
    def failures(self) -> int:
        """How many writes failed. The first is logged; no agent notices any."""
        return self.recorder.failures - self._failures_before

    @property
    def last_failure(self) -> Exception | None:
        """What went wrong last."""
        return self.recorder.last_failure if self.failures else None

    def on_close(self, undo: Callable[[], object]) -> None:
        """Have it called by `close`, the last one first."""
        self._undo.append(undo)

    def close(self) -> None:
        """Leave the agents as they were; close the store unless it was given. Again: no change.

        Waits until all is written. Turns that have not ended stay open in the journal, since it
        is not known what becomes of them.
        """
        self.recorder.drain()  # before an adapter stops: deferred work still needs it
        while self._undo:
            self._undo.pop()()
        if not self._is_open:
            return
        self._is_open = False
        self.recorder.join()
        if give_back(self.recorder):
            self.recorder.end()
            if self.recorder.owns_store:
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


class Mirroring:
    """An adapter's connection to a recorder, until it is stopped. Its errors reach no agent."""

    def __init__(self, recorder: Recorder) -> None:
        self.recorder = recorder
        self.stopped = not recorder.mirrors

    def stop(self) -> None:
        """Write nothing any more, whatever is still running."""
        self.stopped = True

    def here(self) -> CallContext | None:
        """Where this code is running, if that is mirrored into the same store."""
        return current(self.recorder)

    def guard(self, action: Callable[..., T], *args: Any) -> T | None:
        """Do it, and return what it returns. An error is counted, and gives None."""
        try:
            return action(*args)
        except Exception as error:  # noqa: BLE001 - of ours
            self.recorder.note_failure(error)
            return None


class SessionChoice(Generic[T]):
    """Which session a turn belongs to.

    The session that the user has chosen, for all or for each agent; else the framework's own;
    else that of the turn or run around; else what the adapter gives as `last`, or one that is
    made up, once, for all of these.
    """

    def __init__(self, framework: str, chosen: str | Callable[[T], str | None] | None) -> None:
        """Raises TypeError for what is neither a string nor callable, nor None."""
        _check_choice(chosen)
        self._framework = framework
        self._chosen = chosen

    def find(self, subject: T, own: str | None, around: CallContext | None) -> str | None:
        """The session; None if one has to be made up. A callable that was chosen gets `subject`.

        Raises TypeError if that returns something else than a string or None, and what it raises.
        """
        found = self._chosen(subject) if callable(self._chosen) else self._chosen
        if found is None:
            found = own
        if found is None and around is not None:
            found = around.session_id
        return _checked(found)

    def of(
        self, subject: T, own: str | None, around: CallContext | None, last: str | None = None
    ) -> str:
        """As `find`; `last`, or one made up, if need be."""
        found = self.find(subject, own, around)
        if found is None:
            found = last
        return found if found is not None else self._made_up

    @functools.cached_property
    def _made_up(self) -> str:
        """`openai-agents-20261123T102041.714-9f3a1c`."""
        session_id = f"{self._framework}-{new_turn_id()}"
        logger.info("agents without a session are mirrored into session %r", session_id)
        return session_id


def _check_choice(chosen: object) -> None:
    if not (chosen is None or isinstance(chosen, str) or callable(chosen)):
        kind = type(chosen).__name__
        raise TypeError(f"session_id must be a string or a callable, not {kind}")


def _checked(session_id: object) -> str | None:
    if not (session_id is None or isinstance(session_id, str)):
        raise TypeError(f"session_id must return a string, not {type(session_id).__name__}")
    return session_id


def _recorder_for(source: Source) -> Recorder:
    if isinstance(source, DefaultSessionStore):
        return recorder_of(source)
    if isinstance(source, str | os.PathLike):
        return recorder_in(source, lambda: DefaultSessionStore(source, **_MADE))
    if source is None:
        raise TypeError("mirror() needs a folder, a config or a store, not None")
    return recorder_of(DefaultSessionStore(config=source, **_MADE))
