"""What two writers of one session may rely on, whatever happens to their calls.

An append that returned is in the log once. One that said it wrote nothing is not in it. One whose
outcome was unknown is in it once or not at all. Events that were made from the log's state were
made from the state just before them. Readers see what was acknowledged, once and in order.
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Literal, TypeAlias

from journal.errors import (
    AppendError,
    CompactionAbandonedError,
    LockTimeoutError,
    StorageError,
)
from journal.events import Event, Set, Takeover
from projections.view import View, to_json
from tests.journal.engines.cas.engine import CasEngine
from tests.journal.engines.cas.narrow import Fault, NarrowStore
from tests.journal.engines.cas.stream import Stream
from tests.support import Recorder, set_event

Deed: TypeAlias = Literal["append", "answer", "refresh", "follow", "archive", "drop"]
Step: TypeAlias = tuple[Deed, int]
"""What is done, and by which of the two."""

_SOME_CALLS = 10  # until all that was late has landed
_AGAIN = "again"  # a turn that every append overwrites, so that compactions have work


class Client:
    """One process of two that share a session."""

    def __init__(self, engine: CasEngine) -> None:
        self.engine = engine
        self.seen = Recorder()
        self.log = engine.open("s", self.seen)
        self.follower = engine.follow("s")
        self.followed: list[Event] = []


class History:
    """Two clients, and what they were told."""

    def __init__(self, stream_of: type[Stream], faults: Sequence[Fault]) -> None:
        class Engine(CasEngine):
            pass

        Engine.stream_of = stream_of
        self.store = NarrowStore(faults)
        self.clients = [Client(Engine(self.store, name)) for name in ("a", "b")]
        self.count = 0
        self.acknowledged: list[str] = []
        self.refused: list[str] = []
        self.has_dropped = False
        self.rival = Client(CasEngine(self.store, "rival"))
        self.store.rival = self._rival

    def _rival(self, session: str) -> None:
        """Appends, or compacts: every other time."""
        turn = self._new_turn()
        if self.count % 2:
            self.rival.engine.compact(session, "drop")
            self.has_dropped = True
        else:
            self.rival.log.append([set_event(turn)])
            self.acknowledged.append(turn)

    def _new_turn(self) -> str:
        self.count += 1
        return f"turn-{self.count}"

    def do(self, deed: Deed, number: int) -> None:
        """One step; its errors are answers."""
        client = self.clients[number]
        try:
            getattr(self, f"_{deed}")(client)
        except (StorageError, LockTimeoutError, CompactionAbandonedError):
            pass  # what was unknown may be there or not

    def _append(self, client: Client) -> None:
        turn = self._new_turn()
        try:
            client.log.append([set_event(turn), set_event(_AGAIN)])
        except (AppendError, LockTimeoutError):
            self.refused.append(turn)
            raise
        self.acknowledged.append(turn)

    def _answer(self, client: Client) -> None:
        def takeover() -> list[Event]:
            head = client.log.head
            seen = max((event.seq for event in client.seen.events), default=0)
            assert seen == (head.seq if head is not None else 0), "the head is what was folded"
            return [Takeover(runtime_id="native", handoff_seq=seen)]

        client.log.append(takeover)

    def _refresh(self, client: Client) -> None:
        before = list(self.acknowledged)
        client.log.refresh()
        assert set(before) <= set(client.seen.turns), "what was acknowledged is seen"

    def _follow(self, client: Client) -> None:
        client.followed += client.follower.read()

    def _archive(self, client: Client) -> None:
        client.engine.compact("s")

    def _drop(self, client: Client) -> None:
        self.has_dropped = True
        client.engine.compact("s", "drop")

    # In the end

    def check(self) -> None:
        """Once the store works and everything that was late has landed or cannot any more."""
        self.store.faults = iter(())
        for _ in range(_SOME_CALLS):
            self.store.head("s")
        engine = self.clients[0].engine
        past, again = engine.history("s"), engine.history("s")
        events = [entry.event for entry in past.in_order()] if past is not None else []
        view = _view_of(again.to_fold() if again is not None else ())
        self._check_events(events)
        for client in self.clients:
            self._check_client(client, events)
            assert _view_of(client.seen.events) == view

    def _check_events(self, events: list[Event]) -> None:
        self._check_order(events)
        turns = _turns(events)
        assert len(turns) == len(set(turns)), "nothing is there twice"
        assert set(self.acknowledged) <= set(turns), "nothing is lost"
        assert not set(self.refused) & set(turns), "nothing is there that was refused"
        for event in events:
            if isinstance(event, Takeover):
                assert event.handoff_seq == event.seen_seq == event.seq - 1

    def _check_order(self, events: list[Event]) -> None:
        for earlier, later in pairwise(events):
            assert earlier.seq < later.seq
            assert self.has_dropped or earlier.seq + 1 == later.seq
            if earlier.seq + 1 == later.seq:
                assert later.prev == earlier.hash

    def _check_client(self, client: Client, events: list[Event]) -> None:
        assert client.engine.verify("s").ok
        client.log.refresh()
        client.followed += client.follower.read()
        self._check_order(client.followed)
        assert _turns(client.followed) == _turns(events)


def _turns(events: Sequence[Event]) -> list[str]:
    """Of all sets whose turn is set once."""
    turns = [event.turn_id for event in events if isinstance(event, Set)]
    return [turn for turn in turns if turn != _AGAIN]


def _view_of(events: Iterable[Event]) -> bytes:
    view = View()
    for event in events:
        view.fold(event)
    return to_json(view.turns)


def check_exactly_once(
    stream_of: type[Stream], steps: Sequence[Step], faults: Sequence[Fault]
) -> None:
    """Raises AssertionError where a stream decides wrongly."""
    history = History(stream_of, faults)
    for deed, number in steps:
        history.do(deed, number)
    history.check()
