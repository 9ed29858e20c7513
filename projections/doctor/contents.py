"""The contents of a log: how large its turns are, and how much of it is dead."""

import os
from collections.abc import Iterator, Mapping

from journal.ciphertext import size_of
from journal.config import Limits
from journal.engines.files.ends import header_of
from journal.engines.files.shared import SharedPart
from journal.engines.files.snapshot import SnapshotFile
from journal.engines.files.storage import Storage, chunks
from journal.errors import DamagedError, ReadError
from journal.events import Clear, Open, Set
from journal.names import Paths
from journal.scan import Scanner
from projections.doctor.finding import Finding, shell
from projections.doctor.findings import Findings
from projections.doctor.locks import is_free
from projections.doctor.remedies import Advice, Remedy
from projections.store.bloat import DEAD_SPREAD, RECHECK, dead_limit
from projections.view import View


class Contents:
    """A session's log, folded."""

    def __init__(self, storage: Storage, findings: Findings) -> None:
        self._storage = storage
        self._findings = findings
        self._inventory = findings.inventory
        self.view = View()
        self._size = 0
        self._others = 0  # bytes of events that no compaction drops

    def read(self) -> bool:
        """Read the log. OSError. False if it is a fork whose beginning cannot be read."""
        scanner = Scanner()
        fd = self._storage.open(self._inventory.paths.log, os.O_RDONLY)
        try:
            header = header_of(chunks(self._storage, fd, 0, self._storage.size(fd)))
            if header is not None and header.shares and not self._read_shared(header):
                return False
            for event in scanner.read(chunks(self._storage, fd, 0, self._storage.size(fd))):
                self.view.fold(event)
                if not isinstance(event, Set | Clear):
                    self._others += scanner.end - scanner.start
        finally:
            self._storage.close(fd)
        self._size = scanner.end
        return True

    def _read_shared(self, header: Open) -> bool:
        """Fold what a fork shares. Why that cannot be done is a finding of the verification."""
        shared = SharedPart(self._storage, self._inventory.paths, header)
        try:
            for event, _ in shared.entries():
                self.view.fold(event)
        except (DamagedError, ReadError):
            return False
        return True

    def snapshot(self) -> Iterator[Finding]:
        """Whether the snapshot, if it is of the log as it is now, holds what the log says.

        A snapshot that somebody has forged is believed by whoever opens the log.
        """
        paths = self._inventory.paths
        if self._inventory.snapshot is None or not self._inventory.snapshot.is_regular:
            return
        if _is_forged(self._storage, paths, self.view, self._size):
            what = "the snapshot is whole, and of this log, but not what the log says"
            advice = Remedy.REMOVE.of(command=shell("rm", "-f", "--", paths.snapshot))
            yield self._findings.make("error", "snapshot", paths.snapshot, what, advice)

    def limits(self, limits: Limits) -> Iterator[Finding]:
        """Turns and runtimes that are larger than `limits`.

        Only a note: they are saved all the same, and the store may have other limits.
        """
        turns: dict[tuple[str, ...], int] = {
            (runtime, turn): size_of(state)
            for runtime, states in self.view.turns.items()
            for turn, state in states.items()
        }
        runtimes: dict[tuple[str, ...], int] = {
            (runtime,): size for runtime, size in self.view.sizes.items()
        }
        large = [
            *_over(turns, limits.turn_bytes, "turn"),
            *_over(runtimes, limits.runtime_bytes, "runtime"),
        ]
        if large:
            what = "; ".join(sentence for _, sentence in large)
            advice = self._raise_limits(limits, large[0][0])
            yield self._findings.make("note", "limits", self._inventory.paths.log, what, advice)

    def _raise_limits(self, limits: Limits, largest: tuple[str, ...]) -> Advice:
        """Advises limits that fit what is there. Never advises to clear anything."""
        states = (state for of in self.view.turns.values() for state in of.values())
        sizes = list(map(size_of, states))
        return Remedy.RAISE_LIMITS.of(
            turn=max(limits.turn_bytes, *sizes),
            runtime=max(limits.runtime_bytes, *self.view.sizes.values()),
            command=self._findings.commands.show(self._inventory.paths.session_id, *largest),
        )

    def dead(self) -> Iterator[Finding]:
        """Whether compaction is overdue, by the rule of automatic compaction.

        Automatic compaction looks only when the log has grown by `RECHECK` bytes, so as much
        more is allowed here. A compaction that is under way holds the lock of the scratch file.
        """
        live = self.view.live_bytes + self._others
        dead = self._size - live
        if dead <= DEAD_SPREAD * dead_limit(live) + RECHECK:
            return
        if is_free(self._storage, self._inventory.paths.scratch):
            yield self._findings.make(
                "warning",
                "dead",
                self._inventory.paths.log,
                f"about {dead:,} of {self._size:,} bytes are of turns that were overwritten or "
                "cleared",
                Remedy.COMPACT.of(command=self._findings.journal("compact")),
            )


def _is_forged(storage: Storage, paths: Paths, view: View, end: int) -> bool:
    snapshot = SnapshotFile.open(storage, paths)
    if snapshot is None:
        return False
    try:
        log = storage.open(paths.log, os.O_RDONLY)
        try:
            is_of_log = snapshot.place.end == end and snapshot.header_in(log, end) is not None
        finally:
            storage.close(log)
        turns = snapshot.turns() if is_of_log else None
        return turns is not None and turns != view.turns
    finally:
        snapshot.close()


def _over(
    sizes: Mapping[tuple[str, ...], int], limit: int, noun: str
) -> Iterator[tuple[tuple[str, ...], str]]:
    """The largest thing of a kind, and a sentence about all those that are over a limit."""
    count = sum(size > limit for size in sizes.values())
    if count:
        largest, size = max(sizes.items(), key=lambda item: item[1])
        number = f"1 {noun} is" if count == 1 else f"{count:,} {noun}s are"
        name = " of ".join(map(repr, reversed(largest)))
        yield (
            largest,
            f"{number} over the limit of {limit:,} bytes, the largest is {name} with {size:,}",
        )
