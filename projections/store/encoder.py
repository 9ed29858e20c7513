"""What has to happen to a state before it may become an event: exactness and redaction."""

from collections.abc import Iterable
from typing import Any

from msgspec import Raw, json

from journal.errors import StateTypeError, StateValueError
from journal.events import Handoff, Set
from journal.redaction import Plain, Redactor, may_hold_secrets, redact
from journal.state import check_text, decode_state, encode_state
from projections.exposure import Exposure

_FIELDS = 3  # of an item: runtime, turn and state


class StateEncoder:
    """Turns states into events as one store's settings want it. Safe for threads.

    Secrets in ids and keys, which redaction does not change, are warned of here.
    """

    def __init__(self, redactor: Redactor | None) -> None:
        self._redactor = redactor
        self._exposure = Exposure() if redactor is redact else None

    def event(
        self,
        session_id: str,
        runtime_id: str,
        turn_id: str,
        state: Any,
        name: str = "state",
        kind: type = dict,
    ) -> Set:
        """The event that saves a state, secrets replaced. O(size of the state).

        `name` is what errors call the state. A state must be a `kind`: older session files may
        hold any JSON value. Raises `StateTypeError`, `StateValueError` and `LimitExceededError`.
        """
        if not isinstance(state, kind):
            raise StateTypeError(f"{name} must be a dict, not {type(state).__name__}")
        return self.event_of(session_id, runtime_id, turn_id, encode_state(state, name), name)

    def event_of(
        self, session_id: str, runtime_id: str, turn_id: str, encoded: bytes, name: str = "state"
    ) -> Set:
        """As `event`, of a state that is JSON already, as `encode_state` would give it.

        One that is `Plain` is not searched again.
        """
        if self._exposure is not None:
            self._exposure.check_ids(session_id, runtime_id, turn_id)
            if type(encoded) is not Plain and may_hold_secrets(encoded):
                state = decode_state(encoded)
                self._exposure.check_keys(state)
                encoded = encode_state(redact(state), name)
        elif self._redactor is not None:
            encoded = encode_state(self._redacted(decode_state(encoded)), "the redacted state")
        return Set(runtime_id=runtime_id, turn_id=turn_id, state=Raw(encoded))

    def clean(self, encoded: bytes) -> bytes:
        """A part of a state, in JSON, with its secrets replaced as in a whole one. O(size).

        The very same bytes only if there is none to look for.
        """
        if self._redactor is None or (self._redactor is redact and not may_hold_secrets(encoded)):
            return encoded
        value = decode_state(encoded)
        if self._redactor is redact:
            return json.encode(redact(value))
        return json.encode(self._redacted({"value": value}).get("value"))

    def events(
        self, session_id: str, items: Iterable[tuple[str, str, dict[str, Any]]]
    ) -> list[Set]:
        """The events of a batch. Raises as `event`, naming the item."""
        found = []
        for index, item in enumerate(items):
            if not isinstance(item, tuple | list) or len(item) != _FIELDS:
                kind = type(item).__name__
                raise StateTypeError(
                    f"items[{index}] must be (runtime_id, turn_id, state), not this {kind}"
                )
            found.append(self.event(session_id, *item, f"items[{index}].state"))
        return found

    def handoff(
        self,
        session_id: str,
        source: str,
        target: str,
        turn_id: str | None,
        reason: str | None,
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
            self._exposure.check_ids(session_id, source, turn_id or "")
            self._exposure.check_ids(session_id, target, "")
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
