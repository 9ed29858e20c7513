"""Cursors: a position is not an identity, so a cursor knows its event.

Whatever becomes of the folder after a cursor was noted, reading after it gives the events
that came after it in that same history, or an error, or `lost` says that some are gone.
"""

import copy
import pickle
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from journal import Cursor, CursorError, Head, JournalError
from journal.backend import History
from journal.engines.files.follower import FileFollower
from journal.events import GENESIS, Clear
from tests.faults.sizes import sized
from tests.journal.engines.restorable import LOG, Backup, Reader, RestorableLog
from tests.support import Recorder, set_event

digits = st.text("0123456789abcdef", min_size=12, max_size=12)
log_ids = st.text("0123456789abcdef", min_size=16, max_size=16)
seqs = st.integers(0, 2**63 - 1)


# As text


@given(log_ids, seqs, digits | st.just(""))
def test_the_text_of_a_cursor_says_all_of_it(log_id: str, seq: int, digest: str) -> None:
    cursor = Cursor(log_id, seq, digest)
    assert Cursor.parse(str(cursor)) == cursor
    assert str(cursor) == ":".join([log_id, str(seq), *([digest] if digest else [])])


@given(log_ids, seqs, st.text("0123456789abcdef", min_size=32, max_size=32))
def test_a_head_that_was_noted_down_is_a_cursor_too(log_id: str, seq: int, digest: str) -> None:
    head = Head(log_id, seq, digest)
    assert Cursor.parse(str(head)) == Cursor(log_id, seq, digest[:12])
    assert Head.parse(str(head)) == head
    with pytest.raises(ValueError, match="is a cursor"):
        Head.parse(str(Cursor.parse(str(head))))


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "a",
            "a:",
            ":1",
            "a:b",
            "a:-1",
            "a:1.0",
            "a:²",
            "a:1:",
            "a:1:abc",
            "a:1:" + "g" * 12,
        ),
        *("a:1:" + "A" * 12, "a:1:" + "a" * 12 + ":", "a:1 :" + "a" * 12, "a::" + "a" * 12),
    ],
)
def test_what_is_no_cursor_is_refused_saying_how_one_reads(text: str) -> None:
    with pytest.raises(ValueError, match="log_id:seq:hash"):
        Cursor.parse(text)


def test_the_error_keeps_its_fields_when_it_is_copied_and_sent() -> None:
    error = CursorError("what", Cursor("a", 6, "f" * 12), Cursor("a", 3, "e" * 12))
    for other in (copy.copy(error), pickle.loads(pickle.dumps(error))):
        assert (str(other), other.cursor, other.resume_after) == (
            "what",
            error.cursor,
            error.resume_after,
        )
    assert isinstance(error, JournalError)


# Whatever happens to the folder


