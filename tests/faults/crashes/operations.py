"""What a store can be asked to do, and what must hold of a disk afterwards.

Shared by the tests that kill or fail a store at its calls and those that cut its power.
All of it runs on a disk in memory, which can be copied in microseconds, or on a real one.
"""

import json
import os
from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

from journal.backend import History
from journal.config import Limits
from journal.encryption import Encryption
from journal.engines.files.directory import Directory
from journal.engines.files.locking import LockFile
from journal.engines.files.log import LogOptions
from journal.engines.files.storage import Storage, chunks, make_folders, write_all
from journal.errors import JournalError
from journal.events import Handoff, Takeover
from projections import DefaultSessionStore
from projections.store.background import Job, Maintenance

SESSION = "s"
TORN = b'{"seq":4,"ts":"20'
"""What a dead writer left at the end of a log."""

Turns: TypeAlias = dict[str, dict[str, Any]]
Files: TypeAlias = dict[str, bytes]

OLD: Turns = {"native": {"a": {"n": 2}, "b": {"n": 1}}}
FOREIGN = {"messages": [{"role": "user", "content": "hi\u2028"}], "theirs": {"n": [1, 2.5]}}
"""What PraisonAI keeps in the session file, which is not ours to lose."""


class State(NamedTuple):
    """What a session holds: its turns, and which handoffs and takeovers it has seen."""

    turns: Turns
    custody: tuple[str, ...] = ()


class _AtOnce(Maintenance):
    """Background work done in the foreground: the same calls in the same order every time."""

    def schedule(self, name: str, job: Job, *, at_exit: bool = False) -> bool:
        try:
            job(lambda: False)
        except (JournalError, OSError):
            pass  # the real one logs it
        return True


class Disk(NamedTuple):
    """A storage and the folder in it that holds the sessions."""

    storage: Storage
    folder: str

    def store(
        self,
        lock_timeout: float = 1.0,
        history: History = "archive",
        encryption: Encryption | None = None,
        limits: Limits | None = None,
    ) -> DefaultSessionStore:
        store = DefaultSessionStore(
            self.folder,
            storage=self.storage,
            lock_timeout=lock_timeout,
            writer="writer",
            history=history,
            encryption=encryption,
            limits=limits,
        )
        store._compactor.maintenance = _AtOnce()
        return store

    def engine(self, lock_timeout: float = 1.0) -> Directory:
        return Directory(self.folder, LogOptions("fsync", lock_timeout, "writer", self.storage))

    def path(self, name: str) -> str:
        return os.path.join(self.folder, name)

    def names(self) -> set[str]:
        """The files of the folder and of its archive."""
        archive = self.storage.list(self.path("archive"))
        return {entry.name for entry in self.storage.list(self.folder)} | {
            f"archive/{entry.name}" for entry in archive
        }

    def read(self, name: str) -> bytes | None:
        try:
            fd = self.storage.open(self.path(name), os.O_RDONLY)
        except FileNotFoundError:
            return None
        try:
            return b"".join(chunks(self.storage, fd, 0, self.storage.size(fd)))
        finally:
            self.storage.close(fd)

    def files(self) -> Files:
        return {name: self.read(name) or b"" for name in self.names()}

    def append(self, name: str, data: bytes) -> None:
        """Add to a file, durably."""
        fd = self.storage.open(self.path(name), os.O_RDWR | os.O_APPEND | os.O_CREAT)
        try:
            write_all(self.storage, fd, data)
            self.storage.sync(fd)
            self.storage.sync_folder(self.folder)
        finally:
            self.storage.close(fd)

    def state(self) -> State | None:
        """The session as the next process finds it; None when there is none."""
        with self.store() as store:
            if not store.session_exists(SESSION):
                return None
            turns = json.loads(store.session_document(SESSION)).get("runtime_state") or {}
        past = self.engine().history(SESSION)
        events = [entry.event for entry in past.in_order()] if past is not None else []
        kinds = [type(event).__name__ for event in events if isinstance(event, Handoff | Takeover)]
        return State(turns, tuple(kinds))

    def log_id(self) -> str | None:
        header, newline, _ = (self.read(f"{SESSION}.jsonl") or b"").partition(b"\n")
        return json.loads(header).get("log_id") if newline else None

    def document(self) -> dict[str, Any] | None:
        """The session file, which must be JSON if it is there."""
        data = self.read(f"{SESSION}.json")
        return json.loads(data) if data is not None else None


def put(store: DefaultSessionStore, turn: str, number: int) -> None:
    store.set_runtime_state(SESSION, "native", turn, {"n": number})


def with_turns(**numbers: int) -> Turns:
    """`OLD` and these turns."""
    return {"native": {**OLD["native"], **{turn: {"n": n} for turn, n in numbers.items()}}}


