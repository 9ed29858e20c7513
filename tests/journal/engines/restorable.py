"""A session's folder that somebody backs up, restores and goes on with, and who reads it.

`RestorableLog` knows from the bytes of the log alone which events its history has;
`Reader` holds what a follower yields against that.
"""

import os
from collections.abc import Callable
from typing import Any, NamedTuple, cast

import msgspec

from journal.backend import History
from journal.engines.files.directory import Directory
from journal.engines.files.log import LogOptions
from journal.engines.files.storage import Storage
from journal.engines.memory import MemoryStorage
from journal.errors import CursorError, HistoryError
from journal.events import GENESIS, Clear, Cursor, Event
from tests.support import Recorder, set_event

FOLDER = "/memory"
LOG = f"{FOLDER}/s.jsonl"
PLACES = (FOLDER, f"{FOLDER}/archive")


class Asked:
    """A storage that asks `before` with each call's name and arguments."""

    def __init__(self, storage: MemoryStorage, before: Callable[[str, tuple[Any, ...]], None]):
        self._storage = storage
        self._before = before

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._storage, name)

        def ask(*args: Any) -> Any:
            self._before(name, args)
            return call(*args)

        return ask


class Backup(NamedTuple):
    files: dict[str, bytes]
    log_id: str
    history: list[str]
    dropped: bool


class RestorableLog:
    """The session "s". `history` has the hash of every event, the first at index 0.

    `dropped` says whether a compaction has dropped any of it, `ever_dropped` whether one has
    in whatever history.
    """

    def __init__(self) -> None:
        self.storage = MemoryStorage()
        self.log_id = ""
        self.history: list[str] = []
        self.dropped = self.ever_dropped = False
        self._number = 0

    def engine(self, before: Callable[[str, tuple[Any, ...]], None] | None = None) -> Directory:
        storage = self.storage if before is None else Asked(self.storage, before)
        options = LogOptions(durability="os", storage=cast(Storage, storage))
        return Directory(FOLDER, options)

    @property
    def exists(self) -> bool:
        return bool(self.log_id)

    def cursor(self, seq: int, *, short: bool = False) -> Cursor:
        """The place after an event, put together by hand."""
        digest = self.history[seq - 1] if seq else GENESIS
        return Cursor(self.log_id, seq, "" if short else digest[:12])

    # What happens to it

    def append(self, count: int = 1) -> None:
        self._number += 1
        events: list[Event] = [
            set_event(f"t{number % 2}", {"n": self._number}) for number in range(count)
        ]
        if self._number % 4 == 0:
            events[-1] = Clear()
        log = self.engine().open("s", Recorder())
        log.append(events)
        log.close()
        self.learn()

    def batch(self) -> None:
        self.append(3)

    def compact(self, history: History = "archive") -> None:
        if self.exists:
            self.engine().compact("s", history)
            if history == "drop":
                self.dropped = self.ever_dropped = True

    def drop(self) -> None:
        self.append(2)
        self.compact("drop")

    def archive(self) -> None:
        self.append(2)
        self.compact()

    def pack(self) -> None:
        self.engine().pack("s")

    def delete(self) -> None:
        self.engine().delete("s")
        self.log_id, self.history, self.dropped = "", [], False

    def begin_anew(self) -> None:
        self.delete()
        self.append()

    def back_up(self) -> Backup:
        files = {path: self._read(path) for path in self._paths()}
        return Backup(files, self.log_id, list(self.history), self.dropped)

    def restore(self, backup: Backup, *, over: bool = False) -> None:
        """`over`: into the files that are there, which keep their inodes, as `cp` does."""
        for path in self._paths():
            if not over or path not in backup.files:
                self.storage.unlink(path)
        for path, data in backup.files.items():
            fd = self.storage.open(path, os.O_CREAT | os.O_TRUNC)
            self.storage.write(fd, data)
            self.storage.close(fd)
        self.log_id, self.history, self.dropped = (
            backup.log_id,
            list(backup.history),
            backup.dropped,
        )

    # Its files

    def _paths(self) -> list[str]:
        return [os.path.join(at, entry.name) for at in PLACES for entry in self.storage.list(at)]

    def _read(self, path: str) -> bytes:
        fd = self.storage.open(path, os.O_RDONLY)
        try:
            return self.storage.read(fd, self.storage.size(fd), 0)
        finally:
            self.storage.close(fd)

    @property
    def data(self) -> bytes:
        return self._read(LOG)

    def cut(self, size: int) -> None:
        fd = self.storage.open(LOG, os.O_RDWR)
        self.storage.truncate(fd, size)
        self.storage.close(fd)

    def learn(self) -> None:
        """Look what is in the log now."""
        header, *events = map(msgspec.json.decode, self.data.split(b"\n")[:-1])
        if header["log_id"] != self.log_id:
            self.log_id, self.history, self.dropped = header["log_id"], [], False
        for event in events:
            if event["seq"] > len(self.history):
                assert event["seq"] == len(self.history) + 1
                self.history.append(event["hash"])


