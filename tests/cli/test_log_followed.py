"""`journal log -f` and `journal tail`: what comes, in terminals and in pipes."""

import json
import os
import shlex
import shutil
import signal
import subprocess
import time
from functools import partial
from pathlib import Path

import pytest
from rich.cells import cell_len

from projections import DefaultSessionStore
from tests.cli.appending import SEQ, append, appending, ends_with, last, put, seqs_of, shown
from tests.cli.terminal import (
    COMMAND,
    Pipe,
    Terminal,
    journal,
)
from tests.support import needs

# In a terminal


def test_following_shows_all_that_happens_to_a_session_once_and_in_order(
    folder: str, store: DefaultSessionStore
) -> None:
    put(store, 5)
    with Terminal("log", "s", "-f", "--dir", folder) as terminal:
        terminal.until(last(5))
        writer = appending(folder, "s", 6, 105)
        terminal.until(shown(20))
        assert journal("compact", "s", "--dir", folder).returncode == 0
        terminal.until(last(105))
        assert journal("compact", "s", "--drop-history", "--dir", folder).returncode == 0
        append(folder, "s", 106, 120)
        terminal.until(last(120))
        assert journal("delete", "s", "--yes", "--dir", folder).returncode == 0
        append(folder, "s", 1, 4)
        lines = terminal.until(last(4))
        terminal.interrupt()
        assert terminal.end() == 130
        assert writer.wait(60) == 0
    assert seqs_of(lines) == [*range(1, 121), *range(1, 5)]
    assert any("deleted and made again" in line for line in lines)
    assert terminal.widest <= 80
    assert "Traceback" not in terminal.raw


def test_tail_shows_every_session_once_and_in_order_the_new_ones_too(
    folder: str, store: DefaultSessionStore
) -> None:
    put(store, 3, "old")
    put(store, 20, "busy")
    with Terminal("tail", "--dir", folder) as terminal:
        lines = terminal.until(shown(10))
        assert [line.split()[2] for line in lines] == ["busy"] * 10, "the last 10 of all"
        writers = [appending(folder, name, 1, 40) for name in ("a", "b", "old")]
        terminal.until(lambda lines: any(line.split()[2:3] == ["a"] for line in lines))
        assert journal("compact", "busy", "a", "--dir", folder).returncode == 0
        assert [writer.wait(60) for writer in writers] == [0, 0, 0]
        assert journal("delete", "b", "--yes", "--dir", folder).returncode == 0
        store.set_many("b", [("native", f"t-{n}", {}) for n in range(5)])
        lines = terminal.until(shown(10 + 3 * 40 + 5))
        terminal.interrupt()
        assert terminal.end() == 130
    events = [line.split() for line in lines if SEQ.match(line)]
    of = {
        name: [int(event[0]) for event in events if event[2] == name] for name in ("a", "b", "old")
    }
    assert of["a"] == [*range(1, 41)]
    assert of["old"] == [*range(4, 44)]
    assert of["b"] == [*range(1, 41), *range(1, 6)]
    assert terminal.widest <= 80
    assert "Traceback" not in terminal.raw


def test_a_real_terminal_shows_one_line_for_each_event_and_the_code_at_the_end(
    folder: str, store: DefaultSessionStore
) -> None:
    needs("tmux")
    server = f"journal-{os.getpid()}"

    def tmux(*args: str) -> str:
        return subprocess.run(
            ["tmux", "-L", server, *args], capture_output=True, text=True, check=True, timeout=60
        ).stdout

    def screen_with(text: str) -> list[str]:
        deadline = time.monotonic() + 60
        while text not in (screen := tmux("capture-pane", "-p")):
            assert time.monotonic() < deadline, screen
            time.sleep(0.02)
        return screen.split("\n")

    put(store, 1)
    command = shlex.join([*COMMAND, "tail", "--dir", folder])
    tmux("new-session", "-d", "-x", "80", "-y", "24", f"{command}; echo code $?; cat")
    try:
        screen_with("native")
        append(folder, "s", 2, 4)
        lines = screen_with("\n   4  ")
        assert seqs_of(lines[:4]) == [1, 2, 3, 4], "no line is broken over two"
        assert all(line.endswith("…") for line in lines[1:4])
        tmux("send-keys", "C-c")
        assert "code 130" in screen_with("code")
    finally:
        tmux("kill-server")