# How a disk is before an operation


def nothing(disk: Disk) -> None:
    """No session, not even the folder."""


def praisonai_file(disk: Disk, **fields: Any) -> None:
    """A session file of PraisonAI's own making."""
    document = {"session_id": SESSION, **FOREIGN, **fields}
    make_folders(disk.storage, disk.folder)
    disk.append(f"{SESSION}.json", json.dumps(document).encode())


def live(disk: Disk) -> None:
    """A session with something dead in its log, so that there is something to compact."""
    praisonai_file(disk, runtime_state=None)
    for turn, number in (("a", 1), ("b", 1), ("a", 2)):
        with disk.store() as store:
            put(store, turn, number)


def older(disk: Disk) -> None:
    """A session that has only a session file with `runtime_state`."""
    praisonai_file(disk, runtime_state=OLD)


def torn(disk: Disk) -> None:
    live(disk)
    disk.append(f"{SESSION}.jsonl", TORN)


def half_saved(disk: Disk) -> None:
    """Somebody has died while the session was saved."""
    live(disk)
    disk.append(f"{SESSION}.snapshot.new", b'{"version":1')


def handed_over(disk: Disk) -> None:
    live(disk)
    with disk.store() as store:
        store.hand_off(SESSION, "native", "other")


def compacted(disk: Disk) -> None:
    """A session with a packed archive, and something dead again."""
    live(disk)
    with disk.store() as store:
        store.compact(SESSION)
        put(store, "b", 0)
        put(store, "b", 1)


def without_session_file(disk: Disk) -> None:
    """As `compacted`, but the session file, from which much could be answered, is gone."""
    compacted(disk)
    disk.storage.unlink(disk.path(f"{SESSION}.json"))


# What a store is asked to do


def busy_set(store: DefaultSessionStore, disk: Disk, finish: Callable[[], None]) -> None:
    """A set that cannot refresh the session file, since PraisonAI is at it; then `finish`."""
    lock = LockFile(disk.storage, disk.path(f"{SESSION}.json.lock"))
    lock.acquire(1.0)
    try:
        put(store, "c", 1)
    finally:
        lock.release()
    finish()


def set_many(store: DefaultSessionStore, _: Disk) -> None:
    items = [("native", turn, {"n": n}) for turn, n in (("c", 1), ("a", 3), ("d", 1))]
    store.set_many(SESSION, items)


def erase(store: DefaultSessionStore) -> None:
    """Erase a turn that the archive has too. Raises what its report says."""
    done = store.erase(sessions=SESSION, runtime_id="native", turn_id="a")
    if not done.is_complete:
        raise JournalError(*map(str, done.sessions[0].kept))


class Operation(NamedTuple):
    """`run` is told on which disk the store is, on which others are at work too.

    `states` are the old one, those a crash may leave in between, and the new one.
    """

    prepare: Callable[[Disk], None]
    run: Callable[[DefaultSessionStore, Disk], object]
    states: tuple[State | None, ...]


_OLD = State(OLD)
_ERASED = State({"native": {"a": {}, "b": {"n": 1}}})
_C = State(with_turns(c=1))
_MANY = State(with_turns(c=1)), State(with_turns(c=1, a=3)), State(with_turns(c=1, a=3, d=1))

OPERATIONS: dict[str, Operation] = {
    "first set": Operation(
        nothing, lambda s, _: put(s, "c", 1), (None, State({"native": {"c": {"n": 1}}}))
    ),
    "set": Operation(live, lambda s, _: put(s, "c", 1), (_OLD, _C)),
    "set after a torn tail": Operation(torn, lambda s, _: put(s, "c", 1), (_OLD, _C)),
    "set many": Operation(live, set_many, (_OLD, *_MANY)),
    "import": Operation(older, lambda s, _: put(s, "c", 1), (_OLD, _C)),
    "import and set many": Operation(older, set_many, (_OLD, _MANY[-1])),
    "set and flush": Operation(live, lambda s, disk: busy_set(s, disk, s.flush), (_OLD, _C)),
    "set and close": Operation(live, lambda s, disk: busy_set(s, disk, s.close), (_OLD, _C)),
    "clear": Operation(live, lambda s, _: s.clear_runtime_state(SESSION), (_OLD, State({}))),
    "hand off": Operation(
        live,
        lambda s, _: s.hand_off(SESSION, "native", "other", "a", "why"),
        (_OLD, State(OLD, ("Handoff",))),
    ),
    "take over": Operation(
        handed_over,
        lambda s, _: s.take_over(SESSION, "other"),
        (State(OLD, ("Handoff",)), State(OLD, ("Handoff", "Takeover"))),
    ),
    "compact and pack": Operation(live, lambda s, _: s.compact(SESSION), (_OLD,)),
    "compact again": Operation(compacted, lambda s, _: s.compact(SESSION), (_OLD,)),
    "compact a torn log": Operation(torn, lambda s, _: s.compact(SESSION), (_OLD,)),
    "compact and drop": Operation(compacted, lambda s, _: s.compact(SESSION, "drop"), (_OLD,)),
    "erase": Operation(compacted, lambda s, _: erase(s), (_OLD, _ERASED)),
    "erase from a torn log": Operation(torn, lambda s, _: erase(s), (_OLD, _ERASED)),
    "delete": Operation(compacted, lambda s, _: s.delete_session(SESSION), (_OLD, None)),
    "delete an older one": Operation(older, lambda s, _: s.delete_session(SESSION), (_OLD, None)),
}

