"""Short tails against writers, compaction and deletion: nothing missing, nothing twice.

Each tail session begins at the first event, now, or where another one has ended, sees a
few events, and ends. Every one is judged by itself, by the chain of hashes that its events
must make from where it began; then all of them together, against what the writers have
noted and what is there in the end.
"""

import gc
import json
import os
import random
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable
from itertools import groupby, pairwise
from pathlib import Path
from time import monotonic_ns, sleep
from typing import Any

import msgspec

from journal.engines.files.directory import Directory
from journal.engines.files.log import LogOptions
from journal.events import GENESIS, Cursor, Set
from projections import DefaultSessionStore
from tests.faults.sizes import Figure, sized
from tests.faults.storms import tailing
from tests.faults.storms.storm import CONTEXT
from tests.faults.storms.tailing import (
    LOSSY,
    SESSIONS,
    STEADY,
    THREADS,
    Seen,
    Stage,
    Watched,
    Wrote,
    watched_in,
    wrote_in,
)
from tests.support import ROOT

WRITERS = ("w0", "w1")
TAILERS = ("t0", "t1", "t2")

Lives = dict[str, dict[int, Seen]]
"""What was seen of each life of a session, by its log id and seq."""


# Each tail by itself


def check_alone(watched: Watched) -> None:
    """From where it began, each session's events one after the other; then the next life's."""
    for session, seen in by_session(watched.seen).items():
        assert watched.session in (None, session), "of another session"
        start = watched.places.get(session)
        check_links(Cursor.parse(start) if start is not None else None, seen)
        assert watched.ended[session] == place_after(seen[-1])


def place_after(one: Seen) -> str:
    """Its cursor, put together by hand."""
    return f"{one.log_id}:{one.seq}:{one.hash[:12]}"


def by_session(seen: Iterable[Seen]) -> dict[str, list[Seen]]:
    found: dict[str, list[Seen]] = defaultdict(list)
    for one in seen:
        found[one.session].append(one)
    return found


def check_links(place: Cursor | None, seen: list[Seen]) -> None:
    """Nothing missing, nothing twice, in order, and no life that was left comes again."""
    lives = [log_id for log_id, _ in groupby(seen, key=lambda one: one.log_id)]
    if place is not None and lives[0] != place.log_id:
        lives.insert(0, place.log_id)
    assert len(lives) == len(set(lives)), "back to a life that has ended"
    before = place.seq if place is not None and place.log_id == seen[0].log_id else 0
    assert seen[0].seq == before + 1 + seen[0].lost, (place, seen[0])
    for one, other in pairwise(seen):
        before = one.seq if one.log_id == other.log_id else 0
        assert other.seq == before + 1 + other.lost, (one, other)
        assert not before or other.lost or other.prev == one.hash, (one, other)


# All together


def lives_of(every: Iterable[Seen]) -> Lives:
    """All saw the same event at the same place, and no event at two; the chain is whole."""
    lives: Lives = defaultdict(dict)
    for one in every:
        known = lives[one.log_id].setdefault(one.seq, one)
        assert (known.hash, known.session) == (one.hash, one.session), (known, one)
    numbers = [(one.writer, one.number) for life in lives.values() for one in life.values()]
    assert len(numbers) == len(set(numbers)), "one event at two places"
    for life in lives.values():
        for seq, one in life.items():
            before = life.get(seq - 1)
            assert one.prev == (before.hash if before else GENESIS if seq == 1 else one.prev)
    return lives


Numbers = dict[tuple[str, str], list[int]]
"""What each writer wrote to each session, in order."""


def numbers_of(wrote: list[Wrote]) -> Numbers:
    numbers: Numbers = defaultdict(list)
    for call in wrote:
        numbers[call.session, call.writer] += call.numbers
    return numbers


def check_nothing_between(lives: Lives, numbers: Numbers) -> None:
    """Between two events of a writer that a life has, it has all that it wrote between them."""
    for life in lives.values():
        for run in runs(life):
            for writer in WRITERS:
                mine = [one.number for one in run if one.writer == writer]
                if mine:
                    wrote = numbers[run[0].session, writer]
                    first = wrote.index(mine[0])
                    assert mine == wrote[first : first + len(mine)]


