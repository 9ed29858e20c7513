"""`journal grep`: what it finds, and how it shows it."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from projections import DefaultSessionStore
from tests.cli.terminal import STYLE, Pipe, Terminal, journal, run_in_terminal, shell

SAID = {
    "Grüße aus Köln": "größe|grüße",
    'she said "later", twice': '"later"',
    "first line\nsecond line": r"line\nsecond",
    "C:\\new\\temp": r"\\new",
    "100 % — sure…": "— sure",
    "wait for 34 ms": r"\d+ ms",
}
"""What a person said, and a pattern that nothing else matches."""


@pytest.fixture
def said(folder: str, store: DefaultSessionStore) -> str:
    """A folder in which each of these was said in a session of its own, and more around it."""
    for number, text in enumerate(SAID):
        session = f"session-{number}"
        state = {"turn": 1, "transcript": [{"role": "user", "content": "hello"}]}
        store.set_runtime_state(session, "native", "turn-1", state)
        state["transcript"] = [{"role": "user", "content": text}]
        store.set_runtime_state(session, "native", "turn-2", state)
    store.hand_off("session-0", "native", "judge", "turn-2", "too slow")
    store.close()
    return folder


def grep(*args: str, folder: str) -> tuple[int, list[str]]:
    result = journal("grep", *args, "--dir", folder)
    assert result.stderr == ""
    return result.returncode, result.stdout.splitlines()


def test_what_was_said_is_found_as_people_know_it(said: str) -> None:
    for number, (text, pattern) in enumerate(SAID.items()):
        for arguments in (
            [pattern],
            ["-F", text],
            ["-F", "-i", text.swapcase().replace("SS", "ß")],
        ):
            code, lines = grep(*arguments, folder=said)
            assert code == 0, arguments
            (line,) = lines
            assert line.startswith(f"session-{number}:2  "), arguments
            assert text.splitlines()[-1] in line, "nothing is cut in a pipe"
            assert "transcript[0].content:  " in line


def test_ids_and_reasons_are_found_too(said: str) -> None:
    assert [line[:11] for line in grep("too slow", folder=said)[1]] == ["session-0:3"]
    assert [line[:11] for line in grep("^judge$", folder=said)[1]] == ["session-0:3"]
    assert len(grep("turn-2", "session-1", folder=said)[1]) == 1


def test_names_that_all_turns_have_are_not_searched(said: str) -> None:
    for name in ("transcript", "content", "role", "runtime_id", "hash", "writer"):
        assert grep(name, folder=said) == (1, [])


def test_exit_codes_are_those_of_grep(said: str) -> None:
    assert grep("hello", folder=said)[0] == 0
    assert grep("nowhere at all", folder=said) == (1, [])
    for pattern, why in (("(a", "position 0"), ("a[b", "position 1"), ("a**", "position 2")):
        result = journal("grep", pattern, "--dir", said)
        assert (result.returncode, result.stdout) == (2, "")
        assert pattern in result.stderr
        assert why in result.stderr
        assert "-F" in result.stderr
    assert grep("-F", "(a", folder=said) == (1, [])
    result = journal("grep", "hello", "session-9", "--dir", said)
    assert (result.returncode, result.stdout) == (3, "")
    assert "'session-" in result.stderr, "it names similar ones"


@pytest.mark.parametrize(
    "options", ["-c -l", "-n 1 -c", "-n 1 -l", "-o short -o pretty", "-n -1", "-S noonish"]
)
def test_what_makes_no_sense_is_a_usage_error(said: str, options: str) -> None:
    result = journal("grep", "hello", *options.split(), "--dir", said)
    assert (result.returncode, result.stdout) == (2, "")


def test_the_last_session_that_changed_comes_last_and_n_keeps_the_last(said: str) -> None:
    for number, session in enumerate(("session-3", "session-5", "session-1")):
        os.utime(Path(said, f"{session}.jsonl"), (2_000_000_000 + number,) * 2)
    lines = grep("hello", folder=said)[1]
    assert len(lines) == len(SAID)
    assert [line[:9] for line in lines[-3:]] == ["session-3", "session-5", "session-1"]
    assert grep("hello", "-n", "2", folder=said)[1] == lines[-2:]
    assert grep("hello", "-n", "0", folder=said) == (1, [])
    named = grep("hello", "session-1", "session-0", "session-1", folder=said)[1]
    assert [line[:9] for line in named] == ["session-1", "session-0"]


def test_counts_and_lists_of_sessions(said: str) -> None:
    code, lines = grep("-c", "turn-2|slow", folder=said)
    assert code == 0
    assert sorted(lines) == ["session-0:2", *(f"session-{n}:1" for n in range(1, len(SAID)))]
    assert sorted(grep("-l", "slow|later", folder=said)[1]) == ["session-0", "session-1"]
    assert grep("-c", "nowhere", folder=said) == grep("-l", "nowhere", folder=said) == (1, [])


def test_the_events_that_do_not_match_are_all_the_others(said: str) -> None:
    assert grep("-v", "hello|judge", "session-0", folder=said)[1][0].startswith("session-0:2  ")
    matching = grep("hello", "-o", "jsonl", "-a", folder=said)[1]
    others = grep("-v", "hello", "-o", "jsonl", folder=said)[1]
    everything = grep("", "-o", "jsonl", "-a", folder=said)[1]

    def hashes(lines: list[str]) -> list[str]:
        return [json.loads(line)["hash"] for line in lines]

    assert sorted(hashes(matching) + hashes(others)) == sorted(hashes(everything))
    assert len(everything) == 2 * len(SAID) + 1


def test_other_conditions_hold_as_well(said: str) -> None:
    assert len(grep("session|hello|a", "-t", "turn-1", "session-2", folder=said)[1]) == 1
    assert [line[:11] for line in grep("", "-u", "judge", folder=said)[1]] == ["session-0:3"]
    assert [line[:11] for line in grep("", "-e", "handoff", folder=said)[1]] == ["session-0:3"]
    assert len(grep("", "-S", "2", "-U", "2", folder=said)[1]) == len(SAID)
    assert grep("", "-S", "2040-01-01", folder=said) == (1, [])


def test_json_says_where_in_the_event_it_was_found(said: str) -> None:
    (line,) = grep("too slow", "-o", "jsonl", folder=said)[1]
    item = json.loads(line)
    logged = json.loads(
        journal("log", "session-0", "-n", "1", "-o", "jsonl", "--dir", said).stdout
    )
    assert item.pop("places") == ["reason"]
    assert item == logged
    document = json.loads("\n".join(grep("sure|later", "-o", "json", folder=said)[1]))
    assert [event["places"] for event in document["events"]] == [["transcript[0].content"]] * 2
    assert {each["session_id"]: each["count"] for each in document["sessions"]} == {
        "session-1": 1,
        "session-4": 1,
    }
    counted = json.loads("\n".join(grep("sure", "-c", "-o", "json", folder=said)[1]))
    assert (counted["events"], [each["count"] for each in counted["sessions"]]) == ([], [1])


def test_log_finds_the_same_words(said: str) -> None:
    for number, text in enumerate(SAID):
        word = re.escape(max(re.findall(r"\w+", text), key=len))
        logged = journal("log", f"session-{number}", "-g", word, "-o", "jsonl", "--dir", said)
        seqs = [json.loads(line)["seq"] for line in logged.stdout.splitlines()]
        found = grep(word, f"session-{number}", "-o", "jsonl", folder=said)[1]
        assert [json.loads(line)["seq"] for line in found] == seqs == [2], word


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_on_a_terminal_the_match_is_in_sight(
    folder: str, store: DefaultSessionStore, columns: int
) -> None:
    session = "a-session-with-a-rather-long-name"
    for number, (before, after) in enumerate([(0, 0), (0, 300), (300, 0), (300, 300), (9, 9)]):
        text = "東京 " * (before // 3) + "the needle" + " and\nso on" * (after // 8)
        state = {"tool_calls": [{"id": "c", "result": text}], "note": "needle"}
        store.set_runtime_state(session, "triage", f"turn-{number}", state)
    store.close()
    with Terminal("grep", "needle", "--dir", folder, columns=columns) as terminal:
        assert terminal.end() == 0
        assert terminal.widest <= columns
        lines, raw = terminal.lines, terminal.raw
    assert len(lines) == 5
    for line in lines:
        assert "the needle" in line
        assert "(+1)" in line, "there is another in the same event"
        assert line.startswith("a-session…"), "whose it is"
        assert "tool_calls[0].result:" in line or columns < 120
    assert raw.count("\x1b[1;31mneedle\x1b[0m") == 5
    assert ("turn-3" in lines[3]) is (columns == 120)


@pytest.mark.parametrize("columns", [20, 40])
def test_narrow_terminals_still_show_the_match(said: str, columns: int) -> None:
    code, shown = run_in_terminal("grep", "second", "--dir", said, columns=columns)
    assert code == 0
    assert "second"[: columns // 5] in STYLE.sub("", shown)


def test_a_terminal_is_told_that_nothing_was_found(said: str) -> None:
    code, shown = run_in_terminal("grep", "nowhere", "--dir", said)
    assert code == 1
    assert f"nothing matches in {len(SAID)} sessions; --archives" in shown
    _, shown = run_in_terminal("grep", "nowhere", "--archives", "--dir", said)
    assert f"nothing matches in {len(SAID)} sessions" in shown
    assert "--archives" not in shown, "it was given"


def test_harmful_text_is_escaped(folder: str, store: DefaultSessionStore) -> None:
    store.set_runtime_state("s", "n\x1b[31m", "t", {"a": "x\x1b]0;title\x07needle\u202e"})
    store.close()
    shown = run_in_terminal("grep", "needle", "--dir", folder)[1]
    assert "\\x1b]0;title\\x07" in shown
    assert "\\u202e" in shown
    assert "\x1b]" not in shown


_MANY = """
import projections.search.sessions as searched
searched._WORTH_A_CREW, searched.PART = 0, 4096
from projections.cli import main
main()
"""
"""The command, with several processes however little there is to search."""


def many(store: DefaultSessionStore, text: str = "the needle") -> None:
    for session in range(4):
        store.set_many(
            f"session-{session}",
            [("native", f"turn-{n}", {"n": n, "text": text}) for n in range(500)],
        )
    store.close()


@pytest.mark.parametrize("code", [None, _MANY], ids=["one process", "several"])
def test_a_reader_that_has_seen_enough_ends_it_quietly(
    folder: str, store: DefaultSessionStore, code: str | None
) -> None:
    many(store)
    if code is None:
        command = f"journal grep needle --dir '{folder}'"
        result = shell(f"{command} | head -1; echo ${{PIPESTATUS[0]}}")
        assert result.stdout.splitlines()[1:] == ["0"]
        assert result.stderr == ""
        return
    with Pipe("grep", "needle", "--dir", folder, code=code) as pipe:
        pipe.until(lambda lines: len(lines) > 0)
        pipe.stop_reading()
        assert pipe.end() == 0
        assert pipe.errors == ""


def children_of(pid: int) -> list[int]:
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return list(map(int, file.read().split()))


@pytest.mark.parametrize("code", [None, _MANY], ids=["one process", "several"])
def test_ctrl_c_ends_it_without_a_word(
    folder: str, store: DefaultSessionStore, code: str | None
) -> None:
    """Though one line takes the pattern for ever."""
    many(store, "a" * 90 + "!")
    with Terminal("grep", "(a|aa)+$", "--dir", folder, code=code) as terminal:
        searching: list[int] = []
        while not searching or not all(map(works, searching)):
            assert terminal.process.poll() is None
            searching = children_of(terminal.process.pid) if code else [terminal.process.pid]
        terminal.interrupt()
        assert terminal.end() == 130
        assert terminal.lines in ([], ["^C"])
    for pid in searching:
        assert not os.path.exists(f"/proc/{pid}") or pid == terminal.process.pid


def works(pid: int) -> bool:
    """Whether a process has been at work for so long that it is searching."""
    with open(f"/proc/{pid}/stat") as file:
        return int(file.read().rpartition(")")[2].split()[11]) > os.sysconf("SC_CLK_TCK") // 4


def test_damage_is_said_and_the_rest_is_searched(folder: str, store: DefaultSessionStore) -> None:
    many(store)
    log = Path(folder, "session-2.jsonl")
    lines = log.read_bytes().splitlines(keepends=True)
    lines[100] = b"garbage\n"
    lines[200] = lines[200].replace(b"the needle", b"teh needle")
    log.write_bytes(b"".join(lines))
    result = journal("grep", "needle", "--dir", folder)
    assert result.returncode == 4
    assert len(result.stdout.splitlines()) == 4 * 500 - 2
    assert "session-2.jsonl: corrupt at byte" in result.stderr
    assert "journal verify session-2" in result.stderr
    assert "journal doctor" in result.stderr


def test_what_compaction_set_aside_is_found_on_request(
    folder: str, store: DefaultSessionStore
) -> None:
    store.set_runtime_state("s", "native", "turn-1", {"text": "the old needle"})
    store.set_runtime_state("s", "native", "turn-1", {"text": "gone"})
    store.set_runtime_state("s", "native", "turn-2", {"text": "the kept needle"})
    store.compact("s")
    store.close()
    assert [line[:3] for line in grep("needle", folder=folder)[1]] == ["s:3"]
    assert [line[:3] for line in grep("needle", "--archives", folder=folder)[1]] == ["s:1", "s:3"]
    assert grep("-c", "needle", "--archives", folder=folder)[1] == ["s:2"]


def test_nothing_of_the_search_is_loaded_for_other_commands(said: str) -> None:
    """Nor what only large folders need, for a search in a small one."""
    code = """
import sys
from projections.cli import main
try:
    main()
except SystemExit:
    pass
print(*(name for name in sys.modules if "search" in name or name == "hyperscan"))
"""

    def loaded(*command: str) -> list[str]:
        result = subprocess.run(
            [sys.executable, "-c", code, *command, "--dir", said],
            capture_output=True,
            text=True,
            check=True,
        )
        return result.stdout.splitlines()[-1].split()

    for command in (["log", "session-0", "-n", "1"], ["sessions"]):
        assert not [name for name in loaded(*command) if name.startswith("projections.search")]
    searching = loaded("grep", "hello")
    assert "projections.search.sessions" in searching
    assert "hyperscan" not in searching
