"""`journal show`, `history`, `diff` and `blame`: what is there, and why."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from projections import DefaultSessionStore
from tests.cli.rows import corrupt, rows_of
from tests.cli.terminal import STYLE, Terminal, in_terminal, journal, side_by_side
from tests.json_patch import apply_patch

# Show


@pytest.fixture
def saved(store: DefaultSessionStore) -> DefaultSessionStore:
    """A store with a session of which every event is as the tests below say."""
    store.set_runtime_state("s", "native", "turn-1", {"status": "open", "calls": ["a"]})  # 1
    store.set_runtime_state("s", "native", "turn-1", {"status": "done", "calls": ["a", "b"]})  # 2
    store.set_runtime_state("s", "harness", "turn-1", {"status": "done", "calls": []})  # 3
    store.compact("s")
    store.clear_runtime_state("s", "native")  # 4
    store.set_runtime_state("s", "native", "turn-1", {"a/b": {"x@~%": 1}})  # 5
    store.set_runtime_state("s", "a/b@~%", "", {"odd": True})  # 6
    return store


def ask(folder: str, command: str, *args: str) -> Any:
    result = journal(command, "s", *args, "--dir", folder)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def test_show_gives_what_the_store_gives(folder: str, saved: DefaultSessionStore) -> None:
    assert ask(folder, "show", "-o", "value") == saved.state_at("s")
    assert ask(folder, "show", "native", "-o", "value") == saved.get_runtime_state("s", "native")
    assert ask(folder, "show", "native", "turn-1") == {"a/b": {"x@~%": 1}}, "a turn is for jq"
    ts = ask(folder, "log", "-o", "json")["events"][2]["ts"]
    for at in ("3", ts):
        document = ask(folder, "show", "--at", at, "-o", "json")
        assert document["state"] == saved.state_at("s", 3)
        assert str(document["at"]) == at
    assert ask(folder, "show", "--at", "0", "-o", "value") == {}
    assert ask(folder, "show", "native", "turn-1", "--at", "1")["status"] == "open"
    tree = journal("show", "s", "--dir", folder, "--at", "3").stdout
    assert tree.splitlines() == [
        "s  as of 3",
        "  native  1 turn",
        '    turn-1  done  {"calls":["a","b"]}',
        "  harness  1 turn",
        '    turn-1  done  {"calls":[]}',
    ]


def test_a_wide_state_fits_a_terminal(folder: str, store: DefaultSessionStore) -> None:
    store.set_runtime_state("s", "native", "日本" * 20, {"status": "open", "text": "日本" * 100})
    shown = in_terminal("show", "s", "--dir", folder)
    assert "\x1b[33mopen\x1b[0m" in shown
    with Terminal("show", "s", "--dir", folder) as terminal:
        assert terminal.end() == 0
    assert terminal.widest <= 80


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_show_says_on_a_terminal_how_old_it_is(
    folder: str, saved: DefaultSessionStore, columns: int
) -> None:
    shown = in_terminal("show", "s", "--dir", folder, columns=columns)
    head = STYLE.sub("", shown).splitlines()[0]
    assert re.fullmatch(r"s  as of event 6, (now|\d+ s ago)", head)
    assert journal("show", "s", "--dir", folder).stdout.splitlines()[0] == "s"
    day = ["show", "s", "--at", "2999-11-22T10:18:00Z", "--utc", "--dir", folder]
    assert journal(*day).stdout.splitlines()[0] == "s  as of 2999-11-22 10:18:00.000"
    shown = in_terminal("show", "s", "native", "turn-1", "--dir", folder, columns=columns)
    assert json.loads(shown) == {"a/b": {"x@~%": 1}}, "a turn is for jq"


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["show", "ss"], ["'ss'", "did you mean 's'"]),
        (["show", "s", "nativ"], ["'nativ'", "did you mean 'native'"]),
        (["show", "s", "native", "turn1"], ["'turn1'", "did you mean 'turn-1'"]),
        (["show", "s", "--at", "99"], ["no event 99", "last is 6"]),
        (["history", "s", "native", "turn-2"], ["'turn-2'", "did you mean 'turn-1'"]),
        (["blame", "s", "nativ", "turn-1"], ["'nativ'", "did you mean 'native'"]),
        (["blame", "s", "native", "turn-1", "--at", "4"], ["as of 4"]),
        (["diff", "s", "harnes/turn-1"], ["did you mean 'harness'"]),
        (["diff", "s", "native/turn-1~9"], ["~9", "4 versions"]),
        (["diff", "s", "native/turn-1~1"], ["cleared", "event 4"]),
        (["log", "zzz"], ["'zzz'", "there is 's'"]),
        (["show", "s", "zzz"], ["'zzz'", "there are 'harness', 'native' and 'a/b@~%'"]),
        (["diff", "s", "native/zzz"], ["'zzz'", "there is 'turn-1'"]),
        (["verify", "s", "sss"], ["'sss'"]),
    ],
)
def test_what_is_not_there_is_3_and_what_is_near_is_named(
    folder: str, saved: DefaultSessionStore, args: list[str], words: list[str]
) -> None:
    result = journal(*args, "--dir", folder)
    assert result.returncode == 3, result
    assert result.stdout == ""
    for word in words:
        assert word in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("refs", [["nativ/turn-1"], ["nativ/turn-1", "nativ/turn-2"]])
def test_an_id_is_suggested_once_however_many_states_are_compared(
    folder: str, saved: DefaultSessionStore, refs: list[str]
) -> None:
    result = journal("diff", "s", *refs, "--dir", folder)
    assert result.stderr.endswith("did you mean 'native'?\n")


# History, diff, blame


def test_history_lists_the_versions_archived_ones_too(
    folder: str, saved: DefaultSessionStore
) -> None:
    lines = journal("history", "s", "native", "turn-1", "--dir", folder).stdout.splitlines()
    words = [line.split() for line in lines]
    assert [(line[0], line[1]) for line in words] == [
        ("~3", "1"),
        ("~2", "2"),
        ("~1", "4"),
        ("~0", "5"),
    ]
    assert lines[1].endswith('  status="open"→"done" +calls[1]="b"')
    assert words[2][4:] == ["cleared"]
    versions = ask(folder, "history", "native", "turn-1", "-o", "json")["versions"]
    wanted = saved.history("s", "native", "turn-1")
    assert [version["state"] for version in versions] == [version.state for version in wanted]
    assert [version["cleared"] for version in versions] == [False, False, True, False]
    ref = f"native/turn-1{words[1][0]}"
    document = journal("diff", "s", ref, "native/turn-1@1", "--dir", folder, "-o", "json").stdout
    assert json.loads(document)["patch"], "~N is what diff takes"


@pytest.mark.parametrize(
    ("refs", "old", "new"),
    [
        (["native/turn-1~3", "native/turn-1~2"], ("native", "turn-1", 1), ("native", "turn-1", 2)),
        (["native/turn-1@1", "native/turn-1@2"], ("native", "turn-1", 1), ("native", "turn-1", 2)),
        (["native/turn-1@2"], ("native", "turn-1", 2), ("native", "turn-1", 6)),
        (["native/turn-1@2", "harness/turn-1"], ("native", "turn-1", 2), ("harness", "turn-1", 6)),
        (["native@2", "native"], ("native", None, 2), ("native", None, 6)),
        (["@2", "@5"], (None, None, 2), (None, None, 5)),
        (["@5"], (None, None, 5), (None, None, 6)),
        (["harness/turn-1@3"], ("harness", "turn-1", 3), ("harness", "turn-1", 6)),
        (["a%2Fb%40%7E%25/", "harness/turn-1"], ("a/b@~%", "", 6), ("harness", "turn-1", 6)),
    ],
)
def test_a_diff_is_a_patch_from_one_state_to_the_other(
    folder: str, saved: DefaultSessionStore, refs: list[str], old: Any, new: Any
) -> None:
    def state(runtime: str | None, turn: str | None, seq: int) -> Any:
        found: Any = saved.state_at("s", seq)
        for part in (runtime, turn):
            found = found[part] if part is not None else found
        return found

    before, after = state(*old), state(*new)
    result = journal("diff", "s", *refs, "--dir", folder, "-o", "patch")
    assert result.returncode == (before != after)
    assert apply_patch(json.loads(result.stdout), before) == after
    text = journal("diff", "s", *refs, "--dir", folder)
    assert text.returncode == result.returncode
    assert bool(text.stdout) == (before != after)
    assert all(re.match(r"[-+~] \S", line) for line in text.stdout.splitlines())


def test_a_diff_in_words(folder: str, saved: DefaultSessionStore) -> None:
    result = journal("diff", "s", "native/turn-1@1", "native/turn-1@2", "--dir", folder)
    assert result.stdout.splitlines() == ['~ status: "open" → "done"', '+ calls[1]: "b"']
    document = journal("diff", "s", "@6", "--dir", folder, "-o", "json")
    assert document.returncode == 0
    found = json.loads(document.stdout)
    assert (found["different"], found["patch"]) == (False, [])
    for nonsense in ("", "native/turn-1/x", "@noonish", "native~1"):
        assert journal("diff", "s", nonsense, "--dir", folder).returncode == 2


def test_blame_names_the_event_of_each_value(folder: str, saved: DefaultSessionStore) -> None:
    result = journal("blame", "s", "native", "turn-1", "--at", "2", "--dir", folder)
    assert [(row[0], row[-1]) for row in rows_of(result.stdout)] == [
        ("2", 'status = "done"'),
        ("1", 'calls[0] = "a"'),
        ("2", 'calls[1] = "b"'),
    ]
    values = ask(folder, "blame", "native", "turn-1", "--at", "2", "-o", "json")["values"]
    assert [(item["path"], item["value"], item["seq"]) for item in values] == [
        (path, value, event.seq) for path, value, event in saved.blame("s", "native", "turn-1", 2)
    ]


def test_a_long_key_leaves_room_for_the_values(folder: str, store: DefaultSessionStore) -> None:
    store.set_runtime_state("s", "native", "t", {"k" * 150: 1})
    with Terminal("blame", "s", "native", "t", "--dir", folder) as terminal:
        assert terminal.end() == 0
    assert terminal.lines[-1].endswith("k…")
    assert terminal.widest <= 80


# Damage


DAMAGED = (
    ["log", "s"],
    ["log", "s", "-o", "json"],
    ["log", "s", "-r", "-n", "1"],
    ["show", "s"],
    ["show", "s", "--at", "3"],
    ["show", "s", "native", "t-2"],
    ["history", "s", "native", "t-2"],
    ["diff", "s", "@1"],
    ["blame", "s", "native", "t-2"],
    ["export", "s"],
    ["export", "s", "-o", "session"],
)


def test_of_a_damaged_session_what_there_is_is_shown_and_the_code_is_4(
    folder: str, store: DefaultSessionStore, tmp_path: Path
) -> None:
    for n in range(3):
        store.set_runtime_state("s", "native", f"t-{n}", {"text": f"state {n}"})
    store.close()
    offset = corrupt(tmp_path / "s.jsonl", b"state 1", b"STATE 1")
    place = f"{tmp_path / 's.jsonl'}: corrupt at byte {offset}"
    for result in side_by_side(lambda args: journal(*args, "--dir", folder), DAMAGED):
        assert result.returncode == 4, result
        assert "state 2" in result.stdout
        assert "STATE 1" not in result.stdout
        assert result.stderr.count(place) == 1, "said once, with the place"
        assert "`journal doctor` says what to do" in result.stderr


def test_writing_to_a_damaged_session_is_no_failure(
    folder: str, store: DefaultSessionStore, tmp_path: Path
) -> None:
    for n in range(3):
        store.set_runtime_state("s", "native", f"t-{n}", {"text": f"state {n}"})
    store.close()
    corrupt(tmp_path / "s.jsonl", b"state 1", b"STATE 1")
    assert journal("set", "s", "native", "t-3", "{}", "--dir", folder).returncode == 0
    assert "t-3" in journal("show", "s", "--dir", folder).stdout
