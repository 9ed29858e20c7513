"""What happened to the calls of a turn between two of its states. Pure: no I/O."""

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from projections.turns.calls import CallKey
from projections.turns.contents import TurnContents
from projections.turns.details import TurnCall
from projections.turns.kinds import (
    Answered,
    Asked,
    Ended,
    Happening,
    Rephrased,
    Started,
    Waits,
)


class Placed(NamedTuple):
    """Something that happened, and its place in the state."""

    at: int
    what: Happening


class CallChanges:
    """What happened to calls; `lost` counts those that were never shown."""

    def __init__(self, before: TurnContents, after: TurnContents) -> None:
        self.lost = 0
        self._before = before
        self._after = after

    def found(self) -> Iterator[Placed]:
        """In no order but that of the places. O(calls of both states)."""
        old, new = self._before.calls, self._after.calls
        fresh = self._fresh()
        for key, call in new.items():
            was = old.get(key)
            if was is not None and was == call:
                continue
            if was is not None or key in fresh:
                yield from _of_call(was, call)
        yield from self._vanished()
        for call_id, answer in self._after.answers.items():
            if call_id not in self._before.answers:
                yield from _answered(self._before, call_id, answer)

    def _fresh(self) -> set[CallKey]:
        """The calls that are new, rather than there again because there is room now.

        `omitted` counts what is not shown, so the number of calls is known.
        """
        unseen = [key for key in self._after.calls if key not in self._before.calls]
        if not self._before.omitted and not self._after.omitted:
            return set(unseen)
        number = max(_calls_of(self._after) - _calls_of(self._before), 0)
        self.lost = max(number - len(unseen), 0)
        return set(unseen[len(unseen) - min(number, len(unseen)) :])

    def _vanished(self) -> Iterator[Placed]:
        """Calls that have ended, for which there is no room any more.

        If there is no room for all that run, it cannot be told which of them have ended.
        """
        omitted, before = self._after.omitted, self._before.omitted
        room = omitted.get("tool_calls", 0) - before.get("tool_calls", 0)
        if room <= 0 or omitted.get("open_calls", 0) > before.get("open_calls", 0):
            return
        for key, call in self._before.calls.items():
            if not call.is_over and key not in self._after.calls:
                yield Placed(call.at, Ended(key, call.name, "completed", is_kept=False))


def _calls_of(contents: TurnContents) -> int:
    """How many calls a turn has had, shown or not."""
    omitted = contents.omitted
    left_out = omitted.get("tool_calls", 0) + omitted.get("open_calls", 0)
    return len(contents.calls) + left_out


def _answered(before: TurnContents, call_id: str, answer: TurnCall) -> Iterator[Placed]:
    """A result whose call is no longer named; it is news unless an earlier state had it."""
    same = [call for call in before.calls.values() if call.id == call_id]
    if not any(call.is_over for call in same):
        name = answer.name or next((call.name for call in same), None)
        yield Placed(answer.answered_at or answer.at, _ended(answer, name))


def _of_call(old: TurnCall | None, new: TurnCall) -> Iterator[Placed]:
    if old is not None and _has_begun_again(old, new):
        old = None
    begin, end = new.at, new.answered_at or new.at
    if old is None:
        yield Placed(begin, Asked(new.key, new.name, new.arguments))
    elif new.arguments is not None and old.arguments != new.arguments:
        yield Placed(begin, Rephrased(new.key, new.name, new.arguments))
    if _has_been_asked(old, new):
        yield Placed(begin, Waits(new.key, new.name))
    answer = new.answer
    if answer is not None and answer != new.status and (old is None or old.answer != answer):
        yield Placed(begin, Answered(new.key, new.name, answer))
    if old is not None and new.started_at is not None and old.started_at != new.started_at:
        yield Placed(begin, Started(new.key, new.name))
    if new.is_over and (old is None or not old.is_over or _outcome(old) != _outcome(new)):
        yield Placed(end, _ended(new, new.name))


def _has_begun_again(old: TurnCall, new: TurnCall) -> bool:
    """Some models give an id once more, after the call that had it is over."""
    if not old.is_over:
        return False
    if not new.is_over:
        return True
    both = None not in (old.started_at, new.started_at)
    return both and old.started_at != new.started_at


def _has_been_asked(old: TurnCall | None, new: TurnCall) -> bool:
    """Whether a person was asked, since the old state, if the call may run."""
    if new.status == "waiting" and (old is None or old.status != "waiting"):
        return True
    return new.asked_at is not None and (old is None or old.asked_at != new.asked_at)


def _outcome(call: TurnCall) -> tuple[object, ...]:
    return call.outcome, call.result, call.error, call.exit_code


def _ended(call: TurnCall, name: str | None) -> Ended:
    return Ended(
        call=call.key,
        name=name,
        status=call.outcome,
        seconds=seconds_between(call.started_at, call.ended_at),
        result=call.result,
        error=call.error,
        exit_code=call.exit_code,
        cut=call.cut,
    )


def seconds_between(begin: str | None, end: str | None) -> float | None:
    """Between two times as states have them; None if one is not known or no time."""
    if begin is None or end is None:
        return None
    try:
        seconds = (datetime.fromisoformat(end) - datetime.fromisoformat(begin)).total_seconds()
    except (ValueError, TypeError, OverflowError):
        return None
    return max(seconds, 0.0)
