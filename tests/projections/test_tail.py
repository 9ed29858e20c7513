"""The tail: every event once, in order, while others append, compact, delete and begin anew.

Nothing here waits for luck: a marker is appended last, and what came before it is looked
at. `take` gives up after a time that no working tail needs, so that a test fails, not hangs.
"""

import asyncio
import gc
import os
import shutil
import signal
import subprocess
import tempfile
import threading
from collections import defaultdict
from collections.abc import Callable, Coroutine, Iterator
from errno import EMFILE
from itertools import islice, pairwise
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from journal import ClosedError, SessionConfig, StateTypeError, StateValueError
from journal.engines.files.directory import Directory
from journal.engines.files.log import LogOptions
from journal.errors import CursorError, DamagedError, JournalError
from journal.events import Cursor, Set
from journal.stopping import StopEvent
from projections import DefaultSessionStore
from projections.tail.async_tail import AsyncTail
from projections.tail.tail import Arrival, Tail
from tests.support import FaultyStorage, finish, forked, python
from tests.users import ALICE, folder_of, only_root, open_place

T = TypeVar("T")

PATIENCE = 60.0
"""Seconds after which something that has to happen has not happened."""

END = "end"
"""The turn that is set last in a session."""


def take(tail: Tail, count: int) -> list[Arrival]:
    """The next `count` arrivals."""
    with giving_up(tail):
        found = list(islice(tail, count))
    assert len(found) == count, f"only {len(found)} of {count} came"
    return found


def take_to_ends(tail: Tail, *sessions: str) -> dict[str, list[Arrival]]:
    """All that comes until each of these sessions has set the turn `END`."""
    found: dict[str, list[Arrival]] = defaultdict(list)
    left = set(sessions)
    with giving_up(tail):
        for arrival in tail:
            found[arrival.session_id].append(arrival)
            if is_end(arrival):
                left.remove(arrival.session_id)
            if not left:
                break
    assert not left, f"{left} came to no end"
    return found


def is_end(arrival: Arrival) -> bool:
    return isinstance(arrival.event, Set) and arrival.event.turn_id == END


class giving_up:  # noqa: N801 - reads as a verb where it is used
    """Stops a tail that keeps us waiting for too long."""

    def __init__(self, tail: Tail) -> None:
        self.timer = threading.Timer(PATIENCE, tail.stop)
        self.timer.daemon = True

    def __enter__(self) -> None:
        self.timer.start()

    def __exit__(self, *_: object) -> None:
        self.timer.cancel()
        self.timer.join()


def seqs(arrivals: list[Arrival]) -> list[int]:
    return [arrival.event.seq for arrival in arrivals]


def put(store: DefaultSessionStore, session: str = "s", *turns: str) -> None:
    for turn in turns:
        store.set_runtime_state(session, "r", turn, {"turn": turn})


def check_whole(store: DefaultSessionStore, session: str, arrivals: list[Arrival]) -> None:
    """They are all events of the session, once each, in order, with places to go on from."""
    events = [step.event for step in store.replay(session)]
    assert [arrival.event for arrival in arrivals] == events
    assert seqs(arrivals) == list(range(1, len(events) + 1))
    assert {arrival.lost for arrival in arrivals} == {0}
    assert {arrival.cursor.log_id for arrival in arrivals} == {log_id(store, session)}
    assert [arrival.cursor.seq for arrival in arrivals] == seqs(arrivals)


def log_id(store: DefaultSessionStore, session: str) -> str:
    past = store.past(session)
    assert past is not None
    return past.log_id


def newest(store: DefaultSessionStore, session: str) -> Cursor:
    """The place after the newest event."""
    return Cursor.parse(str(store.verify(session).head))


