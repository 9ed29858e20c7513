"""`journal history`, `diff` and `blame` as people read them: long texts, counts, columns."""

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from projections import DefaultSessionStore
from projections.cli.turns.text_changes import text_lines
from projections.compare.difference import LeafChange
from tests.cli.terminal import STYLE, Terminal, in_terminal, journal

SENTENCE = "The bill of October was charged twice, which the bank says is not its fault at all. "
CODE = "".join(f"line {number}\n" for number in range(1, 31))


def change_of(old: str, new: str) -> list[str]:
    """The lines about one text that became another, as a pipe has them."""
    lines = text_lines(LeafChange("~", "text", old, new))
    return ["".join(part if isinstance(part, str) else part[0] for part in line) for line in lines]


# Texts


def patched(old: str, lines: list[str]) -> str:
    """What a unified diff makes of a text; each line that it names must be there."""
    there = re.findall(r"[^\n]*\n|[^\n]+", old)
    found: list[str] = []
    at = 0
    for number, line in enumerate(lines):
        heading = re.fullmatch(r"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@", line)
        if heading is not None:
            start = int(heading[1]) - (heading[2] != "0")
            found += there[at:start]
            at = start
            continue
        if line.startswith("\\"):
            continue
        has_newline = lines[number + 1 : number + 2] != ["\\ No newline at end of text"]
        text = line[1:] + "\n" * has_newline
        if line[0] in " -":
            assert there[at] == text
            at += 1
        if line[0] in " +":
            found.append(text)
    return "".join(found + there[at:])


LINES = st.lists(st.sampled_from(["a", "b", "", "@@", "\\ x", "- y"]), min_size=3, max_size=30)


@given(LINES, LINES, st.booleans(), st.booleans())
def test_the_unified_diff_of_two_texts_applied_to_the_old_one_gives_the_new_one(
    olds: list[str], news: list[str], one: bool, other: bool
) -> None:
    old, new = ("\n".join(lines) + "\n" * end for lines, end in ((olds, one), (news, other)))
    head, *lines = change_of(old, new)
    assert head == "~ text:"
    assert all(line.startswith("    ") for line in lines)
    assert patched(old, [line[4:] for line in lines]) == new


WORDS = st.lists(st.sampled_from(["one", "two", "drei", "四", '"', "\\", "."]), max_size=30)


@given(WORDS, WORDS)
def test_the_marked_words_tell_the_old_text_and_the_new_one(
    olds: list[str], news: list[str]
) -> None:
    old, new = " ".join(olds), " ".join(news)
    lines = change_of(old, new)
    if max(len(old), len(new)) <= 40:
        assert not lines, "short ones are shown side by side"
        return
    for line in lines:
        text = line.removeprefix("~ text: ")
        before = re.sub(r"\{\+(.*?)\+\}", "", re.sub(r"\[-(.*?)-\]", r"\1", text))
        after = re.sub(r"\{\+(.*?)\+\}", r"\1", re.sub(r"\[-(.*?)-\]", "", text))
        assert (json.loads(before), json.loads(after)) == (old, new)


@pytest.fixture
def texts(folder: str, store: DefaultSessionStore) -> str:
    """A folder with a turn in which a sentence and some lines change."""
    old: dict[str, Any] = {"n": 1, "answer": SENTENCE * 3, "code": CODE}
    store.set_runtime_state("s", "native", "t", old)
    answer = (SENTENCE * 3).replace("October", "November", 1)
    code = CODE.replace("line 7\n", "line seven\n").replace("line 28\n", "")
    store.set_runtime_state("s", "native", "t", {"n": 2, "answer": answer, "code": code})
    store.set_runtime_state("s", "native", "t", {"n": 2, "answer": "no", "code": code})
    return folder


HUNKS = [
    "@@ -4,7 +4,7 @@",
    *(f" line {n}" for n in (4, 5, 6)),
    "-line 7",
    "+line seven",
    *(f" line {n}" for n in (8, 9, 10)),
    "@@ -25,6 +25,5 @@",
    *(f" line {n}" for n in (25, 26, 27)),
    "-line 28",
    *(f" line {n}" for n in (29, 30)),
]