def test_lines_fit_a_terminal_that_was_made_narrower(
    folder: str, store: DefaultSessionStore
) -> None:
    append(folder, "s", 1, 1)
    with Terminal("tail", "--dir", folder, columns=100) as terminal:
        terminal.until(last(1))
        assert 80 < terminal.widest <= 100
        terminal.resize(40)
        append(folder, "s", 2, 2)
        assert cell_len(terminal.until(last(2))[-1]) <= 40


# Ends


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("is_blocked", [False, True], ids=["waiting", "blocked"])
def test_a_signal_ends_it_at_once_without_a_word(
    folder: str, store: DefaultSessionStore, number: int, code: int, is_blocked: bool
) -> None:
    put(store, 1)
    with Pipe("log", "s", "-f", "-o", "jsonl", "--dir", folder) as follower:
        follower.until(last(1))
        put(store, 1)
        follower.until(last(2))  # so it follows by now
        if is_blocked:
            store.set_many("s", [("native", "t", {"n": n, "text": "x" * 500}) for n in range(500)])
            follower.until_full()  # and nobody will read it any more
        follower.until_it_waits()
        follower.signal(number)
        assert follower.process.wait(timeout=60) == code
        assert follower.errors.strip() == ""


def test_it_ends_quietly_when_its_reader_does(folder: str, store: DefaultSessionStore) -> None:
    put(store, 1)
    script = f"journal log s -f --dir '{folder}' | head -2; echo code ${{PIPESTATUS[0]}}"
    with Pipe(script=script) as follower:
        while follower.process.poll() is None:  # it notices when it has something to write
            put(store, 1)
            time.sleep(0.02)
        assert follower.end() == 0
        assert len(seqs_of(follower.lines)) == 2
        assert follower.lines[2:] == ["code 0"]
        assert follower.errors == ""


# Events for other programs


def test_each_event_reaches_jq_when_it_comes(folder: str, store: DefaultSessionStore) -> None:
    needs("jq")
    put(store, 1)
    script = f"journal log s -f -o jsonl --dir '{folder}' | jq --unbuffered -c .seq"
    with Pipe(script=f"{script}; true") as follower:
        for seq in range(1, 6):  # the next is appended when the one before has come through
            assert follower.until(partial(ends_with, str(seq)))
            put(store, 1)


def test_a_tail_that_begins_while_others_write_repeats_nothing(
    folder: str, store: DefaultSessionStore
) -> None:
    store.set_many("long", [("native", f"t-{n % 9}", {"n": n}) for n in range(5000)])
    put(store, 1, "s")
    with Pipe("tail", "-n", "99999", "-o", "jsonl", "--dir", folder) as follower:
        count = 1
        while not follower.has_output:
            put(store, 1, "s")
            count += 1
            time.sleep(0.002)
        lines = follower.until(shown(5000 + count))
    events = [json.loads(line) for line in lines]
    found = [event["seq"] for event in events if event["session_id"] == "s"]
    assert sorted(found) == list(range(1, count + 1))


def put_in_place(copy: str, log: str, way: str) -> None:
    """As `cp` does, which writes the file that is there, or as `mv`."""
    if way == "cp":
        shutil.copyfile(copy, log)
    else:
        os.replace(copy, log)