AFTER_A_DEAD_SAVE: dict[str, Operation] = {
    "set": Operation(half_saved, lambda s, _: put(s, "c", 1), (_OLD, _C)),
    "compact": Operation(half_saved, lambda s, _: s.compact(SESSION), (_OLD,)),
    "delete": Operation(half_saved, lambda s, _: s.delete_session(SESSION), (_OLD, None)),
}
"""Where logs are saved whatever their length: the next save or deletion tidies up."""

READS: dict[str, tuple[Callable[[DefaultSessionStore], object], object]] = {
    "get": (lambda s: s.get_runtime_state(SESSION, "native"), OLD["native"]),
    "exists": (lambda s: s.session_exists(SESSION), True),
    "list": (lambda s: [found["session_id"] for found in s.list_sessions()], [SESSION]),
    "document": (lambda s: json.loads(s.session_document(SESSION))["runtime_state"], OLD),
    "verify": (lambda s: s.verify(SESSION).events, 4),
    "resolve": (lambda s: s.resolve(SESSION, "native/a"), {"n": 2}),
    "sum up": (
        lambda s: [
            (found.events, found.turns, found.owner, found.turn_id)
            for found in map(s.summary, s.list_sessions())
        ],
        [(5, 2, "native", "b")],
    ),
    "versions": (
        lambda s: [version.state for version in s.history(SESSION, "native", "a")],
        [{"n": 1}, {"n": 2}],
    ),
    "replay": (
        lambda s: [step.state for step in s.replay(SESSION)],
        [{"n": 1}, {"n": 1}, {"n": 2}, {"n": 0}, {"n": 1}],
    ),
}
"""Questions and their answers on the disk of `without_session_file`."""


# What must hold of a disk afterwards


def check_document(disk: Disk, shown: list[Turns]) -> None:
    """PraisonAI's part of the session file is as it was, and ours one of these."""
    document = disk.document()
    assert document is not None, "the session file is gone"
    assert {key: document.get(key) for key in FOREIGN} == FOREIGN
    assert (document["runtime_state"] or {}) in shown, "never the view"


def check_goes_on(disk: Disk) -> None:
    """The next process sets, flushes, verifies, compacts, and leaves nothing lying about."""
    before, log_id, document = disk.state(), disk.log_id(), disk.document()
    with disk.store() as store:
        put(store, "next", 1)
        put(store, "next", 2)
    if before is None:
        assert not [name for name in disk.names() if ".jsonl" in name.partition("/")[2]], (
            "the history of a session that was deleted"
        )
    turns, custody = before or State({})
    turns = {**turns, "native": {**turns.get("native", {}), "next": {"n": 2}}}
    after = State(turns, custody)
    assert disk.state() == after
    if before is not None and log_id is not None:
        assert disk.log_id() == log_id, "a new log was begun"
    check_verified(disk)
    check_shown(disk, turns, (document or {}) if before is not None else {})
    with disk.store() as store:
        store.compact(SESSION)
    assert disk.state() == after
    check_verified(disk)
    assert leftovers(disk) == set()


def check_shown(disk: Disk, turns: Turns, theirs: dict[str, Any]) -> None:
    document = disk.document()
    assert document is not None
    assert document["runtime_state"] == turns
    kept = {key: theirs[key] for key in FOREIGN if key in theirs}
    assert {key: document[key] for key in kept} == kept
    if not kept:
        assert document["messages"] == [], "messages of a session that was deleted"


def check_verified(disk: Disk) -> None:
    report = disk.engine().verify(SESSION)
    assert report.ok, report.problems


def leftovers(disk: Disk) -> set[str]:
    mine = {f"{SESSION}{suffix}" for suffix in (".jsonl", ".json", ".json.lock", ".snapshot")}
    return {
        name
        for name in disk.names() - mine
        if not (name.startswith("archive/") and name.endswith((".jsonl.gz", ".torn")))
    }
