"""The little that a store far away has to offer, and what goes wrong on the way to it.

A session is a stream of messages, each put after the one that its writer expected to be the
newest. A message begins a generation or goes on in one; the bytes of a generation's messages,
one after the other, are a log as it stands in a file.
"""

import threading
from collections.abc import Callable, Iterable, Sequence
from enum import Enum
from time import time
from typing import NamedTuple


class Fault(Enum):
    """What happens to one call."""

    NONE = "it works"
    LOST = "a put lands, its answer is lost"
    NEVER = "a put is lost, and so there is no answer"
    LATE = "a put has no answer, and lands some calls later, if it still can"
    VAGUE = "a put is refused as a conflict that names no place, which decides nothing"
    REFUSED = "nobody takes the call: it surely has no effect"
    STALE = "a read is answered by a replica that lags"
    RIVAL = "somebody else comes between"


TROUBLE: list[Fault] = [
    *(Fault.NONE, Fault.STALE, Fault.LOST, Fault.VAGUE, Fault.REFUSED, Fault.LATE, Fault.NONE),
    *(Fault.NEVER, Fault.STALE, Fault.NONE, Fault.LATE, Fault.VAGUE, Fault.LOST, Fault.NONE),
]
"""What happens to the calls of an engine far away, over and over. It has patience for more."""


class Message(NamedTuple):
    """One put. Places are 1, 2, 3 … in each session, and never come again.

    `start` is the place at which its generation begins, `ident` what its sender has drawn.
    """

    place: int
    start: int
    ident: str
    data: bytes
    at: float


class Landed(NamedTuple):
    """The put is in the stream."""

    place: int


class Conflict(NamedTuple):
    """This put is not in the stream: the newest message is at `place`, if that is known."""

    place: int | None


class UnreachableError(Exception):
    """The call was taken by nobody."""


class NoAnswerError(Exception):
    """Whether the put has landed, or will, is unknown."""


class Listed(NamedTuple):
    """A session: its newest message, and how many bytes its generation has."""

    session: str
    newest: Message
    size: int


class _Put(NamedTuple):
    session: str
    expected: int
    data: bytes
    ident: str
    begins: bool
    drops: bool
    before: tuple[bytes, ...] = ()  # generations that come before it, in place of all others


_LATENESS = 3  # calls until a late put lands


class NarrowStore:
    """The streams of many sessions. Safe for threads.

    `faults` are what happens to the calls to come, one each; afterwards all goes well. `rival`
    is what somebody else does for each `Fault.RIVAL`, given the session.
    """

    def __init__(self, faults: Iterable[Fault] = (), *, syncs: bool = True) -> None:
        self.faults = iter(faults)
        self.rival: Callable[[str], None] = lambda session: None
        self.syncs = syncs
        self.changes = 0
        self._streams: dict[str, list[Message]] = {}
        self._changed: dict[str, int] = {}
        self._late: list[tuple[int, _Put]] = []
        self._calm = False  # a rival is at work, whose own calls go well
        self._bell = threading.Condition(threading.RLock())  # its lock guards all of it

    # The calls

    def head(self, session: str) -> Message | None:
        """The newest message. Never stale: the leader answers."""
        with self._bell:
            self._call(session)
            stream = self._streams.get(session)
            return stream[-1] if stream else None

    def read(self, session: str, after: int, upto: int) -> list[Message]:
        """The messages from `after` on, without it, up to `upto`; perhaps not yet the newest."""
        with self._bell:
            fault = self._call(session)
            stream = self._streams.get(session, [])
            found = [message for message in stream if after < message.place <= upto]
            return found[:-1] if fault is Fault.STALE else found

    def put(self, session: str, expected: int, data: bytes, ident: str) -> Landed | Conflict:
        """Go on in a generation, if the newest message is the one at `expected`."""
        return self._send(_Put(session, expected, data, ident, begins=False, drops=False))

    def replace(
        self, session: str, expected: int, data: bytes, ident: str, *, drop: bool
    ) -> Landed | Conflict:
        """Begin a generation, likewise; with `drop` it takes the place of all before it."""
        return self._send(_Put(session, expected, data, ident, begins=True, drops=drop))

    def replace_all(
        self, session: str, expected: int, generations: Sequence[bytes], ident: str
    ) -> Landed | Conflict:
        """Begin these generations, likewise, one after the other, in place of all before them."""
        *before, last = generations
        return self._send(
            _Put(session, expected, last, ident, begins=True, drops=True, before=tuple(before))
        )

    def listed(self) -> list[Listed]:
        """All sessions."""
        with self._bell:
            self._call("")
            return [
                Listed(
                    session, newest, sum(len(m.data) for m in stream if m.start == newest.start)
                )
                for session, stream in self._streams.items()
                for newest in stream[-1:]
            ]

    def wait(self, seen: int, timeout: float) -> tuple[int, frozenset[str]]:
        """The bell: what has changed since `changes` was `seen`, and what `changes` is now."""
        with self._bell:
            self._bell.wait_for(lambda: self.changes > seen, timeout)
            changed = frozenset(name for name, at in self._changed.items() if at > seen)
            return self.changes, changed

    # What happens to them

    def _call(self, session: str) -> Fault:
        """Another call has come. Raises `UnreachableError`."""
        if self._calm:
            return Fault.NONE
        fault = next(self.faults, Fault.NONE)
        self._land_late_ones()
        if fault is Fault.RIVAL:
            self._let_rival_act(session)
        if fault is Fault.REFUSED:
            raise UnreachableError
        return fault

    def _let_rival_act(self, session: str) -> None:
        self._calm = True
        try:
            self.rival(session)
        finally:
            self._calm = False

    def _land_late_ones(self) -> None:
        waiting, self._late = self._late, []
        for calls_left, put in waiting:
            if calls_left:
                self._late.append((calls_left - 1, put))
            else:
                self._land(put)

    def _send(self, put: _Put) -> Landed | Conflict:
        with self._bell:
            match self._call(put.session):
                case Fault.LOST:
                    self._land(put)
                    raise NoAnswerError
                case Fault.NEVER:
                    raise NoAnswerError
                case Fault.LATE:
                    self._late.append((_LATENESS, put))
                    raise NoAnswerError
                case Fault.VAGUE:
                    return Conflict(None)
                case _:
                    return self._land(put)

    def _land(self, put: _Put) -> Landed | Conflict:
        stream = self._streams.setdefault(put.session, [])
        newest = stream[-1].place if stream else 0
        if newest != put.expected:
            return Conflict(newest)
        place = newest + 1 + len(put.before)
        start = place if put.begins else stream[-1].start
        if put.drops:
            stream.clear()
        for older, data in enumerate(put.before, newest + 1):
            stream.append(Message(older, older, put.ident, data, time()))
        stream.append(Message(place, start, put.ident, put.data, time()))
        self.changes += 1
        self._changed[put.session] = self.changes
        self._bell.notify_all()
        return Landed(place)
