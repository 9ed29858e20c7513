"""Which events of a log live, and where in its file they are."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from journal.codec import PLAIN, format_needed
from journal.engines.files.shared import SharedPart
from journal.events import Clear, Event, Set
from journal.fold import apply
from journal.once import Seen, key_digest
from journal.scan import Scanner


class Kept(NamedTuple):
    """Where in the old file a line is that lives on; the `line` itself if it is in another."""

    offset: int
    length: int
    seq: int
    hash: str
    line: bytes | None = None


class Living:
    """What compaction keeps: the last set of each live turn, handoffs, unknown ops."""

    def __init__(self) -> None:
        self.turns: dict[str, dict[str, Kept]] = {}
        self.others: list[Kept] = []
        self.keys: list[Seen] = []  # of all sets, living or not
        self.format = PLAIN  # the lowest that may hold all events, living or not
        self.deleted = False  # the log ends in the seal of a deletion

    def take(self, event: Event, place: Kept) -> None:
        self.format = max(self.format, format_needed(event))
        if isinstance(event, Set | Clear):
            apply(self.turns, event, place)
            if isinstance(event, Set) and event.once is not None:
                self.keys.append((event.seq, key_digest(event.once)))
        else:
            self.others.append(place)

    def lines(self) -> Iterator[Kept]:
        """In the order they are written: others by seq, then turns as in the view."""
        yield from sorted(self.others, key=lambda kept: kept.seq)
        for turns in self.turns.values():
            yield from turns.values()

    def outcome(self) -> list[tuple[str, str, int, str]]:
        """What the log folds to, each state by the hash of its line."""
        return [
            (runtime, turn, kept.seq, kept.hash)
            for runtime, turns in self.turns.items()
            for turn, kept in turns.items()
        ]


def shared_living(shared: SharedPart, check: Callable[[], object]) -> Living:
    """Fold what a fork shares. Holds the lines that live. Calls `check` for each event."""
    living = Living()
    for event, line in shared.entries():
        check()
        living.take(event, Kept(0, len(line) + 1, event.seq, event.hash, line))
    living.keys += shared.keys
    return living


def scan_living(pieces: Iterator[bytes], scanner: Scanner, living: Living | None = None) -> Living:
    """Fold the pieces of a file, which begin where `scanner` is, on top of what was `living`."""
    living = living or Living()
    for event in scanner.read(pieces):
        length = scanner.end - scanner.start
        living.take(event, Kept(scanner.start, length, event.seq, event.hash))
    living.deleted = scanner.seal is not None and scanner.seal.reason == "deleted"
    scanner.finish()  # what was kept is all there, so that no damage is found while it is copied
    return living
