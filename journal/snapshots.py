"""What a projection holds, in a form from which it can go on without folding all events again.

An engine may save it beside a log (`journal.backend.Log.save`) and give it back when the log is
opened. It is derived: whatever is wrong with it, the events are folded instead.
"""

from typing import NamedTuple, Protocol, TypeAlias, runtime_checkable

import msgspec

from journal.events import Event

UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What decoding raises of JSON that somebody else has written."""

EncodedTurns: TypeAlias = dict[str, dict[str, bytes]]
"""`{runtime_id: {turn_id: state}}`, the states as JSON."""


class Frozen(Protocol):
    """What a projection held at one moment. It does not change with the projection."""

    @property
    def turns(self) -> EncodedTurns: ...

    @property
    def rest(self) -> bytes:
        """Everything else, as JSON."""
        ...

    def summary(self, seq: int) -> bytes:
        """What a list of sessions shows of this one, whose last event is `seq`, as JSON."""
        ...


@runtime_checkable
class Freezable(Protocol):
    """A `journal.backend.Projection` that can be saved."""

    def fresh(self) -> "Freezable":
        """Another one of its kind that holds nothing."""
        ...

    def fold(self, event: Event) -> None: ...

    def reset(self) -> None: ...

    def freeze(self) -> Frozen:
        """What it holds now. O(turns)."""
        ...

    def thaw(self, turns: EncodedTurns, rest: bytes) -> None:
        """Hold this from now on, in place of everything. `turns` becomes the projection's own.

        Raises `msgspec.DecodeError` and its siblings for what `freeze` does not give. It may be in
        any state then.
        """
        ...


class SavedTurn(NamedTuple):
    """A turn as of an event of a log; `state` is JSON, None where there was none."""

    log_id: str
    seq: int
    hash: str
    state: bytes | None