@pytest.fixture(params=["files", "memory"])
def either(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[DefaultSessionStore]:
    """A store of each engine."""
    config = SessionConfig(persist=request.param == "files", mirror_runtime_state=True)
    with DefaultSessionStore(tmp_path, config=config, durability="os") as store:
        yield store


# From other processes

_WRITER = """
import sys
from journal import CompactionError
from projections import DefaultSessionStore
folder, count, compact_every, *sessions = sys.argv[1:]
with DefaultSessionStore(folder, durability="os") as store:
    for number in range(1, int(count) + 1):
        for session in sessions:
            store.set_runtime_state(session, "r", f"t{number % 7}", {"n": number})
            if number % 50 == 0:
                store.clear_runtime_state(session, "r")
            if int(compact_every) and number % int(compact_every) == 0:
                try:
                    store.compact(session)
                except CompactionError:
                    pass  # another of us is at it
    if sys.argv[2] != "0":
        for session in sessions:
            store.set_runtime_state(session, "r", "end", {})
"""


def writer(
    folder: Path, count: int, compact_every: int, *sessions: str
) -> "subprocess.Popen[str]":
    return forked(_WRITER, str(folder), str(count), str(compact_every), *sessions)


def test_where_the_kernel_has_no_watch_left_it_looks_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A user has 128 of them."""

    def out_of_watches(*args: Any) -> None:
        raise OSError(EMFILE, os.strerror(EMFILE))

    monkeypatch.setattr("journal.engines.files.watching.open_notifier", out_of_watches)
    with DefaultSessionStore(tmp_path) as store, DefaultSessionStore(tmp_path) as other:
        put(store, "s", "first")
        tail = store.tail("s", from_start=True)
        assert seqs(take(tail, 1)) == [1]
        put(other, "s", "second")
        assert seqs(take(tail, 1)) == [2]
        tail.stop()
        assert list(tail) == []
    assert "max_user_instances" in caplog.text


class TestOtherProcesses:
    @pytest.mark.parametrize("compact_every", [0, 30])
    def test_all_that_one_appends_arrives_once_and_in_order(
        self, store: DefaultSessionStore, tmp_path: Path, compact_every: int
    ) -> None:
        with store.tail("s") as tail:
            process = writer(tmp_path, 400, compact_every, "s")
            found = take_to_ends(tail, "s")
            finish([process])
        assert list(found) == ["s"]
        check_whole(store, "s", found["s"])
        assert len(found["s"]) == 400 + 400 // 50 + 1

    def test_several_append_to_one_session_and_compact_it(
        self, store: DefaultSessionStore, tmp_path: Path
    ) -> None:
        with store.tail("s") as tail:
            processes = [writer(tmp_path, 200, 40, "s") for _ in range(2)]
            ends = 0
            found = []
            with giving_up(tail):
                for arrival in tail:
                    found.append(arrival)
                    ends += is_end(arrival)
                    if ends == 2:
                        break
            finish(processes)
        check_whole(store, "s", found)

    def test_sessions_that_appear_are_followed_from_their_first_event(
        self, store: DefaultSessionStore, tmp_path: Path
    ) -> None:
        put(store, "old", "before")
        names = [f"new-{number}" for number in range(20)]
        with store.tail() as tail:
            process = writer(tmp_path, 20, 7, *names, "old")
            found = take_to_ends(tail, *names, "old")
            finish([process])
        assert set(found) == {*names, "old"}
        for name in names:
            check_whole(store, name, found[name])
        assert seqs(found["old"]) == list(range(2, 23)), "what was there before is not news"

    def test_of_several_sessions_only_those_asked_for_arrive(
        self, store: DefaultSessionStore, tmp_path: Path
    ) -> None:
        with store.tail(["a/b", "c", "a/b"]) as tail:
            process = writer(tmp_path, 60, 11, "a/b", "b", "c")
            found = take_to_ends(tail, "a/b", "c")
            finish([process])
        assert set(found) == {"a/b", "c"}
        for name, arrivals in found.items():
            check_whole(store, name, arrivals)

    def test_lives_of_a_session_follow_each_other(
        self, store: DefaultSessionStore, tmp_path: Path
    ) -> None:
        """What a deletion takes away before it was read is gone; the last life is whole."""
        with store.tail("s") as tail:
            process = forked(_LIVES, str(tmp_path))
            found = take_to_ends(tail, "s")["s"]
            finish([process])
        lives: dict[str, list[int]] = {}
        for arrival in found:
            lives.setdefault(arrival.cursor.log_id, []).append(arrival.event.seq)
        changes = [
            one for one, next_one in pairwise(found) if one.cursor.log_id != next_one.cursor.log_id
        ]
        assert len(changes) == len(lives) - 1, "no life comes back"
        for life in lives.values():
            assert life == list(range(1, len(life) + 1))
        last = found[-1].cursor.log_id
        check_whole(store, "s", [arrival for arrival in found if arrival.cursor.log_id == last])

    def test_a_signal_handler_ends_a_tail(
        self, store: DefaultSessionStore, tmp_path: Path
    ) -> None:
        put(store, "s", "t1")
        process = forked(_TAILS_UNTIL_TOLD, str(tmp_path))
        assert process.stdout is not None
        assert process.stdout.readline() == "t1\n"
        process.send_signal(signal.SIGTERM)
        assert finish([process]) == ["stopped\n"]

    def test_ctrl_c_interrupts_a_tail(self, store: DefaultSessionStore, tmp_path: Path) -> None:
        put(store, "s", "t1")
        process = forked(_TAILS_UNTIL_TOLD, str(tmp_path))
        assert process.stdout is not None
        assert process.stdout.readline() == "t1\n"
        process.send_signal(signal.SIGINT)
        assert finish([process]) == ["interrupted\n"]


_LIVES = """
import sys
from projections import DefaultSessionStore
with DefaultSessionStore(sys.argv[1], durability="os") as store:
    for life in range(12):
        if life:
            store.delete_session("s")
        for number in range(30):
            store.set_runtime_state("s", "r", f"t{number % 3}", {"life": life, "n": number})
    store.set_runtime_state("s", "r", "end", {})
"""

_TAILS_UNTIL_TOLD = """
import signal, sys
from projections import DefaultSessionStore
store = DefaultSessionStore(sys.argv[1], durability="os")
tail = store.tail("s", from_start=True)
signal.signal(signal.SIGTERM, lambda *_: tail.stop())
try:
    for arrival in tail:
        print(arrival.event.turn_id, flush=True)
    print("stopped")
except KeyboardInterrupt:
    print("interrupted")
"""


# Against a model, in one process


class TailMachine(RuleBasedStateMachine):
    """`due` has what must still arrive of each session, `(log, seq, turn)`."""

    names = ("a", "b", "c/d", "", "e")
    in_memory = False

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.mkdtemp(prefix="journal-tail-")
        config = SessionConfig(persist=not self.in_memory, mirror_runtime_state=True)
        self.store = DefaultSessionStore(
            self.folder,
            config=config,
            durability="os",
            storage=FaultyStorage(lambda name, _: 0 if name.startswith("sync") else None),
        )
        self.due: dict[str, list[tuple[str, int, str]]] = {name: [] for name in self.names}
        self.heads: dict[str, tuple[str, int]] = {}
        self.tail = self.store.tail()
        self.number = 0

    @rule(name=st.sampled_from(names), count=st.integers(1, 4), turn=st.sampled_from("tuv"))
    def append(self, name: str, count: int, turn: str) -> None:
        self.number += 1
        self.store.set_many(name, [("r", turn, {"n": n}) for n in range(count)])
        if name not in self.heads:
            self.heads[name] = (log_id(self.store, name), 0)
        log, seq = self.heads[name]
        self.due[name] += [(log, seq + n, turn) for n in range(1, count + 1)]
        self.heads[name] = (log, seq + count)

    @rule(name=st.sampled_from(names))
    def compact(self, name: str) -> None:
        self.store.compact(name)

    @rule(share=st.floats(0, 1))
    def read(self, share: float) -> None:
        waiting = sum(map(len, self.due.values()))
        for arrival in take(self.tail, round(share * waiting)):
            assert isinstance(arrival.event, Set)
            place = (arrival.cursor.log_id, arrival.cursor.seq, arrival.event.turn_id)
            assert place == self.due[arrival.session_id].pop(0)
            assert arrival.event.seq == arrival.cursor.seq
            assert arrival.lost == 0

    @rule(name=st.sampled_from(names))
    def delete(self, name: str) -> None:
        self.read(1.0)  # what was not read before is gone with it
        assert self.store.delete_session(name) is (name in self.heads)
        self.heads.pop(name, None)

    @rule(as_text=st.booleans())
    def resume(self, as_text: bool) -> None:
        cursors = self.tail.cursors
        self.tail.close()
        after = {name: str(cursor) if as_text else cursor for name, cursor in cursors.items()}
        self.tail = self.store.tail(after=after, from_start=True)

    @invariant()
    def cursors_are_where_reading_has_got_to(self) -> None:
        for name, cursor in self.tail.cursors.items():
            if name in self.heads and self.due[name]:
                log, seq, _ = self.due[name][0]
                assert cursor.log_id != log or cursor.seq == seq - 1

    def teardown(self) -> None:
        try:
            self.read(1.0)
            for name in self.names:
                self.append(name, 1, "last")
            self.read(1.0)
            assert not any(self.due.values())
        finally:
            self.tail.close()
            self.store.close()
            shutil.rmtree(self.folder)


class MemoryTailMachine(TailMachine):
    in_memory = True


machine_settings = settings(
    max_examples=settings.default.max_examples // 2,
    stateful_step_count=25,
    suppress_health_check=list(HealthCheck),
)
TestTailOfFiles = TailMachine.TestCase
TestTailOfFiles.settings = machine_settings
TestTailInMemory = MemoryTailMachine.TestCase
TestTailInMemory.settings = machine_settings


class TestTailWithRoomForFew(TailMachine.TestCase):  # type: ignore[misc, valid-type]
    """Fewer followers, and fewer open files, than there are sessions."""

    settings = machine_settings

    @pytest.fixture(autouse=True)
    def _little_room(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("projections.tail.followers._MOST_OPEN", 1)
        monkeypatch.setattr("projections.tail.followers._MOST", 2)


def test_more_sessions_than_open_files_of_those_asked_for(
    either: DefaultSessionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("projections.tail.followers._MOST_OPEN", 1)
    monkeypatch.setattr("projections.tail.followers._MOST", 2)
    names = [f"s{number}" for number in range(6)]
    with either.tail(names) as tail:
        for number in range(3):
            for name in names:
                put(either, name, f"t{number}")
            found = take(tail, len(names))
            assert sorted((a.session_id, a.event.seq) for a in found) == [
                (name, number + 1) for name in names
            ]


# Where it begins


class TestWhereItBegins:
    def test_now_unless_told_otherwise(self, either: DefaultSessionStore) -> None:
        put(either, "s", "t1", "t2")
        for sessions in ("s", ["s"], None):
            with either.tail(sessions) as tail, either.tail(sessions, from_start=True) as whole:
                put(either, "s", END)
                assert len(take_to_ends(tail, "s")["s"]) == 1
                before = len(list(either.replay("s"))) - 1
                assert seqs(take(whole, before + 1)) == list(range(1, before + 2))

    def test_now_is_when_it_is_made_not_when_it_is_first_read(
        self, either: DefaultSessionStore
    ) -> None:
        put(either, "s", "t1")
        tail = either.tail("s")
        put(either, "s", "t2", "t3")
        assert seqs(take(tail, 2)) == [2, 3]
        tail.close()

    def test_from_the_start_what_compaction_has_archived_comes_too(
        self, either: DefaultSessionStore
    ) -> None:
        put(either, "s", "t1", "t1", "t2", "t1")
        either.compact("s")
        put(either, "s", END)
        with either.tail(from_start=True) as tail:
            check_whole(either, "s", take(tail, 5))

    def test_a_folder_that_does_not_exist_yet_is_waited_for(self, tmp_path: Path) -> None:
        folder = tmp_path / "later"
        with DefaultSessionStore(folder, durability="os") as store:
            tails = [store.tail(), store.tail("s")]
            assert not folder.exists(), "waiting creates nothing"
            put(store, "s", "t1")
            for tail in tails:
                assert seqs(take(tail, 1)) == [1]
                tail.close()

    def test_a_folder_that_was_removed_and_made_again_is_followed(self, tmp_path: Path) -> None:
        folder = tmp_path / "sessions"
        with DefaultSessionStore(folder, durability="os") as store, store.tail() as tail:
            put(store, "s", "t1")
            (first,) = take(tail, 1)
            shutil.rmtree(folder)
            with DefaultSessionStore(folder, durability="os") as other:
                put(other, "s", "t1")
                (second,) = take(tail, 1)
        assert first.event.seq == second.event.seq == 1
        assert first.cursor.log_id != second.cursor.log_id


@only_root
class TestPermissions:
    """Of a folder that its owner may not enter for a while."""

    def test_a_tail_of_all_sessions_goes_on_once_it_may(self) -> None:
        with open_place() as place:
            assert ALICE.run(_ALL_SESSIONS, str(folder_of(ALICE, place / "s"))) == "new\ns\n"

    def test_a_tail_of_a_session_that_was_asked_for_raises(self) -> None:
        with open_place() as place:
            out = ALICE.run(_ONE_SESSION, str(folder_of(ALICE, place / "s")))
        assert out == "ReadError\n2\n"


_ALL_SESSIONS = """
import logging
from projections import DefaultSessionStore
folder = sys.argv[1]

def put(session):
    with DefaultSessionStore(folder, durability="os") as other:
        other.set_runtime_state(session, "r", "t", {})

class GivesBack(logging.Handler):
    def emit(self, record):
        if "not followed" in record.getMessage():
            os.chmod(folder, 0o700)
            put("new")
            put("s")

put("s")
logging.getLogger("journal").addHandler(GivesBack())
tail = DefaultSessionStore(folder).tail()
os.chmod(folder, 0)
for session in sorted(next(tail).session_id for _ in range(2)):
    print(session)
"""

_ONE_SESSION = """
from journal import ReadError
from projections import DefaultSessionStore
folder = sys.argv[1]
store = DefaultSessionStore(folder, durability="os")
store.set_runtime_state("s", "r", "t", {})
tail = store.tail("s")
cursor = tail.cursors["s"]
os.chmod(folder, 0)
try:
    next(tail)
except ReadError as error:
    print(type(error).__name__)
os.chmod(folder, 0o700)
store.set_runtime_state("s", "r", "t", {})
print(next(store.tail("s", after=cursor)).event.seq)
"""


class TestResuming:
    @pytest.mark.parametrize("form", [str, lambda cursor: cursor], ids=["text", "cursor"])
    @pytest.mark.parametrize("mapped", [False, True], ids=["bare", "mapping"])
    @pytest.mark.parametrize("compacted", [False, True])
    def test_after_every_arrival_comes_exactly_the_rest(
        self,
        either: DefaultSessionStore,
        form: Callable[[Cursor], str | Cursor],
        mapped: bool,
        compacted: bool,
    ) -> None:
        put(either, "s", "t1", "t2", "t1", "t3", "t2", END)
        with either.tail("s", from_start=True) as tail:
            found = take_to_ends(tail, "s")["s"]
        check_whole(either, "s", found)
        if compacted:
            either.compact("s")
        for number, arrival in enumerate(found[:-1], 1):
            after: Any = form(arrival.cursor)
            with either.tail("s", after={"s": after} if mapped else after) as tail:
                assert take_to_ends(tail, "s")["s"] == found[number:]

    def test_after_the_last_one_comes_what_is_new(self, either: DefaultSessionStore) -> None:
        put(either, "s", "t1", "t2")
        with either.tail("s", from_start=True) as tail:
            last = take(tail, 2)[-1].cursor
        with either.tail("s", after=last) as tail:
            put(either, "s", "t3")
            assert seqs(take(tail, 1)) == [3]

    def test_after_a_cursor_of_an_earlier_life_comes_all_of_this_one(
        self, either: DefaultSessionStore
    ) -> None:
        put(either, "s", "t1", "t2", "t3")
        with either.tail("s", from_start=True) as tail:
            last = take(tail, 3)[-1].cursor
        either.delete_session("s")
        put(either, "s", "t1", "t2")
        with either.tail("s", after=last) as tail:
            check_whole(either, "s", take(tail, 2))

    def test_sessions_without_a_cursor_begin_now(self, either: DefaultSessionStore) -> None:
        put(either, "a", "t1", "t2")
        put(either, "b", "t1", "t2")
        after = {"a": Cursor(log_id(either, "a"), 1)}
        with either.tail(after=after) as tail:
            put(either, "b", END)
            put(either, "a", END)
            found = take_to_ends(tail, "a", "b")
        assert {name: seqs(arrivals) for name, arrivals in found.items()} == {
            "a": [2, 3],
            "b": [3],
        }

    def test_the_cursor_of_a_session_that_is_gone_is_kept_for_its_return(
        self, either: DefaultSessionStore
    ) -> None:
        put(either, "s", "t1")
        cursor = Cursor(log_id(either, "s"), 1)
        either.delete_session("s")
        with either.tail(after={"s": cursor}) as tail:
            assert tail.cursors == {"s": cursor}
            put(either, "s", "t1")
            check_whole(either, "s", take(tail, 1))

    def test_cursors_say_how_far_each_session_was_read(self, either: DefaultSessionStore) -> None:
        put(either, "a", "t1")
        with either.tail() as tail:
            assert tail.cursors == {"a": newest(either, "a")}
            put(either, "a", "t2")
            put(either, "b", "t1")
            take(tail, 2)
            assert tail.cursors == {
                "a": newest(either, "a"),
                "b": newest(either, "b"),
            }


class TestRestored:
    """The folder is restored from a backup after cursors were noted."""

    @pytest.fixture
    def folder(self, tmp_path: Path) -> str:
        return str(tmp_path / "s")

    def put(self, folder: str, *turns: str, session: str = "s") -> None:
        """By another program than the tail's."""
        with DefaultSessionStore(folder, durability="os") as store:
            put(store, session, *turns)

    def begin(self, folder: str) -> Callable[[], None]:
        """Three events, a backup, and three more; returns what restores the backup."""
        self.put(folder, "t1", "t2", "t3")
        shutil.copytree(folder, f"{folder}.backup")
        self.put(folder, "lost4", "lost5", "lost6")

        def restore() -> None:
            shutil.rmtree(folder)
            shutil.copytree(f"{folder}.backup", folder)

        return restore

    @pytest.mark.parametrize("form", ["whole", "short", "text"])
    def test_a_cursor_that_lies_ahead_is_refused_and_says_where_to_go_on(
        self, folder: str, form: str
    ) -> None:
        restore = self.begin(folder)
        with DefaultSessionStore(folder) as store:
            whole = newest(store, "s")
            forms: dict[str, Cursor | str] = {"text": str(whole), "whole": whole}
            noted = forms.get(form, Cursor(whole.log_id, 6))
            restore()
            with pytest.raises(CursorError, match="ends with event 3") as caught:
                take(store.tail("s", after=noted), 1)
            assert str(caught.value.cursor) == str(noted)
            self.put(folder, END)
            with store.tail("s", after=caught.value.resume_after) as tail:
                check_whole(store, "s", take_to_ends(tail, "s")["s"])

    def test_a_cursor_whose_event_is_another_is_refused(self, folder: str) -> None:
        restore = self.begin(folder)
        with DefaultSessionStore(folder) as store:
            noted = newest(store, "s")
        restore()
        self.put(folder, "new4", "new5", "new6", "new7")
        with DefaultSessionStore(folder) as store:
            with pytest.raises(CursorError, match="event 6"):
                take(store.tail("s", after=noted), 1)
            short = Cursor(noted.log_id, noted.seq)
            with store.tail("s", after=short) as tail:
                assert seqs(take(tail, 1)) == [7], "a short one cannot tell"

    def test_a_tail_in_the_middle_is_refused_and_goes_on_where_it_says(self, folder: str) -> None:
        restore = self.begin(folder)
        with DefaultSessionStore(folder) as store, store.tail("s", from_start=True) as tail:
            before = take(tail, 6)
            restore()
            self.put(folder, "new4", END)
            with pytest.raises(CursorError) as caught:
                take(tail, 1)
            assert caught.value.cursor == before[-1].cursor
            assert caught.value.resume_after == before[2].cursor
            assert list(tail) == [], "and the end of that tail"
            with store.tail("s", after=caught.value.resume_after) as again:
                check_whole(store, "s", before[:3] + take(again, 2))

    def test_of_a_whole_folder_it_is_left_out_and_logged_once(
        self, folder: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        restore = self.begin(folder)
        with DefaultSessionStore(folder) as store, store.tail(from_start=True) as tail:
            noted = take(tail, 6)[-1].cursor
            restore()
            for turn in ("new4", "new5", "new6"):
                self.put(folder, turn)
                self.put(folder, "t", session="other")
                (arrival,) = take(tail, 1)
                assert arrival.session_id == "other"
            assert tail.cursors["s"] == noted
            left_out = [record for record in caplog.records if "left out" in record.message]
            assert len(left_out) == 1
            assert str(noted) in left_out[0].message
            store.delete_session("s")
            self.put(folder, END)
            check_whole(store, "s", take_to_ends(tail, "s")["s"])

    def test_a_loop_that_waits_is_told_too(self, folder: str) -> None:
        restore = self.begin(folder)

        async def main() -> CursorError:
            with DefaultSessionStore(folder) as store:
                async with aiter(store.tail("s", from_start=True)) as tail:
                    for _ in range(6):
                        await anext(tail)
                    waiting = asyncio.ensure_future(anext(tail))
                    await asyncio.sleep(0)
                    restore()
                    self.put(folder, "new4")
                    with pytest.raises(CursorError) as caught:
                        await waiting
                    return caught.value

        assert run(main).resume_after.seq == 3


class TestArrivals:
    def test_they_hold_the_state_of_a_set_and_none_of_others(
        self, either: DefaultSessionStore
    ) -> None:
        with either.tail("s") as tail:
            either.set_runtime_state("s", "r", "t", {"calls": ["c-1"]})
            either.hand_off("s", "r", "q")
            either.take_over("s", "q")
            either.clear_runtime_state("s")
            found = take(tail, 4)
        assert [arrival.state for arrival in found] == [{"calls": ["c-1"]}, None, None, None]

    def test_what_was_dropped_before_it_was_read_is_counted(
        self, either: DefaultSessionStore
    ) -> None:
        put(either, "s", "t1")
        with either.tail("s", from_start=True) as tail:
            cursor = take(tail, 1)[0].cursor
        put(either, "s", "t1", "t2", "t1", "t3", "t1")
        either.compact("s", "drop")
        put(either, "s", END)
        with either.tail("s", after=cursor) as tail:
            found = take_to_ends(tail, "s")["s"]
        place = 1
        for arrival in found:
            assert arrival.event.seq == place + 1 + arrival.lost
            place = arrival.event.seq
        assert place == 7
        assert sum(arrival.lost for arrival in found) > 0


# How it ends


class Listener(threading.Thread):
    """Iterates in a thread of its own; `heard` is set with each arrival."""

    def __init__(self, tail: Tail) -> None:
        super().__init__(daemon=True)
        self.tail = tail
        self.arrivals: list[Arrival] = []
        self.error: BaseException | None = None
        self.heard = threading.Event()
        self.start()

    def run(self) -> None:
        try:
            for arrival in self.tail:
                self.arrivals.append(arrival)
                self.heard.set()
        except BaseException as error:  # noqa: BLE001 - shown by the test
            self.error = error

    def check_ended(self) -> None:
        self.join(PATIENCE)
        assert not self.is_alive(), "it still waits"
        assert self.error is None


class TestEnding:
    @pytest.mark.parametrize("how", ["stop", "close", "close the store"])
    def test_from_another_thread_while_it_waits(
        self, either: DefaultSessionStore, how: str
    ) -> None:
        listeners = [Listener(either.tail()), Listener(either.tail("s"))]
        put(either, "s", "t1")
        for listener in listeners:
            assert listener.heard.wait(PATIENCE), "it has begun to wait for more"
        if how == "close the store":
            either.close()
        else:
            for listener in listeners:
                getattr(listener.tail, how)()
        for listener in listeners:
            listener.check_ended()
            assert seqs(listener.arrivals) == [1]

    def test_while_it_waits_for_the_folder(self, tmp_path: Path) -> None:
        with DefaultSessionStore(tmp_path / "none", durability="os") as store:
            listener = Listener(store.tail())
            listener.tail.stop()
            listener.check_ended()

    def test_a_stopped_tail_gives_no_more_of_what_is_there(
        self, either: DefaultSessionStore
    ) -> None:
        put(either, "s", "t1", "t2", "t3")
        tail = either.tail("s", from_start=True)
        first = take(tail, 1)[0]
        tail.stop()
        assert list(tail) == []
        assert list(tail) == []
        with either.tail("s", after=first.cursor) as tail:
            assert seqs(take(tail, 2)) == [2, 3], "but the next one does"

    def test_one_that_was_stopped_before_it_was_read(self, either: DefaultSessionStore) -> None:
        put(either, "s", "t1")
        tail = either.tail("s", from_start=True)
        tail.stop()
        assert list(tail) == []

    def test_the_end_of_a_with_block_lets_go_of_all_files(
        self, store: DefaultSessionStore, tmp_path: Path
    ) -> None:
        names = [f"s{number}" for number in range(5)]
        for name in names:
            put(store, name, "t1")
        store.close()
        assert open_logs(tmp_path) == []
        with DefaultSessionStore(tmp_path, durability="os") as reader:
            with reader.tail(from_start=True) as tail:
                take(tail, 5)
                assert len(open_logs(tmp_path)) == 5
            assert open_logs(tmp_path) == []
            assert list(tail) == []

    def test_files_are_not_closed_while_another_thread_reads_them(self, tmp_path: Path) -> None:
        """Else it might read another file, that has got the same number meanwhile."""
        reading, go_on = threading.Event(), threading.Event()
        happened: list[str] = []

        def fault(name: str, args: tuple[Any, ...]) -> None:
            if threading.current_thread() is listener and name == "read":
                happened.append("read begins")
                reading.set()
                go_on.wait(PATIENCE)
                happened.append("read ends")
            elif name == "close" and reading.is_set():
                happened.append("close")

        with DefaultSessionStore(tmp_path, durability="os") as store:
            put(store, "s", "t1")
        listener: threading.Thread | None = None
        engine = Directory(str(tmp_path), LogOptions(storage=FaultyStorage(fault)))
        tail = Tail(engine, "s")
        with DefaultSessionStore(tmp_path, durability="os") as store:
            put(store, "s", "t2")
        listener = Listener(tail)
        assert reading.wait(PATIENCE)
        closing = threading.Thread(target=tail.close)
        closing.start()
        stopped = tail._stop.wait(PATIENCE)  # from here on only the lock holds it back
        go_on.set()
        closing.join(PATIENCE)
        assert stopped
        assert not closing.is_alive()
        listener.check_ended()
        assert "close" in happened
        first_close = happened.index("close")
        assert happened[:first_close].count("read begins") == happened[:first_close].count(
            "read ends"
        )

    def test_a_closed_store_makes_no_tails(self, store: DefaultSessionStore) -> None:
        store.close()
        with pytest.raises(ClosedError):
            store.tail()


def open_logs(folder: Path) -> list[str]:
    """The logs below a folder that this process has open."""
    found = []
    for link in os.listdir("/proc/self/fd"):
        try:
            target = os.readlink(f"/proc/self/fd/{link}")
        except FileNotFoundError:
            continue  # that of the listing itself
        if target.startswith(f"{folder}/") and target.endswith(".jsonl"):
            found.append(target)
    return found


@pytest.mark.parametrize(
    ("options", "error", "why"),
    [
        ({"sessions": 7}, StateTypeError, "sessions must be .* not int"),
        ({"sessions": [7]}, StateTypeError, "session_id must be a string, not int"),
        ({"sessions": b"s"}, StateTypeError, "session_id must be a string"),
        ({"after": "x:1"}, StateValueError, "one session"),
        ({"after": Cursor("x", 1)}, StateValueError, "one session"),
        ({"sessions": ["a", "b"], "after": "x:1"}, StateValueError, "session_id: cursor"),
        ({"sessions": [], "after": "x:1"}, StateValueError, "one session"),
        ({"sessions": "s", "after": ""}, StateValueError, "not a cursor: ''"),
        ({"sessions": "s", "after": "x"}, StateValueError, "not a cursor: 'x'"),
        ({"sessions": "s", "after": "x:-1"}, StateValueError, "log_id:seq"),
        ({"sessions": "s", "after": "x:1:hash"}, StateValueError, "not a cursor"),
        ({"after": {"s": "x"}}, StateValueError, "not a cursor: 'x'"),
        ({"after": {"s": 7}}, StateTypeError, "Cursor or its text, not int"),
        ({"sessions": "s", "after": 7}, StateTypeError, "after must be a cursor .* not int"),
        ({"sessions": "s", "after": b"x:1"}, StateTypeError, "not bytes"),
    ],
)
def test_what_makes_no_sense_is_refused_at_once(
    store: DefaultSessionStore, options: dict[str, Any], error: type[JournalError], why: str
) -> None:
    with pytest.raises(error, match=why):
        store.tail(**options)


class TestDamage:
    def test_of_all_sessions_a_damaged_one_is_left_out(
        self, store: DefaultSessionStore, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        (tmp_path / "bad.jsonl").write_text("no log\nat all\n")
        with store.tail(from_start=True) as tail:
            for turn in ("t1", "t2", "t3"):
                put(store, "good", turn)
                (arrival,) = take(tail, 1)
                assert arrival.session_id == "good"
        assert any("'bad' is left out" in record.message for record in caplog.records)

    def test_the_same_damage_is_logged_once_and_again_when_it_comes_back(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        log = tmp_path / "s.jsonl"
        damage = b"no log\nat all\n"

        class Insistent(Directory):
            def watch(self, stop: StopEvent) -> Iterator[frozenset[str]]:
                for content, expected in ((damage, 1), (damage, 1), (whole, 1), (damage, 2)):
                    log.write_bytes(content)
                    yield frozenset({"s"})
                    assert len(caplog.records) == expected

        with DefaultSessionStore(tmp_path, durability="os") as store:
            put(store, "s", "t1")
        whole = log.read_bytes()
        with Tail(Insistent(str(tmp_path), LogOptions())) as tail:
            assert list(tail) == []
        assert {"session 's' is left out" in record.message for record in caplog.records} == {True}

    def test_one_that_is_damaged_later_and_mended_goes_on(
        self, store: DefaultSessionStore, tmp_path: Path
    ) -> None:
        put(store, "s", "t1")
        log = tmp_path / "s.jsonl"
        with store.tail() as tail:
            whole = log.read_bytes()
            log.write_bytes(b"x" * len(whole))
            put(store, "other", "t1")
            assert take(tail, 1)[0].session_id == "other"
            log.write_bytes(whole)
            put(store, "s", "t2")
            (arrival,) = take(tail, 1)
        assert (arrival.session_id, arrival.event.seq) == ("s", 2)

    def test_one_that_was_asked_for_is_an_error(
        self, store: DefaultSessionStore, tmp_path: Path
    ) -> None:
        (tmp_path / "bad.jsonl").write_text("no log\nat all\n")
        for tail in (store.tail(["good", "bad"]), store.tail("bad", from_start=True)):
            with pytest.raises(DamagedError, match=r"bad\.jsonl"), giving_up(tail):
                next(tail)
            assert list(tail) == [], "and the end of that tail"

    def test_a_damaged_line_is_counted_as_lost_and_the_rest_arrives(
        self, store: DefaultSessionStore, tmp_path: Path
    ) -> None:
        put(store, "s", "t1", "t2", "t3", "t4")
        log = tmp_path / "s.jsonl"
        log.write_bytes(log.read_bytes().replace(b'{"turn":"t2"}', b'{"turn":"T2"}'))
        with store.tail("s", from_start=True) as tail:
            assert [(a.event.seq, a.lost) for a in take(tail, 3)] == [(1, 0), (3, 1), (4, 0)]


def test_what_a_consumer_takes_does_not_put_off_the_next_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Looks at everything find what nobody gave notice of; a slow consumer needs them most."""
    clock = {"now": 0.0}

    class Unnoticed(Directory):
        def watch(self, stop: StopEvent) -> Iterator[frozenset[str]]:
            for _ in range(5):
                yield frozenset()
                clock["now"] += 1.0

    monkeypatch.setattr("projections.tail.tail.monotonic", lambda: clock["now"])
    engine = Unnoticed(str(tmp_path), LogOptions())
    with DefaultSessionStore(tmp_path, durability="os") as store, Tail(engine, "s") as tail:
        put(store, "s", "t1")
        assert seqs(take(tail, 1)) == [1]
        clock["now"] += 3600.0
        put(store, "s", "t2")
        assert seqs(take(tail, 1)) == [2]


def test_looks_take_at_most_a_hundredth_of_the_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = {"now": 0.0, "looks": 0.0}

    class Slow(Directory):
        def watch(self, stop: StopEvent) -> Iterator[frozenset[str]]:
            while clock["now"] < 10_000.0:
                yield frozenset()
                clock["now"] += 1.0

        def sessions(self, **options: Any) -> Iterator[Any]:
            clock["now"] += 2.0
            clock["looks"] += 1
            return iter(())

    monkeypatch.setattr("projections.tail.tail.monotonic", lambda: clock["now"])
    assert list(Tail(Slow(str(tmp_path), LogOptions()))) == []
    assert clock["looks"] * 2.0 <= 10_000.0 / 100 + 4.0
    assert clock["looks"] > 25, "but it does look, every 200 seconds"


# In an event loop


def run(main: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run it, and see that nothing is left behind: no thread, no complaint of the loop."""
    noise: list[Any] = []

    async def with_time_limit() -> T:
        asyncio.get_running_loop().set_exception_handler(lambda _, told: noise.append(told))
        return await asyncio.wait_for(main(), PATIENCE)

    result = asyncio.run(with_time_limit())
    gc.collect()
    for thread in tail_threads():
        thread.join(PATIENCE)
    assert tail_threads() == []
    assert noise == []
    return result


def tail_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "journal-tail"]


async def to_end(tail: AsyncTail, sessions: int = 1) -> list[Arrival]:
    found = []
    async for arrival in tail:
        found.append(arrival)
        sessions -= is_end(arrival)
        if not sessions:
            break
    return found


class TestAsync:
    def test_all_that_a_process_appends_arrives_once_and_in_order(
        self, store: DefaultSessionStore, tmp_path: Path
    ) -> None:
        async def main() -> list[Arrival]:
            tail = aiter(store.tail("s"))
            process = writer(tmp_path, 200, 30, "s")
            found = await to_end(tail)
            await asyncio.to_thread(finish, [process])
            return found

        check_whole(store, "s", run(main))

    def test_the_loop_goes_on_while_a_tail_waits(self, either: DefaultSessionStore) -> None:
        async def main() -> int:
            async with aiter(either.tail("s")) as tail:
                waiting = asyncio.ensure_future(anext(tail))
                for _ in range(100):
                    await asyncio.sleep(0)
                assert not waiting.done()
                put(either, "s", "t1")
                return (await waiting).event.seq

        assert run(main) == 1

    def test_a_timeout_loses_nothing(self, store: DefaultSessionStore, tmp_path: Path) -> None:
        async def main() -> tuple[list[Arrival], int]:
            found: list[Arrival] = []
            timeouts = 0
            async with aiter(store.tail("s")) as tail:
                process = writer(tmp_path, 200, 30, "s")
                while not (found and is_end(found[-1])):
                    try:
                        found.append(await asyncio.wait_for(anext(tail), 0.0005))
                    except TimeoutError:
                        timeouts += 1
            await asyncio.to_thread(finish, [process])
            return found, timeouts

        found, timeouts = run(main)
        assert timeouts > 0
        check_whole(store, "s", found)

    def test_a_cancelled_wait_loses_nothing_whenever_it_is_cancelled(
        self, either: DefaultSessionStore
    ) -> None:
        async def main() -> list[Arrival]:
            found: list[Arrival] = []
            cancelled = 0
            async with aiter(either.tail("s")) as tail:
                for number in range(60):
                    waiting = asyncio.ensure_future(anext(tail))
                    await asyncio.sleep(0)
                    put(either, "s", END if number == 59 else f"t{number}")
                    for _ in range(number % 12):
                        await asyncio.sleep(0.0002)
                    waiting.cancel()
                    try:
                        found.append(await waiting)
                    except asyncio.CancelledError:
                        cancelled += 1
                while not (found and is_end(found[-1])):
                    found.append(await anext(tail))
            assert cancelled > 0
            return found

        check_whole(either, "s", run(main))

    def test_a_wait_cancelled_after_its_arrival_came_keeps_it(
        self, either: DefaultSessionStore
    ) -> None:
        async def main() -> list[int]:
            async with aiter(either.tail("s")) as tail:
                waiting = asyncio.ensure_future(anext(tail))
                await asyncio.sleep(0)
                assert tail._wanted is not None
                tail._wanted.add_done_callback(lambda _: waiting.cancel())
                put(either, "s", "t1", "t2")
                with pytest.raises(asyncio.CancelledError):
                    await waiting
                return [(await anext(tail)).event.seq for _ in range(2)]

        assert run(main) == [1, 2]

    def test_a_task_that_is_cancelled_goes_quietly(self, either: DefaultSessionStore) -> None:
        async def main() -> None:
            async def follow() -> None:
                async for _ in either.tail("s"):
                    raise AssertionError("nothing was appended")

            task = asyncio.create_task(follow())
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

        run(main)

    def test_a_task_that_is_left_waiting_goes_with_its_loop(
        self, either: DefaultSessionStore
    ) -> None:
        cancelled: list[bool] = []

        async def main() -> None:
            task = asyncio.create_task(to_end(aiter(either.tail("s"))))
            task.add_done_callback(lambda task: cancelled.append(task.cancelled()))
            await asyncio.sleep(0)

        run(main)
        assert cancelled == [True]

    def test_one_that_is_kept_longer_than_its_loop_ends_with_the_next_arrival(
        self, either: DefaultSessionStore
    ) -> None:
        async def main() -> AsyncTail:
            tail = aiter(either.tail("s"))
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(anext(tail), 0.001)
            return tail

        kept = asyncio.run(main())
        (thread,) = tail_threads()
        put(either, "s", "t1")
        thread.join(PATIENCE)
        assert not thread.is_alive()
        assert list(kept._tail) == []

    def test_in_another_loop_it_says_that_it_is_waited_for_and_loses_nothing(
        self, either: DefaultSessionStore
    ) -> None:
        tail = asyncio.run(self.left_waiting(either))
        first = asyncio.new_event_loop()
        try:
            kept = first.run_until_complete(self.left_waiting(either))
            with pytest.raises(RuntimeError, match="another event loop already"):
                asyncio.run(anext(kept))
            put(either, "s", "t1")
            event = first.run_until_complete(anext(kept)).event
            assert isinstance(event, Set)
            assert event.turn_id == "t1"
            put(either, "s", "t2")
            event = asyncio.run(anext(kept)).event
            assert isinstance(event, Set)
            assert event.turn_id == "t2"
            asyncio.run(kept.aclose())
            asyncio.run(tail.aclose())
        finally:
            first.close()

    @staticmethod
    async def left_waiting(store: DefaultSessionStore) -> AsyncTail:
        tail = aiter(store.tail("s"))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(tail), 0.001)
        return tail

    @pytest.mark.parametrize("how", ["aclose", "stop", "close the store"])
    def test_whoever_waits_is_told_of_the_end(self, either: DefaultSessionStore, how: str) -> None:
        async def main() -> list[Arrival]:
            source = either.tail("s")
            tail = aiter(source)
            task = asyncio.create_task(to_end(tail))
            await asyncio.sleep(0)
            if how == "aclose":
                await tail.aclose()
            elif how == "stop":
                source.stop()
            else:
                either.close()
            found = await task
            with pytest.raises(StopAsyncIteration):
                await anext(tail)
            await tail.aclose()
            return found

        assert run(main) == []

    def test_dropping_it_ends_its_thread(self, either: DefaultSessionStore) -> None:
        async def main() -> None:
            put(either, "s", "t1")
            source = either.tail("s", from_start=True)
            tail = aiter(source)
            assert (await anext(tail)).event.seq == 1
            (thread,) = tail_threads()
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(anext(tail), 0.001)
            del tail
            gc.collect()
            await asyncio.to_thread(thread.join, PATIENCE)
            assert not thread.is_alive()
            assert list(source) == []

        run(main)

    def test_leaving_the_loop_early_ends_its_thread(self, either: DefaultSessionStore) -> None:
        async def main() -> None:
            put(either, "s", "t1", "t2")
            async for arrival in either.tail("s", from_start=True):
                assert arrival.event.seq == 1
                break

        run(main)

    def test_with_and_async_for_go_together(
        self, store: DefaultSessionStore, tmp_path: Path
    ) -> None:
        async def main() -> None:
            put(store, "s", "t1")
            with store.tail("s", from_start=True) as tail:
                async for arrival in tail:
                    assert arrival.event.seq == 1
                    break

        run(main)
        store.close()
        assert open_logs(tmp_path) == []

    def test_an_error_is_raised_where_it_is_awaited_and_is_the_end(
        self, store: DefaultSessionStore, tmp_path: Path
    ) -> None:
        (tmp_path / "bad.jsonl").write_text("no log\nat all\n")

        async def main() -> None:
            tail = aiter(store.tail("bad", from_start=True))
            (thread,) = tail_threads()
            with pytest.raises(DamagedError, match=r"bad\.jsonl"):
                await anext(tail)
            await asyncio.to_thread(thread.join, PATIENCE)
            assert not thread.is_alive()
            with pytest.raises(StopAsyncIteration):
                await anext(tail)

        run(main)

    def test_an_error_that_nobody_awaits_any_more_makes_no_noise(
        self, store: DefaultSessionStore, tmp_path: Path
    ) -> None:
        put(store, "s", "t1")

        async def main() -> None:
            tail = aiter(store.tail("s"))
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(anext(tail), 0.001)
            (tmp_path / "s.jsonl").write_text("no log\nat all\n")
            wanted = tail._wanted
            assert wanted is not None
            await asyncio.wait([wanted])
            assert isinstance(wanted.exception(), DamagedError)

        run(main)

    def test_two_in_one_loop(self, either: DefaultSessionStore) -> None:
        async def main() -> list[list[Arrival]]:
            tails = [(either.tail("a"), 1), (either.tail("b"), 1), (either.tail(), 2)]
            tasks = [asyncio.create_task(to_end(aiter(tail), ends)) for tail, ends in tails]
            for number in range(20):
                put(either, "a", f"t{number}")
                put(either, "b", f"t{number}")
                await asyncio.sleep(0)
            put(either, "a", END)
            put(either, "b", END)
            return await asyncio.gather(*tasks)

        of_a, of_b, of_all = run(main)
        check_whole(either, "a", of_a)
        check_whole(either, "b", of_b)
        assert sorted(of_all, key=lambda arrival: arrival.session_id) == of_a + of_b

    def test_one_loop_after_the_other_goes_on_by_cursor(self, either: DefaultSessionStore) -> None:
        put(either, "s", *(f"t{number}" for number in range(6)))
        found: list[int] = []
        after: Cursor | None = None

        async def main() -> Arrival:
            async for arrival in either.tail("s", after=after, from_start=True):
                return arrival
            raise AssertionError("it ended")

        while len(found) < 6:
            arrival = run(main)
            after = arrival.cursor
            found.append(arrival.event.seq)
        assert found == [1, 2, 3, 4, 5, 6]


def test_importing_the_tail_does_not_load_asyncio() -> None:
    code = "import sys, projections.tail.tail; print('asyncio' in sys.modules)"
    assert finish([python(code)]) == ["False\n"]


def test_history_dropped_while_a_late_tail_reads_it_ends_nothing(tmp_path: Path) -> None:
    """What is left is read, and how much is gone is said."""
    with DefaultSessionStore(tmp_path, durability="os") as store:
        for number in range(4):
            put(store, "s", f"t{number}", "again")
            put(store, "s", "again")
            store.compact("s")
        last = log_id(store, "s")
        done: list[str] = []

        def drop_in_the_middle(name: str, args: tuple[Any, ...]) -> None:
            if name == "open" and "s.6.jsonl" in args[0] and not done:
                done.append(name)
                put(store, "s", "again", END)
                store.compact("s", "drop")

        options = LogOptions(storage=FaultyStorage(drop_in_the_middle))
        tail = Tail(Directory(str(tmp_path), options), "s", after=Cursor(last, 1))
        found = take_to_ends(tail, "s")["s"]
        assert done
        assert seqs(found) == sorted(set(seqs(found)))
        assert found[-1].event.seq == 14
        assert any(arrival.lost for arrival in found)
        tail.close()
