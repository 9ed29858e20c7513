"""Names in options: lists with commas, and wrong ones, said with those that exist."""

import json
from pathlib import Path

import pytest

from projections import DefaultSessionStore
from projections.cli.names.naming import (
    close_to,
    in_words,
    instead_of,
    split_names,
    turns_instead_of,
)
from tests.cli.terminal import Pipe, Terminal, journal, run_in_terminal

_WIDTHS = [60, 80, 120]


@pytest.fixture
def folder(tmp_path: Path) -> str:
    """A session with three runtimes, of which `old` has been cleared."""
    with DefaultSessionStore(tmp_path, durability="os") as store:
        store.set_runtime_state("trip", "old", "turn-0", {"status": "completed"})
        store.clear_runtime_state("trip", "old")
        store.set_runtime_state("trip", "native", "turn-1", {"status": "open"})
        store.hand_off("trip", "native", "harness")
        store.set_runtime_state("trip", "a,b", "t,u", {"status": "open"})
        store.set_runtime_state("trip", "a", "t", {"status": "open"})
    return str(tmp_path)


def seqs(folder: str, *options: str) -> list[int]:
    result = journal("log", "trip", *options, "-o", "jsonl", "--dir", folder)
    assert result.returncode == 0, result.stderr
    return [json.loads(line)["seq"] for line in result.stdout.splitlines()]


# Lists


def test_a_comma_lists_what_is_chosen(folder: str) -> None:
    assert seqs(folder, "-u", "native,a") == [3, 4, 6]
    assert seqs(folder, "-u", "native", "-u", "a") == [3, 4, 6]
    assert seqs(folder, "-t", "turn-1,t") == [3, 6]
    assert seqs(folder, "-e", "handoff,clear") == [2, 4]
    assert seqs(folder, "-e", "handoff", "-e", "clear,set", "-u", "native") == [3, 4]


def test_an_id_that_has_a_comma_is_one_name(folder: str) -> None:
    assert seqs(folder, "-u", "a,b") == [5]
    assert seqs(folder, "-t", "t,u") == [5]
    assert seqs(folder, "-u", "a,native") == [3, 4, 6]


def test_splitting_asks_what_there_is_only_if_it_has_to() -> None:
    def never() -> list[str]:
        raise AssertionError("asked")

    assert split_names(["a", "b", "a"], never) == ["a", "b"]
    assert split_names(["a,b", "c"], lambda: ["a,b"]) == ["a,b", "c"]
    assert split_names(["a,b,", "b"], list) == ["a", "b"]


# Wrong ones


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["-u", "nativ"], "has no runtime 'nativ'; did you mean 'native'?"),
        (["-u", "native,nativ"], "has no runtime 'nativ'; did you mean 'native'?"),
        (["-t", "turn-7"], "has no turn 'turn-7'; did you mean 'turn-1' or 'turn-0'?"),
        (["-u", "zzz"], "there are 'a', 'a,b', 'harness', 'native' and 'old'"),
        (["-u", "zzz", "-n", "2"], "has no runtime 'zzz'"),
        (["runtime_id=nativ"], "has no runtime 'nativ'; did you mean 'native'?"),
        (["turn=turn-7"], "has no turn 'turn-7'; did you mean"),
    ],
)
def test_a_name_that_the_session_never_had_is_3(
    folder: str, options: list[str], words: str
) -> None:
    result = journal("log", "trip", *options, "--dir", folder)
    assert result.returncode == 3
    assert words in result.stderr


@pytest.mark.parametrize("columns", _WIDTHS)
def test_what_exists_is_shown_beside_what_does_not(folder: str, columns: int) -> None:
    code, shown = run_in_terminal(
        "log", "trip", "-u", "native,zzz", "--dir", folder, columns=columns
    )
    assert code == 3
    assert "turn-1" in shown
    assert "has no runtime 'zzz'" in " ".join(shown.split())


def test_a_runtime_that_has_been_there_is_not_wrong(folder: str) -> None:
    assert seqs(folder, "-u", "old") == [1, 2]
    assert seqs(folder, "-u", "harness") == [4]
    assert seqs(folder, "-u", "old", "-S", "5") == []


