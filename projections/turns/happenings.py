"""What happened to a turn between two of its states, in order. Pure: no I/O.

The two are compared by what they hold, in the terms of a recorded turn (`contents`), so the
messages of other SDKs are understood too. Of what is left, which nobody here knows, only the
part that changed is given.

Over a history each thing happens once: what one event says, the next ones do not say again,
though their states still hold it. What a state has left out for want of room is counted.
"""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from projections.compare.alignment import same
from projections.turns.call_changes import CallChanges, Placed, seconds_between
from projections.turns.contents import TurnContents, contents_of
from projections.turns.kinds import (
    Changed,
    HandedOver,
    Happening,
    NotKept,
    Opened,
    Resumed,
    Said,
    TurnEnded,
    TurnWaits,
    Unchanged,
    Used,
)
from projections.turns.messages import Message
from projections.turns.statuses import is_over

_BEFORE_CALLS = frozenset({"user", "system", "developer"})
_NOTHING = TurnContents()
_FIRST, _LAST = -1, 1 << 62


def happenings_of(before: Any, after: Any) -> list[Happening]:
    """`happenings` of two decoded states; `before` is None for the first of a turn."""
    return happenings(contents_of(before) if before is not None else None, contents_of(after))


def happenings(before: TurnContents | None, after: TurnContents) -> list[Happening]:
    """What happened since `before`, which is None for the first state of a turn.

    Of two equal states, `Unchanged`. Never raises. O(size of the states).
    """
    found = _found(before, after)
    if found:
        return found
    old = before.state if before is not None else {}
    return [Unchanged()] if same(old, after.state) else [Changed(old, after.state)]


def _found(before: TurnContents | None, after: TurnContents) -> list[Happening]:
    old = before or _NOTHING
    calls = CallChanges(old, after)
    fresh = _fresh(old, after)
    placed = [_said(after, number) for number in fresh] + list(calls.found())
    placed.sort(key=lambda each: each.at)
    found: list[Happening] = [*_opening(before, after), *(each.what for each in placed)]
    found += _handed_over(old, after)
    found += _used(old, after)
    left_out = NotKept(calls.lost, max(_new_messages(old, after) - len(fresh), 0))
    if left_out.calls or left_out.messages:
        found.append(left_out)
    found += _changed(before, after)
    found += _ending(old, after)
    return found


def _opening(before: TurnContents | None, after: TurnContents) -> Iterator[Happening]:
    status = after.status
    if before is None:
        if after.is_form or status is not None or after.messages or after.calls:
            yield Opened(after.agent, after.parent)
    elif status == "open" and before.status not in (None, "open"):
        yield Resumed()


def _ending(old: TurnContents, after: TurnContents) -> Iterator[Happening]:
    status = after.status
    if status is None:
        return
    if status == "waiting" and old.status != "waiting":
        yield TurnWaits()
    if is_over(status) and (status != old.status or after.error != old.error):
        yield TurnEnded(
            status=status,
            seconds=seconds_between(after.opened_at, after.closed_at),
            stop_reason=after.stop_reason,
            error=after.error,
            model=after.model,
            usage=after.usage,
        )


def _used(old: TurnContents, after: TurnContents) -> Iterator[Happening]:
    usage = {
        name: amount - old.usage.get(name, 0)
        for name, amount in after.usage.items()
        if amount != old.usage.get(name, 0)
    }
    model = after.model if after.model != old.model else None
    if usage or model is not None:
        yield Used(model, usage)


def _handed_over(old: TurnContents, after: TurnContents) -> Iterator[Happening]:
    number = _count(after, "handoffs") - _count(old, "handoffs")
    for each in after.handoffs[max(len(after.handoffs) - number, 0) :] if number > 0 else ():
        turn, session, call = (each.get(key) for key in ("turn", "session", "tool_call_id"))
        yield HandedOver(
            each["runtime"],
            turn if isinstance(turn, str) else None,
            session if isinstance(session, str) else None,
            call if isinstance(call, str) else None,
        )


def _changed(before: TurnContents | None, after: TurnContents) -> Iterator[Happening]:
    old, new = before.rest if before is not None else None, after.rest
    if old is None and new is None:
        return
    if before is None or not same(old, new):
        yield Changed(
            old if old is not None else _empty(new), new if new is not None else _empty(old)
        )


def _empty(value: Any) -> Any:
    return [] if isinstance(value, list) else {}


# Words


def _said(after: TurnContents, number: int) -> Placed:
    """A message in its place among the calls.

    A recorded turn has its words in a list of their own, so there the user's come before the
    calls, and the others after them.
    """
    message, at = after.messages[number], after.order[number]
    if after.is_form:
        at = _FIRST if message.role in _BEFORE_CALLS else _LAST
    return Placed(at, Said(message.role, message.text, message.cut))


def _fresh(old: TurnContents, after: TurnContents) -> list[int]:
    """Which messages are new: by their number if what was left out is counted, else by text."""
    messages, known = after.messages, old.messages
    is_counted = bool(old.omitted or after.omitted)
    if not is_counted and messages[: len(known)] == known:
        return list(range(len(known), len(messages)))
    if is_counted and after.is_form:
        is_first_known = bool(known) and messages[:1] == known[:1]  # it is kept, whatever goes
        number = min(max(_new_messages(old, after), 0), len(messages) - is_first_known)
        return list(range(len(messages) - number, len(messages)))
    left = Counter(map(_identity, known))
    fresh = []
    for number, message in enumerate(messages):
        left[_identity(message)] -= 1
        if left[_identity(message)] < 0:
            fresh.append(number)
    return fresh


def _identity(message: Message) -> tuple[str, str]:
    return message.role, message.text


def _new_messages(old: TurnContents, after: TurnContents) -> int:
    return _count(after, "messages") - _count(old, "messages")


def _count(contents: TurnContents, name: str) -> int:
    """How many handoffs or messages there are, shown or not."""
    if name == "messages":
        return len(contents.messages) + contents.omitted.get("transcript", 0)
    return len(contents.handoffs) + contents.omitted.get("handoffs", 0)