def test_in_a_pipe_a_long_text_is_whole_and_its_lines_are_a_patch(texts: str) -> None:
    result = journal("diff", "s", "native/t@1", "native/t@2", "--dir", texts)
    assert result.returncode == 1
    marked = SENTENCE.replace("October", "[-October-]{+November+}") + 2 * SENTENCE
    assert result.stdout.splitlines() == [
        "~ n: 1 → 2",
        f'~ answer: "{marked}"',
        "~ code:",
        *(f"    {line}" for line in HUNKS),
    ]


def test_texts_with_little_in_common_stand_side_by_side(texts: str) -> None:
    shown = journal("diff", "s", "native/t@2", "native/t@3", "--dir", texts).stdout
    assert shown.endswith('" → "no"\n')
    assert "[-" not in shown


def test_json_and_patch_have_the_texts_whole(texts: str) -> None:
    refs = ["native/t@1", "native/t@2"]
    patch = json.loads(journal("diff", "s", *refs, "-o", "patch", "--dir", texts).stdout)
    document = json.loads(journal("diff", "s", *refs, "-o", "json", "--dir", texts).stdout)
    assert document["patch"] == patch
    values = {operation["path"]: operation["value"] for operation in patch}
    assert values["/answer"].count("October") == 2
    assert "line seven" in values["/code"]


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_a_terminal_shows_of_a_long_text_what_is_near_to_the_change(
    texts: str, columns: int
) -> None:
    with Terminal("diff", "s", "native/t@1", "native/t@2", "--dir", texts, columns=columns) as it:
        assert it.end() == 1
    (line,) = (line for line in it.lines if "answer" in line)
    found = re.fullmatch(r'~ answer: "(.*)\[-October-\]\{\+November\+\}(.*)"', line)
    assert found is not None
    assert SENTENCE.startswith(found[1].removeprefix("… ")), "the beginning is short"
    assert found[2].endswith(" …")
    assert found[2].removesuffix(" …") in SENTENCE
    assert it.widest <= columns
    assert it.lines[-len(HUNKS) :] == [f"    {line}" for line in HUNKS]


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_history_shows_short_values_first_and_texts_below(texts: str, columns: int) -> None:
    shown = in_terminal("history", "s", "native", "t", "--dir", texts, columns=columns)
    lines = STYLE.sub("", shown).splitlines()
    assert re.fullmatch(r"native/t  3 versions, the last (now|\d+ (s|min) ago)", lines[0])
    heads = [number for number, line in enumerate(lines) if line.startswith("~")]
    assert [lines[number].split()[:2] for number in heads] == [
        ["~2", "1"],
        ["~1", "2"],
        ["~0", "3"],
    ]
    assert lines[heads[1]].endswith("  n=1→2 answer=… code=…")
    below = lines[heads[1] + 1 : heads[2]]
    assert "[-October-]{+November+}" in below[0]
    assert below[1:] == ["    ~ code:", *(f"        {line}" for line in HUNKS)]
    assert max(map(len, lines)) <= columns


def test_in_a_pipe_history_has_no_heading_and_cuts_nothing(texts: str) -> None:
    lines = journal("history", "s", "native", "t", "--dir", texts).stdout.splitlines()
    assert lines[0].startswith("~2")
    assert f'answer="{SENTENCE * 3}"' in lines[0]


def test_a_terminal_gets_the_first_changes_of_many_and_a_pipe_all(
    folder: str, store: DefaultSessionStore
) -> None:
    store.set_runtime_state("s", "native", "t", {f"k{n}": n for n in range(30)})
    shown = in_terminal("history", "s", "native", "t", "--dir", folder, columns=300)
    found = re.findall(r"\+k(\d+)=", shown)
    assert found == [str(n) for n in range(len(found))]
    assert f" … {30 - len(found)} more" in STYLE.sub("", shown)
    assert 0 < len(found) < 30
    piped = journal("history", "s", "native", "t", "--dir", folder).stdout
    assert len(re.findall(r"\+k\d+=\d+", piped)) == 30


