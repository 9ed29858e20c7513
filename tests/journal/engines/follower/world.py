"""A session whose writers do anything between any two system calls of a reader.

From the bytes of the log alone it knows what a reader must find.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias, cast

import msgspec

from journal.backend import History
from journal.engines.files.directory import Directory
from journal.engines.files.log import LogOptions
from journal.engines.files.storage import Storage
from journal.errors import (
    CompactionError,
)
from journal.events import Clear, Cursor, Event
from tests.support import Killed, Recorder, set_event

decode = msgspec.json.decode
Fault: TypeAlias = Callable[[str, tuple[Any, ...]], Any]


def unsynced(name: str, args: tuple[Any, ...]) -> Any:
    """A fault: syncs do nothing. They cost most of the time, and a reader sees no difference."""
    return 0 if name in ("sync", "sync_folder") else None


class Asking:
    """A storage before each call of which `fault` is asked, as by `FaultyStorage`."""

    def __init__(self, storage: Storage, fault: Fault) -> None:
        self._storage = storage
        self._fault = fault

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._storage, name)

        def ask(*args: Any) -> Any:
            answer = self._fault(name, args)
            return call(*args) if answer is None else answer

        return ask


class World:
    """A session and its writers.

    `truth` has the hash of every event that was in the log to stay, by log id and seq;
    `seen` has all that a reader may have seen, with what was cut back again.
    """

    def __init__(self, folder: str, storage: Storage) -> None:
        self.folder = folder
        self.log_path = os.path.join(folder, "s.jsonl")
        self.truth: dict[str, dict[int, str]] = {}
        self.seen: set[str] = set()
        self.log_id = ""
        self.now: dict[int, str] = {}  # what is after the base of the log
        self.dropped = False
        self._storage = storage
        self._engine = self.reader()
        self._log = self._engine.open("s", Recorder())
        self._pending: tuple[int, bytes] | None = None  # where a write began; what is left of it
        self._number = 0

    def reader(self, fault: Fault = unsynced) -> Directory:
        storage = cast(Storage, Asking(self._storage, fault))
        return Directory(self.folder, LogOptions(durability="os", storage=storage))

    # The log's bytes, with nothing of what is tested

    @contextmanager
    def _opened(self) -> Iterator[int]:
        fd = self._storage.open(self.log_path, os.O_RDWR | os.O_APPEND)
        try:
            yield fd
        finally:
            self._storage.close(fd)

    @property
    def exists(self) -> bool:
        return self._storage.find(self.log_path) is not None

    @property
    def data(self) -> bytes:
        with self._opened() as fd:
            return self._storage.read(fd, self._storage.size(fd), 0)

    def put(self, data: bytes) -> None:
        with self._opened() as fd:
            self._storage.write(fd, data)

    def cut(self, size: int) -> None:
        with self._opened() as fd:
            self._storage.truncate(fd, size)

    def _note(self, *, to_stay: bool = True) -> None:
        """Look what is in the log now."""
        self._pending = None if to_stay else self._pending
        self.now = {}
        if not self.exists:
            return
        header: dict[str, Any] = {}
        for line in self.data.split(b"\n")[:-1]:
            record = decode(line)
            header = header or record
            if record.get("seq", 0) > header["base_seq"]:
                self.seen.add(record["hash"])
                self.now[record["seq"]] = record["hash"]
                if to_stay:
                    self.truth.setdefault(header["log_id"], {})[record["seq"]] = record["hash"]
        if header:
            self.log_id = header["log_id"]

    def cursor(self, seq: int) -> Cursor:
        """The place after an event of the log."""
        return Cursor(self.log_id, seq, self.truth[self.log_id][seq][:12])

    def _events(self, count: int) -> list[Event]:
        """Some turns are overwritten again and again, so that there is something dead."""
        self._number += 1
        if self._number % 5 == 0:
            return [Clear(runtime_id="other")] * count
        name = "native" if self._number % 2 else "other"
        return [set_event(f"t{n}", {"n": self._number}, name) for n in range(count)]

    # What writers do

    def append(self) -> None:
        self._log.append(self._events(1))
        self._note()

    def batch(self) -> None:
        self._log.append(self._events(3))
        self._note()

    def append_as_another(self) -> None:
        other = self._engine.open("s", Recorder())
        other.append(self._events(1))
        other.close()
        self._note()

    def compact(self, history: History = "archive") -> None:
        try:
            self._engine.compact("s", history)
        except CompactionError:
            return  # somebody has died deleting it
        self._note()

    def append_and_compact(self) -> None:
        self.append()
        self.append()
        self.compact()

    def drop(self) -> None:
        self.append()
        self.append()
        self.compact("drop")
        self.dropped = True

    def pack(self) -> None:
        self._engine.pack("s")

    def delete(self) -> None:
        self._engine.delete("s")
        self.dropped = True
        self._pending = None

    def begin_anew(self) -> None:
        self.delete()
        self.append()

    def begin_write(self, whole_lines: int = 2) -> None:
        """The first part of a batch of four is there to see, with half a line more."""
        here = self.data if self.exists else b""
        if self._pending is not None or not here.endswith(b"\n") or b'"op":"sealed"' in here:
            return
        written: list[bytes] = []

        def fault(name: str, args: tuple[Any, ...]) -> Any:
            if name != "write":
                return unsynced(name, args)
            written.append(args[1])
            return len(args[1])

        log = self.reader(fault).open("s", Recorder())
        log.append(self._events(4))
        log.close()
        (data,) = written
        cut = sum(len(line) for line in data.splitlines(True)[:whole_lines]) + 30
        self.put(data[:cut])
        self._pending = (len(here), data[cut:])
        self._note(to_stay=False)

    def write_on(self) -> None:
        """A line more of it is there to see, and half of another."""
        if self._pending is not None:
            start, rest = self._pending
            more = rest.find(b"\n", rest.find(b"\n") + 1) - 30
            if more > 0:
                self.put(rest[:more])
                self._pending = (start, rest[more:])
                self._note(to_stay=False)

    def end_write(self) -> None:
        if self._pending is not None:
            self.put(self._pending[1])
            self._note()

    def cut_back(self) -> None:
        """The write fails: all of it goes again."""
        if self._pending is not None:
            self.cut(self._pending[0])
            self._note()

    def cut_back_and_go_on(self) -> None:
        self.cut_back()
        self.append()

    def cut_back_and_go_on_longer(self) -> None:
        self.cut_back()
        self.batch()
        self.batch()

    def cut_back_and_compact(self) -> None:
        self.cut_back()
        self.append_and_compact()

    def die_compacting(self) -> None:
        """After the seal, before the rename."""
        self.append()
        self.append()
        self._die_at("rename", lambda engine: engine.compact("s"))

    def die_deleting(self) -> None:
        if self.exists:
            self._die_at("unlink", lambda engine: engine.delete("s"))
            self.dropped = True

    def _die_at(self, call: str, act: Callable[[Directory], object]) -> None:
        dead = False

        def fault(name: str, args: tuple[Any, ...]) -> Any:
            nonlocal dead
            dead = dead or name == call
            if dead and name not in ("close", "unlock"):
                raise Killed
            return unsynced(name, args)

        try:
            act(self.reader(fault))
        except Killed:
            pass
        self._note()

    def come_to_rest(self) -> None:
        self.append()

    def close(self) -> None:
        self._log.close()
