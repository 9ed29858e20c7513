"""What was said in a turn: the first words and the last. Pure: no I/O."""

from collections import deque
from typing import Any

from projections.adapters.calls import size_of
from projections.adapters.values import Slice


class Transcript:
    """The messages of a turn, of which the first of the user and the latest are kept.

    Memory: as much as one state has room for.
    """

    def __init__(self, room: int) -> None:
        """`room` is how many bytes of JSON are kept at most."""
        self._room = room
        self._first: tuple[int, dict[str, Any], int] | None = None  # number, message, cost
        self._latest: deque[tuple[int, dict[str, Any], int]] = deque()
        self._taken = 0
        self.count = 0

    def add(self, role: str, kept: Slice) -> None:
        """Something was said. O(1) on average."""
        message: dict[str, Any] = {"role": role, "content": kept.value}
        if kept.cut is not None:
            message["cut"] = {"content": kept.cut}
        item = (self.count, message, size_of(message) + 1)
        self.count += 1
        if role == "user" and self._first is None:
            self._first = item
            return
        self._latest.append(item)
        self._taken += item[2]
        while self._taken > self._room and len(self._latest) > 1:
            self._taken -= self._latest.popleft()[2]

    def shown(self, room: int) -> tuple[list[dict[str, Any]], int]:
        """What there is room for: the user's first words, then the last words said, and before.

        Also the bytes that these take.
        """
        found: dict[int, dict[str, Any]] = {}
        taken = 0
        wanted = [] if self._first is None else [self._first]
        for number, message, cost in (*wanted, *reversed(self._latest)):
            if taken + cost > room:
                break
            found[number] = message
            taken += cost
        return [found[number] for number in sorted(found)], taken
