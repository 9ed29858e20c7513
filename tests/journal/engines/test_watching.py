"""Which sessions have news: from the kernel, from watchfiles, and where nothing can watch.

A set with ids in it shows that something watches: looks without notice yield empty sets. Each
wait is ended by a timer that no working watch needs, so that a test fails and does not hang.
"""

import gc
import logging
import os
import shutil
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from time import monotonic

import pytest

from journal.engines.files import watching
from journal.engines.files.directory import Directory
from journal.engines.files.log import LogOptions
from journal.stopping import StopEvent
from tests.support import finish, forked, open_log, set_event
from tests.users import ALICE, folder_of, only_root, open_place

PATIENCE = 60.0
"""Seconds after which something that has to happen has not happened."""

LONG_ID = "x" * 300


@pytest.fixture(params=["the kernel", "watchfiles"])
def notifier(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each way to be notified, where this system has it."""
    if request.param == "watchfiles":
        monkeypatch.setattr(watching, "_HAS_INOTIFY", False)
    elif not watching._HAS_INOTIFY:
        pytest.skip("of Linux")
    return str(request.param)


class Watch:
    """What is reported of a folder, one look after the other."""

    def __init__(self, folder: Path) -> None:
        self.stop = StopEvent()
        self._looks = Directory(str(folder), LogOptions()).watch(self.stop)

    def next(self) -> frozenset[str]:
        with self._giving_up():
            return next(self._looks)

    def await_news(self, *sessions: str) -> None:
        """Until each of these was reported."""
        left = set(sessions)
        with self._giving_up():
            for look in self._looks:
                left -= look
                if not left:
                    return
        raise AssertionError(f"nothing was reported of {left}")

    def rest(self) -> list[frozenset[str]]:
        with self._giving_up():
            return list(self._looks)

    @contextmanager
    def _giving_up(self) -> Iterator[None]:
        timer = threading.Timer(PATIENCE, self.stop.set)
        timer.daemon = True
        timer.start()
        yield
        timer.cancel()
        timer.join()


def put(folder: Path, session: str = "s", times: int = 1) -> None:
    """By another process, for all that a watch can know."""
    log, _ = open_log(folder, session)
    for _ in range(times):
        log.append([set_event("a")])
    log.close()


def check_follows(watch: Watch, folder: Path, session: str) -> None:
    """One append after the other is reported: something watches this very folder."""
    for _ in range(5):
        put(folder, session)
        watch.await_news(session)


# What is reported


def test_the_logs_in_the_folder_and_nothing_else(tmp_path: Path, notifier: str) -> None:
    (tmp_path / "archive").mkdir()
    watch = Watch(tmp_path)
    assert watch.next() == frozenset()
    for name in ("archive/a.jsonl", "a.json", "no.stem.jsonl", ".git.jsonl"):
        (tmp_path / name).write_text("x")
    put(tmp_path, LONG_ID)
    seen: set[str] = set()
    while not seen:
        seen |= watch.next()
    assert seen == {LONG_ID}


def test_no_name_is_taken_for_one_that_nobody_wants_to_know_of(
    tmp_path: Path, notifier: str
) -> None:
    """As watchfiles does by itself with folders of tools and with what editors leave."""
    folder = tmp_path / ".venv"
    folder.mkdir()
    watch = Watch(folder)
    assert watch.next() == frozenset()
    put(folder, "flycheck_s")
    watch.await_news("flycheck_s")


@pytest.mark.parametrize("change", ["append", "remove", "rename", "replace"])
def test_whatever_happens_to_a_log_is_news(tmp_path: Path, notifier: str, change: str) -> None:
    put(tmp_path, "s")
    log, aside = tmp_path / "s.jsonl", tmp_path / "aside"
    shutil.copy(log, aside)
    watch = Watch(tmp_path)
    assert watch.next() == frozenset()
    acts: dict[str, Callable[[], object]] = {
        "append": lambda: put(tmp_path, "s"),
        "remove": log.unlink,
        "rename": lambda: log.rename(tmp_path / "other"),
        "replace": lambda: aside.rename(log),
    }
    acts[change]()
    watch.await_news("s")


def test_silence_is_reported_once_a_second_also_between_news(
    tmp_path: Path, notifier: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]  # the machine has just started
    monkeypatch.setattr(watching, "monotonic", lambda: now[0])
    watch = Watch(tmp_path)
    assert watch.next() == frozenset()
    for _ in range(3):
        put(tmp_path)
        assert watch.next() == {"s"}, "no time has gone by"
    now[0] += 0.9
    put(tmp_path)
    assert watch.next() == {"s"}
    now[0] += 0.1
    while (look := watch.next()) == {"s"}:
        pass  # watchfiles may need a while for what was appended last
    assert look == frozenset()


def test_when_the_kernel_has_dropped_notices_all_sessions_are_reported(tmp_path: Path) -> None:
    limit = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    for session in ("a", "b"):
        put(tmp_path, session)
    watch = Watch(tmp_path)
    assert watch.next() == frozenset()
    with open(tmp_path / "a.jsonl", "ab", 0) as one, open(tmp_path / "b.jsonl", "ab", 0) as other:
        for _ in range(limit // 2 + 1):
            one.write(b"\n")  # the same again would be one notice with the last
            other.write(b"\n")
    put(tmp_path, "too late for the queue")
    watch.await_news("too late for the queue")
    check_follows(watch, tmp_path, "c")


# A folder that comes and goes


def test_it_may_begin_before_there_is_a_folder(tmp_path: Path, notifier: str) -> None:
    folder = tmp_path / "later"
    watch = Watch(folder)
    assert [watch.next(), watch.next()] == [frozenset(), frozenset()]
    put(folder, "first")
    watch.await_news("first")
    check_follows(watch, folder, "s")


def remove_and_make(folder: Path) -> None:
    shutil.rmtree(folder)
    put(folder, "first")


def put_another_in_its_place(folder: Path) -> None:
    put(folder.parent / "other", "first")
    folder.rename(folder.parent / "away")
    (folder.parent / "other").rename(folder)


def put_another_in_the_place_of_its_parent(folder: Path) -> None:
    parent = folder.parent
    put(parent.parent / "other" / folder.name, "first")
    parent.rename(parent.parent / "away")
    (parent.parent / "other").rename(parent)


@pytest.mark.parametrize(
    "happens", [remove_and_make, put_another_in_its_place, put_another_in_the_place_of_its_parent]
)
def test_another_folder_at_its_path_is_watched_as_the_first_was(
    tmp_path: Path, notifier: str, happens: Callable[[Path], None]
) -> None:
    folder = tmp_path / "parent" / "sessions"
    put(folder, "first")
    watch = Watch(folder)
    assert watch.next() == frozenset()
    check_follows(watch, folder, "s")
    for _ in range(2):
        happens(folder)
        watch.await_news("first")
        check_follows(watch, folder, "s")
        for left in ("away", "../away"):
            shutil.rmtree(folder.parent / left, ignore_errors=True)


def test_a_folder_that_somebody_still_has_open_when_it_is_removed(
    tmp_path: Path, notifier: str
) -> None:
    """The kernel reports no removal then."""
    folder = tmp_path / "sessions"
    put(folder, "first")
    watch = Watch(folder)
    assert watch.next() == frozenset()
    held = os.open(folder, os.O_RDONLY)
    try:
        remove_and_make(folder)
        watch.await_news("first")
        check_follows(watch, folder, "s")
    finally:
        os.close(held)


def test_a_symbolic_link_in_the_path_that_is_switched(tmp_path: Path, notifier: str) -> None:
    old, new, link = tmp_path / "old", tmp_path / "new", tmp_path / "link"
    put(old / "sessions", "first")
    put(new / "sessions", "second")
    link.symlink_to(old)
    watch = Watch(link / "sessions")
    assert watch.next() == frozenset()
    check_follows(watch, link / "sessions", "s")
    (tmp_path / "next").symlink_to(new)
    (tmp_path / "next").rename(link)
    watch.await_news("second")
    check_follows(watch, link / "sessions", "s")


@only_root
@pytest.mark.parametrize("taken", ["before it begins", "while it watches"])
def test_a_permission_that_is_taken_and_given_back(taken: str) -> None:
    with open_place() as place:
        folder = folder_of(ALICE, place / "sessions")
        assert ALICE.run(_LOSES_PERMISSION, str(folder), taken) == "first\ns\ns\n"


_LOSES_PERMISSION = """
from journal.engines.files.directory import Directory
from journal.engines.files.log import LogOptions
from journal.stopping import StopEvent

folder, taken = sys.argv[1:]
looks = Directory(folder, LogOptions()).watch(StopEvent())

def put(session):
    with open(os.path.join(folder, session + ".jsonl"), "a") as log:
        log.write("x")

def hear(session):
    next(look for look in looks if session in look)
    print(session)

if taken == "while it watches":
    next(looks)
os.chmod(folder, 0)
assert [next(looks), next(looks)] == [frozenset(), frozenset()]
os.chmod(folder, 0o700)
put("first")
hear("first")
for _ in range(2):
    put("s")
    hear("s")
"""


# Where nothing can watch


def test_at_the_limit_of_the_system_it_looks_by_itself_and_watches_as_soon_as_it_can(
    tmp_path: Path,
) -> None:
    (output,) = finish([forked(_WITHOUT_DESCRIPTORS, str(tmp_path))])
    assert output == "looks\nlooks\nwatches\n"


_WITHOUT_DESCRIPTORS = """
import os, resource, sys
import journal.engines.files.inotify
from journal.engines.files.directory import Directory
from journal.engines.files.log import LogOptions
from journal.stopping import StopEvent
resource.setrlimit(resource.RLIMIT_NOFILE, (50, 50))
taken = []
try:
    while True:
        taken.append(os.open("/dev/null", os.O_RDONLY))
except OSError:
    pass
folder = sys.argv[1]
looks = Directory(folder, LogOptions()).watch(StopEvent())
for _ in range(2):
    assert next(looks) == frozenset()
    print("looks")
for fd in taken:
    os.close(fd)
open(os.path.join(folder, "s.jsonl"), "w").close()
next(look for look in looks if "s" in look)
print("watches")
"""


@pytest.mark.parametrize("error", ["Too many open files", "no space left"])
def test_what_refuses_the_watch_is_logged_once_and_looks_go_on_in_peace(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    error: str,
) -> None:
    """As watchfiles says it; its words are all that there is."""

    def refuse(*args: object) -> None:
        raise RuntimeError(error)

    monkeypatch.setattr(watching, "_HAS_INOTIFY", False)
    monkeypatch.setattr("journal.engines.files.watchfiles_notifier.RustNotify", refuse)
    waits: list[float] = []
    watch = Watch(tmp_path)
    monkeypatch.setattr(watch.stop, "wait", lambda seconds: waits.append(seconds))
    assert [watch.next() for _ in range(4)] == [frozenset()] * 4
    assert len(waits) == 3
    assert 0.001 < min(waits) <= max(waits) < 1
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    for part in (str(tmp_path), error, "max_user_instances", "max_user_watches", "ulimit -n"):
        assert part in record.getMessage()


def test_what_came_before_it_could_watch_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Looks without notice may be rare where there are many sessions."""
    open_notifier = watching.open_notifier

    def refuse(*args: object) -> None:
        raise PermissionError(13, "not yet")

    monkeypatch.setattr(watching, "open_notifier", refuse)
    watch = Watch(tmp_path)
    assert watch.next() == frozenset()
    put(tmp_path, "s")
    monkeypatch.setattr(watching, "open_notifier", open_notifier)
    watch.await_news("s")


# What it costs


def test_at_rest_the_kernel_wakes_it_once_a_second(tmp_path: Path) -> None:
    """Counted by the kernel: how often the process has waited for something."""
    (output,) = finish([forked(_COUNTS_WAKE_UPS, str(tmp_path))])
    looks, wakes = map(int, output.split())
    assert looks == 1
    assert wakes <= 5 * looks


_COUNTS_WAKE_UPS = """
import re, sys
from journal.engines.files.directory import Directory
from journal.engines.files.log import LogOptions
from journal.stopping import StopEvent

def wakes():
    with open("/proc/self/status") as file:
        return int(re.search(r"(?m)^voluntary_ctxt_switches:\\s*(\\d+)", file.read())[1])

watch = Directory(sys.argv[1], LogOptions()).watch(StopEvent())
next(watch)
next(watch)
before = wakes()
looks = [next(watch)]
assert not any(looks)
print(len(looks), wakes() - before)
"""


def test_watchfiles_looks_less_often_at_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It asks whether to stop at each of its looks: a thousand a second while news comes."""
    asked = [0]

    class Counted(StopEvent):
        def is_set(self) -> bool:
            asked[0] += 1
            return super().is_set()

    monkeypatch.setattr(watching, "_HAS_INOTIFY", False)
    watch = Watch(tmp_path)
    watch.stop = Counted()
    watch._looks = Directory(str(tmp_path), LogOptions()).watch(watch.stop)
    watch.next()
    asked[0] = 0
    assert watch.next() == frozenset(), "a second of silence"
    assert 0 < asked[0] <= 100


# How it ends


@pytest.mark.parametrize("folder", ["there", "missing"])
def test_it_ends_at_once_when_told_to(
    tmp_path: Path, notifier: str, monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    """It does not wait for the second to be over."""
    monkeypatch.setattr(watching, "_QUIET", 10 * PATIENCE)
    monkeypatch.setattr(watching, "_PAUSE", 10 * PATIENCE)
    (tmp_path / "there").mkdir()
    watch = Watch(tmp_path / folder)
    assert watch.next() == frozenset()
    timer = threading.Timer(0.1, watch.stop.set)
    began = monotonic()
    timer.start()
    assert watch.rest() == []
    assert monotonic() - began < PATIENCE, "the test's own timer has ended it"
    timer.join()


def test_one_that_was_told_before_it_began_looks_at_nothing(tmp_path: Path, notifier: str) -> None:
    watch = Watch(tmp_path)
    watch.stop.set()
    assert watch.rest() == []


def test_an_interrupt_is_passed_on(tmp_path: Path, notifier: str) -> None:
    watch = Watch(tmp_path)
    watch.next()
    timer = threading.Timer(0.1, os.kill, [os.getpid(), signal.SIGINT])
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        watch.rest()
    timer.join()


def test_a_signal_handler_may_end_it(
    tmp_path: Path, notifier: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "_QUIET", 10 * PATIENCE)
    watch = Watch(tmp_path)
    assert watch.next() == frozenset()
    before = signal.signal(signal.SIGUSR1, lambda *_: watch.stop.set())
    timer = threading.Timer(0.1, os.kill, [os.getpid(), signal.SIGUSR1])
    began = monotonic()
    timer.start()
    try:
        assert watch.rest() == []
    finally:
        timer.join()
        signal.signal(signal.SIGUSR1, before)
    assert monotonic() - began < PATIENCE, "the test's own timer has ended it"


def open_files() -> set[tuple[int, str]]:
    """Of this process; threads of other tests may close theirs meanwhile."""
    found = set()
    for fd in map(int, os.listdir("/proc/self/fd")):
        try:
            found.add((fd, os.readlink(f"/proc/self/fd/{fd}")))
        except FileNotFoundError:
            pass  # the one that the list was read from
    return found


def test_closing_it_gives_everything_back(tmp_path: Path) -> None:
    gc.collect()  # what other tests have left
    before = open_files()
    for _ in range(3):
        watch = Watch(tmp_path)
        list(islice(watch._looks, 1))
        assert len(open_files() - before) == 3, "inotify, and a pipe to be stopped by"
        watch._looks.close()  # type: ignore[attr-defined]
        assert len(open_files() - before) == 2
        del watch
        assert not open_files() - before


def test_a_forked_child_takes_no_news_from_its_parent_and_hears_of_its_own(tmp_path: Path) -> None:
    (output,) = finish([forked(_FORKS, str(tmp_path))])
    assert output == "child: s, again\nparent: s, again\nparent goes on\n"


_FORKS = """
import os, select, sys
from journal.engines.files.directory import Directory
from journal.engines.files.log import LogOptions
from journal.stopping import StopEvent
from tests.support import open_log, set_event
from pathlib import Path

folder = Path(sys.argv[1])
stop = StopEvent()
looks = Directory(str(folder), LogOptions()).watch(stop)
assert next(looks) == frozenset()

def put(session):
    log, _ = open_log(folder, session)
    log.append([set_event("a")])
    log.close()

def hear(*sessions):
    left = set(sessions)
    while left:
        left -= next(looks)
    return ", ".join(sessions)

put("s")
child = os.fork()
if child == 0:
    heard = hear("s")
    put("again")
    print("child:", heard + ",", hear("again"), flush=True)
    stop.set()
    assert not any(looks)
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
print("parent:", hear("s", "again"))
assert not stop.is_set()
assert select.select([stop], [], [], 0)[0] == []
print("parent goes on")
"""
