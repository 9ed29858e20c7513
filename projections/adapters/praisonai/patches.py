"""Methods of classes replaced for a while, and put back."""

import inspect
import threading
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

Wrap: TypeAlias = Callable[[Any], Any]
"""A method in, the one in its place out."""


class Patches:
    """Replaced methods, and how to put them back. Safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._made: list[tuple[type, str, Any, Any]] = []

    def replace(self, owner: type, name: str, wrap: Wrap) -> None:
        """Replace a method where `owner` has it and where a subclass has another one.

        A method that `owner` inherits is replaced for it and its subclasses only. Nothing
        happens where there is no such method, or something that is not one.
        """
        with self._lock:
            for each in (owner, *_overriding(owner, name)):
                found = getattr(each, name, None)
                if inspect.isfunction(found):
                    wrapper = wrap(found)
                    self._made.append((each, name, vars(each).get(name), wrapper))
                    setattr(each, name, wrapper)

    def undo(self) -> None:
        """Put back what is still in its place; what others have put there since stays."""
        with self._lock:
            while self._made:
                owner, name, own, wrapper = self._made.pop()
                if vars(owner).get(name) is not wrapper:
                    continue
                if own is None:
                    delattr(owner, name)
                else:
                    setattr(owner, name, own)


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
