"""What `mirror` of every adapter has in common: where to write, and how to end it."""

import os
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self, TypeAlias, TypeVar

from journal.config import GatewaySettings, Limits, SessionSettings
from projections.adapters.context import CallContext, current
from projections.adapters.recorder import Recorder
from projections.adapters.shared import give_back, recorder_in, recorder_of
from projections.adapters.values import DETAILS, Record, detail_of
from projections.store.store import DefaultSessionStore

T = TypeVar("T")

Source: TypeAlias = (
    DefaultSessionStore | GatewaySettings | SessionSettings | str | os.PathLike[str]
)
"""Where to write: a store, a config that names a folder, or the folder."""

_MADE: dict[str, Any] = {
    "durability": "os",
    # A turn keeps to what is to be recorded of it; a session may have any number of turns.
    "limits": Limits(turn_bytes=DETAILS["full"].turn_bytes, runtime_bytes=1 << 40),
    "lock_timeout": 2.0,  # seconds: an agent waits for that, where it is not asynchronous
}
"""How stores are made here."""


_mirrored: dict[str, "Mirror"] = {}  # by framework


class Mirror:
    """Mirrors agents while it is open. A context manager; `close` undoes all of it.

    `store` is where the turns go, `mirrors` whether they go anywhere. A store that was
    made here has durability "os", limits that fit whatever is recorded, and gives up a write
    after two seconds in which another process has the session's lock.

    Mirrors of one store, or of one folder, share one `recorder`, so agents of several frameworks
    can work in one session. Their failures are counted together while they are open together,
    and a store that was made here is closed with the last of them. What the latest of them
    says of `record` holds for all.
    """

    def __init__(self, source: Source, record: Record = "slices") -> None:
        """Raises TypeError and ValueError for what cannot be a source, or a `record`.

        `record` says how much of a turn is kept: "ids" (1 KiB: ids, names, statuses, times),
        "slices" (16 KiB, values cut to 1 KiB) or "full" (1 MiB, values cut to 64 KiB). A store
        that is given may have limits that leave less.
        """
        detail_of(record)
        self.recorder = _recorder_for(source)
        self.recorder.keep(record)
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


def _recorder_for(source: Source) -> Recorder:
    if isinstance(source, DefaultSessionStore):
        return recorder_of(source)
    if isinstance(source, str | os.PathLike):
        return recorder_in(source, lambda: DefaultSessionStore(source, **_MADE))
    if source is None:
        raise TypeError("mirror() needs a folder, a config or a store, not None")
    return recorder_of(DefaultSessionStore(config=source, **_MADE))
