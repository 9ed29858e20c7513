"""The tool calls of one turn: those that a model asked for, and those that PraisonAI begins.

A model asks for all calls of an answer at once; PraisonAI begins them one by one, some in
parallel, and some never: of these it only gives the model a result, which says why.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from typing import TypeAlias

from projections.adapters.calls import UNFINISHED
from projections.adapters.praisonai.answers import AskedCall, is_error
from projections.adapters.turns import Turn

_Key: TypeAlias = tuple[str | None, str | None]
"""A call's id; or its name, if the model gave no id."""


class AskedCalls:
    """Which calls were asked for and have not begun. The turn's lock guards it.

    An id that a model gives again, as those do that number the calls of each answer from 1, is
    another call, and gets an id of its own.
    """

    def __init__(self, turn: Turn) -> None:
        self._turn = turn
        self._not_begun: dict[_Key, deque[str]] = {}
        self._numbers: dict[str, int] = {}  # the next one for an id that came before

    def ask(self, calls: Iterable[AskedCall]) -> None:
        """A model asks for them in one answer. What it asked for before, PraisonAI has left."""
        with self._turn.lock:
            self.end()
            for call in calls:
                chosen = self._new_id(call.id)
                self._turn.call_asked(chosen, call.name, call.arguments)
                self._not_begun.setdefault(_key(call.id, call.name), deque()).append(chosen)

    def begin(self, given_id: object, name: str, arguments: object) -> str:
        """PraisonAI begins a call; returns its id in the turn."""
        call_id = given_id if isinstance(given_id, str) and given_id else None
        with self._turn.lock:
            chosen = (
                self._taken(_key(call_id, name))
                or self._taken(_key(None, name))
                or self._open(call_id)
                or self._new_id(call_id)
            )
            self._turn.call_started(chosen, name, arguments)
            return chosen

    def reported(self, results: Mapping[str, str]) -> None:
        """A model is given results, by the ids that it gave: also of calls that never began."""
        with self._turn.lock:
            for key in list(self._not_begun):
                result = None if key[0] is None else results.get(key[0])
                while result is not None and (chosen := self._taken(key)) is not None:
                    if is_error(result):
                        self._turn.call_ended(chosen, "error", result)
                    else:
                        self._turn.call_ended(chosen, "completed", result=result)

    def end(self) -> None:
        """What has not begun will not."""
        with self._turn.lock:
            for waiting in self._not_begun.values():
                for chosen in waiting:
                    self._turn.call_ended(chosen, "cancelled")
            self._not_begun.clear()

    @property
    def some_have_not_begun(self) -> bool:
        """Whether PraisonAI is still to begin a call, or to say why not."""
        return bool(self._not_begun)

    def _taken(self, key: _Key) -> str | None:
        waiting = self._not_begun.get(key)
        if waiting is None:
            return None
        chosen = waiting.popleft()
        if not waiting:
            del self._not_begun[key]
        return chosen

    def _open(self, call_id: str | None) -> str | None:
        """The call that runs under this id: it is that one, seen twice."""
        found = None if call_id is None else self._turn.calls.get(call_id)
        return call_id if found is not None and found.status in UNFINISHED else None

    def _new_id(self, call_id: str | None) -> str:
        calls = self._turn.calls
        if call_id is not None and call_id not in calls:
            return call_id
        stem, first = (call_id, 2) if call_id is not None else ("call", len(calls) + 1)
        number = self._numbers.get(stem, first)
        while f"{stem}-{number}" in calls:
            number += 1
        self._numbers[stem] = number + 1
        return f"{stem}-{number}"


def _key(call_id: str | None, name: str) -> _Key:
    return (None, name) if call_id is None else (call_id, None)