def runs(life: dict[int, Seen]) -> list[list[Seen]]:
    """The stretches of a life that were seen without a gap."""
    found: list[list[Seen]] = []
    for seq in sorted(life):
        if seq - 1 not in life:
            found.append([])
        found[-1].append(life[seq])
    return found


def check_now(watched: list[Watched], wrote: list[Wrote], lives: Lives) -> None:
    """What begins now begins neither before nor after what was there then."""
    calls = {(call.writer, number): call for call in wrote for number in call.numbers}
    for one in watched:
        if one.start == "now":
            for seen in one.seen:
                assert calls[seen.writer, seen.number].ended >= one.began, (one, seen)
            for cursor in map(Cursor.parse, one.places.values()):
                last = lives.get(cursor.log_id, {}).get(cursor.seq)
                if last is not None:
                    assert calls[last.writer, last.number].began <= one.opened, (one, last)


def check_lost(watched: list[Watched], alive: set[str]) -> None:
    """Only what was dropped, and what a deletion took away before it was read."""
    for one in watched:
        for seen in one.seen:
            if seen.lost:
                assert seen.session == LOSSY or seen.log_id not in alive, (one, seen)


def check_end(stage: Stage, numbers: Numbers) -> list[Seen]:
    """What is there in the end ends with what each writer wrote last. Returns it."""
    found = []
    directory = Directory(stage.folder, LogOptions("os"))
    for session in SESSIONS:
        past = directory.history(session)
        assert past is not None
        there = [_seen_of(session, past.log_id, entry.event) for entry in past.in_order()]
        assert not past.problems, past.problems
        for writer in WRITERS:
            mine = [one.number for one in there if one.writer == writer]
            wrote = numbers[session, writer]
            assert mine[-1] == wrote[-1], "the last event is not there"
            if session != LOSSY:
                assert mine == (wrote if session == STEADY else wrote[-len(mine) :])
        found += there
    return found


def _seen_of(session: str, log_id: str, event: Any) -> Seen:
    assert isinstance(event, Set)
    number = msgspec.json.decode(event.state)["n"]
    return Seen(session, log_id, event.seq, event.prev, event.hash, 0, event.runtime_id, number)


# Tails at the command line


def tail_at_the_terminal(stage: Stage, folder: Path, kills: int) -> list[Watched]:
    """`journal tail` of all sessions with a cursor file, again and again until SIGKILL."""
    dice, cursors = random.Random(kills), folder / "cursors"
    cursors.write_text("{}")
    found = []
    for number in range(kills):
        before, began = json.loads(cursors.read_text()), monotonic_ns()
        seen = _killed_after(dice.randrange(1, 30), stage, cursors, folder / f"out-{number}")
        ended = {one.session: place_after(one) for one in seen}
        found.append(Watched("cli", None, "cursor", began, began, before, ended, seen))
        printed = {(one.session, place_after(one)) for one in seen}
        noted = json.loads(cursors.read_text()).items()
        assert noted <= printed | before.items(), "a cursor of what was not printed"
    return found


def _killed_after(lines: int, stage: Stage, cursors: Path, out: Path) -> list[Seen]:
    command = "from projections.cli import main; main()"
    arguments = ["tail", "--dir", stage.folder, "-o", "jsonl", "--cursor-file", str(cursors)]
    with out.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-c", command, *arguments], cwd=ROOT, stdout=file
        )
    while out.read_bytes().count(b"\n") < lines:
        assert process.poll() is None, "it has ended by itself"
        sleep(0.005)
    process.kill()
    process.wait()
    whole = out.read_bytes().rpartition(b"\n")[0]
    return [_printed(json.loads(line)) for line in whole.split(b"\n")]


def _printed(item: dict[str, Any]) -> Seen:
    return Seen(
        session=item["session_id"],
        log_id=item["cursor"].partition(":")[0],
        seq=item["seq"],
        prev=item["prev"],
        hash=item["hash"],
        lost=item["lost"],
        writer=item["runtime_id"],
        number=item["state"]["n"],
    )


