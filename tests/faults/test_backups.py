"""Backups made while others write, compact, pack, drop and delete: each must be whole."""

import multiprocessing
import random
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.sharedctypes import SynchronizedArray
from pathlib import Path
from time import sleep
from typing import TypeAlias

import msgspec

from journal import CompactionError
from journal.engines.files.directory import Directory
from journal.engines.files.log import LogOptions
from journal.engines.files.storage import DiskStorage
from journal.events import Set
from projections import DefaultSessionStore
from projections.backup import back_up
from tests.faults.sizes import Figure, sized

WRITERS = ("w0", "w1")
ARCHIVED = ("one", "two")
"""Sessions of which nothing is ever lost."""
DROPPED = "dropped"
"""A session whose history is dropped by its compactions."""
DELETED = "deleted"
"""A session that is made and deleted again and again."""
SESSIONS = (*ARCHIVED, DROPPED)
_ROUND = 5  # copies, after which all begins anew: each takes longer, and history grows meanwhile

Counts: TypeAlias = "SynchronizedArray[int]"
"""How many sets of each writer in each session were acknowledged."""


def place_of(writer: str, session: str) -> int:
    return WRITERS.index(writer) * len(SESSIONS) + SESSIONS.index(session)


def write(folder: Path, writer: str, counts: Counts) -> None:
    dice = random.Random(writer)
    number = dict.fromkeys(SESSIONS, 0)
    with DefaultSessionStore(folder, durability="os", auto_compact=False) as store:
        while True:
            session = dice.choice(SESSIONS)
            number[session] += 1
            state = {"n": number[session], "text": "x" * dice.choice((10, 900))}
            store.set_runtime_state(session, writer, f"t{number[session] % 3}", state)
            counts[place_of(writer, session)] = number[session]
            sleep(0.0005)


def compact(folder: Path) -> None:
    """What it compacts is packed in its background."""
    dice = random.Random(0)
    with DefaultSessionStore(folder, durability="os", auto_compact=False) as store:
        while True:
            session = dice.choice((*SESSIONS, DELETED))
            try:
                store.compact(session, "drop" if session == DROPPED else "archive")
            except CompactionError:
                pass  # deleted meanwhile
            sleep(dice.random() * 0.01)


def delete(folder: Path) -> None:
    with DefaultSessionStore(folder, durability="os", auto_compact=False) as store:
        while True:
            for number in range(12):
                store.set_runtime_state(DELETED, "r", "t", {"n": number})
                if number % 4 == 3:
                    try:
                        store.compact(DELETED)
                    except CompactionError:
                        pass  # the other one is at it
            store.delete_session(DELETED)


@contextmanager
def busy(folder: Path) -> Iterator[Counts]:
    """A folder at which all of them are at work."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.faults.test_backups"])
    counts: Counts = context.Array("q", len(WRITERS) * len(SESSIONS))
    processes = [
        *(context.Process(target=write, args=(folder, writer, counts)) for writer in WRITERS),
        context.Process(target=compact, args=(folder,)),
        context.Process(target=delete, args=(folder,)),
    ]
    for process in processes:
        process.start()
    try:
        while not all(counts[:]):
            sleep(0.005)
        yield counts
    finally:
        for process in processes:
            assert process.exitcode is None, "a worker has ended by itself: see its traceback"
            process.kill()
            process.join()


def lacks(copy: Path, counts: dict[tuple[str, str], int]) -> list[str]:
    """What is wrong with a copy, in words; `counts` were acknowledged before it began."""
    wrong = []
    engine = Directory(str(copy), LogOptions("os"))
    with DefaultSessionStore(copy, durability="os") as store:
        for info in engine.sessions():
            report = store.verify(info["session_id"])
            wrong += [f"{problem}" for problem in report.problems]
        for session in ARCHIVED:
            wrong += [f"{session}: {text}" for text in lost(engine, session, counts)]
        for (session, writer), count in counts.items():
            turns = store.get_runtime_state(session, writer)
            newest = max((turn["n"] for turn in turns.values()), default=0)
            if newest < count:
                wrong.append(f"{session}: {writer} is at {newest}; {count} was acknowledged")
    return wrong


def lost(engine: Directory, session: str, counts: dict[tuple[str, str], int]) -> Iterator[str]:
    """Every event from the first on must be there, in the log or in an archive."""
    past = engine.history(session)
    if past is None:
        yield "is not there"
        return
    if past.floor:
        yield f"history begins only after event {past.floor}"
    found: dict[str, list[int]] = {writer: [] for writer in WRITERS}
    for entry in past.in_order():
        assert isinstance(entry.event, Set)
        found[entry.event.runtime_id].append(msgspec.json.decode(entry.event.state)["n"])
    for writer, numbers in found.items():
        if numbers != list(range(1, len(numbers) + 1)) or len(numbers) < counts[session, writer]:
            yield f"{writer} has {len(numbers)} events of {counts[session, writer]}"


@sized(quick=6, storm=500)
def test_a_backup_of_a_busy_folder_lacks_nothing(
    size: int, tmp_path: Path, figure: Figure
) -> None:
    events = archives = deleted = 0
    for begun in range(0, size, _ROUND):
        folder = tmp_path / f"sessions-{begun}"
        with busy(folder) as counts:
            for number in range(min(_ROUND, size - begun)):
                acknowledged = {
                    (session, writer): counts[place_of(writer, session)]
                    for session in SESSIONS
                    for writer in WRITERS
                }
                copy = tmp_path / f"copy-{number}"
                backup = back_up(DiskStorage(), str(folder), str(copy))
                assert backup.ok, backup
                assert lacks(copy, acknowledged) == [], f"copy {begun + number}"
                assert not list(tmp_path.glob(".copy*"))
                events += sum(report.events + report.archived_events for report in backup.reports)
                archives += backup.archives
                deleted += DELETED not in {report.session_id for report in backup.reports}
                shutil.rmtree(copy)
        shutil.rmtree(folder)
    assert archives > size, "else nothing was compacted"
    figure(
        f"{size} backups of a folder in which 4 processes write, compact, pack, drop and delete: "
        f"0 lack anything; {events:,} events in {archives:,} archives and the logs"
    )


def test_the_checker_finds_what_a_copy_lacks(tmp_path: Path) -> None:
    with DefaultSessionStore(tmp_path, durability="os") as store:
        for session in SESSIONS:
            for number in range(1, 5):
                for writer in WRITERS:
                    store.set_runtime_state(session, writer, "t", {"n": number})
        store.compact("one")
    counts = {(session, writer): 4 for session in SESSIONS for writer in WRITERS}
    assert lacks(tmp_path, counts) == []
    assert len(lacks(tmp_path, {**counts, ("two", "w1"): 5})) == 2
    (archive,) = (tmp_path / "archive").iterdir()
    archive.unlink()
    assert any("is missing" in text for text in lacks(tmp_path, counts))
    assert any("begins only after event 8" in text for text in lacks(tmp_path, counts))
