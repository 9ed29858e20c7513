"""Looks for tool calls and their results in a state, in the forms that `shapes` lists. Pure.

It looks at any depth, but not into the arguments and results of calls: those are data.
"""

from collections.abc import Iterator
from typing import Any, TypeVar

from projections.turns.calls import FoundCalls, Path
from projections.turns.shapes import (
    CALL_KEYS,
    CALLS,
    DATA,
    LIST_OF_CALLS,
    LISTS_OF_RESULTS,
    REQUESTS,
    RESULT_KEYS,
    TELLING,
    has_content,
    id_of_call,
    ids_of_result,
    is_id,
    is_message,
    is_result,
    is_result_of_key,
    kind_of,
    name_of,
)

F = TypeVar("F", bound=FoundCalls)

_LONGEST_PATH = 8  # keys: enough to tell lists apart
_EXTRA = (
    "additional_kwargs"  # LangChain keeps a message's calls there too, as the model wrote them
)
_OWN = frozenset({*CALL_KEYS, *RESULT_KEYS, *LISTS_OF_RESULTS})  # looked at with their object


def calls_in(state: Any) -> FoundCalls:
    """The calls and results in a state, outer objects first, then as they are written.

    Never raises. O(size of the state), without recursion.
    """
    return look_through(state, FoundCalls())


def look_through(state: Any, found: F) -> F:
    """Add what a state has to what was found, and finish it. As `calls_in`."""
    _Search(found).run(state)
    found.finish()
    return found


class _Search:
    """`_stack` holds what is still to be looked at.

    Each entry is a value, the keys that lead to it, the list that it is in, if any, and whether
    it is a call that was named already.
    """

    def __init__(self, found: FoundCalls) -> None:
        self.found = found
        self._stack: list[tuple[Any, Path, Path | None, bool]] = []

    def run(self, state: Any) -> None:
        if isinstance(state, dict | list | tuple):
            self._stack.append((state, (), None, False))
        while self._stack:
            value, path, at, is_call = self._stack.pop()
            if isinstance(value, dict):
                is_data = is_call or self._look_at(value, path, at)
                self._stack.extend(reversed(list(_inside(value, path, at, is_data))))
            else:
                items = [item for item in value if isinstance(item, dict | list | tuple)]
                list_at = path if at is None else at
                self._stack.extend((item, path, list_at, is_call) for item in reversed(items))

    def _look_at(self, node: dict[Any, Any], path: Path, list_at: Path | None) -> bool:
        """Note what an object says of calls. True if it is a call or a result itself."""
        at = path if list_at is None else list_at
        is_telling = not TELLING.isdisjoint(node)  # most objects are not: they are passed quickly
        kind = kind_of(node) if is_telling else None
        is_call = kind in CALLS
        is_answer = is_telling and not is_call and is_result(node)
        if is_telling and not is_call and not is_answer and is_message(node):
            self.found.is_understood = True
            self.found.note_message(node)
        if LIST_OF_CALLS in node:
            calls_at = (*path, LIST_OF_CALLS) if list_at is None else list_at
            self._name_all(node[LIST_OF_CALLS], calls_at)
        if is_call:
            status = node.get("status") if kind not in REQUESTS else None
            self.found.name(node, at, id_of_call(node), status)
        elif is_answer:
            ids = ids_of_result(node)
            if ids or has_content(node):
                self.found.answer(ids, name_of(node), at, node)
        if not _OWN.isdisjoint(node):
            self._look_under_keys(node, at)
        return is_call or is_answer

    def _look_under_keys(self, node: dict[Any, Any], at: Path) -> None:
        if not node.get(LIST_OF_CALLS):
            for key in CALL_KEYS:
                call = node.get(key)
                if isinstance(call, dict) and name_of(call) is not None:
                    self.found.name(call, at, id_of_call(call), None)
        for key in RESULT_KEYS:
            result = node.get(key)
            if isinstance(result, dict) and is_result_of_key(result):
                call_id = id_of_call(result)
                self.found.answer([call_id] if call_id else [], name_of(result), at, result)
        for key in LISTS_OF_RESULTS:
            if key in node:
                self._answer_all(node[key], at)

    def _name_all(self, value: Any, at: Path) -> None:
        if isinstance(value, dict) and id_of_call(value) is None and name_of(value) is None:
            for call_id, own in value.items():
                if isinstance(own, dict):
                    self._name(own, call_id, at)
                elif own is None or isinstance(own, str):
                    self.found.name({}, at, call_id or None, own)
        elif isinstance(value, dict):
            self._name(value, id_of_call(value), at)
        elif isinstance(value, list | tuple):
            for item in value:
                if isinstance(item, dict):
                    self._name(item, id_of_call(item), at)
                elif isinstance(item, str):
                    self.found.name({}, at, item or None, None)

    def _name(self, node: dict[Any, Any], call_id: Any, at: Path) -> None:
        status = node.get("status") if kind_of(node) not in REQUESTS else None
        self.found.name(node, at, call_id if is_id(call_id) else None, status)

    def _answer_all(self, value: Any, at: Path) -> None:
        if isinstance(value, dict):
            results = [(key, result) for key, result in value.items() if result is not None]
        elif isinstance(value, list | tuple):
            results = [(id_of_call(item), item) for item in value if isinstance(item, dict)]
        else:
            return
        for call_id, result in results:
            if is_id(call_id):
                self.found.answer([str(call_id)], None, at, result)


def _inside(
    node: dict[Any, Any], path: Path, at: Path | None, is_data: bool
) -> Iterator[tuple[Any, Path, Path | None, bool]]:
    """The values of an object that calls are looked for in."""
    for key, value in node.items():
        if not isinstance(value, dict | list | tuple) or key in _OWN:
            continue
        if (is_data and key in DATA) or (key == _EXTRA and node.get(LIST_OF_CALLS)):
            continue
        below = (*path, str(key)) if len(path) < _LONGEST_PATH else path
        if key != LIST_OF_CALLS:
            yield value, below, at, False
            continue
        named = value
        if isinstance(value, dict) and id_of_call(value) is None and name_of(value) is None:
            named = list(value.values())  # keyed by id
        yield named, below, at, True
