"""What has to happen to a state before it may become an event: exactness, redaction, limits."""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from msgspec import Raw

from journal.config import Limits
from journal.errors import LimitExceededError, StateTypeError, StateValueError
from journal.events import Event, Handoff, Set
from journal.forking import tell_after_fork
from journal.redaction import Redactor, may_hold_secrets, redact
from journal.state import check_text, decode_state, encode_state
from projections.exposure import Exposure
from projections.store.sessions import Session

logger = logging.getLogger("journal")


_FIELDS = 3  # of an item: runtime, turn and state


class _Excess(NamedTuple):
    """`size` bytes of something that should have `limit`, a field of `Limits`."""

    what: str
    size: int
    limit: int
    setting: str


class StateEncoder:
    """Turns states into events as one store's settings want it."""

    def __init__(self, redactor: Redactor | None, limits: Limits) -> None:
        self._redactor = redactor
        self._limits = limits
        self._exposure = Exposure() if redactor is redact else None
        self.after_fork()
        tell_after_fork(self)

    def after_fork(self) -> None:
        self._has_warned = False
        self._may_warn = iter((True,))  # gives it once, even if several threads ask

    @property
    def rejects(self) -> bool:
        """Whether `check` has to be asked before an append."""
        return self._limits.on_exceed == "reject"

    def event(self, runtime_id: str, turn_id: str, state: dict[str, Any]) -> Set:
        """The event that saves a state, secrets replaced.

        Raises `StateTypeError`, `StateValueError` and `LimitExceededError`.
        """
        if not isinstance(state, dict):
            raise StateTypeError(f"state must be a dict, not {type(state).__name__}")
        return self.event_of_any(runtime_id, turn_id, state, "state")

    def events(self, items: Iterable[tuple[str, str, dict[str, Any]]]) -> list[Set]:
        """The events of a batch. Raises as `event`, naming the item."""
        found = []
        for index, item in enumerate(items):
            name = f"items[{index}].state"
            if not isinstance(item, tuple | list) or len(item) != _FIELDS:
                kind = type(item).__name__
                raise StateTypeError(
                    f"items[{index}] must be (runtime_id, turn_id, state), not this {kind}"
                )
            runtime_id, turn_id, state = item
            if not isinstance(state, dict):
                raise StateTypeError(f"{name} must be a dict, not {type(state).__name__}")
            found.append(self.event_of_any(runtime_id, turn_id, state, name))
        return found

    def event_of_any(self, runtime_id: str, turn_id: str, value: Any, name: str) -> Set:
        """As `event`, for any JSON value: older session files may hold others than objects."""
        encoded = encode_state(value, name)
        if self._exposure is not None:
            self._exposure.check_ids(runtime_id, turn_id)
            if may_hold_secrets(encoded):
                value = decode_state(encoded)
                self._exposure.check_keys(value)
                encoded = encode_state(redact(value), name)
        elif self._redactor is not None:
            encoded = encode_state(self._redacted(decode_state(encoded)), "the redacted state")
        return Set(runtime_id=runtime_id, turn_id=turn_id, state=Raw(encoded))

    def handoff(
        self, source: str, target: str, turn_id: str | None, reason: str | None
    ) -> Handoff:
        """The event that gives a session away, secrets in `reason` replaced.

        Raises `StateTypeError` and `StateValueError`.
        """
        for name, value in (("source", source), ("target", target)):
            check_text(value, name)
        for name, given in (("turn_id", turn_id), ("reason", reason)):
            if given is not None:
                check_text(given, name)
        if self._exposure is not None:
            self._exposure.check_ids(source, target, turn_id or "")
        if source == target:
            raise StateValueError(f"source and target are both {source!r}; nothing to hand over")
        if reason is not None and self._redactor is not None:
            redacted = self._redacted({"reason": reason}).get("reason")
            reason = redacted if isinstance(redacted, str) else None
        return Handoff(source=source, target=target, turn_id=turn_id, reason=reason)

    def _redacted(self, copy: Any) -> Any:
        """What the user's redactor makes of a state; it is made for objects only."""
        if self._redactor is None or not isinstance(copy, dict):
            return redact(copy)
        clean = self._redactor(copy)
        if not isinstance(clean, dict):
            raise StateTypeError(
                f"the redacted state must be a dict, not {type(clean).__name__}; "
                "the store's `redact` has to return the state to save"
            )
        return clean

    def check(self, session: Session, events: Sequence[Set], older: Sequence[Event]) -> None:
        """Raise `LimitExceededError` if `events`, taken together, would exceed a limit.

        With the session's lock held and its view up to date. `older` will be imported
        before them; that by itself is never refused.
        """
        self._check_session_id(session)
        limits = self._limits
        totals = dict(session.view.sizes)
        newest: dict[tuple[str, str], int] = {}
        for event in older:
            if isinstance(event, Set):
                size = newest[event.runtime_id, event.turn_id] = len(memoryview(event.state))
                totals[event.runtime_id] = totals.get(event.runtime_id, 0) + size
        for event in events:
            runtime, turn = event.runtime_id, event.turn_id
            size = len(memoryview(event.state))
            before = newest.get((runtime, turn))
            if before is None:
                before = len(session.view.turns.get(runtime, {}).get(turn, b""))
            newest[runtime, turn] = size
            totals[runtime] = totals.get(runtime, 0) + size - before
            if size > limits.turn_bytes:
                _reject(session, f"turn {turn!r} of {runtime!r} is", size, limits.turn_bytes)
            if totals[runtime] > limits.runtime_bytes:
                what = f"the turns of {runtime!r} would be"
                _reject(session, what, totals[runtime], limits.runtime_bytes)

    def warn(self, session: Session, events: Sequence[Set]) -> None:
        """Log, once per store and process, that a limit is exceeded: the worst of `events`."""
        self._check_session_id(session)
        if self._has_warned or not self._exceed(events, session.view.sizes):
            return
        self._has_warned = True
        found = [each for event in events for each in self._excesses(event, session.view.sizes)]
        is_first = next(self._may_warn, False)
        if found and is_first:
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

    def _exceed(self, events: Sequence[Set], totals: Mapping[str, int]) -> bool:
        """Whether any does: asked at every write, so as cheaply as can be."""
        most, most_in_all = self._limits.turn_bytes, self._limits.runtime_bytes
        for event in events:
            if len(memoryview(event.state)) > most:
                return True
            if totals.get(event.runtime_id, 0) > most_in_all:
                return True
        return False

    def _excesses(self, event: Set, totals: Mapping[str, int]) -> Iterator[_Excess]:
        limits, size = self._limits, len(memoryview(event.state))
        if size > limits.turn_bytes:
            what = f"turn {event.turn_id!r} of runtime {event.runtime_id!r} has"
            yield _Excess(what, size, limits.turn_bytes, "turn_bytes")
        total = totals.get(event.runtime_id, 0)
        if total > limits.runtime_bytes:
            what = f"the turns of runtime {event.runtime_id!r} have"
            yield _Excess(what, total, limits.runtime_bytes, "runtime_bytes")

    def _check_session_id(self, session: Session) -> None:
        if self._exposure is not None:
            self._exposure.check_ids(session.session_id)


def _reject(session: Session, what: str, size: int, limit: int) -> None:
    raise LimitExceededError(
        f"session {session.session_id!r}: {what} {size:,} bytes; the limit is {limit:,}. "
        "Nothing was saved"
    )