class Got(NamedTuple):
    log_id: str
    seq: int
    ts: str
    hash: str
    lost: int


class Reader:
    """A follower, and what it has yielded after event `start`: `known`, the hashes by seq.

    `start` is where it began, or where it was told that what came before is lost; `told`
    counts what it was told so.
    """

    def __init__(self, log: RestorableLog, engine: Directory, after: Cursor | None = None) -> None:
        self.log = log
        self.engine = engine
        self.follower = engine.follow("s", after)
        self.log_id = after.log_id if after is not None else None
        self.start = self.place = after.seq if after is not None else 0
        self.told = 0
        self.known: dict[int, str] = {}
        self._ts: dict[int, str] = {}
        self._skipped: list[str] = []  # the hashes of the first events, which it did not read
        self.refused: CursorError | None = None

    def read(self) -> CursorError | None:
        """Read on; what came is checked at once, for it must go on from what came before."""
        self.refused = None
        try:
            try:
                self._read_on()
            except HistoryError:  # an archive was removed while it was read
                self._read_on()
        except CursorError as error:
            self.refused = error
        return self.refused

    def _read_on(self) -> None:
        for event in self.follower.read():
            cursor = self.follower.cursor
            assert cursor is not None
            assert (cursor.seq, cursor.hash) == (event.seq, event.hash[:12])
            self._take(Got(cursor.log_id, event.seq, event.ts, event.hash, self.follower.lost))

    def _take(self, got: Got) -> None:
        if got.log_id != self.log_id:
            self.log_id, self.start, self.place = got.log_id, 0, 0
            self.known.clear()
            self._skipped.clear()
        assert got.hash not in self.known.values(), "an event came twice"
        if got.lost:
            assert self.log.ever_dropped, "nothing was dropped, so nothing can be lost"
            self.told += got.lost
            self.start = got.seq - 1
            self.known.clear()  # who folds has to begin anew
        else:
            assert got.seq <= self.place + 1
            for seq in range(got.seq, self.place + 1):  # what was there was cut back
                assert self.known.pop(seq, "skipped") != got.hash
                assert self._ts.get(seq) == self._ts.get(self.place), "of more than one append"
            self.start = min(self.start, got.seq - 1)
        self.known[got.seq], self._ts[got.seq] = got.hash, got.ts
        self.place = got.seq

    def check_complete(self) -> None:
        """All that is known is as it is in the log, up to the end."""
        log = self.log
        assert self.log_id == log.log_id
        assert self.place == len(log.history)
        for seq, digest in self.known.items():
            assert log.history[seq - 1] == digest, f"event {seq} was replaced without a word"
        if not self.told:
            kept = self._skipped[: self.start]
            assert log.history[: len(kept)] == kept, "of what was skipped some was replaced"
        assert sorted(self.known) == list(range(self.start + 1, self.place + 1)), "missing"

    def restart(self) -> None:
        """Go on by the cursor alone."""
        self.follower = self.engine.follow("s", self.follower.cursor)
        self._ts.clear()

    def skip(self) -> None:
        """To the end. What was appended with the last event may still be cut back."""
        self.follower.to_end()
        cursor = self.follower.cursor
        if cursor is not None:
            self.log_id, self.start, self.place = cursor.log_id, cursor.seq, cursor.seq
            self.known.clear()
            self._ts.clear()
            self._skipped = list(self.log.history)

    def resume(self) -> None:
        """Go on where the error says."""
        assert self.refused is not None
        after = self.refused.resume_after
        self.__init__(self.log, self.engine, after)  # type: ignore[misc]
