"""A turn from its beginning: words, calls with what became of them, handoffs. Pure: no I/O.

It is made of the versions of the turn's state, so it has what the last one left out, and the
time of the event that first showed a thing where the state itself gives no time.
"""

from collections.abc import Iterable
from typing import Any, Literal, TypeAlias

from msgspec import Struct

from projections.turns.call_changes import seconds_between
from projections.turns.calls import CallKey
from projections.turns.contents import TurnContents
from projections.turns.happenings import happenings
from projections.turns.kinds import (
    Answered,
    Asked,
    Ended,
    HandedOver,
    Happening,
    NotKept,
    Rephrased,
    Resumed,
    Said,
    Started,
    TurnEnded,
    TurnWaits,
    Waits,
)
from projections.turns.statuses import CallStatus

EntryKind: TypeAlias = Literal["said", "call", "handoff", "waits", "resumed", "ended", "not_kept"]


class StoryEntry(Struct, kw_only=True, omit_defaults=True):
    """Something that happened in a turn, `at` the time of the event that first showed it.

    - `said`: `role` and `text`.
    - `call`: `call_id`, `name`, `arguments`, `status`, what came of it, and its times.
    - `handoff`: the `runtime_id`, `turn_id` and, if it is another one, `session_id` of the turn.
    - `waits`, `resumed`, `ended`: of the turn itself.
    - `not_kept`: how many `calls` and `messages` no version has.

    `cut` has, by field, `bytes` and `sha256` of a value of which only the beginning was kept.
    """

    kind: EntryKind
    at: str | None = None
    role: str | None = None
    text: str | None = None
    call_id: str | None = None
    name: str | None = None
    arguments: Any = None
    status: str | None = None
    asked_at: str | None = None
    answer: str | None = None
    started_at: str | None = None
    ended_at: str | None = None
    seconds: float | None = None
    result: Any = None
    error: Any = None
    exit_code: Any = None
    runtime_id: str | None = None
    turn_id: str | None = None
    session_id: str | None = None
    calls: int = 0
    messages: int = 0
    cut: dict[str, Any] | None = None


def story(versions: Iterable[tuple[str | None, TurnContents]]) -> list[StoryEntry]:
    """The entries of a turn, given its versions, the oldest first, each with its time.

    O(size of all versions).
    """
    found = _Story()
    before: TurnContents | None = None
    for at, contents in versions:
        for each in happenings(before, contents):
            found.add(each, at, contents)
        before = contents
    return found.entries


class _Story:
    def __init__(self) -> None:
        self.entries: list[StoryEntry] = []
        self._calls: dict[CallKey, StoryEntry] = {}

    def add(self, each: Happening, at: str | None, contents: TurnContents) -> None:
        match each:
            case Said(role, text, cut):
                own = {"text": cut} if cut is not None else None
                self.entries.append(StoryEntry(kind="said", at=at, role=role, text=text, cut=own))
            case Asked(key):
                entry = StoryEntry(kind="call", at=at, status="open")
                self._calls[key] = entry
                self.entries.append(entry)
                self._look_at_call(key, contents)
            case Rephrased(key) | Waits(key) | Answered(key) | Started(key):
                self._look_at_call(key, contents)
            case Ended(key):
                self._end(each, key, at, contents)
            case HandedOver(runtime, turn, session, call):
                self.entries.append(
                    StoryEntry(
                        kind="handoff",
                        at=at,
                        runtime_id=runtime,
                        turn_id=turn,
                        session_id=session,
                        call_id=call,
                    )
                )
            case TurnWaits():
                self.entries.append(StoryEntry(kind="waits", at=at))
            case Resumed():
                self.entries.append(StoryEntry(kind="resumed", at=at))
            case TurnEnded(status, seconds, _, error):
                self.entries.append(
                    StoryEntry(kind="ended", at=at, status=status, seconds=seconds, error=error)
                )
            case NotKept(calls, messages):
                self.entries.append(
                    StoryEntry(kind="not_kept", at=at, calls=calls, messages=messages)
                )

    def _look_at_call(self, key: CallKey, contents: TurnContents) -> None:
        """Take from a state what it says of a call."""
        entry, call = self._calls.get(key), contents.calls.get(key)
        if entry is None or call is None:
            return
        entry.call_id, entry.name, entry.arguments = call.id, call.name, call.arguments
        entry.asked_at, entry.answer, entry.cut = call.asked_at, call.answer, call.cut
        entry.started_at, entry.ended_at = call.started_at, call.ended_at
        entry.status = _status_of(call.status, is_over=call.is_over)

    def _end(self, ended: Ended, key: CallKey, at: str | None, contents: TurnContents) -> None:
        entry = self._calls.get(key)
        if entry is None:  # its result came without it
            entry = StoryEntry(
                kind="call", call_id=str(key[0]) if key[0] else None, name=ended.name
            )
            self._calls[key] = entry
            self.entries.append(entry)
        self._look_at_call(key, contents)
        entry.status = ended.status if ended.is_kept else None
        entry.result, entry.error = ended.result, ended.error
        entry.exit_code = ended.exit_code
        entry.cut = ended.cut
        entry.seconds = ended.seconds
        if entry.seconds is None and entry.at != at:
            entry.seconds = seconds_between(entry.at, at)
        entry.ended_at = entry.ended_at or at


def _status_of(status: CallStatus | None, *, is_over: bool) -> str:
    return status or ("completed" if is_over else "open")
