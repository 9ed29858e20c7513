"""The benchmark suite measures what it says, and still runs."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from tempfile import NamedTemporaryFile, TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journal.codec import decode_line, stamp
from journal.events import Set
from projections import DefaultSessionStore
from tests.benchmarks import builds
from tests.benchmarks.artefacts import RUNTIME, SESSION, turn_id
from tests.benchmarks.contenders import close, make
from tests.benchmarks.measure import Stats, interleave, timed
from tests.benchmarks.reads import bytes_read
from tests.benchmarks.report import limit, seconds
from tests.benchmarks.results import at_least, at_most
from tests.faults.sizes import Figure, sized
from tests.support import ROOT

PEERS = ("diskcache", "eventsourcing", "lmdb", "matplotlib")


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=300))
def test_percentiles_are_times_that_were_measured(times: list[float]) -> None:
    """By definition: no more than so many per cent are below, at least so many not above."""
    stats = Stats.of(times)
    ranks = ((500, stats.median), (900, stats.p90), (990, stats.p99), (999, stats.p999))
    for per_mille, value in ranks:
        assert value in times
        assert sum(time < value for time in times) * 1000 < per_mille * len(times)
        assert sum(time <= value for time in times) * 1000 >= per_mille * len(times)
    assert stats.max == max(times)
    assert stats.count == len(times)


@given(
    st.lists(st.sampled_from("abcde"), min_size=1, max_size=5, unique=True),
    st.integers(1, 6),
    st.integers(1, 5),
    st.sets(st.sampled_from("abcde")),
)
def test_all_contenders_get_the_same_work_in_turns(
    names: list[str], rounds: int, block: int, remote: set[str]
) -> None:
    """As many operations each, numbered alike, a block at a time; the warm-up is not counted.

    Whether they are made here or in another process, which times them itself.
    """
    calls: list[tuple[str, int]] = []
    operations = {name: lambda index, name=name: calls.append((name, index)) for name in names}
    here = {name: operation for name, operation in operations.items() if name not in remote}
    elsewhere = {name: timed(operations[name]) for name in names if name in remote}
    figures = interleave(here, rounds=rounds, block=block, elsewhere=elsewhere)
    for name in names:
        mine = [index for called, index in calls if called == name]
        assert mine == list(range((rounds + 1) * block))
        assert figures[name].count == rounds * block
    blocks = [calls[place : place + block] for place in range(0, len(calls), block)]
    assert all(len({name for name, _ in found}) == 1 for found in blocks)
    for place in range(0, len(blocks), len(names)):
        assert sorted(found[0][0] for found in blocks[place : place + len(names)]) == sorted(names)
    if rounds >= len(names) - 1:
        first = {blocks[place][0][0] for place in range(0, len(blocks), len(names))}
        assert first == set(names)


BEGUN = 1  # a turn with which all bare loops of a process begin


def lines_of(folder: Path) -> list[bytes]:
    """Of the log of the benchmarks, without its header."""
    return (folder / f"{SESSION}.jsonl").read_bytes().splitlines(keepends=True)[1:]


@given(st.lists(st.tuples(st.sampled_from("abj"), st.integers(1, 3)), max_size=12))
def test_bare_loops_write_what_the_journal_would(steps: list[tuple[str, int]]) -> None:
    """Two of them and a journal, in any order: one log, to the byte ours, with every turn.

    So the bare loop leaves out nothing that a reader relies on: it is a fair floor.
    """
    with TemporaryDirectory() as place:
        writers = {name: make("bare", place) for name in "ab"} | {"j": make("journal", place)}
        turns: list[str] = []
        for writer, count in steps:
            if count == 1:
                writers[writer].set(len(turns))
            else:
                writers[writer].set_many(len(turns), count)
            turns += [turn_id(len(turns) + number) for number in range(count)]
        close(writers.values())
        with DefaultSessionStore(place) as store:
            assert store.verify(SESSION).ok
            assert list(store.get_runtime_state(SESSION, RUNTIME))[BEGUN:] == turns
        for line in lines_of(Path(place)):
            event = decode_line(line[:-1])
            assert isinstance(event, Set)
            assert stamp(event, event.seq, event.ts, event.writer, event.prev)[0] == line


def test_bare_loops_wait_for_each_other(tmp_path: Path) -> None:
    """Side by side, each appends after the other's last line; none is lost or torn."""
    share, writers = 200, [make("bare", str(tmp_path)) for _ in range(4)]

    def work(number: int) -> None:
        for index in range(share):
            writers[number].set(number * share + index)

    with ThreadPoolExecutor(len(writers)) as threads:
        list(threads.map(work, range(len(writers))))
    close(writers)
    with DefaultSessionStore(tmp_path) as store:
        assert store.verify(SESSION).ok
        found = set(store.get_runtime_state(SESSION, RUNTIME))
    assert found >= {turn_id(index) for index in range(share * len(writers))}