def test_a_status_that_no_turn_has_is_said_with_those_that_they_have(folder: str) -> None:
    result = journal("log", "trip", "state.status=opened", "--dir", folder)
    assert (result.returncode, result.stdout) == (0, ""), "there may be one before or after"
    assert result.stderr == "journal: no turn has the status 'opened' now; did you mean 'open'?\n"
    assert journal("log", "trip", "state.status=completed", "--dir", folder).stderr == ""
    journal("set", "bare", "native", "t", "{}", "--dir", folder)
    result = journal("log", "bare", "state.status=open", "--dir", folder)
    assert result.stderr == "journal: no turn has the status 'open' now; none has any\n"


def test_a_field_that_events_do_not_have_is_said_with_the_one_that_was_meant(folder: str) -> None:
    result = journal("log", "trip", "runtme_id=native", "--dir", folder)
    assert result.returncode == 2
    assert "FIELD one of op, seq, writer" in " ".join(result.stderr.split())
    assert "did you mean runtime_id?" in " ".join(result.stderr.split())


@pytest.mark.parametrize("columns", _WIDTHS)
@pytest.mark.parametrize("command", ["log", "tail"])
def test_a_kind_of_event_that_does_not_exist_is_said_with_those_that_do(
    folder: str, command: str, columns: int
) -> None:
    code, shown = run_in_terminal(
        command, "trip", "-e", "set,handof", "--dir", folder, columns=columns
    )
    assert code == 2
    text = " ".join(shown.split())
    assert "'handof' is no kind of event; there are set, clear, handoff and takeover" in text
    assert "did you mean handoff?" in text


def test_the_kinds_of_other_versions_are_found_by_their_field(folder: str) -> None:
    assert seqs(folder, "op=note") == []
    assert "op=KIND" in journal("log", "trip", "-e", "note", "--dir", folder).stderr


# What is to come may have any name


@pytest.mark.parametrize("columns", _WIDTHS)
def test_a_follower_says_what_is_not_there_yet_and_waits_for_it(folder: str, columns: int) -> None:
    for args in (["log", "trip", "-f"], ["tail", "trip"], ["tail"]):
        with Terminal(*args, "-u", "nativ", "--dir", folder, columns=columns) as terminal:
            terminal.until_shown("there is no runtime 'nativ' yet")
            with DefaultSessionStore(folder, durability="os") as store:
                store.set_runtime_state("trip", "nativ", "turn-9", {"n": len(args)})
            terminal.until_shown("turn-9")
        with DefaultSessionStore(folder, durability="os") as store:
            store.clear_runtime_state("trip", "nativ")


def test_a_tail_of_all_says_nothing_of_a_name_that_is_like_none(folder: str) -> None:
    with Pipe("tail", "-u", "zzz", "--dir", folder) as follower:
        with DefaultSessionStore(folder, durability="os") as store:
            store.set_runtime_state("trip", "zzz", "turn-9", {})
        follower.until_shown("turn-9")
        follower.signal(2)
        assert follower.end() == 130
        assert follower.errors == ""


# Words


def test_names_are_close_by_letters_by_case_and_by_either_end() -> None:
    known = ["claude-code:8f2e", "native", "Harness"]
    assert close_to("nativ", known) == ["native"]
    assert close_to("harness", known) == ["Harness"]
    assert close_to("8f2e", known) == ["claude-code:8f2e"]
    assert close_to("claude", known) == ["claude-code:8f2e"]
    assert close_to("native", known) == []
    assert close_to("", known) == []
    assert close_to("zzz", known) == []


def test_turns_are_close_by_their_id_or_with_their_runtime() -> None:
    there = {"native": ["turn-1", "turn-2"], "harness": ["turn-2", "own"]}
    assert turns_instead_of("own-", there) == "did you mean 'own'?"
    assert turns_instead_of("ative/turn-1", there).startswith("did you mean 'native/turn-1'")
    assert turns_instead_of("zz", there) == (
        "there are 'harness/own', 'harness/turn-2', 'native/turn-2' and 'native/turn-1'"
    )
    assert turns_instead_of("zz", {"native": []}) == "there is none"


def test_few_names_are_listed_and_many_are_counted() -> None:
    assert in_words(["a"]) == "a"
    assert in_words(["a", "b"]) == "a and b"
    assert in_words(["a", "b", "c"], "or") == "a, b or c"
    assert instead_of("x", [], "where") == "there is none"
    assert instead_of("zz", ["a"], "where") == "there is 'a'"
    many = instead_of("zz", [f"run-{n}" for n in range(2000)], "where")
    assert many.endswith("'run-7' and 1,992 more (where)")