# Counts


@pytest.fixture
def counted(folder: str, store: DefaultSessionStore) -> str:
    store.set_runtime_state("s", "native", "t/1", {"n": 1, "calls": ["a"], "gone": 1})  # 1
    store.set_runtime_state("s", "native", "t-2", {"n": 1})  # 2
    store.set_runtime_state("s", "native", "t/1", {"n": 2, "calls": ["a", "b", "c"]})  # 3
    store.set_runtime_state("s", "harness", "t-1", {"n": 1, "m": []})  # 4
    return folder


def rows_of(text: str) -> list[list[str]]:
    return [line.split() for line in STYLE.sub("", text).splitlines()[1:]]


def test_stat_counts_by_turn_and_names_turns_as_diff_takes_them(counted: str) -> None:
    result = journal("diff", "s", "@2", "--stat", "--dir", counted)
    assert result.returncode == 1
    rows = rows_of(result.stdout)
    grown = len('{"n":2,"calls":["a","b","c"]}') - len('{"n":1,"calls":["a"],"gone":1}')
    added = len('{"n":1,"m":[]}')
    assert rows == [
        ["~", "native/t%2F1", "2", "1", "1", f"{grown:+}"],
        ["+", "harness/t-1", "2", "0", "0", f"+{added}"],
        ["total", "4", "1", "1", f"{grown + added:+}"],
    ]
    of_turn = journal("diff", "s", f"{rows[0][1]}@2", "--stat", "--dir", counted).stdout
    assert [row[:5] for row in rows_of(of_turn)] == [
        ["~", "n", "0", "1", "0"],
        ["~", "calls", "2", "0", "0"],
        ["-", "gone", "0", "0", "1"],
        ["total", "2", "1", "1", "+7"],  # `,"b","c"` came and `1` went
    ]
    of_runtime = rows_of(journal("diff", "s", "native@2", "--stat", "--dir", counted).stdout)
    assert of_runtime == [rows[0]]


def test_stat_of_no_difference_is_nothing_and_0(counted: str) -> None:
    result = journal("diff", "s", "@4", "--stat", "--dir", counted)
    assert (result.returncode, result.stdout) == (0, "")


def test_stat_is_for_people(counted: str) -> None:
    result = journal("diff", "s", "@2", "--stat", "-o", "json", "--dir", counted)
    assert result.returncode == 2
    assert "-o json has every change" in result.stderr


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_stat_fits_a_terminal(counted: str, columns: int) -> None:
    with Terminal("diff", "s", "@2", "--stat", "--dir", counted, columns=columns) as terminal:
        assert terminal.end() == 1
    assert rows_of(terminal.raw) == rows_of(
        journal("diff", "s", "@2", "--stat", "--dir", counted).stdout
    )
    assert terminal.widest <= columns


# Blame


@pytest.fixture
def blamed(folder: str) -> str:
    """A folder with a turn that one writer wrote in two steps, and another runtime ran too."""
    answer = "We looked at the bill and found that it was charged twice, as you say."
    with DefaultSessionStore(folder, durability="os", writer="one:1") as store:
        store.set_runtime_state("s", "native", "t", {"status": "open", "answer": answer})
        store.set_runtime_state("s", "native", "t", {"status": "done", "answer": answer})
    with DefaultSessionStore(folder, durability="os", writer="another:2") as store:
        store.set_runtime_state("s", "harness", "t", {"status": "done"})
        store.set_runtime_state("s", "harness", "alone", {"n": 1, "m": 2})
    return folder