@given(st.integers(0, 300_000))
def test_what_a_process_reads_is_counted(size: int) -> None:
    """Cached or not: all of it, and little more."""
    with NamedTemporaryFile() as file:
        file.write(b"x" * size)
        file.flush()
        before = bytes_read()
        assert len(Path(file.name).read_bytes()) == size
        assert size <= bytes_read() - before < size + 4096


def test_a_checkout_without_the_older_build_is_told_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(builds, "OLDER_COMMIT", "0123456")
    with pytest.raises(builds.BuildError, match=r"no commit 0123456.*git fetch --unshallow"):
        builds.install_older(str(tmp_path / "older"))


def test_goals_look_in_their_direction() -> None:
    assert at_most("", 1.0, 1.0).met
    assert not at_most("", 1.01, 1.0).met
    assert at_least("", 1.0, 1.0).met
    assert not at_least("", 0.99, 1.0).met


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.5, "1.50 s"),
        (0.0199, "19.9 ms"),
        (0.000_9999, "1.00 ms"),
        (12.34e-6, "12.3 µs"),
        (345.6e-6, "346 µs"),
        (8e-9, "8.00 ns"),
    ],
)
def test_times_are_written_with_the_unit_that_fits(value: float, text: str) -> None:
    assert seconds(value) == text


def test_limits_are_written_as_one_says_them() -> None:
    assert limit(at_most("", 0, 4.5)) == "4.5 ×"
    assert limit(at_most("", 0, 100.0)) == "100 ×"
    assert limit(at_most("", 0, 0.020, "s")) == "20 ms"
    assert limit(at_least("", 0, 300_000, "events/s")) == "300,000 events/s"


def run(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """The command, as one types it."""
    return subprocess.run(
        [sys.executable, "-m", "tests.benchmarks", *arguments],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
    )


def test_a_missing_peer_is_one_line_that_names_the_extra(tmp_path: os.PathLike[str]) -> None:
    """Not a traceback: nobody has all of them installed by chance."""
    hidden = f"{os.fspath(tmp_path)}/lmdb.py"
    with open(hidden, "w") as module:
        module.write("raise ModuleNotFoundError(\"No module named 'lmdb'\", name='lmdb')\n")
    done = run("--quick", PYTHONPATH=os.fspath(tmp_path))
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert "pip install -e '.[benchmarks]'" in done.stderr


def needs_the_peers() -> None:
    """Skip where the extra is not installed, but not in CI."""
    missing = [name for name in PEERS if find_spec(name) is None]
    if missing and not os.environ.get("CI"):
        pytest.skip(f"the extra `benchmarks` is not installed: no {missing[0]}")


@pytest.mark.storm
@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["nonsense"], "there is no part 'nonsense'"),
        (["--quick", "--write"], "--write is for a whole run"),
        (["saving", "--write"], "--write is for a whole run"),
        (["--from", "nowhere.json"], "nowhere.json"),
        (["--folder", "/nowhere/at/all"], "there is no folder"),
    ],
)
def test_wrong_usage_is_told_before_anything_is_measured(
    arguments: list[str], complaint: str
) -> None:
    needs_the_peers()
    done = run(*arguments)
    assert done.returncode == 2
    assert complaint in done.stderr
    assert "Traceback" not in done.stderr


