"""Wraps methods of classes by `wrapt`, and unwraps them again."""

import importlib
import inspect
import threading
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import wrapt

Wrapper: TypeAlias = Callable[[Any, Any, tuple[Any, ...], dict[str, Any]], Any]
"""Called in place of a method: with the bound original, the object, and the arguments."""


class Patches:
    """The methods wrapped so far. Thread-safe.

    After `undo` the wrappers do nothing, even where somebody still holds one.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._are_on = True
        self._made: list[tuple[type, str, bool, Any]] = []

    def wrap(self, owner: type, name: str, wrapper_for: Callable[[Any], Wrapper]) -> None:
        """Wrap a method of `owner`, and every override of it in a subclass.

        `wrapper_for` gets the method. A method that `owner` inherits is wrapped for `owner` and
        its subclasses only. If there is no such method, or it is not a function, nothing happens.
        """
        with self._lock:
            for each in (owner, *_overriding(owner, name)):
                found = getattr(each, name, None)
                if inspect.isfunction(found):
                    wrapper = wrapt.FunctionWrapper(found, wrapper_for(found), self._is_on)
                    self._made.append((each, name, name in vars(each), wrapper))
                    setattr(each, name, wrapper)

    def wrap_at(self, path: str, name: str, wrapper_for: Callable[[Any], Wrapper]) -> None:
        """As `wrap`, in the class at `module:Class`. Nothing happens if there is none."""
        module, _, class_name = path.partition(":")
        try:
            owner = getattr(importlib.import_module(module), class_name, None)
        except ImportError:
            return
        if inspect.isclass(owner):
            self.wrap(owner, name, wrapper_for)

    def undo(self) -> None:
        """Take out our wrappers, also from below those of others. Methods of others stay."""
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
    """Take our wrapper out from below others by `wrapt`. Below anything else it stays, idle."""
    while isinstance(current, wrapt.BaseObjectProxy):
        if current.__wrapped__ is wrapper:
            current.__wrapped__ = wrapper.__wrapped__
            return
        current = current.__wrapped__


def _overriding(owner: type, name: str) -> Iterator[type]:
    """The subclasses that override the method, each once."""
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
