"""Where a tail begins, and where it goes on."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from journal.events import Cursor
from projections import DefaultSessionStore
from tests.projections.tail.tails import (
    END,
    check_whole,
    log_id,
    newest,
    put,
    seqs,
    take,
    take_to_ends,
)
from tests.users import ALICE, folder_of, only_root, open_place


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
