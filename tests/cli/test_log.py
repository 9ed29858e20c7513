"""`journal log` and `journal tail`: the past, and what comes, in terminals and in pipes."""

import itertools
import json
import os
import random
import re
import shlex
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len

from projections import DefaultSessionStore
from tests.cli.terminal import (
    COMMAND,
    Pipe,
    Terminal,
    journal,
    killed_after,
    shell,
    side_by_side,
)
from tests.support import finish, needs, python

_SEQ = re.compile(r"\s*(\d+)  ")
WRITER = (
    "import sys; from projections import DefaultSessionStore as Store\n"
    "folder, session, first, last = sys.argv[1:]\n"
    "with Store(folder, durability='os', auto_compact=False) as store:\n"
    "    for n in range(int(first), int(last) + 1):\n"
    "        text = '日本語 ' * 30\n"
    "        state = {'n': n, 'text': text}\n"
    "        store.set_runtime_state(session, f'r-{n % 3}', f't-{n % 7}', state)\n"
)


@pytest.fixture
def folder(tmp_path: Path) -> str:
    return str(tmp_path)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DefaultSessionStore]:
    with DefaultSessionStore(tmp_path, durability="os", auto_compact=False) as store:
        yield store


def put(store: DefaultSessionStore, count: int, session: str = "s") -> None:
    """Append so many sets; each changes what the turn held."""
    for _ in range(count):
        store.set_runtime_state(session, "native", "t", {"n": next(NUMBERS)})


NUMBERS = itertools.count()


def appending(folder: str, session: str, first: int, last: int) -> "subprocess.Popen[str]":
    """Another process, which appends sets with n from `first` to `last`."""
    return python(WRITER, folder, session, str(first), str(last))


def append(folder: str, session: str, first: int, last: int) -> None:
    finish([appending(folder, session, first, last)])


def seqs_of(lines: list[str]) -> list[int]:
    """The seqs of short lines or of JSONL; notices have none."""
    found = []
    for line in lines:
        if line.startswith("{"):
            found.append(json.loads(line)["seq"])
        elif match := _SEQ.match(line):
            found.append(int(match[1]))
    return found


def shown(count: int) -> Callable[[list[str]], bool]:
    return lambda lines: len(seqs_of(lines)) >= count


def last(seq: int) -> Callable[[list[str]], bool]:
    return lambda lines: seqs_of(lines)[-1:] == [seq]


def ends_with(line: str, lines: list[str]) -> bool:
    return lines[-1:] == [line]


# CatchUp in a terminal


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
        finish([writer])
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
        finish(writers)
        assert journal("delete", "b", "--yes", "--dir", folder).returncode == 0
        store.set_many("b", [("native", f"t-{n}", {}) for n in range(5)])
        lines = terminal.until(shown(10 + 3 * 40 + 5))
        terminal.interrupt()
        assert terminal.end() == 130
    events = [line.split() for line in lines if _SEQ.match(line)]
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
    with Terminal("tail", "--dir", folder, columns=100) as terminal:
        append(folder, "s", 1, 1)
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


def test_a_large_log_into_head_ends_quietly(folder: str, store: DefaultSessionStore) -> None:
    store.set_many("s", [("native", f"t-{n % 100}", {"n": n}) for n in range(50_000)])
    for option in ("", "-o jsonl", "-r"):
        command = f"journal log s --dir '{folder}' {option}"
        result = shell(f"{command} | head -2; echo ${{PIPESTATUS[0]}}")
        *lines, code = result.stdout.splitlines()
        assert seqs_of(lines) == ([50_000, 49_999] if option == "-r" else [1, 2])
        assert (code, result.stderr) == ("0", "")


# Events for other programs


def test_each_event_reaches_jq_when_it_comes(folder: str, store: DefaultSessionStore) -> None:
    needs("jq")
    put(store, 1)
    script = f"journal log s -f -o jsonl --dir '{folder}' | jq --unbuffered -c .seq"
    with Pipe(script=f"{script}; true") as follower:
        for seq in range(1, 6):  # the next is appended when the one before has come through
            assert follower.until(partial(ends_with, str(seq)))
            put(store, 1)


