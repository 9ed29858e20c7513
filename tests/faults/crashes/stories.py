"""Programs at work on a disk that records, and what each disk after a power cut must hold."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeAlias

from journal.config import Durability
from journal.engines.files.directory import Directory
from journal.engines.files.log import LogOptions
from journal.errors import LockTimeoutError
from journal.events import Clear, Event, Handoff
from projections import DefaultSessionStore
from projections.store.folded import FoldedSession
from projections.view import View
from tests.faults.crashes.crash_states import Crash, CrashState, RecordingStorage
from tests.faults.crashes.going_wrong import KillBefore, Process
from tests.faults.crashes.memory_disk import disk_with
from tests.faults.crashes.operations import (
    FOREIGN,
    OLD,
    SESSION,
    TORN,
    Disk,
    State,
    Turns,
    check_goes_on,
    praisonai_file,
    put,
)
from tests.support import Killed, Recorder, set_event

FOLDER = "/memory/sessions"

NEVER = 1 << 62
"""No operation, and no event, has so high a number."""

Known: TypeAlias = tuple[int, str]
"""An event, by its seq and hash."""


@dataclass
class Found:
    """What the next process finds on a disk."""

    events: list[Known]
    state: State | None
    folded: Turns | None  # from the log alone
    document: dict[str, Any] | None
    evidence: bool
    names: set[str]


@dataclass
class Removal:
    """Events that go all together or not at all, between two operations."""

    begun: int
    done: int
    events: set[Known]
    whole_session: bool


@dataclass
class Story:
    """What a program did, and after which operation it was told that it was done."""

    ignored_syncs: frozenset[str] = frozenset()
    acknowledged: dict[Known, int] = field(default_factory=dict)
    removals: list[Removal] = field(default_factory=list)
    shown: list[dict[str, Any]] = field(default_factory=lambda: [{}])
    older: dict[str, Any] = field(default_factory=dict)  # turns that are there at any time
    starts: int = 0  # the operation from which the session file has to be there, if any
    has_file: bool = False
    torn_at: int | None = None

    def __post_init__(self) -> None:
        self.storage = RecordingStorage(self.ignored_syncs)
        self.disk = Disk(self.storage, FOLDER)

    @property
    def clock(self) -> int:
        return self.storage.recording.clock

    def note(self) -> None:
        """All that is there now was acknowledged, at the latest now."""
        for event in events_on(self.disk):
            self.acknowledged.setdefault(event, self.clock)

    def note_document(self) -> None:
        document = self.disk.document()
        if document is not None and document.get("runtime_state"):
            self.shown.append(document["runtime_state"])

    def praisonai_file(self, **fields: Any) -> None:
        praisonai_file(self.disk, **fields)
        self.note_document()
        self.starts, self.has_file = self.clock, True

    def do(self, step: Callable[[DefaultSessionStore], object]) -> None:
        """One step in a store of its own."""
        store = self.disk.store()
        self.go_on(store, step)
        store.close()
        self.note_document()

    def go_on(
        self, store: DefaultSessionStore, step: Callable[[DefaultSessionStore], object]
    ) -> None:
        step(store)
        self.note()
        self.note_document()

    def set(self, turn: str, number: int) -> None:
        self.do(lambda store: put(store, turn, number))

    def save(self, *events: Event, durability: Durability = "fsync") -> None:
        """Append by the engine alone, and save what is folded.

        With durability "os" before it is on the disk, which may lose it and keep the snapshot.
        """
        options = LogOptions(durability, storage=self.storage)
        log = Directory(FOLDER, options).open(SESSION, FoldedSession())
        if durability == "fsync":
            log.flush()  # only the last event may be missing, or the log would be damaged
        log.append(list(events))
        log.save()
        log.close()
        for event in events_on(self.disk):
            at = self.clock if durability == "fsync" else NEVER
            self.acknowledged[event] = min(at, self.acknowledged.get(event, at))

    def append(self, *events: Event, lock_timeout: float = 1.0) -> None:
        """By the engine alone, without a session file."""
        log = self.disk.engine(lock_timeout).open(SESSION, Recorder())
        log.append(list(events))
        self.note()
        log.close()

    def remove(self, step: Callable[[DefaultSessionStore], object], whole: bool) -> None:
        """A step that takes events away."""
        begun, before = self.clock, set(events_on(self.disk))
        self.do(step)
        gone = before - set(events_on(self.disk))
        self.removals.append(Removal(begun, self.clock, gone, whole))

    def die(self, call: str, run: Callable[[Directory], object]) -> None:
        """A process does something and is killed before a call of this name."""
        running = Process(self.storage, KillBefore(call))
        try:
            run(Disk(running.storage, FOLDER).engine())
        except Killed:
            return
        raise AssertionError(f"no {call} was ever made")

    def tear(self) -> None:
        """A writer dies in the middle of a write."""
        self.disk.append(f"{SESSION}.jsonl", TORN)
        self.torn_at = self.clock


# What they do


def appending(story: Story) -> None:
    story.append(set_event("a"))
    story.append(set_event("b"), set_event("c"), Handoff(source="native", target="other"))
    story.append(set_event("a", {"newer": True}))


def setting(story: Story) -> None:
    """The session file is refreshed with each set, flush and close."""
    story.praisonai_file()
    story.set("a", 1)
    items = [("native", turn, {"n": 1}) for turn in "bca"]
    story.do(lambda store: store.set_many(SESSION, items))
    story.do(lambda store: store.clear_runtime_state(SESSION))
    story.set("a", 2)


def importing(story: Story) -> None:
    story.praisonai_file(runtime_state=OLD)
    story.older = OLD["native"]
    story.set("c", 1)
    story.do(lambda store: store.set_many(SESSION, [("other", "t", {}), ("other", "u", {})]))


def handing_over(story: Story) -> None:
    story.set("a", 1)
    story.do(lambda store: store.hand_off(SESSION, "native", "other"))
    story.do(lambda store: store.take_over(SESSION, "other"))


def repairing(story: Story) -> None:
    story.set("a", 1)
    story.tear()
    story.set("b", 1)


def repairing_and_compacting(story: Story) -> None:
    story.set("a", 1)
    story.set("a", 2)
    story.tear()
    story.do(_compact)
    story.set("b", 1)


def compacting(story: Story) -> None:
    appending(story)
    story.do(_compact)
    story.append(set_event("d"), Clear(runtime_id="other"))
    story.append(set_event("d", {"newer": True}))
    story.do(_compact)
    story.append(set_event("e"))


def sealing_in_vain(story: Story) -> None:
    """Compactions die between the seal and the rename; an append or the next takes it off."""
    steps: list[Callable[[], None]] = [
        lambda: story.append(set_event("b")),
        lambda: story.do(_compact),
    ]
    for step in steps:
        story.append(set_event("a"))
        story.append(set_event("a", {"newer": True}))
        story.die("link", lambda engine: engine.compact(SESSION))
        step()
    story.append(set_event("c"))


def _compact(store: DefaultSessionStore) -> object:
    return store.compact(SESSION)


def dropping(story: Story) -> None:
    story.append(set_event("a"))
    story.append(set_event("a", {"newer": True}))
    story.do(_compact)
    story.append(set_event("a", {"newest": True}))
    story.remove(lambda store: store.compact(SESSION, "drop"), whole=False)
    story.append(set_event("d"))


def deleting(story: Story) -> None:
    story.praisonai_file()
    story.set("a", 1)
    story.set("a", 2)
    story.do(_compact)
    story.remove(lambda store: store.delete_session(SESSION), whole=True)
    story.set("d", 1)


def deleting_an_older_one(story: Story) -> None:
    story.praisonai_file(runtime_state=OLD)
    story.remove(lambda store: store.delete_session(SESSION), whole=True)
    story.set("d", 1)


def alternating(story: Story) -> None:
    """Two processes, each with the log open all the time, one of which compacts."""
    one, other = story.disk.store(), story.disk.store()
    for number in range(3):
        story.go_on(one, partial(put, turn="a", number=number))
        story.go_on(other, partial(put, turn="b", number=number))
    story.go_on(one, _compact)
    story.go_on(other, lambda store: put(store, "c", 1))
    story.go_on(one, lambda store: put(store, "d", 1))
    other.close()
    one.close()
    story.note_document()


def compacting_while_another_appends(story: Story, number: int) -> bool:
    """The other appends when the compaction is about to make its `number`th call, if it does."""
    story.append(set_event("a"))
    story.append(set_event("a", {"newer": True}))
    story.starts = story.clock
    left = number

    def before() -> None:
        nonlocal left
        left -= 1
        if left == -1:
            story.storage.before = lambda: None
            try:
                story.append(set_event("b"), set_event("c"), lock_timeout=0.0)
            except LockTimeoutError:
                pass  # told that nothing was written

    story.storage.before = before
    story.disk.engine().compact(SESSION)
    story.storage.before = lambda: None
    story.append(set_event("d"))
    return left < 0


def saving(story: Story) -> None:
    """Each opens the log from the snapshot of the one before, and saves anew."""
    story.save(set_event("a"))
    story.save(set_event("a", {"newer": True}), durability="os")
    story.save(set_event("b"))
    story.disk.engine().compact(SESSION)
    story.save(set_event("c"), durability="os")
    story.save(set_event("d"))


def saving_and_deleting(story: Story) -> None:
    story.save(set_event("a"))
    story.save(set_event("b"))
    story.remove(lambda store: store.delete_session(SESSION), whole=True)
    story.save(set_event("d"), durability="os")
    story.save(set_event("e"))


SAVING = [saving, saving_and_deleting]
"""To be told where logs are saved whatever their length."""

STORIES = [
    appending,
    setting,
    importing,
    handing_over,
    repairing,
    repairing_and_compacting,
    compacting,
    sealing_in_vain,
    dropping,
    deleting,
    deleting_an_older_one,
    alternating,
]


# What must hold


def events_on(disk: Disk) -> list[Known]:
    past = disk.engine().history(SESSION)
    entries = past.in_order() if past is not None else ()
    return [(entry.event.seq, entry.event.hash) for entry in entries]


def folded_on(disk: Disk) -> Turns | None:
    """What the events of the log fold to, read one by one."""
    past, view = disk.engine().history(SESSION, NEVER), View()
    for event in past.to_fold() if past is not None else ():
        view.fold(event)
    return {name: view.runtime(name) for name in view.turns} if past is not None else None


class Judge:
    """Looks at every disk that a power cut may leave of a story; at the same one once.

    On one in `every` disks the next process must get on, too.
    """

    def __init__(self, story: Story, missing: int, every: int = 1) -> None:
        self.story = story
        self._missing = missing
        self._every = every
        self._seen: dict[CrashState, Found] = {}

    def judge(self) -> int:
        """Returns how many different disks there were."""
        for after in range(self.story.starts, self.story.clock + 1):
            for found in self._found(after):
                try:
                    self._check(found, after)
                except AssertionError as error:
                    error.add_note(f"after operation {after}: {found}")
                    raise
        return len(self._seen)

    def _found(self, after: int) -> Iterator[Found]:
        for state in Crash(self.story.storage.recording, after, self._missing).states():
            if state not in self._seen:
                self._seen[state] = self._look(state)
            yield self._seen[state]

    def _look(self, state: CrashState) -> Found:
        disk = Disk(disk_with(state), FOLDER)
        log = disk.read(f"{SESSION}.jsonl") or b""
        copies = [disk.read(name) for name in disk.names() if name.endswith(".torn")]
        found = Found(
            events_on(disk),
            disk.state(),
            folded_on(disk),
            disk.document(),
            TORN in log or TORN in copies,
            disk.names(),
        )
        if len(self._seen) % self._every == 0:
            check_goes_on(disk)
        return found

    def _check(self, found: Found, after: int) -> None:
        story, events = self.story, set(found.events)
        begun = [removal for removal in story.removals if removal.begun < after]
        released = {event for removal in begun for event in removal.events}
        acknowledged = {event for event, at in story.acknowledged.items() if at <= after}
        assert acknowledged - released <= events, "an acknowledged event is lost"
        assert events <= story.acknowledged.keys(), "an event that was never appended"
        assert [seq for seq, _ in found.events] == sorted(seq for seq, _ in found.events)
        for removal in begun:
            left = events & removal.events
            assert left in (set(), removal.events), "half of what was to go has gone"
            assert not (left and after >= removal.done), "what was removed is back"
        if story.torn_at is not None and after >= story.torn_at:
            assert found.evidence, "what a repair cut off is lost"
        self._check_session(found, after, [removal for removal in begun if removal.whole_session])

    def _check_session(self, found: Found, after: int, deletions: list[Removal]) -> None:
        story, state, document = self.story, found.state, found.document
        if deletions and self._is_deleted(found, deletions[-1], after):
            return
        if state is not None and found.folded is not None:
            assert state.turns == found.folded, "not what the log says"
        if story.older:
            assert state is not None
            assert story.older.items() <= state.turns["native"].items(), "an older turn is lost"
        if story.has_file:
            assert document is not None, "the session file is lost"
            assert {key: document.get(key) for key in FOREIGN} == FOREIGN
        if document is not None:
            assert (document.get("runtime_state") or {}) in story.shown, "never the view"

    def _is_deleted(self, found: Found, deletion: Removal, after: int) -> bool:
        """Whether the session is gone; what there is of it then, must be a new one's."""
        theirs = found.document is not None and "theirs" in found.document
        if after == deletion.done:
            assert found.names <= {f"{SESSION}.json.lock"}, "deleted, and not gone"
        if after >= deletion.done:
            assert not theirs, "the session file is back"
            return True
        if deletion.events:
            assert bool(set(found.events) & deletion.events) == (found.state is not None), (
                "half of the session has gone"
            )
        return found.state is None