class CursorMachine(RuleBasedStateMachine):
    """Cursors noted at all times, and followers that stay."""

    def __init__(self) -> None:
        super().__init__()
        self.log = RestorableLog()
        self.backups: list[Backup] = []
        self.noted: list[tuple[Cursor, str]] = []  # with the whole hash
        self.often, self.seldom, self.closing, self.restarting, self.skipping = self.readers = [
            Reader(self.log, self.log.engine()) for _ in range(5)
        ]

    @initialize()
    def begin(self) -> None:
        self.log.batch()
        self.back_up()
        for _ in range(2):
            self.append(1, 1.0)

    @rule(count=st.integers(1, 3), share=st.floats(0, 1))
    def append(self, count: int, share: float) -> None:
        """Cursors are noted of the newest event and of another, one of them short."""
        self.log.append(count)
        self._read(self.often)
        newest = len(self.log.history)
        for seq, short in ((newest, count == 1), (round(share * newest), count != 1)):
            digest = self.log.history[seq - 1] if seq else GENESIS
            self.noted.append((self.log.cursor(seq, short=short), digest))

    @rule(history=st.sampled_from(["archive", "archive", "drop"]), goes_on=st.integers(0, 2))
    def compact(self, history: History, goes_on: int) -> None:
        self.log.compact(history)
        for _ in range(goes_on):
            self.append(1, 0.5)

    @rule()
    def pack(self) -> None:
        self.log.pack()

    @rule()
    def delete(self) -> None:
        self.log.delete()

    @rule()
    def back_up(self) -> None:
        if self.log.exists:
            self.backups.append(self.log.back_up())

    @rule(pick=st.integers(0, 9), over=st.booleans(), goes_on=st.integers(0, 4))
    def restore(self, pick: int, over: bool, goes_on: int) -> None:
        self.log.restore(self.backups[pick % len(self.backups)], over=over)
        for _ in range(goes_on):
            self.log.append()

    @rule(pick=st.integers(0, 30))
    def read_after(self, pick: int) -> None:
        self._check(*self.noted[pick % len(self.noted)])

    @rule()
    def read_seldom(self) -> None:
        self._read(self.seldom)

    @rule()
    def read_then_close(self) -> None:
        self._read(self.closing)
        self.closing.follower.close()

    @rule()
    def read_after_a_restart(self) -> None:
        """Twice: the first time it joins, and learns what it can."""
        self.restarting.restart()
        self._read(self.restarting)

    @rule()
    def skip(self) -> None:
        self.skipping.skip()

    def teardown(self) -> None:
        for cursor, digest in self.noted[-12:]:
            self._check(cursor, digest)
        self.log.append()
        for reader in self.readers:
            if self._read(reader):
                reader.resume()
                assert not self._read(reader)
            reader.check_complete()

    def _check(self, cursor: Cursor, digest: str) -> None:
        log = self.log
        reader = Reader(log, log.engine(), cursor)
        same_log = log.exists and cursor.log_id == log.log_id
        ahead = same_log and cursor.seq > len(log.history)
        other = same_log and not ahead and cursor.seq > 0 and bool(cursor.hash)
        other = other and log.history[cursor.seq - 1] != digest
        error = reader.read()
        if error is not None:
            assert ahead or other, f"{cursor} was refused: {error}"
            assert error.cursor == cursor
            assert error.resume_after == Cursor(cursor.log_id, 0, "0" * 12)
            assert reader.read() is not None, "it goes on being refused"
            reader.resume()
            assert reader.read() is None
        else:
            assert not ahead
            if same_log and not other:
                expected = log.history[cursor.seq :]
                if not log.dropped:
                    assert [*reader.known.values()] == expected
        log.append()
        assert reader.read() is None
        assert error is not None or not other or reader.told, f"{cursor}: other events came"
        reader.check_complete()

    def _read(self, reader: Reader) -> bool:
        """Whether it was refused; then what it says of the events still there is right."""
        error = reader.read()
        if error is None:
            return False
        log, after = self.log, error.resume_after
        assert after.log_id == error.cursor.log_id
        if after.log_id != log.log_id:
            return True  # that log was deleted since
        same = [seq for seq, digest in reader.known.items() if digest in log.history]
        if after.seq:
            assert after == log.cursor(after.seq)
        if not log.dropped and reader not in (self.restarting, self.skipping):
            best = {max(same)} if same else {0, reader.start}
            assert after.seq in best, "not the newest one that is still good"
        return True


TestCursors = CursorMachine.TestCase
TestCursors.settings = settings(stateful_step_count=25, derandomize=True)


# At every moment of a read


def in_archives(log: RestorableLog) -> None:
    for _ in range(2):
        log.archive()
    log.pack()
    log.append()


def then(*acts: Callable[[RestorableLog], None]) -> Callable[[RestorableLog, Backup], None]:
    """Restore, and go on with these."""

    def restore(log: RestorableLog, backup: Backup) -> None:
        log.restore(backup)
        for act in acts:
            act(log)

    return restore


BRANCH = [RestorableLog.append] * 6
RESTORES: dict[str, Callable[[RestorableLog, Backup], None]] = {
    "an older copy": then(),
    "an older copy, written over": lambda log, backup: log.restore(backup, over=True),
    "another branch": then(*BRANCH),
    "another branch, compacted": then(*BRANCH, RestorableLog.archive),
    "another branch, dropped": then(*BRANCH, RestorableLog.drop),
    "another life": then(RestorableLog.begin_anew),
}
READERS = ["new", "open", "closed", "behind", "with a cursor", "with a short cursor"]