@pytest.mark.parametrize("command", [["log", "s", "-f"], ["tail"]], ids=["log", "tail"])
def test_with_a_cursor_file_nothing_is_missing_however_it_was_killed(
    folder: str,
    store: DefaultSessionStore,
    tmp_path_factory: pytest.TempPathFactory,
    command: list[str],
) -> None:
    file = str(tmp_path_factory.mktemp("cursors") / "cursor")
    follow = [*command, "-o", "jsonl", "--dir", folder, "--cursor-file", file]
    put(store, 3)
    with Pipe(*follow) as follower, killed_after(follower):
        follower.until(last(3))
    seen = seqs_of(follower.lines)
    for length in (7, 30, 1, 60):
        put(store, 15)  # while nobody looks: more than -n would show
        with Pipe(*follow) as follower, killed_after(follower):
            put(store, length)
            follower.until(shown(length))
        new = seqs_of(follower.lines)
        assert new == list(range(new[0], new[-1] + 1))
        assert new[0] <= seen[-1] + 1, "nothing in between is missing"
        seen += new
    end = 3 + 4 * 15 + 7 + 30 + 1 + 60 + 2
    with Pipe(*follow) as follower:
        put(store, 1)
        follower.until(last(end - 1))
        put(store, 1)
        follower.until(last(end))  # so it follows by now
        follower.until_it_waits()
        follower.signal(signal.SIGTERM)
        assert follower.end() == 143
    put(store, 2)
    with Pipe(*follow) as follower:
        lines = follower.until(last(end + 2))
    assert seqs_of(lines) == [end + 1, end + 2], "an orderly end notes all"


@pytest.mark.parametrize("command", [["log", "s", "-f"], ["tail"]], ids=["log", "tail"])
def test_who_was_killed_before_anything_was_shown_begins_there_again(
    folder: str,
    store: DefaultSessionStore,
    tmp_path_factory: pytest.TempPathFactory,
    command: list[str],
) -> None:
    file = tmp_path_factory.mktemp("cursors") / "cursor"
    follow = [*command, "-o", "jsonl", "--dir", folder, "--cursor-file", str(file)]
    put(store, 15)
    with Pipe(*follow, is_full=True) as follower:
        deadline = time.monotonic() + 60
        while not file.exists():
            assert time.monotonic() < deadline, "it notes where it begins before it shows it"
            time.sleep(0.01)
        follower.until_it_waits()
        follower.signal(signal.SIGKILL)
        follower.process.wait(timeout=60)  # before there is room in the pipe again
        follower.end()
        assert seqs_of(follower.lines) == []
    put(store, 9)
    with Pipe(*follow) as follower:
        assert seqs_of(follower.until(last(24))) == [*range(6, 25)], "10 of them, and what came"


def test_one_pass_notes_its_place_when_all_was_shown(
    folder: str, store: DefaultSessionStore, tmp_path: Path
) -> None:
    file = tmp_path / "cursor"
    put(store, 3)
    log = ["log", "s", "-o", "jsonl", "--dir", folder, "--cursor-file", str(file)]
    with Pipe(*log, is_full=True) as reader:
        reader.until_full()
        assert not file.exists(), "nothing was shown yet"
        reader.signal(signal.SIGKILL)
        reader.end()
    assert seqs_of(journal(*log).stdout.splitlines()) == [1, 2, 3]
    assert re.fullmatch("[0-9a-f]{16}:3:[0-9a-f]{12}\n", file.read_text())


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


def test_what_a_gone_reader_did_not_get_comes_again(
    folder: str, store: DefaultSessionStore, tmp_path: Path
) -> None:
    file = str(tmp_path / "cursor")
    follow = ["log", "s", "-f", "-o", "jsonl", "--dir", folder, "--cursor-file", file]
    put(store, 2)
    with Pipe(*follow) as follower:
        follower.until(last(2))
        follower.stop_reading()
        put(store, 1)
        assert follower.process.wait(timeout=60) == 0
    with Pipe(*follow) as follower:
        assert seqs_of(follower.until(last(3))) == [3]


def test_a_script_goes_on_where_it_left_off(folder: str, store: DefaultSessionStore) -> None:
    put(store, 2)
    script = (
        f"export JOURNAL_DIR='{folder}'\n"
        "place=$(journal log s --show-cursor | sed -n 's/^-- cursor: //p')\n"
        "journal set s native t '{\"n\": \"new\"}' && journal set s native u '{}'\n"
        "journal compact s >&2\n"
        'journal log s -o jsonl --after-cursor "$place"\n'
        "echo; journal delete s --yes; journal set s native t '{}'\n"
        'journal log s -o jsonl --after-cursor "$place"\n'
    )
    result = shell(script)
    after, made_again = result.stdout.split("\n\n")
    assert seqs_of(after.splitlines()) == [3, 4]
    assert seqs_of(made_again.splitlines()) == [1], "a cursor of another log is of no use"
    assert "made anew" in result.stderr


