"""One session's stream: what its newest generation holds, and putting a message at its end.

The answers of the store do not always say what has happened. Here alone it is decided what they
mean, by two rules. What was read counts only if it is all there up to the newest message, which
the leader has named. And a put is made to land or made impossible: as long as neither is
certain, the very same one is sent again. As it names the message that it comes after, it lands
once at the most, however often it was sent.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias
from uuid import uuid4

from journal.codec import decode_line
from journal.errors import AppendError, ReadError, SyncError
from journal.events import Sealed
from tests.journal.engines.cas.narrow import (
    Conflict,
    Landed,
    Message,
    NarrowStore,
    NoAnswerError,
    UnreachableError,
)

Send: TypeAlias = Callable[[str], Landed | Conflict]
"""Sends a put with an ident; the same one each time."""


class Generation(NamedTuple):
    """The messages of the newest generation that were asked for, of which `newest` is the last."""

    newest: Message
    messages: list[Message]


def is_tombstone(message: Message) -> bool:
    """Whether it says that the session was deleted."""
    return isinstance(decode_line(message.data.rstrip()), Sealed)


class Stream:
    """The stream of one session. Keeps nothing. `patience` is how often something is tried."""

    patience = 30

    def __init__(self, store: NarrowStore, session_id: str) -> None:
        self._store = store
        self.session_id = session_id

    # Reading

    def newest(self) -> Message | None:
        """The newest message, a tombstone too. Raises `ReadError`."""
        for _ in range(self.patience):
            try:
                return self._store.head(self.session_id)
            except UnreachableError:
                continue
        raise ReadError(None, f"session {self.session_id!r}: the store cannot be reached")

    def generation(self, after: int = 0) -> Generation | None:
        """What the newest generation has after place `after`; None if nothing was ever put.

        Raises `ReadError`.
        """
        return self._read_to_newest(lambda newest: max(after, newest.start - 1))

    def everything(self) -> Generation | None:
        """The same with all older generations that are still there."""
        return self._read_to_newest(lambda newest: 0)

    def _read_to_newest(self, begin: Callable[[Message], int]) -> Generation | None:
        for _ in range(self.patience):
            newest = self.newest()
            if newest is None:
                return None
            after = begin(newest)
            try:
                found = self._store.read(self.session_id, after, newest.place)
            except UnreachableError:
                continue
            if self._is_all(found, newest, after):
                return Generation(newest, found)
        raise ReadError(None, f"session {self.session_id!r}: the store does not get up to date")

    def _is_all(self, found: list[Message], newest: Message, after: int) -> bool:
        """Whether a read has got as far as the leader. A replica may lag."""
        return after == newest.place or (bool(found) and found[-1].place == newest.place)

    # Writing

    def put(self, expected: int, data: bytes) -> int | None:
        """Go on after place `expected`. Returns the place, None if somebody else was quicker.

        Raises `AppendError` when nothing was written, and `SyncError` when that is unknown.
        """
        put = self._store.put
        return self._land(expected, lambda ident: put(self.session_id, expected, data, ident))

    def replace(self, expected: int, data: bytes, *, drop: bool) -> int | None:
        """Begin a generation, likewise; with `drop` in place of all that was before."""
        replace = self._store.replace
        return self._land(
            expected, lambda ident: replace(self.session_id, expected, data, ident, drop=drop)
        )

    def replace_all(self, expected: int, generations: Sequence[bytes]) -> int | None:
        """Begin these generations, likewise, in place of all that was before."""
        replace = self._store.replace_all
        return self._land(
            expected, lambda ident: replace(self.session_id, expected, generations, ident)
        )

    def _land(self, expected: int, send: Send) -> int | None:
        ident = uuid4().hex
        in_doubt = False
        for _ in range(self.patience):
            try:
                answer = send(ident)
            except UnreachableError:
                continue
            except NoAnswerError:
                in_doubt = True
                continue
            if isinstance(answer, Landed):
                return answer.place
            if self._is_decided(answer, expected):
                return self._if_ours(expected + 1, ident) if in_doubt else None
        if in_doubt:
            raise self._unknown()
        raise AppendError(
            None,
            f"session {self.session_id!r}: the store cannot be reached. Nothing was appended; "
            "try again",
        )

    def _is_decided(self, answer: Conflict, expected: int) -> bool:
        """Whether nothing that was sent can land any more."""
        return answer.place is not None and answer.place > expected

    def _if_ours(self, place: int, ident: str) -> int | None:
        """The place, if the message there is ours: an attempt without an answer has landed."""
        for _ in range(self.patience):
            try:
                found = self._store.read(self.session_id, place - 1, place)
            except UnreachableError:
                continue
            if found:
                return place if found[0].ident == ident else None
        raise self._unknown()  # a compaction has dropped it

    def _unknown(self) -> SyncError:
        return SyncError(
            None,
            f"session {self.session_id!r}: the store does not answer. Whether it was appended is "
            "unknown; read it back",
        )