class Stranger:
    """Restores the folder before one of the reader's calls to the storage, by its number."""

    def __init__(self, number: int, act: Callable[[], None]) -> None:
        self.calls = -1
        self.has_acted = self.is_there = False
        self._number = number
        self._act = act

    def __call__(self, name: str, args: tuple[Any, ...]) -> None:
        self.calls += self.is_there
        if self.is_there and self.calls == self._number and not self.has_acted:
            self.has_acted = True
            self._act()


def reader_of(log: RestorableLog, was: str, stranger: Stranger) -> Reader:
    """A reader as it is when the stranger comes."""
    engine = log.engine(stranger)
    place = log.cursor(len(log.history), short=was == "with a short cursor")
    reader = Reader(log, engine, place if was.startswith("with") else None)
    if was in ("open", "closed", "behind"):
        assert not reader.read()
    if was in ("closed", "behind"):
        reader.follower.close()
    if was == "behind":
        log.archive()
    return reader


def read_on(reader: Reader) -> int:
    """Read on, also after refusals; says how many there were."""
    refusals = 0
    while reader.read():
        refusals += 1
        reader.resume()
    return refusals


@sized(quick=4, storm=1)
@pytest.mark.parametrize("happens", RESTORES)
@pytest.mark.parametrize("was", READERS)
@pytest.mark.parametrize("begins", [RestorableLog.append, in_archives])
def test_whenever_it_is_restored_during_a_read_nothing_is_skipped_or_repeated_in_silence(
    begins: Callable[[RestorableLog], None], was: str, happens: str, size: int
) -> None:
    """Before every `size`th call of it."""
    told = 0
    for number in range(len(was + happens) % size, 200, size):
        log = RestorableLog()
        log.ever_dropped = True  # archives may go while they are read
        log.batch()
        begins(log)
        stranger = Stranger(number, partial(RESTORES[happens], log, log.back_up()))
        log.append()
        log.append()
        reader = reader_of(log, was, stranger)
        log.append()
        stranger.is_there = True
        told += read_on(reader)
        stranger.is_there = False
        log.append()
        told += read_on(reader) + reader.told
        reader.check_complete()
        if not stranger.has_acted:
            break
    assert 3 <= number < 199
    assert told or "life" in happens or was == "new"


# One thing at a time


@pytest.fixture
def log() -> RestorableLog:
    log = RestorableLog()
    log.append()
    log.append()
    return log


def read_after(log: RestorableLog, cursor: Cursor | None = None) -> list[int]:
    return [event.seq for event in log.engine().follow("s", cursor).read()]


def test_a_refusal_says_what_is_there_and_where_to_go_on(log: RestorableLog) -> None:
    backup = log.back_up()
    log.append()
    log.append()
    noted, follower = log.cursor(4), log.engine().follow("s")
    assert len(list(follower.read())) == 4
    log.restore(backup)
    with pytest.raises(CursorError) as ahead:
        read_after(log, noted)
    for part in (
        "session 's'",
        "/memory/s.jsonl",
        str(noted),
        "ends with event 2",
        f"{log.log_id}:0:000000000000",
    ):
        assert part in str(ahead.value)
    log.append()
    log.append()
    with pytest.raises(CursorError) as other:
        read_after(log, noted)
    for part in ("event 4", noted.hash, log.cursor(4).hash):
        assert part in str(other.value)
    with pytest.raises(CursorError) as followed:
        list(follower.read())
    assert followed.value.cursor == noted
    assert followed.value.resume_after == log.cursor(2)
    assert str(log.cursor(2)) in str(followed.value)


def test_what_is_refused_is_read_once_the_right_copy_is_back(log: RestorableLog) -> None:
    backup = log.back_up()
    log.append()
    log.append()
    follower, right = log.engine().follow("s"), log.back_up()
    assert len(list(follower.read())) == 4
    log.restore(backup)
    for _ in range(2):
        with pytest.raises(CursorError):
            list(follower.read())
    log.restore(right)
    log.append()
    assert [event.seq for event in follower.read()] == [5]


