"""What a list shows of a session without reading all of it. Pure: no I/O."""

from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import Struct

from journal.events import Origin
from journal.reprs import count, fields_without, name, repr_of_parts
from journal.snapshots import UNREADABLE

_LONGEST_WORDS = 200
_LONGEST_STATUS = 40
_LONGEST_NAME = 64
_MOST_NAMES = 3


class OtherTurn(Struct, frozen=True):
    """A turn, and what its state says of itself. `writer` set it last, at `written_at`."""

    runtime_id: str
    turn_id: str
    status: str
    writer: str
    written_at: str


class Summary(Struct, frozen=True, kw_only=True):
    """A session in a few words.

    - `events` is the seq of its last event. `runtimes` and `turns` count those that live.
    - `owner` is the runtime that has it, None if none does. `turn_id` is the turn that this one
      wrote last, `status` what that turn's state says of itself. `writer` wrote it, at
      `written_at`; both are None where an earlier version has saved this.
    - `agent` is the name for people that the turn gives, `opened_at` when it says that it began.
      `waits_for` are the tools of the calls that it waits for a person to allow, if it waits;
      it is not saved, but read when it is asked for.
      `is_imported`: the turn was read from another program's file.
    - `handed_to` is the runtime that the owner has handed the session to, and that has not come.
    - `others` are the turns besides that one that may be open: what each runtime wrote last, if it
      has a status and that is not `completed`, and was not imported. An earlier version has saved
      none.
    - `first_words` is how the first message of a person in its first turn begins, on one line:
      in the `transcript` of a recorded turn, or in `messages` as chat models have them.
    - `findings` counts changes of runtime without a handoff, and handoffs after which the source
      went on writing. `journal handoffs` also finds turns that ran twice and calls that were lost.
    - `forked_from` is where the session was forked from, if it was. It is not saved either.
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
    writer: str | None = None
    written_at: str | None = None
    agent: str | None = None
    opened_at: str | None = None
    waits_for: tuple[str, ...] = ()
    is_imported: bool = False
    handed_to: str | None = None
    forked_from: Origin | None = None
    others: tuple[OtherTurn, ...] = ()

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
        out_of_states = "first_words", "status", "agent", "opened_at", "waits_for", "others"
        return fields_without(self, *out_of_states)


class LastTurn(Struct, frozen=True):
    """What a turn's state says, for a `Summary`; the fields are explained there."""

    status: str | None = None
    agent: str | None = None
    opened_at: str | None = None
    is_imported: bool = False


def first_words(state: bytes | None) -> str:
    """See `Summary.first_words`: of the first turn's state. Decodes it."""
    return _words_in(_decoded(state)) if state is not None else ""


def last_turn(encoded: bytes | None) -> LastTurn:
    """What a turn's state says. Decodes that state."""
    if encoded is None:
        return LastTurn()
    state = _decoded(encoded)
    return LastTurn(
        status=_text(state, "status", _LONGEST_STATUS),
        agent=_text(state, "agent", _LONGEST_NAME),
        opened_at=_text(state, "opened_at", _LONGEST_NAME),
        is_imported=isinstance(state.get("source"), dict),
    )


def calls_waiting_in(state: bytes) -> tuple[str, ...]:
    """The tools of the calls of a turn that wait for a person, the first three of them."""
    from projections.turns.search import calls_in  # nobody who saves a summary needs it

    calls = calls_in(_decoded(state)).calls.values()
    names = (call.name for call in calls if call.status == "waiting" and not call.has_result)
    return tuple(dict.fromkeys(name[:_LONGEST_NAME] for name in names if name))[:_MOST_NAMES]


def _text(state: dict[str, Any], key: str, longest: int) -> str | None:
    """A text of the state, if it is a short one."""
    found = state.get(key)
    return found if isinstance(found, str) and 0 < len(found) <= longest else None


def _decoded(state: bytes) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(state)
    except UNREADABLE:
        return {}
    return found if isinstance(found, dict) else {}


def _words_in(state: dict[str, Any]) -> str:
    messages = state.get("transcript") or state.get("messages")
    for message in messages if isinstance(messages, list) else ():
        if isinstance(message, dict) and message.get("role") == "user":
            words = " ".join(_said(message.get("content"))[:_LONGEST_WORDS].split())
            if words:
                return words
    return ""


def _said(content: Any) -> str:
    """The text of a message: its content, or the first part of it that is a text."""
    if isinstance(content, list):
        texts = (part.get("text") for part in content if isinstance(part, dict))
        content = next((text for text in texts if isinstance(text, str)), "")
    return content if isinstance(content, str) else ""