def run(stage: Stage, folder: Path, tails: int, kills: int) -> list[Watched]:
    """Everybody at work until all tails are done. Returns those of the command line."""
    disturbing, writing = CONTEXT.Event(), CONTEXT.Event()
    disturbing.set()
    writing.set()
    writers = [
        CONTEXT.Process(target=tailing.write, args=(stage, name, writing)) for name in WRITERS
    ]
    others = [
        CONTEXT.Process(target=does, args=(stage, disturbing))
        for does in (tailing.compact, tailing.delete)
    ]
    tailers = [
        CONTEXT.Process(target=tailing.tail, args=(stage, name, tails // len(TAILERS)))
        for name in TAILERS
    ]
    everybody = [*writers, *others, *tailers]
    try:
        for process in everybody:
            process.start()
        found = tail_at_the_terminal(stage, folder, kills)
        for group, going in ((tailers, disturbing), (others, writing), (writers, writing)):
            for process in group:
                process.join()
                assert process.exitcode == 0, "see its traceback"
            going.clear()
    finally:
        for process in everybody:
            process.kill()
    return found


@sized(quick=(60, 2), storm=(1_200, 15), long=(10_020, 80))
def test_tail_sessions_miss_nothing_and_repeat_nothing(
    tmp_path: Path, size: tuple[int, int], figure: Figure
) -> None:
    """Of one session or all, sync and async, and of the command line, killed by SIGKILL."""
    tails, kills = size
    stage = Stage(*(str(tmp_path / name) for name in ("sessions", "notes", "places")))
    for path in stage:
        Path(path).mkdir()
    watched = run(stage, tmp_path, tails, kills)
    notes = Path(stage.notes)
    for name in TAILERS:
        for thread in range(THREADS):
            watched += watched_in(notes / f"{name}-{thread}")
    assert len(watched) == tails + kills
    wrote = [call for name in WRITERS for call in wrote_in(notes / name)]
    for one in watched:
        check_alone(one)
    numbers = numbers_of(wrote)
    end = check_end(stage, numbers)
    lives = lives_of([*end, *(seen for one in watched for seen in one.seen)])
    check_nothing_between(lives, numbers)
    check_now(watched, wrote, lives)
    check_lost(watched, {one.log_id for one in end})
    report(figure, watched, lives, numbers)


def report(figure: Figure, watched: list[Watched], lives: Lives, numbers: Numbers) -> None:
    """What was done; each way of beginning, and each thing to get over, was among it."""
    starts = {start: sum(one.start == start for one in watched) for start in STARTS}
    assert all(starts.values()), starts
    crossed = sum(
        seen.log_id != watched_one.places.get(seen.session, seen.log_id).partition(":")[0]
        for watched_one in watched
        for seen in watched_one.seen
    )
    seen = sum(len(one.seen) for one in watched)
    lost = sum(seen.lost > 0 for watched_one in watched for seen in watched_one.seen)
    written = sum(map(len, numbers.values()))
    assert crossed > 0, "no tail came upon a session that was made again"
    assert len(lives) > len(SESSIONS)
    figure(
        f"{len(watched):,} tail sessions ({starts}), {seen:,} events seen of {written:,} written "
        f"in {len(lives):,} lives of sessions, {crossed:,} of another life than where they began; "
        f"{lost:,} times told that history was dropped; 0 missing, 0 twice, 0 out of order"
    )


STARTS = ("start", "now", "cursor")


def watchers() -> int:
    """How many watches of folders this process holds; a user has 128 in all."""
    folder = "/proc/self/fd"
    links = (os.path.join(folder, name) for name in os.listdir(folder))
    return sum("inotify" in os.readlink(link) for link in links if os.path.islink(link))


def test_a_closed_tail_lets_go_of_its_watcher_at_once(store: DefaultSessionStore) -> None:
    """Not when the garbage collector comes by: until then, others could not watch."""
    gc.collect()
    before = watchers()
    store.set_runtime_state("s", "native", "turn-1", {})
    gc.disable()
    try:
        closed = []
        for _ in range(20):
            with store.tail("s", from_start=True) as one:
                next(one)
            closed.append(one)
        assert watchers() == before
    finally:
        gc.enable()
