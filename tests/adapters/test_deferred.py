"""Work that finalizers defer: done by others, in order, and nothing that could be waited for."""

import functools
import gc
import os
import threading
import weakref
from collections.abc import Iterator

import pytest

from projections.adapters.deferred import Deferred
from tests.projections.store.async_store.gates import PATIENCE
from tests.support import finish, python


@pytest.fixture
def deferred() -> Iterator[Deferred]:
    found = Deferred()
    yield found
    found.end()


def watchers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "journal-deferred"]


def test_work_is_done_in_order_by_another_thread(deferred: Deferred) -> None:
    done: list[tuple[int, int]] = []
    last = threading.Event()

    def work(number: int) -> None:
        done.append((number, threading.get_ident()))

    before = watchers()
    deferred.watch()
    (thread,) = set(watchers()) - set(before)
    for number in range(100):
        deferred.put(functools.partial(work, number))
    deferred.put(last.set)
    assert last.wait(PATIENCE)
    assert [number for number, _ in done] == list(range(100))
    assert {by for _, by in done} == {thread.ident}


def test_without_a_thread_it_waits_for_somebody_to_drain(deferred: Deferred) -> None:
    done: list[str] = []
    deferred.put(lambda: done.append("left"))
    assert done == []
    deferred.drain()
    assert done == ["left"]


def test_to_drain_waits_for_work_that_is_being_done(deferred: Deferred) -> None:
    """Else what comes after could be written before it."""
    begun, goes_on, done = threading.Event(), threading.Event(), []

    def slow() -> None:
        begun.set()
        assert goes_on.wait(PATIENCE)
        done.append("slow")

    def drain() -> None:
        deferred.drain()
        done.append("drained")

    deferred.watch()
    deferred.put(slow)
    assert begun.wait(PATIENCE)
    draining = threading.Thread(target=drain)
    draining.start()
    draining.join(0.05)
    goes_on.set()
    draining.join(PATIENCE)
    assert done == ["slow", "drained"]


def test_work_deferred_in_the_middle_of_other_work_comes_after_it(deferred: Deferred) -> None:
    """As a finalizer does that the garbage collector calls in the middle of work."""
    done: list[str] = []

    def first() -> None:
        deferred.put(lambda: done.append("second"))
        done.append("first")

    deferred.put(first)
    deferred.drain()
    assert done == ["first", "second"]


def test_the_thread_ends_with_who_needs_it() -> None:
    before = watchers()
    ended, dropped = Deferred(), Deferred()
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


def test_after_the_end_nobody_comes_but_who_drains() -> None:
    deferred, done, before = Deferred(), [], watchers()
    deferred.watch()
    (thread,) = set(watchers()) - set(before)
    deferred.end()
    thread.join(PATIENCE)
    deferred.watch()
    assert set(watchers()) <= set(before)
    deferred.put(lambda: done.append("late"))
    assert done == []
    deferred.drain()
    assert done == ["late"]


AFTER_THE_END = """
import gc
from projections.adapters.deferred import Deferred

def drop():
    deferred = Deferred()  # without a thread, which would linger a moment
    deferred.end()
    deferred.put(lambda: print("done", deferred.drain, flush=True))

drop()
gc.collect()
print("the last line", flush=True)
"""


def test_what_is_deferred_after_the_end_is_done_at_the_end_of_the_program() -> None:
    """Though nobody has it any more."""
    (output,) = finish([python(AFTER_THE_END)])
    assert [line.split()[0] for line in output.splitlines()] == ["the", "done"]


def test_where_no_thread_is_to_be_had_it_is_tried_again(
    deferred: Deferred, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:

        def refused(thread: threading.Thread) -> None:
            raise RuntimeError("can't start new thread")

        patch.setattr(threading.Thread, "start", refused)
        deferred.watch()
    reached = threading.Event()
    deferred.put(reached.set)
    deferred.watch()
    assert reached.wait(PATIENCE)


AT_EXIT = """
import sys
from projections.adapters.deferred import Deferred

deferred = Deferred()
if sys.argv[1] == "watched":
    deferred.watch()

def late():
    deferred.put(lambda: print("later", flush=True))
    print("late", flush=True)

class Late:
    def __del__(self):
        deferred.put(late)

kept = Late()
deferred.put(lambda: print("left", flush=True))
"""


@pytest.mark.parametrize("how", ["watched", "not watched"])
def test_what_is_deferred_at_the_end_of_the_program_is_done(how: str) -> None:
    """Also what is deferred while the interpreter clears its modules away."""
    (output,) = finish([python(AT_EXIT, how)])
    assert output.split() == ["left", "late", "later"]


def test_a_child_of_a_fork_does_nothing_of_its_parents(deferred: Deferred) -> None:
    done: list[str] = []
    deferred.put(lambda: done.append("the parent's"))
    read, write = os.pipe()
    child = os.fork()
    if child == 0:  # pragma: no cover
        reached = threading.Event()
        deferred.watch()
        deferred.put(reached.set)
        os.write(write, b"yes" if reached.wait(PATIENCE) and not done else b"no")
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(read, 10) == b"yes"
    os.close(read)
    os.close(write)
    deferred.drain()
    assert done == ["the parent's"]