def test_cursor_files_of_one_pass(folder: str, store: DefaultSessionStore, tmp_path: Path) -> None:
    file = str(tmp_path / "cursor")
    log = ("log", "s", "--dir", folder, "-o", "jsonl", "--cursor-file", file)
    for count in (3, 0, 15):
        if count:
            put(store, count)
        assert len(seqs_of(journal(*log).stdout.splitlines())) == count
    assert journal(*log, "--after-cursor", "x:1").returncode == 2
    for content in ("nonsense", "[]", '{"s": 5}'):
        (tmp_path / "cursor").write_text(content)
        result = journal(*log)
        assert result.returncode == 2
        assert file in result.stderr


class TestRestored:
    """Cursors were noted, then the folder was restored from a backup, and went on."""

    @pytest.fixture
    def folder(self, tmp_path: Path) -> str:
        return str(tmp_path / "s")

    @pytest.fixture
    def noted(self, folder: str) -> str:
        with DefaultSessionStore(folder, durability="os") as store:
            put(store, 3)
            shutil.copytree(folder, f"{folder}.backup")
            put(store, 3)
        return cursor_of(folder)

    def restore(self, folder: str, count: int) -> None:
        shutil.rmtree(folder)
        shutil.copytree(f"{folder}.backup", folder)
        with DefaultSessionStore(folder, durability="os") as store:
            put(store, count)

    @pytest.mark.parametrize("count", [0, 3, 5])
    @pytest.mark.parametrize("command", [["log", "s"], ["log", "s", "-f"], ["tail", "s"]])
    def test_the_command_ends_with_5_and_says_where_to_go_on(
        self, folder: str, noted: str, command: list[str], count: int
    ) -> None:
        self.restore(folder, count)
        result = journal(*command, "-o", "jsonl", "--dir", folder, "--after-cursor", noted)
        assert (result.returncode, result.stdout) == (5, "")
        start = noted[:16] + ":0:000000000000"
        assert noted in result.stderr
        assert start in result.stderr
        went_on = journal("log", "s", "-o", "jsonl", "--dir", folder, "--after-cursor", start)
        assert seqs_of(went_on.stdout.splitlines()) == [*range(1, 4 + count)]

    @pytest.mark.parametrize("command", ["log", "tail"])
    def test_the_cursor_that_was_refused_stays_in_its_file(
        self, folder: str, noted: str, command: str, tmp_path: Path
    ) -> None:
        self.restore(folder, 4)
        file = tmp_path / "cursor"
        file.write_text(noted if command == "log" else json.dumps({"s": noted}))
        result = journal(command, "s", "--dir", folder, "--cursor-file", str(file))
        assert result.returncode == 5
        assert noted in file.read_text()

    @pytest.mark.parametrize("command", [["log", "s", "-f"], ["tail", "s"]])
    def test_one_that_follows_ends_with_5_and_notes_what_it_has_shown(
        self, folder: str, noted: str, command: list[str], tmp_path: Path
    ) -> None:
        file = tmp_path / "cursor"
        args = ["--dir", folder, "-n", "10", "-o", "jsonl", "--cursor-file", str(file)]
        with Pipe(*command, *args) as follower:
            follower.until(last(6))
            self.restore(folder, 4)
            assert follower.end() == 5
            assert seqs_of(follower.lines) == [*range(1, 7)]
            places = [json.loads(line)["cursor"] for line in follower.lines]
            start = f"{noted[:16]}:0:000000000000"  # if it had not read on before it was restored
            notices = follower.errors
        (place,) = [place for place in (places[2], start) if place in notices]
        assert noted in file.read_text()
        again = journal("log", "s", "-o", "jsonl", "--dir", folder, "--after-cursor", place)
        assert seqs_of(again.stdout.splitlines()) == [*range(1 if place == start else 4, 8)]


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


def cursor_of(folder: str) -> str:
    """The cursor after the newest event of the session "s"."""
    cursor: str = json.loads(journal("log", "s", "--dir", folder, "-o", "json").stdout)["cursor"]
    return cursor


