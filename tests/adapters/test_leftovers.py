"""What finalizers leave to do: done by others, in order, and nothing that could be waited for."""

import functools
import gc
import os
import threading
import weakref
from collections.abc import Iterator

import pytest

from projections.adapters.leftovers import Leftovers
from tests.projections.store_async.gates import PATIENCE
from tests.support import finish, python


@pytest.fixture
def leftovers() -> Iterator[Leftovers]:
    found = Leftovers()
    yield found
    found.end()


def watchers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "journal-left"]


def test_notes_are_carried_out_in_order_by_another_thread(leftovers: Leftovers) -> None:
    done: list[tuple[int, int]] = []
    last = threading.Event()

    def note(number: int) -> None:
        done.append((number, threading.get_ident()))

    before = watchers()
    leftovers.watch()
    (thread,) = set(watchers()) - set(before)
    for number in range(100):
        leftovers.leave(functools.partial(note, number))
    leftovers.leave(last.set)
    assert last.wait(PATIENCE)
    assert [number for number, _ in done] == list(range(100))
    assert {by for _, by in done} == {thread.ident}


def test_without_a_thread_they_wait_for_somebody_to_settle(leftovers: Leftovers) -> None:
    done: list[str] = []
    leftovers.leave(lambda: done.append("left"))
    assert done == []
    leftovers.settle()
    assert done == ["left"]


def test_to_settle_waits_for_a_note_that_is_being_carried_out(leftovers: Leftovers) -> None:
    """Else what comes after could be written before it."""
    begun, goes_on, done = threading.Event(), threading.Event(), []

    def slow() -> None:
        begun.set()
        assert goes_on.wait(PATIENCE)
        done.append("slow")

    def settle() -> None:
        leftovers.settle()
        done.append("settled")

    leftovers.watch()
    leftovers.leave(slow)
    assert begun.wait(PATIENCE)
    settling = threading.Thread(target=settle)
    settling.start()
    settling.join(0.05)
    goes_on.set()
    settling.join(PATIENCE)
    assert done == ["slow", "settled"]


def test_a_note_left_while_another_is_carried_out_comes_after_it(leftovers: Leftovers) -> None:
    """As a finalizer does that the garbage collector calls in the middle of a note."""
    done: list[str] = []

    def first() -> None:
        leftovers.leave(lambda: done.append("second"))
        done.append("first")

    leftovers.leave(first)
    leftovers.settle()
    assert done == ["first", "second"]


def test_the_thread_ends_with_who_needs_it() -> None:
    before = watchers()
    ended, dropped = Leftovers(), Leftovers()
    ended.watch()
    dropped.watch()
    threads = set(watchers()) - set(before)
    assert len(threads) == 2
    gone = weakref.ref(dropped)
    ended.end()
    del dropped
    gc.collect()
    assert gone() is None
    for thread in threads:
        thread.join(PATIENCE)
        assert not thread.is_alive()


def test_after_the_end_nobody_comes_but_who_settles() -> None:
    leftovers, done, before = Leftovers(), [], watchers()
    leftovers.watch()
    (thread,) = set(watchers()) - set(before)
    leftovers.end()
    thread.join(PATIENCE)
    leftovers.watch()
    assert set(watchers()) <= set(before)
    leftovers.leave(lambda: done.append("late"))
    assert done == []
    leftovers.settle()
    assert done == ["late"]


AFTER_THE_END = """
import gc
from projections.adapters.leftovers import Leftovers

def drop():
    leftovers = Leftovers()  # without a thread, which would linger a moment
    leftovers.end()
    leftovers.leave(lambda: print("left", leftovers.settle, flush=True))

drop()
gc.collect()
print("the last line", flush=True)
"""


def test_what_is_left_after_the_end_is_done_at_the_end_of_the_program() -> None:
    """Though nobody has it any more."""
    (output,) = finish([python(AFTER_THE_END)])
    assert [line.split()[0] for line in output.splitlines()] == ["the", "left"]


def test_where_no_thread_is_to_be_had_it_is_tried_again(
    leftovers: Leftovers, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:

        def refused(thread: threading.Thread) -> None:
            raise RuntimeError("can't start new thread")

        patch.setattr(threading.Thread, "start", refused)
        leftovers.watch()
    reached = threading.Event()
    leftovers.leave(reached.set)
    leftovers.watch()
    assert reached.wait(PATIENCE)


AT_EXIT = """
import sys
from projections.adapters.leftovers import Leftovers

leftovers = Leftovers()
if sys.argv[1] == "watched":
    leftovers.watch()

def late():
    leftovers.leave(lambda: print("later", flush=True))
    print("late", flush=True)

class Late:
    def __del__(self):
        leftovers.leave(late)

kept = Late()
leftovers.leave(lambda: print("left", flush=True))
"""


@pytest.mark.parametrize("how", ["watched", "not watched"])
def test_what_is_left_at_the_end_of_the_program_is_done(how: str) -> None:
    """Also what is left while the interpreter clears its modules away."""
    (output,) = finish([python(AT_EXIT, how)])
    assert output.split() == ["left", "late", "later"]


def test_a_child_of_a_fork_does_nothing_of_its_parents(leftovers: Leftovers) -> None:
    done: list[str] = []
    leftovers.leave(lambda: done.append("the parent's"))
    read, write = os.pipe()
    child = os.fork()
    if child == 0:  # pragma: no cover
        reached = threading.Event()
        leftovers.watch()
        leftovers.leave(reached.set)
        os.write(write, b"yes" if reached.wait(PATIENCE) and not done else b"no")
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(read, 10) == b"yes"
    os.close(read)
    os.close(write)
    leftovers.settle()
    assert done == ["the parent's"]
