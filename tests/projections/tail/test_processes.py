"""What other processes append, compact and delete."""

import signal
from itertools import pairwise
from pathlib import Path

import pytest

from projections import DefaultSessionStore
from tests.projections.tail.tails import (
    check_whole,
    giving_up,
    is_end,
    put,
    seqs,
    take_to_ends,
    writer,
)
from tests.support import finish, forked, python


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
        process = python(_TAILS_UNTIL_TOLD, str(tmp_path))
        assert process.stdout is not None
        assert process.stdout.readline() == "t1\n"
        process.send_signal(signal.SIGTERM)
        assert finish([process]) == ["stopped\n"]

    def test_ctrl_c_interrupts_a_tail(self, store: DefaultSessionStore, tmp_path: Path) -> None:
        put(store, "s", "t1")
        process = python(_TAILS_UNTIL_TOLD, str(tmp_path))
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