def test_cursors_noted_without_a_hash_still_work(
    folder: str, store: DefaultSessionStore, tmp_path: Path
) -> None:
    """As 0.1 wrote them, on the command line and in files of both kinds."""
    put(store, 3)
    short = cursor_of(folder).rpartition(":")[0]
    assert re.fullmatch("[0-9a-f]{16}:3", short)
    put(store, 1)
    log = ["log", "s", "--dir", folder, "-o", "jsonl"]
    assert seqs_of(journal(*log, "--after-cursor", short).stdout.splitlines()) == [4]
    file = tmp_path / "cursor"
    for content in (short, json.dumps({"s": short})):
        file.write_text(content)
        result = journal(*log, "--cursor-file", str(file))
        assert seqs_of(result.stdout.splitlines()) == [4]
        assert cursor_of(folder) in file.read_text()


def test_what_was_dropped_after_a_cursor_is_counted(
    folder: str, store: DefaultSessionStore
) -> None:
    put(store, 2)
    place = cursor_of(folder)
    put(store, 3)
    store.compact("s", "drop")
    put(store, 1)
    for output in ("json", "jsonl"):
        result = journal("log", "s", "--dir", folder, "-o", output, "--after-cursor", place)
        items = (
            json.loads(result.stdout)["events"]
            if output == "json"
            else [json.loads(line) for line in result.stdout.splitlines()]
        )
        assert [(item["seq"], item["lost"]) for item in items] == [(5, 2), (6, 0)]


@pytest.mark.parametrize("command", [["log", "s"], ["tail", "s"]], ids=["log", "tail"])
def test_a_cursor_file_that_cannot_be_written_is_refused_before_anything_is_shown(
    folder: str, store: DefaultSessionStore, tmp_path: Path, command: list[str]
) -> None:
    put(store, 1)
    file = str(tmp_path / "nowhere" / "cursor")
    result = journal(*command, "--dir", folder, "--cursor-file", file)
    assert (result.returncode, result.stdout) == (2, "")
    assert str(tmp_path / "nowhere") in result.stderr
    assert "make it first" in result.stderr


@pytest.mark.parametrize("command", [["log", "s"], ["tail", "s"]], ids=["log", "tail"])
def test_what_is_no_cursor_in_a_cursor_file_is_said_to_be_none(
    folder: str, store: DefaultSessionStore, tmp_path: Path, command: list[str]
) -> None:
    put(store, 1)
    file = tmp_path / "cursor"
    file.write_text("garbage")
    result = journal(*command, "--dir", folder, "--cursor-file", str(file))
    assert (result.returncode, result.stdout) == (2, "")
    assert "log_id:seq:hash" in result.stderr
    assert "for one session" not in result.stderr


def test_an_output_that_cannot_be_written_is_named(
    folder: str, store: DefaultSessionStore
) -> None:
    put(store, 1)
    result = shell(f"journal log s --dir '{folder}' > /dev/full")
    assert result.returncode == 1
    assert result.stderr == "journal: standard output: No space left on device\n"


def test_a_log_whose_events_come_twice_is_not_said_to_lack_any(
    folder: str, store: DefaultSessionStore
) -> None:
    put(store, 3)
    store.close()
    log = Path(folder, "s.jsonl")
    log.write_bytes(2 * log.read_bytes())
    result = journal("log", "s", "--dir", folder)
    assert (result.returncode, seqs_of(result.stdout.splitlines())) == (4, [1, 2, 3])
    assert "no event is missing" in result.stderr
    assert "not all could be read" not in result.stderr
    assert journal("verify", "s", "--dir", folder).stderr == "", "its output has all of it"
    mended = journal("doctor", "--restore", "s", "--dir", folder)
    assert (mended.returncode, mended.stderr) == (0, "")
    assert "no event was missing" in mended.stdout
    assert journal("verify", "s", "--dir", folder).returncode == 0


def test_after_a_cursor_of_a_session_that_was_deleted_all_of_the_new_one_is_shown_and_why(
    folder: str, store: DefaultSessionStore
) -> None:
    put(store, 2)
    place = cursor_of(folder)
    store.delete_session("s")
    put(store, 3)
    result = journal("log", "s", "--dir", folder, "--after-cursor", place)
    assert seqs_of(result.stdout.splitlines()) == [1, 2, 3]
    assert f"was deleted and made anew after {place}; all its events follow" in result.stderr


