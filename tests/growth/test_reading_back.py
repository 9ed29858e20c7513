"""Commands on long logs: what those for its end read, and what those for all of it do."""

import json
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from journal.engines.files.storage import DiskStorage
from journal.events import Event
from journal.scan import Scanner
from projections import DefaultSessionStore
from projections.cli.arguments.filters import Filter
from projections.cli.events.last_events import last_events
from projections.cli.group import cli
from projections.cli.lines.printing import EventPrinter
from projections.cli.sessions.opening import require_session
from tests.growth.counting import steps
from tests.support import open_log, set_event

EVENTS = 3000
"""About 1.5 MB. What an event has replaced is 50 events before it."""
FILL = "x" * 300


def folder_of(path: Path, events: int) -> Path:
    with DefaultSessionStore(path, durability="os", redact=None, auto_compact=False) as store:
        for start in range(0, events, 100):
            store.set_many(
                "s",
                [
                    ("native", f"turn-{n % 50}", {"n": n, "fill": FILL})
                    for n in range(start, start + 100)
                ],
            )
    return path


class Reads:
    """Bytes of the log that anybody reads."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.count = 0
        patch.setattr(DiskStorage, "read", staticmethod(self._read))

    def _read(self, fd: int, length: int, offset: int) -> bytes:
        data = os.pread(fd, length, offset)
        if os.readlink(f"/proc/self/fd/{fd}").endswith(".jsonl"):
            self.count += len(data)
        return data

    def during(self, call: Callable[[], object]) -> int:
        before = self.count
        call()
        return self.count - before


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The same log, and one of twice the length."""
    path = tmp_path_factory.mktemp("logs")
    return [folder_of(path / str(size), size) for size in (EVENTS, 2 * EVENTS)]


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> Reads:
    return Reads(monkeypatch)


def command(folder: Path, *words: str) -> None:
    result = CliRunner().invoke(cli, [*words, "--dir", str(folder)])
    assert result.exit_code == 0, result.output


def backlog_of_a_tail(folder: Path) -> None:
    """What `journal tail s` does before it waits."""
    with DefaultSessionStore(folder) as store:
        require_session(store, "s")
        printer = EventPrinter(store, "short")
        with store.tail("s") as tail:
            last = last_events(store, tail.cursors, printer.effects, Filter(), 10)
        assert len(last) == 10


def a_turn(folder: Path) -> None:
    command(folder, "show", "s", "native", "turn-7")


@pytest.mark.parametrize(
    "look",
    [
        *(
            pytest.param(lambda folder, words=words: command(folder, *words), id=" ".join(words))
            for words in (
                ("log", "s", "-n", "10"),
                ("log", "s", "-n", "10", "-o", "json"),
                ("log", "s", "-n", "10", "-r", "-o", "jsonl"),
                ("log", "s", "-n", "10", "-u", "native"),
            )
        ),
        pytest.param(a_turn, id="show"),
        pytest.param(backlog_of_a_tail, id="tail"),
    ],
)
def test_as_much_is_read_of_the_end_of_a_log_of_twice_the_length(
    folders: list[Path], reads: Reads, look: Callable[[Path], Any]
) -> None:
    small, twice = (reads.during(partial(look, folder)) for folder in folders)
    assert abs(twice - small) <= 1 << 12 < small < 1 << 18


OLD = "of long ago"


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Such a log and one of twice the length, of the same turns; one of these was set first."""
    path = tmp_path_factory.mktemp("saved")
    for size in (EVENTS, 2 * EVENTS):
        folder = path / str(size)
        with DefaultSessionStore(folder, durability="os") as store:
            store.set_runtime_state("s", "native", "old", {"is": OLD})
        folder_of(folder, size)
    return [path / str(size) for size in (EVENTS, 2 * EVENTS)]


def first_get(folder: Path) -> None:
    with DefaultSessionStore(folder) as store:
        assert store.get_runtime_state("s", "native", "old") == {"is": OLD}


def first_set(folder: Path) -> None:
    """By a process that has read nothing; it is closed by `SIGKILL`, so to say."""
    log, _ = open_log(folder)
    log.append([set_event("mine", {"n": 1})])
    log.close()


def old_turn(folder: Path) -> None:
    result = CliRunner().invoke(
        cli, ["show", "s", "native", "old", "-o", "value", "--dir", str(folder)]
    )
    assert json.loads(result.output) == {"is": OLD}


def summary(folder: Path) -> None:
    result = CliRunner().invoke(cli, ["sessions", "-o", "json", "--dir", str(folder)])
    (found,) = json.loads(result.output)["sessions"]
    assert (found["turns"], found["owner"]) == (51, "native")


@pytest.mark.parametrize("look", [first_get, old_turn, summary, first_set])
def test_a_log_that_was_closed_in_order_is_not_read(
    saved: list[Path], reads: Reads, look: Callable[[Path], None]
) -> None:
    """But for its first line, its last ones, and those of turns that are asked for."""
    small, twice = (reads.during(partial(look, folder)) for folder in saved)
    assert abs(twice - small) <= 1 << 10 < small < 1 << 17


def test_what_was_replaced_long_ago_is_not_looked_for(tmp_path: Path, reads: Reads) -> None:
    """Each turn is set again 2,000 events later: the line shows its state, not what changed."""
    with DefaultSessionStore(tmp_path, durability="os", redact=None, auto_compact=False) as store:
        for start in range(0, 4000, 100):
            items = [
                (f"turn-{n % 2000}", {"n": n, "fill": FILL}) for n in range(start, start + 100)
            ]
            store.set_many("s", [("native", *item) for item in items])
    lines: list[str] = []

    def look() -> None:
        result = CliRunner().invoke(cli, ["log", "s", "-n", "3", "--dir", str(tmp_path)])
        lines.extend(result.output.splitlines())

    assert reads.during(look) < 1 << 20 < (tmp_path / "s.jsonl").stat().st_size // 2
    assert [line.split()[4] for line in lines] == ["turn-1997", "turn-1998", "turn-1999"]
    assert all("so far:  n 39" in line for line in lines)


def test_an_event_as_a_line_of_json_costs_little_more_than_verifying_it(
    folders: list[Path],
) -> None:
    def more(look: Callable[[Path], object]) -> int:
        """What the second half of the longer log costs."""
        look(folders[0])  # imports
        small, twice = (steps(partial(look, folder)) for folder in folders)
        return twice - small

    def verified(folder: Path) -> list[Event]:
        return list(Scanner().read([(folder / "s.jsonl").read_bytes()]))

    printed = more(lambda folder: command(folder, "log", "s", "-o", "jsonl"))
    assert printed < 2.5 * more(verified)
