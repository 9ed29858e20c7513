"""A follower and what it must have yielded, and what may happen while it reads."""

from collections.abc import Callable
from typing import Any

from journal.engines.files.follower import FileFollower
from journal.errors import (
    CursorError,
    HistoryError,
)
from journal.events import Event
from tests.journal.engines.follower.world import World, unsynced


class Reader:
    """A follower and everything it has yielded, with the place where it began."""

    def __init__(self, world: World, follower: FileFollower) -> None:
        self.world = world
        self.follower = follower
        self.got: list[tuple[str, Event, int]] = []
        self.forgets = False  # whether it went on from a cursor alone
        self.start = follower.cursor
        self.skipped: dict[int, str] = {}

    def read(self, most: int | None = None) -> None:
        try:
            self._read(most)
        except CursorError as error:
            self._go_on_after(error)
            self._read(most)

    def _read(self, most: int | None) -> None:
        for number, event in enumerate(self.follower.read()):
            cursor = self.follower.cursor
            assert cursor is not None
            assert cursor.seq == event.seq
            self.got.append((cursor.log_id, event, self.follower.lost))
            if number + 1 == most:
                return

    def _go_on_after(self, error: CursorError) -> None:
        """A cursor alone cannot tell an event that was cut back from one of another history."""
        assert self.forgets, "it knew which events were there to stay"
        cursor = error.cursor
        there = self.world.truth[cursor.log_id].get(cursor.seq, "none")
        assert not there.startswith(cursor.hash), f"refused without need: {error}"
        self.follower.close()
        self.follower = self.world.reader().follow("s", error.resume_after)
        self.begin_here()
        self.skipped.clear()

    def read_again_if_told(self) -> None:
        """An archive may be dropped or deleted while it is read."""
        try:
            self.read()
        except HistoryError:
            if not self.world.dropped:
                raise
            self.read()

    def begin_here(self) -> None:
        """Forget what came before."""
        self.got.clear()
        self.start = self.follower.cursor
        self.skipped = dict(self.world.now)

    def check(self) -> None:
        """Nothing twice, nothing in the wrong place, nothing missing that `lost` hides."""
        world = self.world
        hashes = [event.hash for _, event, _ in self.got]
        assert len(set(hashes)) == len(hashes), "an event came twice"
        assert set(hashes) <= world.seen, "an event was never there"
        kept = {digest for log in world.truth.values() for digest in log.values()}
        if self.forgets and not set(hashes) <= kept:
            return  # it went on from the seq of what was cut back then: there is no knowing
        log_ids = list(dict.fromkeys(log_id for log_id, _, _ in self.got))
        assert [log_id for log_id in world.truth if log_id in log_ids] == log_ids
        for log_id in log_ids:
            self._check_log(log_id, [item[1:] for item in self.got if item[0] == log_id])
        if world.truth.get(world.log_id):
            last = max(world.truth[world.log_id])
            if self.start != world.cursor(last):
                assert self.got, "nothing was read"
                assert (self.got[-1][0], self.got[-1][1].seq) == (world.log_id, last)

    def _check_log(self, log_id: str, got: list[tuple[Event, int]]) -> None:
        truth = self.world.truth[log_id]
        start, found = 0, dict[int, str]()
        if self.start is not None and self.start.log_id == log_id:
            start, found = self.start.seq, dict(self.skipped)
        told: set[int] = set()  # seqs that were said to be lost

        def is_stale(seq: int) -> bool:
            """What was yielded there has been cut back since."""
            return seq in found and found[seq] != truth.get(seq)

        place = start
        for event, lost in got:
            for seq in range(event.seq, place + 1):
                assert is_stale(seq), "it went back without need"
                del found[seq]
            first = event.seq - lost
            while lost and is_stale(first - 1):
                first -= 1  # how many, it cannot know; that it is some has to be said
            told |= set(range(first, event.seq))
            found[event.seq] = event.hash
            place = event.seq
        while is_stale(place):
            assert log_id != self.world.log_id
            place -= 1  # it was deleted before anything came in its place
        missing = {
            seq
            for seq, digest in truth.items()
            if seq <= place and (seq > start or seq in self.skipped) and found.get(seq) != digest
        }
        assert missing <= told, f"{sorted(missing)} are missing, told were {sorted(told)}"
        assert self.world.dropped or not told, "nothing was dropped, so nothing can be lost"


class Between:
    """A fault: before the calls with these numbers (from 0), something else happens."""

    def __init__(self) -> None:
        self.calls = 0
        self.plan: list[tuple[int, Callable[[], None]]] = []

    def arm(self, *plan: tuple[int, Callable[[], None]]) -> None:
        self.calls = 0
        self.plan = sorted(plan, key=lambda item: item[0])

    def __call__(self, name: str, args: tuple[Any, ...]) -> Any:
        self.calls += 1
        while self.plan and self.plan[0][0] < self.calls:
            self.plan.pop(0)[1]()
        return unsynced(name, args)


def seqs(follower: FileFollower) -> list[int]:
    return [event.seq for event in follower.read()]