def test_a_missing_event_is_named_once(folder: str, store: DefaultSessionStore) -> None:
    put(store, 4)
    store.close()
    log = Path(folder, "s.jsonl")
    lines = log.read_bytes().splitlines(keepends=True)
    log.write_bytes(b"".join(lines[:3] + lines[4:]))
    found = journal("doctor", "s", "--dir", folder).stdout
    assert "event 3 is missing" in found
    assert "event 3: " not in found
    notices = journal("log", "s", "--dir", folder).stderr
    assert "event 3 is missing" in notices
    assert ", 0 bytes" not in notices


def test_a_cursor_is_of_one_session(folder: str, store: DefaultSessionStore) -> None:
    put(store, 1)
    put(store, 1, "other")
    place = cursor_of(folder)
    for sessions in ([], ["s", "other"]):
        result = journal("tail", *sessions, "--dir", folder, "--after-cursor", place)
        assert result.returncode == 2
        assert "one session" in result.stderr


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
        assert [line.split("  ")[-1].strip() for line in lines] == ["+n=1", "+n=1", "n=1→2"]
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
        assert lines[0].endswith('{"n":2,"kept":0}'), "what it replaced is not known"
        assert lines[1].endswith(" n=2→3")
        assert "1 events before event 3 are gone" in follower.errors
    result = journal("log", "s", "--dir", folder)
    assert result.stdout.splitlines()[0].endswith('{"n":2,"kept":0}')
    assert "before event 3" in result.stderr


# Which events


@pytest.fixture(scope="module")
def varied(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, list[dict[str, Any]]]:
    """A folder, and the events of its session `s` as -o jsonl gives them."""
    folder = str(tmp_path_factory.mktemp("varied"))
    chance = random.Random(7)
    with DefaultSessionStore(folder, durability="os", redact=None) as store:
        for n in range(80):
            runtime = chance.choice(["native", "harness", "Loop"])
            match chance.randrange(10):
                case 0:
                    store.hand_off("s", runtime, "judge", reason=chance.choice(["Slow", "lost"]))
                case 1:
                    store.take_over("s", runtime)
                case 2:
                    store.clear_runtime_state("s", chance.choice([runtime, None]))
                case _:
                    state = {
                        "status": chance.choice(["open", "error", "ERROR", None, True]),
                        "n": n,
                        "calls": [{"id": f"c-{chance.randrange(3)}"}, 2.5],
                    }
                    turn = f"turn-{chance.randrange(4)}"
                    store.set_runtime_state("s", runtime, turn, state)
            if n == 30:
                store.compact("s")
    result = journal("log", "s", "--dir", folder, "-o", "jsonl")
    return folder, [json.loads(line) for line in result.stdout.splitlines()]


def of_runtime(event: dict[str, Any], *names: str) -> bool:
    cleared_all = event["op"] == "clear" and "runtime_id" not in event
    return cleared_all or any(event.get(k) in names for k in ("runtime_id", "source", "target"))


def words(event: dict[str, Any]) -> str:
    ids = [event.get(k) for k in ("op", "runtime_id", "turn_id", "source", "target", "reason")]
    return "\n".join(map(str, [*ids, json.dumps(event.get("state"), separators=(",", ":"))]))


def in_state(event: dict[str, Any], *path: "str | int") -> Any:
    value = event.get("state")
    for step in path if value is not None else ():
        value = value[step]  # type: ignore[index]
    return value


