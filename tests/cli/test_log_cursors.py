"""Cursors of `journal log` and `journal tail`: to go on where one was, whatever came between."""

import json
import re
import shutil
import signal
import time
from pathlib import Path

import pytest

from projections import DefaultSessionStore
from tests.cli.appending import (
    cursor_of,
    last,
    put,
    seqs_of,
    shown,
)
from tests.cli.terminal import (
    Pipe,
    journal,
    killed_after,
    shell,
)


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


def test_a_cursor_is_of_one_session(folder: str, store: DefaultSessionStore) -> None:
    put(store, 1)
    put(store, 1, "other")
    place = cursor_of(folder)
    for sessions in ([], ["s", "other"]):
        result = journal("tail", *sessions, "--dir", folder, "--after-cursor", place)
        assert result.returncode == 2
        assert "one session" in result.stderr
