"""Whether an event's writer has ended: made-up machines, and this one with real processes."""

import asyncio
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from journal.codec import default_writer
from journal.events import Event
from projections import AsyncSessionStore, DefaultSessionStore
from projections.writers import Writers
from tests.projections.handoff_steps import sets

BOOT = 1_800_000_000
TICK = os.sysconf("SC_CLK_TCK")
FIRST = 0xEFFFFFFC


def event(writer: str, since_boot: float = 100.0) -> Event:
    ts = datetime.fromtimestamp(BOOT + since_boot, UTC).isoformat().replace("+00:00", "Z")
    return event_at(writer, ts)


def event_at(writer: str, ts: str) -> Event:
    return replace(sets("a", "t"), writer=writer, ts=ts)


class Machine:
    """A `/proc` in a folder; process 1 is there from the boot on."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.inode = FIRST
        (folder / "stat").write_text(f"cpu 1 2\nbtime {BOOT}\nprocesses 9\n")
        (folder / "self/ns").mkdir(parents=True)
        self.namespace = folder / "self/ns/pid"
        self.namespace.write_text("")
        self.process(1, started=0)
        real = os.stat

        def stat(path: Any, *args: Any, **options: Any) -> Any:
            found = real(path, *args, **options)
            if str(path) != str(self.namespace):
                return found
            return os.stat_result((found.st_mode, self.inode, *tuple(found)[2:]))

        monkeypatch.setattr(os, "stat", stat)

    def process(
        self, pid: int, *inner: int, started: float, name: str = "x", state: str = "S"
    ) -> None:
        """One with these pids in the namespaces inside, started so many seconds after boot."""
        home = self.folder / str(pid)
        home.mkdir()
        spaces = "\t".join(map(str, (pid, *inner)))
        (home / "status").write_text(f"Name:\t{name}\nTgid:\t{pid}\nNSpid:\t{spaces}\nUid:\t0\n")
        rest = " ".join(["0"] * 18)
        (home / "stat").write_text(f"{pid} ({name}) {state} {rest} {int(started * TICK)} 0 0\n")

    def judge(self, *events: Event, host: str = "box") -> list[bool | None]:
        writers = Writers(str(self.folder), host, now=BOOT + 1000.0)
        return [writers.is_gone(each) for each in events]


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(tmp_path, monkeypatch)


def test_a_process_that_is_there_and_was_then_may_be_the_writer(machine: Machine) -> None:
    machine.process(42, started=50)
    assert machine.judge(event("box:42", 100), event("box:42", 50)) == [False, False]


def test_no_process_of_that_pid_means_that_it_has_ended(machine: Machine) -> None:
    assert machine.judge(event("box:42")) == [True]


def test_a_process_that_started_later_is_another_one(machine: Machine) -> None:
    """Two seconds are allowed for: the time of the boot is a whole second."""
    machine.process(42, started=100)
    events = [event("box:42", 101), event("box:42", 98.5), event("box:42", 97)]
    assert machine.judge(*events) == [False, False, True]


@pytest.mark.parametrize("state", ["Z", "X"])
def test_a_zombie_writes_nothing_any_more(machine: Machine, state: str) -> None:
    machine.process(42, started=50, state=state)
    assert machine.judge(event("box:42")) == [True]


@pytest.mark.parametrize("name", ["a) S 0 (b", "x y", "(", "a\\nb", ")"])
def test_the_name_of_a_process_may_be_anything(machine: Machine, name: str) -> None:
    machine.process(42, started=500, name=name)
    assert machine.judge(event("box:42", 100), event("box:42", 600)) == [True, False]


def test_a_pid_counts_in_whatever_namespace_it_is(machine: Machine) -> None:
    """In a sandbox on this host, its pid is another one than here."""
    machine.process(5000, 700, 7, started=50)
    assert machine.judge(*(event(f"box:{pid}") for pid in (5000, 700, 7, 8))) == [
        *(False, False, False),
        True,
    ]
    machine.process(6000, 8, started=500)
    assert machine.judge(event("box:8")) == [True], "that one started later"


def test_of_two_processes_with_a_pid_the_older_one_may_be_it(machine: Machine) -> None:
    machine.process(42, started=500)
    machine.process(43, 42, started=50)
    assert machine.judge(event("box:42")) == [False]


@pytest.mark.parametrize(
    "writer",
    [
        *("other:42", "box", "box:", ":42", "box:0", "box:-1", "box:4x", "box:042", "box:42 "),
        *("box:42/journal", "", "agent", "Box:42", "box:٤٢", f"box:{'9' * 30}", "a:box:42"),
    ],
)
def test_of_a_writer_that_is_no_process_of_this_host_nothing_is_known(
    machine: Machine, writer: str
) -> None:
    assert machine.judge(event(writer)) == [None]


def test_a_host_may_have_any_name(machine: Machine) -> None:
    for host in ("a:b", "::1", "ホスト", "a b\n"):
        assert machine.judge(event(f"{host}:42"), host=host) == [True]


@pytest.mark.parametrize(
    "ts",
    [
        *("", "yesterday", "2027-01-15T08:01:40", "1970-01-01T00:00:00Z"),
        datetime.fromtimestamp(BOOT - 1, UTC).isoformat(),
        datetime.fromtimestamp(BOOT + 1001, UTC).isoformat(),
    ],
    ids=["none", "no time", "no zone", "long ago", "before the boot", "in the future"],
)
def test_of_an_event_of_another_boot_nothing_is_known(machine: Machine, ts: str) -> None:
    assert machine.judge(event_at("box:42", ts)) == [None]


def test_inside_a_container_nothing_is_known(machine: Machine) -> None:
    """Whatever has that name and pid may be in a namespace beside this one."""
    machine.process(42, started=50)
    machine.inode = FIRST + 7
    assert machine.judge(event("box:42"), event("box:43")) == [None, None]


def test_where_processes_are_hidden_nothing_is_known(machine: Machine) -> None:
    (machine.folder / "1/status").unlink()
    (machine.folder / "1/stat").unlink()
    (machine.folder / "1").rmdir()
    assert machine.judge(event("box:42")) == [None]


def test_where_a_process_cannot_be_read_nothing_is_known(machine: Machine) -> None:
    machine.process(42, started=50)
    (machine.folder / "42/status").unlink()
    (machine.folder / "42/status").mkdir()  # as good as a refusal, for root too
    assert machine.judge(event("box:43")) == [None]


@pytest.mark.parametrize("missing", ["stat", "self/ns/pid", "1/status", "42/stat"])
def test_what_ends_while_one_looks_is_gone_and_all_else_is_needed(
    machine: Machine, missing: str
) -> None:
    machine.process(42, started=50)
    (machine.folder / missing).unlink()
    expected = {"42/stat": True, "1/status": False}.get(missing)
    assert machine.judge(event("box:42")) == [expected]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("stat", "cpu 1\n"),
        ("stat", "btime soon\n"),
        ("42/status", "Name:\tx\n"),
        ("42/status", "NSpid:\tmany\n"),
        ("42/stat", "42 (x) S 0\n"),
    ],
)
def test_another_kernels_way_of_writing_is_not_guessed_at(
    machine: Machine, path: str, text: str
) -> None:
    machine.process(42, started=50)
    (machine.folder / path).write_text(text)
    assert machine.judge(event("box:42"), event("box:43")) == [None, None]


def test_without_a_proc_nothing_is_known(tmp_path: Path) -> None:
    assert Writers(str(tmp_path / "none"), "box").is_gone(event("box:42")) is None


def test_the_processes_are_looked_at_once(machine: Machine) -> None:
    writers = Writers(str(machine.folder), "box", now=BOOT + 1000.0)
    assert writers.is_gone(event("other:42")) is None
    machine.process(42, started=50)
    assert writers.is_gone(event("box:42")) is False, "only now"
    machine.process(43, started=50)
    assert writers.is_gone(event("box:43")) is True


# This machine

needs_first_namespace = pytest.mark.skipif(
    not os.path.exists("/proc/self/ns/pid") or os.stat("/proc/self/ns/pid").st_ino != FIRST,
    reason="inside a container, no process is judged",
)
WRITE = (
    "import sys, time; from projections import DefaultSessionStore;"
    "store = DefaultSessionStore(sys.argv[1], durability='os');"
    "store.set_runtime_state('s', 'native', 't', {'status': 'open', 'tool_calls': ['c']});"
    "print('written', flush=True); time.sleep(600)"
)


def kinds(store: DefaultSessionStore) -> list[str]:
    return [finding.kind for finding in store.audit("s").findings]


@needs_first_namespace
def test_a_killed_process_leaves_a_finding_and_a_living_one_does_not(tmp_path: Path) -> None:
    with (
        subprocess.Popen([sys.executable, "-c", WRITE, str(tmp_path)], stdout=-1) as process,
        DefaultSessionStore(tmp_path, durability="os") as store,
    ):
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"written\n"
            assert kinds(store) == []
            process.send_signal(signal.SIGKILL)
            os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
            assert kinds(store) == ["writer_gone"], "a zombie is dead"
        finally:
            process.kill()
        process.wait()
        assert kinds(store) == ["writer_gone"]
        assert store.audit("s").ok is False

        async def main() -> bool | None:
            async with AsyncSessionStore(store) as async_store:
                return (await async_store.audit("s")).ok

        assert asyncio.run(main()) is False


def test_this_process_has_not_ended(tmp_path: Path) -> None:
    with DefaultSessionStore(tmp_path, durability="os") as store:
        store.set_runtime_state("s", "native", "t", {"status": "open"})
        assert store.audit("s").ok is True
        written = [step.event for step in store.replay("s")]
    assert written[0].writer == default_writer()
    assert Writers().is_gone(written[0]) in (False, None)