FILTERS: list[tuple[str, Callable[[dict[str, Any]], bool]]] = [
    ("-u native", lambda e: of_runtime(e, "native")),
    ("-u judge", lambda e: of_runtime(e, "judge")),
    ("-u native -u Loop -e set", lambda e: e["op"] == "set" and of_runtime(e, "native", "Loop")),
    ("-t turn-1 -t turn-2", lambda e: e.get("turn_id") in ("turn-1", "turn-2")),
    ("-e handoff -e takeover", lambda e: e["op"] in ("handoff", "takeover")),
    ("op=set op=clear -u Loop", lambda e: e["op"] in ("set", "clear") and of_runtime(e, "Loop")),
    ("turn_id=turn-1 -t turn-2", lambda e: e.get("turn_id") in ("turn-1", "turn-2")),
    (
        "runtime=harness turn=turn-3",
        lambda e: (e.get("runtime_id"), e.get("turn_id")) == ("harness", "turn-3"),
    ),
    ("source=native target=judge", lambda e: e.get("source") == "native"),
    ("reason=Slow", lambda e: e.get("reason") == "Slow"),
    ("state.status=error", lambda e: in_state(e, "status") == "error"),
    ("state.status=true", lambda e: in_state(e, "status") is True),
    (
        "state.calls.0.id=c-1 state.n=17 state.n=18 state.n=19 state.n=20",
        lambda e: in_state(e, "calls", 0, "id") == "c-1" and 17 <= in_state(e, "n") <= 20,
    ),
    ("state.calls.1=2.5 -t turn-0", lambda e: e.get("turn_id") == "turn-0"),
    ("state.no.such=1", lambda e: False),
    ("seq=5 seq=77", lambda e: e["seq"] in (5, 77)),
    ("-g error", lambda e: "error" in words(e).lower()),
    ("-g ERROR", lambda e: "ERROR" in words(e)),
    ("-g lo+p", lambda e: "loop" in words(e).lower()),
    ("-g slow|c-2", lambda e: "slow" in words(e).lower() or "c-2" in words(e)),
    ("-g runtime_id", lambda e: False),
    ("-S 10 -U 20", lambda e: 10 <= e["seq"] <= 20),
    (
        "-S 10 -U 40 -u native -e set -g open state.status=open",
        lambda e: (
            10 <= e["seq"] <= 40
            and e.get("runtime_id") == "native"
            and in_state(e, "status") == "open"
        ),
    ),
    ("-S 1h", lambda e: True),
    ("-U yesterday", lambda e: False),
]


ENDINGS = ["", "-n 3", "-r", "-n 2 -r", "-n 0"]


@pytest.fixture(scope="module")
def chosen(varied: tuple[str, list[dict[str, Any]]]) -> dict[str, list[Any]]:
    """What `journal log` gives for each of the filters."""

    def run(item: tuple[int, str]) -> list[Any]:
        number, options = item
        ending = ENDINGS[number % len(ENDINGS)].split()
        args = ("log", "s", "--dir", varied[0], "-o", "jsonl", *options.split(), *ending)
        result = journal(*args)
        assert result.returncode == 0, result.stderr
        return [json.loads(line) for line in result.stdout.splitlines()]

    all_options = [options for options, _ in FILTERS]
    return dict(zip(all_options, side_by_side(run, enumerate(all_options)), strict=True))


@pytest.mark.parametrize("number", range(len(FILTERS)), ids=[options for options, _ in FILTERS])
def test_conditions_keep_what_a_filter_in_python_keeps(
    varied: tuple[str, list[dict[str, Any]]], chosen: dict[str, list[Any]], number: int
) -> None:
    options, keep = FILTERS[number]
    events = varied[1]
    assert len(events) > 70
    wanted = [event for event in events if keep(event)]
    ending = ENDINGS[number % len(ENDINGS)]
    if ending.startswith("-n"):
        wanted = wanted[len(wanted) - min(int(ending.split()[1]), len(wanted)) :]
    if ending.endswith("-r"):
        wanted.reverse()
    assert chosen[options] == wanted


def test_a_stretch_of_time_is_that_of_the_timestamps(
    varied: tuple[str, list[dict[str, Any]]],
) -> None:
    folder, events = varied
    begin, end = events[20]["ts"], events[50]["ts"]
    result = journal("log", "s", "--dir", folder, "-o", "json", "-S", begin, "--until", end)
    document = json.loads(result.stdout)
    assert document["events"] == [event for event in events if begin <= event["ts"] <= end]
    assert document["cursor"] == events[-1]["cursor"], "all of it was looked at"
    assert document["floor"] == 0