PARTS = {
    "saving": ['durability "os"', 'durability "fsync"', "of a session"],
    "longest": ["the longest of"],
    "threads": ["16 threads"],
    "praisonai": ["set in a session", "set in a session", "get of one turn"],
    "batches": ["set_many"],
    "encrypting": ['durability "os"', 'durability "fsync"', "get of"],
    "reading": ["get of one turn", "get of all"],
    "opening": ["the first get", "verifying a log"],
    "compacting": ["compaction of", "during a compaction"],
    "tailing": ["tail"],
    "resuming": ["from its newest cursor", "from its middle"],
    "processes": ["8 processes", "each overwriting"],
    "sessions": ["listing", "random one"],
    "folders": ["journal sessions", "4 processes at random"],
    "memory": ["view of", "log of", "wait in an event loop"],
    "starting": ["import projections", "journal --version"],
    "commands": ["log -n 10", "tail -n 10", "show S", "sessions", "log -o jsonl"],
    "older": [
        *("--version", "sessions,", "log -n 10", "log,", "log -o jsonl", "few match"),
        *("many match", "-o jsonl, many match", "show S", "tail -n 10", "replay,"),
        *("by another runtime", "history", "blame", "handoffs", "verify", "export"),
    ],
    "searching": [
        *("a literal,", "case ignored", "not there"),
        *("ms'", "err(or)?", "[A-Z]{4}", ".*timeout", "rate.?limit"),
    ],
    "agents": [
        "PraisonAI chat",
        "PraisonAI achat",
        "OpenAI Agents SDK",
        "Pydantic AI",
        "200 calls",
    ],
}


def figures_in(document: dict[str, object]) -> Iterator[dict[str, float]]:
    parts = document["parts"]
    assert isinstance(parts, dict)
    for rows in parts.values():
        for row in rows:
            yield from row["figures"].values()


@sized(storm=None)
def test_a_quick_run_has_all_parts_and_goals(size: None, tmp_path: Path, figure: Figure) -> None:
    """Every row that a goal was set for, with figures that can be; readable again from JSON."""
    needs_the_peers()
    done = run("--quick", "-o", "json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert list(document["parts"]) == list(PARTS)
    for name, expected in PARTS.items():
        rows = document["parts"][name]
        assert len(rows) == len(expected)
        for row, part_of_name in zip(rows, expected, strict=True):
            assert part_of_name in row["name"]
            assert row["goals"]
    found = list(figures_in(document))
    assert len(found) > 80
    for stats in found:
        assert stats["count"] > 0
        assert 0 < stats["median"] <= stats["p90"] <= stats["p99"]
        assert stats["p99"] <= stats["p999"] <= stats["max"]
    saved = tmp_path / "results.json"
    saved.write_text(done.stdout)
    assert json.loads(run("--from", str(saved), "-o", "json").stdout) == document
    assert all(len(line) <= 80 for line in run("--from", str(saved)).stdout.splitlines())
    refused = run("--from", str(saved), "--write")
    assert refused.returncode == 2
    assert "--write is for a whole run" in refused.stderr
    figure(f"{len(found)} contenders measured")


@sized(storm=None)
@pytest.mark.parametrize("part", PARTS)
def test_ctrl_c_leaves_nothing_behind(part: str, size: None, tmp_path: Path) -> None:
    """In the middle of any part: no files, no traceback, the status of a command interrupted."""
    needs_the_peers()
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.benchmarks", "--folder", str(tmp_path), part],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    with process:
        begun = [f"*/{part}/*", "*/shared/*/*"] if part != "starting" else [f"*/{part}"]
        while not any(list(tmp_path.glob(pattern)) for pattern in begun):
            assert process.poll() is None
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=100)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert out == ""
    assert list(tmp_path.iterdir()) == []
