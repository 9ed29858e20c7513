"""What was said in a turn: the first words and the last. Pure: no I/O."""

from collections import deque
from typing import Any

from msgspec import Raw

from projections.adapters.calls import COMMA
from projections.adapters.values import Slice, json_of

_ROLES = frozenset({"user", "assistant"})


class Transcript:
    """The messages of a turn, of which the first of the user and the latest are kept.

    It is plain while no secret can be in any of them. Memory: as much as one state has room for.
    """

    def __init__(self, room: int) -> None:
        """`room` is how many bytes of JSON are kept at most."""
        self._room = room
        self._first: tuple[int, Raw] | None = None  # number and message, in JSON
        self._latest: deque[tuple[int, Raw]] = deque()
        self._taken = 0
        self.count = 0
        self.is_plain = True

    def add(self, role: str, kept: Slice) -> None:
        """Something was said. O(1) on average."""
        message: dict[str, Any] = {"role": role, "content": kept.encoded}
        if kept.cut is not None:
            message["cut"] = {"content": kept.cut}
        self.is_plain = self.is_plain and kept.is_plain and role in _ROLES
        item = (self.count, json_of(message))
        self.count += 1
        if role == "user" and self._first is None:
            self._first = item
            return
        self._latest.append(item)
        self._taken += len(item[1]) + COMMA
        while self._taken > self._room and len(self._latest) > 1:
            self._taken -= len(self._latest.popleft()[1]) + COMMA

    @property
    def size(self) -> int:
        """Bytes of all that is kept."""
        return self._taken + (0 if self._first is None else len(self._first[1]) + COMMA)

    def all(self) -> list[Raw] | None:
        """All messages, in JSON; None if not all are kept."""
        first = 0 if self._first is None else 1
        if self.count > len(self._latest) + first:
            return None
        found = [message for _, message in self._latest]
        if self._first is not None:
            found.insert(*self._first)
        return found

    def shown(self, room: int) -> tuple[list[Raw], int]:
        """What there is room for: the user's first words, then the last words said, and before.

        In JSON. Also the bytes that these take.
        """
        found: dict[int, Raw] = {}
        taken = 0
        wanted = [] if self._first is None else [self._first]
        for number, message in (*wanted, *reversed(self._latest)):
            cost = len(message) + COMMA
            if taken + cost > room:
                break
            found[number] = message
            taken += cost
        return [found[number] for number in sorted(found)], taken
