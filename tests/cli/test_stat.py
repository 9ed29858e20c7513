"""`journal stat`: what a session's turns took."""

import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from journal import Limits
from projections import DefaultSessionStore
from tests.cli.rows import corrupt
from tests.cli.terminal import Terminal, journal, shell
from tests.support import needs

_LONG_RUNTIME = "claude-code/reviewer-0b1f4c2e7d1a"
_LONG_TOOL = "mcp__github__create_pull_request_review"


def turn(status: str, *calls: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A recorded turn of 20 seconds."""
    times = {"opened_at": "2026-11-22T10:00:00Z", "closed_at": "2026-11-22T10:00:20Z"}
    return {"turn": 1, "status": status, **times, "tool_calls": list(calls), **more}


def call(number: int, tool: str, status: str, seconds: int | None = None) -> dict[str, Any]:
    found = {"id": f"c-{number}", "name": tool, "status": status}
    if seconds is not None:
        found["started_at"] = "2026-11-22T10:00:00Z"
        found["ended_at"] = f"2026-11-22T10:00:{seconds:02d}Z"
    return found


@pytest.fixture
def counted(folder: str) -> str:
    """A folder with one session, of which every column has something to show."""
    usage = {"input_tokens": 12_000, "output_tokens": 880, "cache_read_tokens": 900}
    limits = Limits(turn_bytes=1 << 20, runtime_bytes=1 << 24)
    with DefaultSessionStore(folder, durability="os", limits=limits) as store:
        for n in range(3):
            calls = [call(1, _LONG_TOOL, "completed", 1), call(2, "charge_card", "denied")]
            state = turn("completed", *calls, model="gpt-5.5", usage={**usage, "cost_usd": 0.5})
            store.set_runtime_state("s", "triage", f"t-{n}", state)
        failed = call(1, _LONG_TOOL, "error", 5)
        still = call(2, "charge_card", "open")
        store.set_runtime_state("s", _LONG_RUNTIME, "t", turn("error", failed, still))
        store.set_runtime_state("s", "other", "t", {"n": 1})
        store.clear_runtime_state("s", "other")
        store.set_runtime_state("s", "other", "t", turn("open", omitted={"tool_calls": 4}))
    return folder


def tables(text: str) -> list[list[list[str]]]:
    """The cells of the tables, which blank lines separate from all else."""
    blocks = [block.splitlines() for block in text.split("\n\n")]
    rows = [[re.split(r" {2,}", line.strip()) for line in block] for block in blocks]
    return [block for block in rows if block[0][0] in ("RUNTIME", "TOOL")]


def shown(folder: str, columns: int) -> str:
    with Terminal("stat", "s", "--dir", folder, columns=columns) as terminal:
        assert terminal.end() == 0, terminal.raw
    tables_only = terminal.lines[3:-2]
    assert max(map(len, tables_only)) <= columns
    return "\n".join(terminal.lines)


_RUNTIMES = [
    *("RUNTIME", "TURNS", "DONE", "ERROR", "OPEN", "CALLS"),
    *("INPUT", "OUTPUT", "CACHED", "COST", "MEDIAN", "LONGEST"),
]
_TOOLS = ["TOOL", "CALLS", "FAILED", "DENIED", "OPEN", "MEDIAN", "LONGEST"]


def test_a_wide_terminal_shows_every_column(counted: str) -> None:
    runtimes, tools = tables(shown(counted, 120))
    assert runtimes == [
        _RUNTIMES,
        ["triage", "3", "3", "-", "-", "6", "36,000", "2,640", "2,700", "$1.50", "20 s", "20 s"],
        [_LONG_RUNTIME, "1", "-", "1", "-", "2", "-", "-", "-", "-", "20 s", "20 s"],
        ["other", "2", "-", "-", "1", "-", "-", "-", "-", "-", "-", "-"],
        ["all", "6", "3", "1", "1", "8", "36,000", "2,640", "2,700", "$1.50", "20 s", "20 s"],
    ]
    assert tools == [
        _TOOLS,
        [_LONG_TOOL, "4", "1", "-", "-", "1 s", "5 s"],
        ["charge_card", "4", "-", "3", "1", "-", "-"],
        ["all", "8", "1", "3", "1", "1 s", "5 s"],
    ]


@pytest.mark.parametrize(
    ("columns", "left_out"),
    [
        (60, {"CACHED", "MEDIAN", "LONGEST", "CALLS", "COST"}),
        (80, {"CACHED", "MEDIAN", "LONGEST"}),
    ],
)
def test_a_narrow_terminal_leaves_columns_out_and_cuts_no_number(
    counted: str, columns: int, left_out: set[str]
) -> None:
    runtimes, tools = tables(shown(counted, columns))
    kept = [heading for heading in _RUNTIMES if heading not in left_out]
    assert runtimes[0] == kept
    assert runtimes[1][: len(kept)][:4] == ["triage", "3", "3", "-"]
    assert "36,000" in runtimes[1]
    assert re.fullmatch(r"claude.*….*7d1a", runtimes[2][0]), "cut in the middle"
    assert tools[0][:5] == _TOOLS[:5]
    assert [row[1:4] for row in tools[1:]] == [
        ["4", "1", "-"],
        ["4", "-", "3"],
        ["8", "1", "3"],
    ]


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_the_head_and_the_notes_are_whole_at_any_width(counted: str, columns: int) -> None:
    text = shown(counted, columns)
    head = re.match(r"s\n  first   \S.*\n  last    .* event 7\n  models  gpt-5\.5 \(3\)\n\n", text)
    assert head is not None
    assert text.endswith(
        "1 turn holds nothing that we recognise.\n"
        "4 more calls were left out of the turns; no state names them."
    )


def test_columns_in_which_there_is_nothing_are_left_out(
    folder: str, store: DefaultSessionStore
) -> None:
    store.set_runtime_state("s", "native", "t", {"status": "completed"})
    store.set_runtime_state("s", "native", "u", {"status": "completed", "tool_calls": ["c-1"]})
    runtimes, tools = tables(journal("stat", "s", "--dir", folder).stdout)
    assert runtimes == [["RUNTIME", "TURNS", "DONE", "CALLS"], ["native", "2", "2", "1"]]
    assert tools == [["TOOL", "CALLS", "FAILED"], ["(no name)", "1", "-"]]


def test_json_is_what_the_store_counts(counted: str) -> None:
    found = json.loads(journal("stat", "s", "--dir", counted, "-o", "json").stdout)
    with DefaultSessionStore(counted, durability="os") as store:
        expected = json.loads(msgspec.json.encode(store.statistics("s")))
    assert found == {"version": 1, "session_id": "s", "floor": 0, **expected}
    assert found["total"]["usage"]["cost_usd"] == 1.5


def test_jq_finds_the_calls_of_a_tool(counted: str) -> None:
    needs("jq")
    script = """journal stat s -o json | jq -r '.tools[] | "\\(.name) \\(.statuses.error)"'"""
    result = shell(script, JOURNAL_DIR=counted)
    assert result.stdout.splitlines() == [f"{_LONG_TOOL} 1", "charge_card null"]


def test_of_a_history_that_was_dropped_only_what_was_kept_is_counted_and_that_is_said(
    counted: str,
) -> None:
    with DefaultSessionStore(counted, durability="os") as store:
        store.compact("s", "drop")
    result = journal("stat", "s", "--dir", counted, "-o", "json")
    document = json.loads(result.stdout)
    assert (document["floor"], document["total"]["turns"]) == (7, 5), "the cleared one is gone"
    assert "of the events up to there, only those kept are counted" in result.stderr


def test_of_a_damaged_session_what_can_be_read_is_counted(counted: str) -> None:
    corrupt(Path(counted) / "s.jsonl", b'"t-1"', b'"t-7"')
    result = journal("stat", "s", "--dir", counted, "-o", "json")
    assert result.returncode == 4
    assert json.loads(result.stdout)["total"]["turns"] == 5
    assert "only the events that could be read are counted" in result.stderr


def test_what_is_not_there_is_3(folder: str, tmp_path: Path) -> None:
    older = {"session_id": "praison", "runtime_state": {"native": {"t": {}}}}
    (tmp_path / "praison.json").write_text(json.dumps(older))
    for session, said in (("none", "there is no session 'none'"), ("praison", "has no log yet")):
        result = journal("stat", session, "--dir", folder)
        assert (result.returncode, result.stdout) == (3, "")
        assert said in result.stderr