def test_a_refusal_takes_nothing_back(log: RestorableLog) -> None:
    """The newest event might have been cut back alone; then the one before it shows a restore."""
    for _ in range(3):
        log.append()
    backup = log.back_up()
    log.append()
    log.append()
    reader, right = Reader(log, log.engine()), log.back_up()
    assert reader.read() is None
    cursor = reader.follower.cursor
    log.restore(backup)
    log.append()  # a clear, which compaction does not keep
    log.compact()
    log.append()
    error = reader.read()
    assert error is not None
    assert error.cursor == reader.follower.cursor == cursor
    log.restore(right)
    log.append()
    assert reader.read() is None
    reader.check_complete()


def test_what_is_refused_is_not_read_again_while_the_log_only_grows(log: RestorableLog) -> None:
    backup = log.back_up()
    for _ in range(100):
        log.append()
    read: list[int] = []

    def before(name: str, args: tuple[Any, ...]) -> None:
        if name == "read":
            read.append(args[1])

    follower = log.engine(before).follow("s", log.cursor(100))
    log.restore(backup)
    costs: list[int] = []
    for _ in range(110):
        log.append()
        read.clear()
        with pytest.raises(CursorError):
            list(follower.read())
        costs.append(sum(read))
    assert sum(cost > 64 + 4096 for cost in costs) <= 2, "at first, and when it reaches the place"
    assert max(costs[-5:]) <= 64, "enough to see that its end is where it was"


WAYS = ["skipped", "joined", "read"]
ENDS: dict[str, list[Callable[[RestorableLog], None]]] = {
    "one": [RestorableLog.append] * 3,
    "a batch": [RestorableLog.append, RestorableLog.batch],
    "what compaction kept": [RestorableLog.append, RestorableLog.archive],
}


def follower_at_the_end(log: RestorableLog, way: str) -> FileFollower:
    place = None if way == "read" else log.cursor(len(log.history))
    follower = log.engine().follow("s", place)
    if way == "skipped":
        follower.to_end()
    else:
        list(follower.read())
    return follower


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("way", WAYS)
def test_no_event_of_another_branch_is_taken_for_one_that_was_read(
    log: RestorableLog, way: str, end: str
) -> None:
    """All but the last one were read, or skipped, long ago."""
    backup = log.back_up()
    for act in ENDS[end]:
        act(log)
    follower = follower_at_the_end(log, way)
    log.restore(backup)
    for _ in range(5):
        log.append()
    with pytest.raises(CursorError):
        list(follower.read())


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("way", WAYS)
def test_a_copy_of_the_same_log_in_its_place_is_the_same_log(
    log: RestorableLog, way: str, end: str
) -> None:
    for act in ENDS[end]:
        act(log)
    follower = follower_at_the_end(log, way)
    for _ in range(2):
        log.restore(log.back_up())
        log.append()
        assert [event.seq for event in follower.read()] == [len(log.history)]


@pytest.mark.parametrize("way", WAYS)
def test_damage_in_the_middle_does_not_make_it_another_log(log: RestorableLog, way: str) -> None:
    for _ in range(4):
        log.append()
    place = log.data.index(b'{"seq":4')
    damaged = log.back_up()
    damaged.files[LOG] = log.data[:place] + b"X" + log.data[place + 1 :]
    log.restore(damaged)
    follower = follower_at_the_end(log, way)
    log.restore(damaged)
    assert list(follower.read()) == []


def test_a_short_cursor_becomes_whole_when_its_event_is_met(log: RestorableLog) -> None:
    for seq in range(3):
        follower = log.engine().follow("s", log.cursor(seq, short=True))
        list(follower.read())
        assert follower.cursor == log.cursor(2)
    follower = log.engine().follow("s", log.cursor(2, short=True))
    assert follower.cursor == log.cursor(2, short=True)
    assert list(follower.read()) == []
    assert follower.cursor == log.cursor(2)


def test_a_short_cursor_that_lies_ahead_is_refused_too(log: RestorableLog) -> None:
    with pytest.raises(CursorError):
        read_after(log, Cursor(log.log_id, 3))


