"""Methods of classes wrapped for a while, by `wrapt`, and unwrapped again."""

import inspect
import threading
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import wrapt

Wrapper: TypeAlias = Callable[[Any, Any, tuple[Any, ...], dict[str, Any]], Any]
"""Called in place of a method: with the bound original, the object, and the arguments."""


class Patches:
    """Wrapped methods, and how to unwrap them. Safe for threads.

    After `undo` the wrappers do nothing, wherever somebody still has hold of one.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._are_on = True
        self._made: list[tuple[type, str, bool, Any]] = []

    def wrap(self, owner: type, name: str, wrapper_for: Callable[[Any], Wrapper]) -> None:
        """Wrap a method where `owner` has it and where a subclass has another one.

        `wrapper_for` gets the method. One that `owner` inherits is wrapped for it and its
        subclasses only. Nothing happens where there is no such method, or something else.
        """
        with self._lock:
            for each in (owner, *_overriding(owner, name)):
                found = getattr(each, name, None)
                if inspect.isfunction(found):
                    wrapper = wrapt.FunctionWrapper(found, wrapper_for(found), self._is_on)
                    self._made.append((each, name, name in vars(each), wrapper))
                    setattr(each, name, wrapper)

    def undo(self) -> None:
        """Take out what is there, also from below wrappers of others. Others' methods stay."""
        with self._lock:
            self._are_on = False
            while self._made:
                _take_out(*self._made.pop())

    def _is_on(self) -> bool:
        return self._are_on


def _take_out(owner: type, name: str, is_own: bool, wrapper: Any) -> None:
    current: Any = vars(owner).get(name)
    if current is not wrapper:
        _take_out_from_below(current, wrapper)
    elif is_own:
        setattr(owner, name, wrapper.__wrapped__)
    else:
        delattr(owner, name)


def _take_out_from_below(current: Any, wrapper: Any) -> None:
    """Where somebody else has wrapped it by `wrapt` as well; what else there is calls it idly."""
    while isinstance(current, wrapt.BaseObjectProxy):
        if current.__wrapped__ is wrapper:
            current.__wrapped__ = wrapper.__wrapped__
            return
        current = current.__wrapped__


def _overriding(owner: type, name: str) -> Iterator[type]:
    """The subclasses that have a method of their own, each once."""
    seen: set[type] = set()
    waiting: list[type] = list(owner.__subclasses__())
    while waiting:
        each = waiting.pop()
        if each in seen:
            continue
        seen.add(each)
        waiting.extend(each.__subclasses__())
        if name in vars(each):
            yield each
