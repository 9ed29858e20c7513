"""`journal handoffs` as its users meet it: a real process, a terminal or a pipe."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len

from projections import DefaultSessionStore
from tests.cli.terminal import STYLE, in_terminal, journal, run_in_terminal
from tests.support import needs


def state(*calls: str, done: tuple[str, ...] = ()) -> dict[str, Any]:
    return {"tool_calls": list(calls), "tool_results": dict.fromkeys(done, "x")}


@pytest.fixture
def folder(tmp_path: Path) -> str:
    """Sessions `calm`, in which all went well, and `faulty`, in which nothing did."""
    with DefaultSessionStore(tmp_path, durability="os") as store:
        store.set_runtime_state("calm", "native", "turn-1", state("call-1", done=("call-1",)))
        store.hand_off("calm", "native", "harness", reason="rate limited")
        store.take_over("calm", "harness")
        store.set_runtime_state("calm", "harness", "turn-2", state())

        store.set_runtime_state("faulty", "native", "turn-1", state("call-1", done=("call-1",)))
        store.set_runtime_state("faulty", "native", "turn-2", state("call-2", "call-3"))
        store.hand_off("faulty", "native", "harness", reason="rate limited")
        store.take_over("faulty", "harness")
        for _ in range(3):
            store.set_runtime_state("faulty", "native", "turn-2", state("call-2"))
        store.set_runtime_state("faulty", "harness", "turn-3", state(done=("call-3",)))
        store.set_runtime_state("faulty", "other", "turn-1", state())
        store.take_over("faulty", "harness")
        store.hand_off("faulty", "harness", "native", reason="done")
    return str(tmp_path)


def test_a_session_in_which_all_went_well(folder: str) -> None:
    result = journal("handoffs", "calm", "--dir", folder)
    assert (result.returncode, result.stderr) == (0, "")
    lanes, key, table, findings = result.stdout.split("\n\n")
    assert "┃─ rate limited ───▶┊" in lanes
    assert "has the session" in key
    assert re.search(r"2 .*native → harness +taken over +\d+ ms +1 +1 +rate limited", table)
    assert "LATE" not in table, "a column of which all is empty is left out"
    assert findings == "- Nothing was lost.\n"


def test_every_fault_is_reported_in_words_and_the_exit_code_says_so(folder: str) -> None:
    result = journal("handoffs", "faulty", "--dir", folder, "-o", "findings")
    assert result.returncode == 1
    assert result.stderr == ""
    assert result.stdout.splitlines() == [
        "✗ turn-1 ran in native (event 1) and other (event 9), no handoff between",
        "  - other wrote turn-1 without a handoff while harness had the session (event 9)",
        "  - harness took over from other (turn-1) without a handoff (event 10)",
        "  - native finished call-1",
        "✗ native wrote turn-2 (events 5-7) after it had handed off to harness at event 3",
        "✗ harness never saw call-2 of turn-2 (native, event 2) finished; "
        "nobody finished it later",
        "- native has not taken over yet what harness handed to it at event 11 (done)",
        "- call-3 of turn-2 (native, event 2) was open when harness got the session; harness "
        "finished it at event 8",
    ]


def test_the_table_has_a_row_for_each_change(folder: str) -> None:
    out = journal("handoffs", "faulty", "--dir", folder, "-o", "table").stdout
    rows = [re.split(r" {2,}", line) for line in out.splitlines()]
    heading = "SEQ WHEN CHANGE HOW TOOK TURNS CALLS OPEN LATE REASON"
    assert rows[0] == heading.split()
    assert [(row[0], row[2], row[3]) for row in rows[1:]] == [
        ("3", "native → harness", "taken over"),
        ("9", "harness → other", "unannounced"),
        ("10", "other → harness", "unannounced"),
        ("11", "harness → native", "pending"),
    ]
    assert rows[1][5:] == ["2", "3", "2", "3", "rate limited"]


@pytest.mark.parametrize("output", ["lanes", "table", "findings", "json"])
def test_the_exit_code_is_of_the_audit_whatever_is_shown(folder: str, output: str) -> None:
    for session, code in (("calm", 0), ("faulty", 1)):
        result = journal("handoffs", session, "--dir", folder, "-o", output)
        assert (result.returncode, result.stderr) == (code, "")
        assert result.stdout


def test_the_json_is_for_jq(folder: str) -> None:
    needs("jq")
    out = journal("handoffs", "faulty", "--dir", folder, "-o", "json").stdout
    jq = subprocess.run(
        ["jq", "-c", "[.version, .ok, .floor, .session_id, .double_runs[0].turn_id, "
         ".lost_calls[].id, (.changes | map(.status)), (.spans | length), "
         ".findings[0].kind, (.findings[0].consequences | map(.severity))]"],
        input=out, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert json.loads(jq.stdout) == [
        *(2, False, 0, "faulty", "turn-1", "call-2"),
        ["taken over", "unannounced", "unannounced", "pending"],
        *(4, "double_run", ["fault", "fault", "remark"]),
    ]


def test_no_such_session_is_3_and_a_close_name_is_suggested(folder: str) -> None:
    result = journal("handoffs", "fauly", "--dir", folder)
    assert (result.returncode, result.stdout) == (3, "")
    assert "'faulty'" in result.stderr


def test_nonsense_is_a_usage_error(folder: str) -> None:
    assert journal("handoffs", "calm", "--dir", folder, "-o", "patch").returncode == 2


def test_the_help_says_what_a_fault_a_tool_call_and_the_exit_codes_are() -> None:
    text = " ".join(journal("handoffs", "--help").stdout.split())
    for part in ("A fault is", "A tool call is", "finished once", "Exit code 0", "README"):
        assert part in text


# Terminals


def test_eighty_columns_are_enough_and_never_exceeded(folder: str) -> None:
    code, shown = run_in_terminal("handoffs", "faulty", "--dir", folder)
    assert code == 1
    assert "\x1b[1;31m" in shown, "faults are red"
    lines = STYLE.sub("", shown).splitlines()
    assert max(map(len, lines)) <= 80
    text = " ".join(" ".join(lines).split())
    assert "turn-2 ×3 late" in text
    whole = "other wrote turn-1 without a handoff while harness had the session (event 9)"
    assert whole in text, "sentences are whole"
    assert "Nothing was lost" not in text


@pytest.mark.parametrize("columns", [20, 40, 60, 100, 200])
@pytest.mark.parametrize("part", ["lanes", "table", "findings"])
def test_other_widths_are_not_exceeded_either(folder: str, columns: int, part: str) -> None:
    code, shown = run_in_terminal(
        "handoffs", "faulty", "--dir", folder, "-o", part, columns=columns
    )
    assert code == 1
    assert max(map(cell_len, STYLE.sub("", shown).splitlines())) <= columns


def test_what_the_table_has_no_room_for_is_reported(folder: str) -> None:
    _, shown = run_in_terminal("handoffs", "faulty", "--dir", folder, "-o", "table", columns=60)
    text = STYLE.sub("", shown)
    assert "no room for WHEN" in text
    assert "native → harness" in text
    wide = run_in_terminal("handoffs", "faulty", "--dir", folder, "-o", "table", columns=200)[1]
    assert "no room" not in wide


def test_no_color_is_obeyed(folder: str) -> None:
    code, shown = run_in_terminal("handoffs", "faulty", "--dir", folder, NO_COLOR="1")
    assert code == 1
    assert "\x1b" not in shown
    assert "┃" in shown


def test_a_calm_session_has_no_red(folder: str) -> None:
    shown = in_terminal("handoffs", "calm", "--dir", folder)
    assert "\x1b[1;31m" not in shown
    assert "\x1b[32m- Nothing was lost." in shown


def test_piped_it_is_plain_and_nothing_is_cut(tmp_path: Path) -> None:
    long = "turn-" + "x" * 200
    with DefaultSessionStore(tmp_path, durability="os") as store:
        store.set_runtime_state("s", "native", long, {})
        store.hand_off("s", "native", "harness", reason="because " * 30)
        store.take_over("s", "harness")
    out = journal("handoffs", "s", "--dir", str(tmp_path), COLUMNS="80").stdout
    assert "\x1b" not in out
    assert f"● {long} " in out
    assert ("because " * 30).strip() in out


def test_a_terminal_that_knows_only_ascii_gets_a_drawing_in_ascii(folder: str) -> None:
    result = journal("handoffs", "faulty", "--dir", folder, PYTHONIOENCODING="ascii")
    assert result.returncode == 1
    assert result.stdout.isascii()
    assert "|- rate limited ---" in result.stdout
    assert "native -> harness" in result.stdout
    assert "?" not in result.stdout


# What ids and reasons may hold


def test_what_could_steer_a_terminal_never_gets_there(tmp_path: Path) -> None:
    evil = "\x1b]0;owned\x07\x1b[2J\u202e\n\u009b31m"
    with DefaultSessionStore(tmp_path, durability="os") as store:
        store.set_runtime_state("s", f"a{evil}", f"t{evil}", state(f"c{evil}"))
        store.hand_off("s", f"a{evil}", f"b{evil}", turn_id=f"t{evil}", reason=f"r{evil}")
        store.take_over("s", f"b{evil}")
        store.set_runtime_state("s", f"a{evil}", f"t{evil}", {})
        store.set_runtime_state("s", f"c{evil}", f"t{evil}", {})
    for output in ("all", "lanes", "table", "findings", "json"):
        result = journal("handoffs", "s", "--dir", str(tmp_path), "-o", output)
        assert result.returncode == 1
        for char in "\x1b\x07\u202e\u009b":
            assert char not in result.stdout
        if output != "json":
            assert "\\x1b]0;owned\\x07" in result.stdout
    shown = run_in_terminal("handoffs", "s", "--dir", str(tmp_path))[1]
    assert "\x1b" not in STYLE.sub("", shown)
    document = json.loads(journal("handoffs", "s", "--dir", str(tmp_path), "-o", "json").stdout)
    assert document["changes"][0]["reason"] == f"r{evil}"


def test_ids_of_every_script_are_laid_out_by_their_width(tmp_path: Path) -> None:
    with DefaultSessionStore(tmp_path, durability="os") as store:
        store.set_runtime_state("s", "原生运行时", "回合-1", {})
        store.hand_off("s", "原生运行时", "🦀", reason="速率限制")
        store.take_over("s", "🦀")
        store.set_runtime_state("s", "🦀", "回合-2", {})
    result = journal("handoffs", "s", "--dir", str(tmp_path), "-o", "lanes")
    lines = result.stdout.splitlines()
    bar = cell_len(lines[0].split("🦀")[0])
    assert [cell_len(line[: line.rindex("┃")]) for line in lines[3:5]] == [bar, bar]
    _, shown = run_in_terminal("handoffs", "s", "--dir", str(tmp_path), columns=50)
    assert max(map(cell_len, STYLE.sub("", shown).splitlines())) <= 50


# Sessions of every size


def test_one_runtime_has_no_changes(tmp_path: Path) -> None:
    with DefaultSessionStore(tmp_path, durability="os") as store:
        store.set_runtime_state("s", "native", "turn-1", {})
    result = journal("handoffs", "s", "--dir", str(tmp_path))
    assert result.returncode == 0
    assert "CHANGE" not in result.stdout
    assert result.stdout.endswith("- Nothing was lost.\n")
    table = journal("handoffs", "s", "--dir", str(tmp_path), "-o", "table")
    assert (table.returncode, table.stdout) == (0, "")
    assert "no change of runtime" in table.stderr


def test_hundreds_of_handoffs_fit_a_screen(tmp_path: Path) -> None:
    with DefaultSessionStore(tmp_path, durability="os") as store:
        for number in range(300):
            source, target = ("a", "b") if number % 2 else ("b", "a")
            store.set_runtime_state("s", source, f"turn-{number}", {})
            store.hand_off("s", source, target)
            store.take_over("s", target)
    lanes = journal("handoffs", "s", "--dir", str(tmp_path), "-o", "lanes").stdout
    assert len(lanes.splitlines()) < 40
    assert "handoffs more, without a fault" in lanes
    table = journal("handoffs", "s", "--dir", str(tmp_path), "-o", "table").stdout
    assert len(table.splitlines()) == 301


def test_a_session_without_events_and_dropped_history(tmp_path: Path) -> None:
    with DefaultSessionStore(tmp_path, durability="os", history="drop") as store:
        store.set_runtime_state("s", "native", "turn-1", {})
        store.clear_runtime_state("s")
        store.compact("s")
    result = journal("handoffs", "s", "--dir", str(tmp_path))
    assert result.returncode == 0
    assert "before event 2" in result.stderr
    assert "no events to draw" in result.stderr
    assert result.stdout == "\n- Nothing was lost.\n"


def test_after_history_was_dropped_the_audit_says_what_it_knows(tmp_path: Path) -> None:
    with DefaultSessionStore(tmp_path, durability="os", history="drop") as store:
        store.set_runtime_state("s", "native", "turn-1", {})
        store.set_runtime_state("s", "native", "turn-1", {"n": 1})
        store.compact("s")
        store.set_runtime_state("s", "harness", "turn-1", {})
    result = journal("handoffs", "s", "--dir", str(tmp_path), "-o", "json")
    assert result.returncode == 1
    assert "the audit knows only those kept" in result.stderr
    assert json.loads(result.stdout)["floor"] == 2


def test_damage_is_reported(folder: str) -> None:
    log = Path(folder) / "faulty.jsonl"
    lines = log.read_bytes().split(b"\n")
    lines[4] = lines[4].replace(b"harness", b"harmless")
    log.write_bytes(b"\n".join(lines))
    result = journal("handoffs", "faulty", "--dir", folder)
    assert "damaged" in result.stderr
    assert "journal verify" in result.stderr
    assert "Traceback" not in result.stderr


def test_reading_does_not_write(folder: str) -> None:
    before = {path: path.read_bytes() for path in Path(folder).iterdir()}
    journal("handoffs", "faulty", "--dir", folder)
    assert before == {path: path.read_bytes() for path in Path(folder).iterdir()}


def test_findings_of_a_kind_that_is_no_fault_are_not_endless(tmp_path: Path) -> None:
    with DefaultSessionStore(tmp_path, durability="os") as store:
        store.set_runtime_state("s", "a", "t", {})
        for number in range(30):
            store.hand_off("s", "a", f"b{number}")
    result = journal("handoffs", "s", "--dir", str(tmp_path), "-o", "findings")
    assert result.returncode == 0
    assert result.stdout.splitlines()[10:] == ["- and 20 more like this", "- Nothing was lost."]


def test_a_quarrel_is_one_line_in_the_findings(tmp_path: Path) -> None:
    with DefaultSessionStore(tmp_path, durability="os") as store:
        for number in range(200):
            store.set_runtime_state("s", "ab"[number % 2], "turn-1", {})
    out = journal("handoffs", "s", "--dir", str(tmp_path), "-o", "findings").stdout
    assert len(out.splitlines()) == 3, "it is one incident"
    assert "100 times (events 2, 4, 6, 8, 10, 12 and 94 more)" in out


# What cannot be told, and what happens beside the session


def test_what_cannot_be_told_is_said_and_is_no_calm(tmp_path: Path) -> None:
    with DefaultSessionStore(tmp_path, durability="os") as store:
        store.set_runtime_state("s", "native", "turn-1", {"checkpoint": {"step": 3}})
        store.hand_off("s", "native", "harness")
        store.take_over("s", "harness")
    result = journal("handoffs", "s", "--dir", str(tmp_path), "-o", "findings")
    assert (result.returncode, result.stderr) == (1, "")
    assert result.stdout.splitlines() == [
        "? 1 turn holds no tool calls that we recognise: turn-1 (native)",
        "- No fault is known, but whether anything was lost cannot be told.",
    ]
    code, shown = run_in_terminal("handoffs", "s", "--dir", str(tmp_path), "-o", "findings")
    assert code == 1
    assert "\x1b[33m? 1 turn holds" in shown
    document = json.loads(journal("handoffs", "s", "--dir", str(tmp_path), "-o", "json").stdout)
    assert document["ok"] is None
    assert [each["severity"] for each in document["findings"]] == ["unknown"]


def test_turns_that_run_side_by_side_are_shown_as_children(tmp_path: Path) -> None:
    with DefaultSessionStore(tmp_path, durability="os") as store:
        store.set_runtime_state("s", "triage", "top", {"status": "waiting"})
        for name in ("search", "billing"):
            parent = {"runtime": "triage", "turn": "top", "tool_call_id": f"c-{name}"}
            store.set_runtime_state("s", name, "t", {"status": "completed", "parent": parent})
    result = journal("handoffs", "s", "--dir", str(tmp_path))
    assert result.returncode == 0
    assert "● t for triage" in result.stdout
    assert result.stdout.splitlines()[-2:] == [
        "- t (search) and t (billing) ran for top (triage), which kept the session",
        "- Nothing was lost.",
    ]
    document = json.loads(journal("handoffs", "s", "--dir", str(tmp_path), "-o", "json").stdout)
    assert [each["tool_call_id"] for each in document["children"]] == ["c-search", "c-billing"]
    assert document["changes"] == []


def test_a_program_that_was_killed_leaves_its_turn_open_and_the_command_says_so(
    tmp_path: Path,
) -> None:
    namespace = Path("/proc/self/ns/pid")
    if not namespace.exists() or namespace.stat().st_ino != 0xEFFFFFFC:
        pytest.skip("inside a container, no process is judged")
    code = (
        "import os, sys; from projections import DefaultSessionStore;"
        "store = DefaultSessionStore(sys.argv[1], durability='os');"
        "store.set_runtime_state('s', 'native', 'turn-1', {'status': 'open'}); os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    result = journal("handoffs", "s", "--dir", str(tmp_path), "-o", "findings")
    assert result.returncode == 1
    assert re.fullmatch(
        r"✗ turn-1 \(native\) is open since \S+, but its writer \S+:\d+ has ended\n", result.stdout
    )


def test_a_turn_that_a_script_sets_open_is_not_that_of_the_command_which_ends(
    tmp_path: Path,
) -> None:
    folder = ("--dir", str(tmp_path))
    assert journal("set", "s", "native", "turn-1", '{"status": "open"}', *folder).returncode == 0
    assert journal("handoffs", "s", *folder).returncode == 0
    with DefaultSessionStore(tmp_path, durability="os") as store:
        (step,) = store.replay("s")
        assert re.fullmatch(r".+:\d+/journal", step.event.writer)


@pytest.mark.parametrize(
    "command", [["handoffs", "none"], ["replay", "none"], ["history", "none", "native", "turn-1"]]
)
def test_of_a_session_that_does_not_exist_nothing_is_told(folder: str, command: list[str]) -> None:
    result = journal(*command, "--dir", folder)
    assert (result.returncode, result.stdout) == (3, "")
    assert "there is no session 'none'" in result.stderr