@pytest.mark.parametrize("seq", [1, 2, 3, 4, 5])
def test_events_in_archives_are_checked(log: RestorableLog, seq: int) -> None:
    log.archive()
    log.pack()
    log.archive()
    assert read_after(log, log.cursor(seq)) == list(range(seq + 1, 7))
    with pytest.raises(CursorError):
        read_after(log, Cursor(log.log_id, seq, "0" * 11 + "1"))


def test_after_history_was_dropped_what_is_left_is_checked(log: RestorableLog) -> None:
    """Events that were kept, the last that was dropped, and any before one that was kept."""
    engine = log.engine()
    writer = engine.open("s", Recorder())
    writer.append([set_event("kept", {}), Clear(runtime_id="other"), set_event("kept 2", {})])
    writer.append([set_event("dropped", {}), Clear(runtime_id="native"), set_event("kept", {})])
    log.learn()
    log.compact("drop")
    past = engine.history("s")
    assert past is not None
    assert [entry.event.seq for entry in past.kept] == [8]
    for seq, lost in ((8, 0), (7, 0), (6, 1), (0, 7)):
        follower = engine.follow("s", log.cursor(seq))
        found = [(event.seq, follower.lost) for event in follower.read()]
        assert found == ([(8, lost)] if seq < 8 else [])
    wrong = "0" * 11 + "1"
    for seq in (7, 8):
        with pytest.raises(CursorError):
            read_after(log, Cursor(log.log_id, seq, wrong))
    assert read_after(log, Cursor(log.log_id, 6, wrong)) == [8], "it cannot be checked any more"


def test_the_event_that_a_log_begins_after_is_checked_though_nothing_is_left(
    log: RestorableLog,
) -> None:
    writer = log.engine().open("s", Recorder())
    writer.append([Clear()])
    log.learn()
    log.compact("drop")
    assert read_after(log, log.cursor(3)) == []
    with pytest.raises(CursorError):
        read_after(log, Cursor(log.log_id, 3, "0" * 11 + "1"))


def test_the_event_after_one_that_was_dropped_says_that_it_was_another(
    log: RestorableLog,
) -> None:
    """By its `prev`."""
    backup = log.back_up()
    log.append()
    follower = log.engine().follow("s", log.cursor(3))
    log.restore(backup)
    writer = log.engine().open("s", Recorder())
    writer.append([Clear()])
    log.compact("drop")
    writer.append([set_event("a")])
    with pytest.raises(CursorError):
        list(follower.read())


def test_a_log_cut_down_to_nothing_is_none_and_the_next_is_another(log: RestorableLog) -> None:
    follower = log.engine().follow("s")
    assert len(list(follower.read())) == 2
    log.cut(0)
    assert list(follower.read()) == []
    log.append()
    assert [event.seq for event in follower.read()] == [1]


def test_a_cursor_of_what_is_being_written_follows_when_that_is_cut_back(
    log: RestorableLog,
) -> None:
    """Of a batch that fails two events were read, and the reader has started again since."""
    before = log.back_up()
    log.batch()
    half = log.cursor(4)
    data = log.data
    log.cut(data.index(b'{"seq":5') + 30)
    follower = log.engine().follow("s", half)
    assert list(follower.read()) == []
    log.restore(before, over=True)
    log.batch()
    assert [event.seq for event in follower.read()] == [3, 4, 5]
    with pytest.raises(CursorError):
        read_after(log, half)


def test_what_a_cursor_costs_does_not_grow_with_archives_before_it() -> None:
    """Joining reads no archive that is older than the cursor."""
    read: dict[int, int] = {}
    for archives in (3, 6):
        log, opened = RestorableLog(), list[str]()
        for _ in range(archives):
            log.archive()
        place = log.cursor(len(log.history) - 2)

        def before(name: str, args: tuple[Any, ...], opened: list[str] = opened) -> None:
            if name == "open" and "/archive/" in args[0]:
                opened.append(args[0])

        log.append()
        assert len(list(log.engine(before).follow("s", place).read())) == 3
        read[archives] = len(opened)
    assert read[6] == read[3]