def blame_of(folder: str, turn: str, columns: int) -> list[str]:
    shown = in_terminal("blame", "s", turn, "--dir", folder, columns=columns)
    lines = STYLE.sub("", shown).splitlines()
    assert max(map(len, lines)) <= columns
    return lines


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_what_is_the_same_in_all_rows_is_no_column(blamed: str, columns: int) -> None:
    heading, titles, *rows = blame_of(blamed, "native/t", columns)
    assert re.match(r"native/t  2 values of 2 events, the last (now|\d+ s ago), by one:1", heading)
    assert sorted(titles.split()) == ["AT", "EVENT", "VALUE"]
    assert [re.findall(r"(\w+) = ", row) for row in rows] == [["status"], ["answer"]]
    heading, titles, *rows = blame_of(blamed, "harness/alone", columns)
    assert heading.startswith("harness/alone  2 values of event 4, ")
    assert [titles, *rows] == ["VALUE", "n = 1", "m = 2"]


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_a_turn_that_several_ran_is_shown_with_its_runtimes(blamed: str, columns: int) -> None:
    heading, titles, *rows = blame_of(blamed, "t", columns)
    assert heading.startswith("t of native and harness  3 values of 3 events, ")
    assert "RUNTIME" in titles
    assert ("WRITER" in titles) == (columns > 60)
    runtimes = [re.search(r"native|harness", row) for row in rows]
    assert [found[0] for found in runtimes if found] == ["native", "native", "harness"]


def test_in_a_narrow_terminal_the_values_stand_first(blamed: str) -> None:
    for columns, first in ((60, "VALUE"), (79, "VALUE"), (80, "EVENT"), (120, "EVENT")):
        assert blame_of(blamed, "native/t", columns)[1].split()[0] == first
    rows = blame_of(blamed, "t", 60)[2:]
    assert rows[1].startswith('answer = "We looked at the bill')


def test_in_a_pipe_the_columns_are_always_the_same(blamed: str) -> None:
    def titles(*args: str) -> list[str]:
        return journal("blame", "s", *args, "--dir", blamed).stdout.splitlines()[0].split()

    for args in (["native/t"], ["native", "t"], ["harness/alone"], ["native/t", "--at", "1"]):
        assert titles(*args) == ["EVENT", "AT", "WRITER", "VALUE"]
    for args in (["t"], ["alone"]):
        assert titles(*args) == ["EVENT", "AT", "RUNTIME", "WRITER", "VALUE"]


def test_without_a_runtime_the_document_has_the_values_of_all(blamed: str) -> None:
    document = json.loads(journal("blame", "s", "t", "-o", "json", "--dir", blamed).stdout)
    assert (document["runtime_id"], document["turn_id"]) == (None, "t")
    assert [(value["runtime_id"], value["path"]) for value in document["values"]] == [
        ("native", "status"),
        ("native", "answer"),
        ("harness", "status"),
    ]


@pytest.mark.parametrize(
    ("turn", "code", "words"),
    [
        ("nothing", 3, "no runtime of session 's' has a turn 'nothing'; there are 'harness/"),
        ("alon", 3, "did you mean 'alone'?"),
        ("native/nothing", 3, "'nothing'"),
        ("native/t@1", 2, "--at"),
        ("native/t~1", 2, "--at"),
    ],
)
def test_blame_of_what_is_not_there(blamed: str, turn: str, code: int, words: str) -> None:
    result = journal("blame", "s", turn, "--dir", blamed)
    assert (result.returncode, result.stdout) == (code, "")
    assert words in result.stderr


def test_blame_without_a_session_is_of_the_last_one(
    folder: str, store: DefaultSessionStore
) -> None:
    store.set_runtime_state("before", "native", "t", {"n": 1})
    store.set_runtime_state("last", "native", "t", {"n": 2})
    for words in (["native/t"], ["t"], ["native", "t"], ["last", "t"], ["last", "native", "t"]):
        result = journal("blame", *words, "--dir", folder)
        assert "n = 2" in result.stdout, words
        assert ("last" in result.stderr) == (words[0] != "last")
    assert "n = 1" in journal("blame", "before", "t", "--dir", folder).stdout


def test_ids_with_a_slash_are_escaped_as_for_diff(folder: str, store: DefaultSessionStore) -> None:
    store.set_runtime_state("s", "a/b", "t/1", {"n": 1})
    assert "n = 1" in journal("blame", "s", "a%2Fb/t%2F1", "--dir", folder).stdout
    assert "n = 1" in journal("blame", "s", "a/b", "t/1", "--dir", folder).stdout