def test_tail_chooses_as_log_does(varied: tuple[str, list[dict[str, Any]]]) -> None:
    folder, events = varied
    wanted = [event for event in events if event["op"] == "takeover"][-4:]
    with Pipe("tail", "s", "-e", "takeover", "-n", "4", "-o", "jsonl", "--dir", folder) as tail:
        lines = tail.until(shown(4))
    assert [json.loads(line) for line in lines] == wanted


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["colour=red"], ["colour=red", "FIELD=VALUE", "turn_id", "state.KEY"]),
        (["native"], ["'native'", "FIELD=VALUE"]),
        (["-g", "("], ["'('", "regular expression"]),
        (["-S", "noonish"], ["noonish", "5m", "2026-11-22"]),
        (["-f", "-o", "json"], ["-o json", "jsonl"]),
        (["-f", "-r"], ["-r", "-f"]),
        (["-n", "-1"], ["-1", "--lines"]),
        (["--after-cursor", "nonsense"], ["nonsense", "log_id:seq"]),
    ],
)
def test_nonsense_is_a_usage_error_that_says_what_to_write(
    folder: str, store: DefaultSessionStore, options: list[str], words: list[str]
) -> None:
    put(store, 1)
    result = journal("log", "s", "--dir", folder, *options)
    assert result.returncode == 2
    assert result.stdout == ""
    for word in words:
        assert word in result.stderr


# Short lines


def test_a_short_line_shows_what_changed(folder: str, store: DefaultSessionStore) -> None:
    big = {f"key-{n}": "v" * 100 for n in range(1000)}
    store.set_many(
        "s",
        [
            ("native", "turn-1", {**big, "status": "open"}),
            ("native", "turn-1", {**big, "status": "completed"}),
            ("native", "turn-1", {**big, "status": "completed"}),
            ("native", "turn-2", {}),
            ("native", "turn-2", {"gone": 1, "k" * 5000: "v" * 5000}),
            ("native", "turn-2", {"new": {"deep": [1, 2]}}),
        ],
    )
    store.hand_off("s", "native", "a runtime with a long name", reason="why " * 500)
    store.take_over("s", "other")
    store.clear_runtime_state("s", "native")
    store.set_runtime_state("s", "other", "t", {})
    store.clear_runtime_state("s")
    lines = journal("log", "s", "--dir", folder).stdout.splitlines()
    assert all(len(line) < 600 for line in lines), "not the whole state"
    start = lines[0].index("turn-1") + len("turn-1")
    ends = [line[start:].strip() for line in lines]
    assert ends[0].startswith('+key-0="v') or "key-0" in ends[0]
    assert ends[0].endswith("… 995 more")
    assert ends[1] == 'status="open"→"completed"'
    assert ends[2] == "(unchanged)"
    assert ends[3] == "{}"
    assert ends[5].split()[:1] == ["-gone"]
    assert ends[5].endswith("+new.deep[0]=1 +new.deep[1]=2")
    assert re.search(r'handoff → a runtime with …  "why why', ends[6])
    assert "takeover unannounced, has seen up to 7" in lines[7]
    assert lines[8].endswith("clear native, 2 turns")
    assert lines[10].endswith("clear all runtimes, 1 turn")
    turns = [line.index("turn-") for line in lines[:6]]
    assert len(set(turns)) == 1, "columns"


def test_what_to_worry_about_is_red(folder: str, store: DefaultSessionStore) -> None:
    store.set_runtime_state("s", "native", "t", {})
    store.take_over("s", "harness")
    store.hand_off("s", "harness", "native")
    store.take_over("s", "native")
    lines = journal("log", "s", "--dir", folder, FORCE_COLOR="1").stdout.splitlines()
    assert "\x1b[1;31munannounced\x1b[0m" in lines[1]
    assert "answers 3" in lines[3]
    assert "\x1b[1;31m" not in lines[3]


def test_pretty_shows_the_whole_event(folder: str, store: DefaultSessionStore) -> None:
    state = {"status": "open", "list": [1, {"é": "\u009b"}]}
    store.set_runtime_state("s", "native", "t", state)
    store.hand_off("s", "native", "harness", "t", "because")
    result = journal("log", "s", "--dir", folder, "-o", "pretty", "--show-cursor")
    head, _, rest = result.stdout.partition("  {")
    assert head.startswith("event 1  set  native  t\n  at      20")
    assert json.loads("{" + rest.partition("\n\n")[0]) == state
    assert "because" in rest
    assert re.search(r"\n-- cursor: [0-9a-f]{16}:2:[0-9a-f]{12}\n$", rest)


def test_it_ends_with_its_reader_even_if_nothing_more_comes(
    folder: str, store: DefaultSessionStore
) -> None:
    put(store, 3)
    with Pipe("log", "s", "-f", "--dir", folder) as follower:
        follower.until(shown(3))
        follower.stop_reading()
        assert follower.process.wait(timeout=60) == 0
        assert follower.errors == ""