@pytest.mark.parametrize("way", ["cp", "mv"])
class TestAnOlderCopyIsPutInThePlaceOfALogThatIsFollowed:
    @pytest.fixture
    def log(self, folder: str) -> str:
        return f"{folder}/s.jsonl"

    @pytest.fixture
    def copy(self, tmp_path_factory: pytest.TempPathFactory) -> str:
        return str(tmp_path_factory.mktemp("copies") / "older")

    @pytest.mark.parametrize("events", [3, 6])
    def test_one_that_lacks_more_than_the_last_append_is_refused_without_any_news(
        self, folder: str, log: str, copy: str, way: str, events: int
    ) -> None:
        with DefaultSessionStore(folder, durability="os", auto_compact=False) as store:
            put(store, events)
            shutil.copyfile(log, copy)
            put(store, 8 - events)
        with (
            Pipe("log", "s", "-f", "--dir", folder) as named,
            Pipe("tail", "--dir", folder) as everything,
        ):
            for follower in (named, everything):
                follower.until(last(8))
                follower.until_it_waits()
            put_in_place(copy, log, way)
            assert named.end() == 5
            assert f"the log ends with event {events}" in named.errors
            with DefaultSessionStore(folder, durability="os") as store:
                put(store, 1, "other")  # all other sessions are still followed
                everything.until(last(1))
            everything.until_error(f"the log ends with event {events}")
            everything.signal(signal.SIGINT)
            assert everything.end() == 130
            left_out, _, reason = everything.errors.partition("is left out")
            assert "session 's'" in left_out
            assert f"the log ends with event {events}" in reason

    @pytest.mark.parametrize("command", [["log", "s", "-f"], ["tail"]], ids=["log", "tail"])
    def test_one_that_lacks_just_that_goes_on_and_the_other_event_is_announced(
        self, folder: str, log: str, copy: str, way: str, command: list[str]
    ) -> None:
        with DefaultSessionStore(folder, durability="os") as store:
            put(store, 7)
        shutil.copyfile(log, copy)
        with Pipe(*command, "--dir", folder) as follower:
            follower.until(last(7))
            with DefaultSessionStore(folder, durability="os") as store:
                put(store, 1)
            follower.until(last(8))  # so it follows by now
            put_in_place(copy, log, way)
            with DefaultSessionStore(folder, durability="os") as store:
                store.set_runtime_state("s", "native", "new", {})
                lines = follower.until(shown(9))
            follower.signal(signal.SIGINT)
            assert follower.end() == 130
            assert seqs_of(lines) == [*range(1, 9), 8]
            assert "the log goes on with another event 8" in follower.errors


def test_a_tail_that_has_to_wait_for_its_reader_misses_nothing(
    folder: str, store: DefaultSessionStore
) -> None:
    put(store, 1, "older")
    store.set_runtime_state("s", "native", "t", {"text": "x" * 500_000})
    with Pipe("tail", "-n", "1", "-o", "jsonl", "--dir", folder) as follower:
        follower.until_full()
        put(store, 1, "older")
        lines = follower.until(shown(2))
    assert [(json.loads(line)["session_id"], json.loads(line)["seq"]) for line in lines] == [
        ("s", 1),
        ("older", 2),
    ]


def test_what_is_shown_fits_the_session_that_was_made_again(
    folder: str, store: DefaultSessionStore
) -> None:
    store.set_runtime_state("s", "native", "t", {"n": 1})
    with Pipe("log", "s", "-f", "--dir", folder) as follower:
        follower.until(last(1))
        store.delete_session("s")
        store.set_many("s", [("native", "t", {"n": 1}), ("native", "t", {"n": 2})])
        lines = follower.until(last(2))
        follower.signal(signal.SIGINT)
        follower.end()
        assert [line.split("  ")[-1].strip() for line in lines] == ["n 1", "n 1", "n 1→2"]
        assert "deleted and made again" in follower.errors


def test_after_history_was_dropped_changes_are_reported_as_soon_as_they_can_be(
    folder: str, store: DefaultSessionStore, tmp_path: Path
) -> None:
    for n in range(3):
        store.set_runtime_state("s", "native", "t", {"n": n, "kept": 0})
    past = store.past("s")
    assert past is not None
    (tmp_path / "cursor").write_text(json.dumps({"s": f"{past.log_id}:1"}))
    store.compact("s", "drop")
    with Pipe("tail", "s", "--dir", folder, "--cursor-file", str(tmp_path / "cursor")) as follower:
        follower.until(last(3))
        store.set_runtime_state("s", "native", "t", {"n": 3, "kept": 0})
        lines = follower.until(last(4))
        follower.signal(signal.SIGINT)
        follower.end()
        assert lines[0].endswith("  so far:  n 2  kept 0"), "what it replaced is not known"
        assert lines[1].endswith("  n 2→3")
        assert "1 events before event 3 are gone" in follower.errors
    result = journal("log", "s", "--dir", folder)
    assert result.stdout.splitlines()[0].endswith("  so far:  n 2  kept 0")
    assert "before event 3" in result.stderr


def test_it_ends_with_its_reader_even_if_nothing_more_comes(
    folder: str, store: DefaultSessionStore
) -> None:
    put(store, 3)
    with Pipe("log", "s", "-f", "--dir", folder) as follower:
        follower.until(shown(3))
        follower.stop_reading()
        assert follower.process.wait(timeout=60) == 0
        assert follower.errors == ""
