"""A tail may be started first: it waits for the folder and the sessions, and says so once."""

import json
import os
import signal
from pathlib import Path

import pytest

from projections import DefaultSessionStore
from tests.cli.appending import append, appending, last, put, seqs_of, shown
from tests.cli.terminal import Pipe, Terminal, journal

COMMANDS = [["tail", "support-42"], ["log", "support-42", "-f"]]


def notices(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith("journal: waiting")]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("parents", [0, 2])
def test_what_another_process_writes_later_comes_from_its_first_event(
    tmp_path: Path, command: list[str], parents: int
) -> None:
    folder = str(tmp_path.joinpath(*["above"] * parents, "later"))
    with Pipe(*command, "--dir", folder, "-o", "jsonl") as follower:
        follower.until_error("waiting")
        follower.until_it_waits()
        assert os.listdir(tmp_path) == [], "waiting makes nothing"
        writer = appending(folder, "support-42", 1, 60)
        lines = follower.until(last(60))
        assert writer.wait(60) == 0
        follower.signal(signal.SIGINT)
        assert follower.end() == 130
        errors = follower.errors
    assert seqs_of(lines) == [*range(1, 61)]
    where = f"waiting for session support-42 in {folder}, a folder that does not exist yet"
    assert notices(errors) == [f"journal: {where}"]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("columns", [60, 80, 120])
def test_on_a_terminal_an_id_that_may_be_mistyped_is_waited_for_and_similar_ones_are_named(
    folder: str, store: DefaultSessionStore, command: list[str], columns: int
) -> None:
    for session in ("support-41", "support-43", "sales"):
        put(store, 1, session)
    with Terminal(*command, "--dir", folder, columns=columns) as terminal:
        lines = terminal.until_shown("waiting")
        assert lines == [
            f"journal: waiting for session support-42 in {folder}; similar ones are there: "
            "support-43 and support-41"
        ]
        append(folder, "support-42", 1, 3)
        lines = terminal.until(last(3))
        assert seqs_of(lines) == [1, 2, 3]
        assert all(len(line) <= columns for line in lines[1:])
        terminal.interrupt()
        assert terminal.end() == 130


def test_what_is_there_is_shown_while_another_is_waited_for(
    folder: str, store: DefaultSessionStore
) -> None:
    put(store, 2, "a")
    with Pipe("tail", "a", "zz top", "-o", "jsonl", "--dir", folder) as follower:
        follower.until(shown(2))
        put(store, 1, "zz top")
        put(store, 1, "a")
        lines = follower.until(shown(4))
        follower.signal(signal.SIGINT)
        follower.end()
        errors = follower.errors
    events = [json.loads(line) for line in lines]
    assert {(each["session_id"], each["seq"]) for each in events[2:]} == {("zz top", 1), ("a", 3)}
    assert notices(errors) == [
        f"journal: waiting for session 'zz top' in {folder}; `journal sessions` lists those that "
        "are there"
    ]


@pytest.mark.parametrize(
    ("args", "what"),
    [
        ([], "sessions in {}, where there are none yet"),
        (["b*", "c"], "session c in {}, where there are none yet"),
        (["a*", "b*"], "sessions like 'a*', 'b*' in {}, where there are none yet"),
        (["a", "b", "c", "d", "e"], "sessions a, b, c and 2 more in {}, where there are none yet"),
    ],
)
def test_it_says_what_it_waits_for(folder: str, args: list[str], what: str) -> None:
    with Pipe("tail", *args, "--dir", folder) as follower:
        follower.until_error(f"waiting for {what.format(folder)}\n")
        follower.signal(signal.SIGINT)
        assert follower.end() == 130
        assert len(notices(follower.errors)) == 1


def test_a_session_that_only_praisonai_keeps_is_waited_for(tmp_path: Path) -> None:
    (tmp_path / "s.json").write_text('{"session_id": "s", "runtime_state": {"r": {"t": {}}}}')
    with Pipe("log", "s", "-f", "-o", "jsonl", "--dir", str(tmp_path)) as follower:
        follower.until_error("to which only PraisonAI has written so far")
        with DefaultSessionStore(tmp_path, durability="os") as store:
            put(store, 1)
        assert seqs_of(follower.until(shown(2))) == [1, 2], "what was there is imported"


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_cursor_file_is_kept_from_the_first_event_on(tmp_path: Path, command: list[str]) -> None:
    folder, file = str(tmp_path / "later"), str(tmp_path / "cursor")
    args = [*command, "--dir", folder, "--cursor-file", file]

    def followed(count: int) -> list[int]:
        with Pipe(*args) as follower:
            if not os.path.exists(folder):
                follower.until_error("waiting")
                follower.until_it_waits()
            append(folder, "support-42", count - 1, count)
            lines = follower.until(last(count))
            follower.until_it_waits()  # within a print, the cursor may be one event behind
            follower.signal(signal.SIGTERM)
            assert follower.end() == 143
        return seqs_of(lines)

    assert followed(2) == [1, 2]
    assert followed(4) == [3, 4]


def test_a_folder_that_is_deleted_and_made_again_is_followed(tmp_path: Path) -> None:
    folder = tmp_path / "sessions"
    append(str(folder), "s", 1, 2)
    with Pipe("tail", "s", "--dir", str(folder)) as follower:
        follower.until(last(2))
        for name in os.listdir(folder):
            os.unlink(folder / name)
        folder.rmdir()
        append(str(folder), "s", 1, 3)
        lines = follower.until(shown(5))
        follower.signal(signal.SIGINT)
        assert follower.end() == 130
        assert "deleted and made again" in follower.errors
    assert seqs_of(lines) == [1, 2, 1, 2, 3]


def test_without_following_nothing_is_waited_for(tmp_path: Path) -> None:
    result = journal("log", "s", "--dir", str(tmp_path / "none"))
    assert (result.returncode, result.stdout) == (3, "")
    assert journal("log", "s", "--dir", str(tmp_path)).returncode == 3


def test_what_cannot_be_there_is_an_error_at_once(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for command in COMMANDS:
        result = journal(*command, "--dir", str(tmp_path / "file"))
        assert (result.returncode, result.stdout) == (2, "")
        assert "is a file" in result.stderr
