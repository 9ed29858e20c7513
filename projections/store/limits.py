"""The limits of a store: whether states exceed them, and what is done about it."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from journal.ciphertext import size_of
from journal.config import Limits
from journal.errors import LimitExceededError
from journal.events import Set
from journal.forking import tell_after_fork
from projections.store.session import Session

logger = logging.getLogger("journal")


class _Excess(NamedTuple):
    """`size` bytes of something that should have `limit`, a field of `Limits`."""

    what: str
    size: int
    limit: int
    setting: str


class LimitCheck:
    """Checks sets against `limits`, as one store wants it. Safe for threads."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.rejects = limits.on_exceed == "reject"
        self.after_fork()
        tell_after_fork(self)

    def after_fork(self) -> None:
        """Warn once more: the child is another process."""
        self._has_warned = False
        self._may_warn = iter((True,))  # gives it once, even if several threads ask

    def check(self, session: Session, events: Sequence[Set]) -> Sequence[Set]:
        """The events, unless they would exceed a limit, taken together.

        For a store that `rejects`; with the log's lock, the log being up to date. What an
        older session brings along is counted, but never refused by itself. O(events).
        Raises `LimitExceededError`.
        """
        totals = dict(session.view.sizes)
        newest: dict[tuple[str, str], int] = {}
        for event in session.to_import():
            size = newest[event.runtime_id, event.turn_id] = len(event.state)
            totals[event.runtime_id] = totals.get(event.runtime_id, 0) + size
        for event in events:
            self._check_one(session, event, newest, totals)
        return events

    def _check_one(
        self,
        session: Session,
        event: Set,
        newest: dict[tuple[str, str], int],
        totals: dict[str, int],
    ) -> None:
        runtime, turn, size = event.runtime_id, event.turn_id, len(event.state)
        before = newest.get((runtime, turn))
        if before is None:
            before = size_of(session.view.turns.get(runtime, {}).get(turn, b""))
        newest[runtime, turn] = size
        totals[runtime] = totals.get(runtime, 0) + size - before
        limits = self._limits
        if size > limits.turn_bytes:
            raise _rejected(session, f"turn {turn!r} of {runtime!r} is", size, limits.turn_bytes)
        if totals[runtime] > limits.runtime_bytes:
            what = f"the turns of {runtime!r} would be"
            raise _rejected(session, what, totals[runtime], limits.runtime_bytes)

    def warn(self, session: Session, events: Sequence[Set]) -> None:
        """Log, once per store and process, that saved events exceed a limit: the worst of them.

        For a store that does not reject. O(events): every write asks it.
        """
        if self._has_warned:
            return
        most, most_in_all = self._limits.turn_bytes, self._limits.runtime_bytes
        totals = session.view.sizes
        for event in events:
            if len(event.state) > most or totals.get(event.runtime_id, 0) > most_in_all:
                self._warn_of_worst(session, events)
                return

    def _warn_of_worst(self, session: Session, events: Sequence[Set]) -> None:
        found = [each for event in events for each in self._excesses(event, session.view.sizes)]
        if not found:
            return  # what another thread had set is cleared by now
        self._has_warned = True
        if not next(self._may_warn, False):
            return
        worst = max(found, key=lambda excess: excess.size / excess.limit)
        logger.warning(
            "session %r: %s %s bytes of JSON, more than the limit of %s; it is saved all the "
            "same. If that is what your agents need, give the store "
            "limits=Limits(%s=%d) or more. Further excesses are not reported in this process",
            session.session_id,
            worst.what,
            f"{worst.size:,}",
            f"{worst.limit:,}",
            worst.setting,
            worst.size,
        )

    def _excesses(self, event: Set, totals: Mapping[str, int]) -> Iterator[_Excess]:
        limits, size = self._limits, len(event.state)
        if size > limits.turn_bytes:
            what = f"turn {event.turn_id!r} of runtime {event.runtime_id!r} has"
            yield _Excess(what, size, limits.turn_bytes, "turn_bytes")
        total = totals.get(event.runtime_id, 0)
        if total > limits.runtime_bytes:
            what = f"the turns of runtime {event.runtime_id!r} have"
            yield _Excess(what, total, limits.runtime_bytes, "runtime_bytes")


def _rejected(session: Session, what: str, size: int, limit: int) -> LimitExceededError:
    return LimitExceededError(
        f"session {session.session_id!r}: {what} {size:,} bytes; the limit is {limit:,}. "
        "Nothing was saved"
    )
