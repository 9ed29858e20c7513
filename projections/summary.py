"""What a list shows of a session without reading all of it. Pure: no I/O."""

from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import Struct

from journal.reprs import count, fields_without, name, repr_of_parts
from journal.snapshots import UNREADABLE, EncodedTurns

_LONGEST_WORDS = 200
_LONGEST_STATUS = 40


class Summary(Struct, frozen=True, kw_only=True):
    """A session in a few words.

    - `events` is the seq of its last event. `runtimes` and `turns` count those that live.
    - `owner` is the runtime that has it, None if none does. `turn_id` is the turn that this one
      wrote last, `status` what that turn's state says of itself.
    - `first_words` is how the first message of a person in its first turn begins, on one line.
    - `findings` counts changes of runtime without a handoff, and handoffs after which the source
      went on writing. `journal handoffs` also finds turns that ran twice and calls that were lost.
    - `problem` is the first thing that is damaged in the log, as far as is known.
    """

    events: int
    runtimes: int
    turns: int
    owner: str | None
    turn_id: str | None
    status: str | None
    first_words: str
    findings: int
    problem: str | None = None

    @repr_of_parts
    def __repr__(self) -> Iterator[str]:
        yield count(self.events, "event")
        yield count(self.runtimes, "runtime")
        yield count(self.turns, "turn")
        yield f"owner {name(self.owner)}" if self.owner is not None else "no owner"
        yield count(self.findings, "finding")
        if self.problem is not None:
            yield "damaged"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return fields_without(self, "first_words", "status")


def first_words(turns: EncodedTurns) -> str:
    """See `Summary.first_words`. Decodes one state."""
    for of in turns.values():
        for state in of.values():
            return _words_in(_decoded(state))
    return ""


def status_of(turns: EncodedTurns, runtime_id: str | None, turn_id: str | None) -> str | None:
    """The `status` in a turn's state, if it is a short text. Decodes that state."""
    state = turns.get(runtime_id or "", {}).get(turn_id or "")
    found = _decoded(state).get("status") if state is not None else None
    return found if isinstance(found, str) and len(found) <= _LONGEST_STATUS else None


def _decoded(state: bytes) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(state)
    except UNREADABLE:
        return {}
    return found if isinstance(found, dict) else {}


def _words_in(state: dict[str, Any]) -> str:
    messages = state.get("transcript")
    for message in messages if isinstance(messages, list) else ():
        if isinstance(message, dict) and message.get("role") == "user":
            content = message.get("content")
            if isinstance(content, str):
                return " ".join(content[:_LONGEST_WORDS].split())
    return ""
