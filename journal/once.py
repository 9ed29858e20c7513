"""Idempotency keys: which events were appended under one, so that a retry appends none twice.

The key stands in the line of its event, as `once`. It is remembered as long as that event is in
the log, and for the last `WINDOW` events of the session also after compaction has dropped the
event: then the header holds the key's digest.
"""

from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Protocol, TypeAlias, runtime_checkable

from msgspec import Struct

from journal.events import Clear, Event, Set

WINDOW = 10_000
"""For how many events of a session a key is remembered at least."""

_DIGITS = 32

Seen: TypeAlias = tuple[int, str]
"""The seq of an event and the digest of its key."""


def key_digest(key: str) -> str:
    """What is kept of a key whose event is gone: 32 hex digits of its SHA-256."""
    return sha256(key.encode()).hexdigest()[:_DIGITS]


def still_remembered(seen: Iterable[Seen], last_seq: int) -> list[Seen]:
    """Those of `seen` that a compaction at `last_seq` has to note in the new header, by seq."""
    return sorted({one for one in seen if one[0] > last_seq - WINDOW})


@runtime_checkable
class Remembering(Protocol):
    """A projection that is told which keys a log's header holds."""

    def recall(self, base_seq: int, seen: Sequence[Seen]) -> None:
        """The log begins after a compaction at `base_seq`, which has dropped these events.

        Comes before the events of a file, also where the projection goes on in it.
        """
        ...


class FrozenKeys(Struct, frozen=True):
    """What a `KeyMemory` held at one moment."""

    seqs: dict[str, int]
    alive: list[tuple[str, str, str]]
    replaced: dict[str, int]


class KeyMemory:
    """Which keys the events of a log had. A projection; its owner locks.

    About 150 bytes a key. Keys are forgotten when a compaction has dropped their event and the
    header does not hold them either.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.seqs: dict[str, int] = {}  # by digest
        # The digests of turns whose last set has a key, and what has replaced the others' events:
        self.alive: dict[tuple[str, str], str] = {}
        self.replaced: dict[str, int] = {}  # the seq, by digest

    def seq_of(self, key: str) -> int | None:
        """The seq of the event that was appended under `key`; None if none is known. O(1)."""
        return self.seqs.get(key_digest(key))

    def fold(self, event: Event) -> None:
        """O(1); a clear is O(living turns whose last set has a key)."""
        if type(event) is Set:
            self._replace((event.runtime_id, event.turn_id), event.seq)
            if event.once is not None:
                digest = key_digest(event.once)
                self.seqs.setdefault(digest, event.seq)
                self.alive[event.runtime_id, event.turn_id] = digest
        elif type(event) is Clear:
            for turn in list(self.alive):
                if event.runtime_id in (None, turn[0]):
                    self._replace(turn, event.seq)

    def _replace(self, turn: tuple[str, str], seq: int) -> None:
        digest = self.alive.pop(turn, None)
        if digest is not None:
            self.replaced[digest] = seq

    def recall(self, base_seq: int, seen: Sequence[Seen]) -> None:
        """See `Remembering.recall`. O(keys)."""
        self.replaced = {digest: seq for digest, seq in self.replaced.items() if seq > base_seq}
        there = self.replaced.keys() | self.alive.values()  # others are of the header before
        self.seqs = {digest: seq for digest, seq in self.seqs.items() if digest in there}
        self.seqs |= {digest: seq for seq, digest in seen}

    def freeze(self) -> FrozenKeys:
        """What it holds now. O(keys)."""
        alive = [(*turn, digest) for turn, digest in self.alive.items()]
        return FrozenKeys(self.seqs.copy(), alive, self.replaced.copy())

    def thaw(self, frozen: FrozenKeys) -> None:
        """Hold this from now on. O(keys)."""
        self.seqs, self.replaced = frozen.seqs.copy(), frozen.replaced.copy()
        self.alive = {(runtime, turn): digest for runtime, turn, digest in frozen.alive}
