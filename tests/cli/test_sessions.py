"""`journal sessions`: tells the sessions of a folder apart."""

import json
import os
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from projections import DefaultSessionStore
from tests.cli.rows import corrupt, rows_of
from tests.cli.terminal import Terminal, after, journal, shell

_ASKED = "Why is my bill for November so much higher than the one before?"
_LONG_ID = "claude-code:0b1f4c2e-7d1a-4f4e-9c37-1f2e3d7514c9"


def test_sessions_counts_what_the_store_knows_last_changed_first(
    folder: str, store: DefaultSessionStore, tmp_path: Path
) -> None:
    for n in range(5):
        store.set_runtime_state("busy", f"r-{n % 2}", f"t-{n % 3}", {"n": n})
    store.clear_runtime_state("busy", "r-1")
    store.compact("busy", "drop")
    store.set_runtime_state("plain", "native", "t", {})
    store.set_runtime_state("cleared", "native", "t", {})
    store.clear_runtime_state("cleared")
    store.flush()
    older = {
        "session_id": "older",
        "messages": [],
        "runtime_state": {"native": {"t": {}, "u": {}}},
    }
    (tmp_path / "older.json").write_text(json.dumps(older))
    whole = 1_700_000_000  # a whole second, as `touch -d` leaves
    for age, name in enumerate(["plain.jsonl", "busy.jsonl", "older.json", "cleared.jsonl"]):
        os.utime(tmp_path / name, (whole - 60 * age, whole - 60 * age))

    rows = rows_of(journal("sessions", "--dir", folder, TZ="UTC").stdout)
    assert [row[:5] for row in rows] == [
        ["plain", "native", "-", "1", "1"],
        ["busy", "r-0", "-", "6", "3"],
        ["older", "native", "-", "0", "2"],
        ["cleared", "native", "-", "2", "0"],
    ]
    assert rows[0][6] == "2023-11-14 22:13:20"

    document = json.loads(journal("sessions", "--dir", folder, "-o", "json").stdout)
    for item in document["sessions"]:
        there = store.state_at(item["session_id"])
        assert item["runtimes"] == len(there)
        assert item["turns"] == sum(map(len, there.values()))
        name = f"{item['session_id']}.jsonl"
        size = (tmp_path / name).stat().st_size if (tmp_path / name).exists() else 0
        assert (item["log_bytes"], item["error"]) == (size, None)

    def names(*options: str) -> list[str]:
        return journal("sessions", "-o", "name", "--dir", folder, *options).stdout.split()

    assert names("-n", "2") == ["plain", "busy"]
    assert names("-S", "2023-11-14T22:12:20Z") == ["plain", "busy"], "that moment included"
    assert names("-S", "2023-11-14T22:12:20Z", "-n", "1") == ["plain"]
    assert names("-S", "5m") == []


def test_names_of_any_kind_go_into_xargs(folder: str, store: DefaultSessionStore) -> None:
    ids = ["plain", "-dash", "with blank", "quote'\"", "日本", "a/b", ""]
    for session_id in ids:
        store.set_runtime_state(session_id, "native", "t", {})
    result = shell("journal sessions -o name", JOURNAL_DIR=folder)
    assert sorted(result.stdout.splitlines()) == sorted(ids)
    result = shell(
        "journal sessions -o name | xargs -d '\\n' journal verify --", JOURNAL_DIR=folder
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.count("intact") == len(ids)


def test_a_session_that_cannot_be_read_does_not_hide_the_others(
    folder: str, store: DefaultSessionStore, tmp_path: Path
) -> None:
    store.set_runtime_state("good", "native", "t", {})
    for n in range(3):
        store.set_runtime_state("damaged", "native", f"t-{n}", {"n": n})
    (tmp_path / "stray.jsonl").write_bytes((tmp_path / "good.jsonl").read_bytes())
    offset = corrupt(tmp_path / "damaged.jsonl", b'"n":1', b'"n":7')
    result = journal("sessions", "--dir", folder)
    assert result.returncode == 4
    rows = {row[0]: row[1:5] for row in rows_of(result.stdout)}
    assert rows == {
        "good": ["native", "-", "1", "1"],
        "damaged": ["native", "damaged", "3", "2"],
        "stray": ["-", "damaged", "?", "?"],
    }
    assert f"damaged.jsonl: corrupt at byte {offset}" in result.stderr
    assert str(tmp_path / "stray.jsonl") in result.stderr
    assert "journal doctor" in result.stderr
    result = journal("sessions", "--dir", folder, "-o", "jsonl")
    assert result.returncode == 4
    items = {item["session_id"]: item for item in map(json.loads, result.stdout.splitlines())}
    assert items["good"]["error"] is None
    assert "byte" in items["damaged"]["error"]
    assert "stray.jsonl" in items["stray"]["error"]


def test_an_empty_folder_is_no_error(folder: str) -> None:
    result = journal("sessions", "--dir", folder)
    assert (result.returncode, result.stdout) == (0, "")
    assert f"there are no sessions in {folder}; --dir or $JOURNAL_DIR" in result.stderr
    assert json.loads(journal("sessions", "--dir", folder, "-o", "json").stdout)["sessions"] == []
    for option in ("-S", "-U"):
        result = journal("sessions", option, "7", "--dir", folder)
        assert result.returncode == 2
        assert "takes a time here" in result.stderr


def test_a_long_id_leaves_room_for_the_counts(folder: str, store: DefaultSessionStore) -> None:
    store.set_many("n" * 150, [("native", f"t-{n}", {}) for n in range(123)])
    store.set_runtime_state("日本" * 20, "native", "t", {})
    with Terminal("sessions", "--dir", folder) as terminal:
        assert terminal.end() == 0
    rows = {row[0][:1]: row[1:] for row in rows_of("\n".join(terminal.lines))}
    assert rows["n"][:3] == ["native", "-", "123"]
    assert re.fullmatch(r"now|\d+ s ago", rows["n"][3]), "not cut either"
    assert terminal.widest <= 80
    assert "n" * 150 in journal("sessions", "--dir", folder).stdout, "in a pipe nothing is cut"


# Told apart at a glance


def turn(status: str, ago: timedelta = timedelta(hours=3, minutes=5), **more: Any) -> Any:
    """A recorded turn that was opened so long ago, and half a minute."""
    opened = datetime.now(UTC) - ago - timedelta(seconds=30)
    return {
        "turn": 1,
        "agent": "Billing desk",
        "status": status,
        "opened_at": opened.isoformat(),
        "transcript": [{"role": "user", "content": _ASKED}],
        **more,
    }


@pytest.fixture
def told_apart(folder: str, store: DefaultSessionStore, tmp_path: Path) -> str:
    """A folder with a session in each phase; each changed an hour before the next."""
    waiting: dict[str, Any] = {
        "tool_calls": [{"id": "c", "name": "charge_card", "status": "waiting"}]
    }
    store.set_runtime_state("runs", "triage", "t", turn("open"))
    with DefaultSessionStore(folder, durability="os", writer="dead:1") as other:
        other.set_runtime_state("gone", "triage", "t", turn("open"))
    with DefaultSessionStore(folder, durability="os", writer="elsewhere:1") as other:
        other.set_runtime_state("open", "triage", "t", turn("running"))
    store.set_runtime_state("asks", "triage", "t", turn("waiting", **waiting))
    store.set_runtime_state("handed", "triage", "t", turn("completed"))
    store.hand_off("handed", "triage", "billing")
    store.set_runtime_state("failed", "triage", "t", turn("error"))
    store.set_runtime_state("twice", "triage", "t", turn("error"))
    store.set_runtime_state("twice", "billing", "t", turn("completed"))
    store.set_runtime_state(_LONG_ID, "claude-code", "t", turn("completed"))
    store.set_runtime_state("other", "native", "t", {"n": 1})
    names = ["runs", "gone", "open", "asks", "handed", "failed", "twice", _LONG_ID, "other"]
    now = datetime.now().timestamp()
    for hours, name in enumerate(names):
        path = tmp_path / f"{name.replace(':', '%3A')}.jsonl"
        os.utime(path, (now - 3600 * hours - 60,) * 2)
    return folder


JUDGED = after(
    "from projections.writers import Writers\n"
    "judged = lambda self, writer, ts: None if 'elsewhere' in writer else 'dead' in writer\n"
    "Writers.has_ended = judged"
)
"""The command, for which processes of the host `dead` have ended, and one elsewhere is unknown."""


def screen(folder: str, *args: str, columns: int) -> list[str]:
    """What a terminal of so many columns shows of the sessions."""
    with Terminal("sessions", *args, "--dir", folder, columns=columns, code=JUDGED) as terminal:
        assert terminal.end() == 0, terminal.raw
    assert terminal.widest <= columns
    return terminal.lines


STATUSES = [
    "running 3 h 5 m",
    "open, writer gone",
    "open 3 h 5 m",
    "waits: charge_card",
    "handed to billing",
    "error",
    "1 finding",
    "completed",
    "-",
]


def test_sixty_columns_show_session_status_age_and_how_it_begins(told_apart: str) -> None:
    head, *rows = screen(told_apart, columns=60)
    assert head.split() == ["SESSION", "STATUS", "CHANGED", "BEGINS"]
    cells = [re.split(r" {2,}", row.strip()) for row in rows]
    assert [row[1] for row in cells] == STATUSES
    assert cells[0][2] == "1 min ago"
    assert cells[7][0] == "claude…514c9", "an id is cut in the middle"
    assert all(_ASKED.startswith(row[3].rstrip("…")) for row in cells[:-1])
    assert all(len(row[3]) >= 12 for row in cells[:-1])


def test_eighty_columns_show_the_turns_too(told_apart: str) -> None:
    head, *rows = screen(told_apart, columns=80)
    assert head.split() == ["SESSION", "STATUS", "TURNS", "CHANGED", "BEGINS"]
    cells = [re.split(r" {2,}", row.strip()) for row in rows]
    assert [row[1] for row in cells] == STATUSES
    assert [row[2] for row in cells] == ["1"] * 6 + ["2", "1", "1"]
    assert cells[7][0] == "claude-cod…e3d7514c9"


def test_where_ids_are_short_eighty_columns_have_room_for_the_owner(told_apart: str) -> None:
    head, *rows = screen(told_apart, "--open", columns=80)
    assert head.split() == ["SESSION", "OWNER", "STATUS", "TURNS", "CHANGED", "BEGINS"]
    assert [re.split(r" {2,}", row)[0] for row in rows] == [
        "runs",
        "gone",
        "open",
        "asks",
        "handed",
    ]


def test_a_wide_terminal_says_what_a_session_waits_for_in_full(told_apart: str) -> None:
    head, *rows = screen(told_apart, columns=120)
    assert head.split() == ["SESSION", "OWNER", "STATUS", "TURNS", "CHANGED", "BEGINS"]
    assert re.split(r" {2,}", rows[3])[:3] == [
        "asks",
        "triage",
        "waits for approval of charge_card",
    ]


def test_a_pipe_has_all_columns_whole_and_times_instead_of_ages(told_apart: str) -> None:
    result = journal("sessions", "--dir", told_apart, TZ="UTC", code=JUDGED)
    head, *rows = result.stdout.splitlines()
    assert head.split() == [
        *("SESSION", "OWNER", "STATUS", "EVENTS", "TURNS", "SIZE", "CHANGED", "BEGINS")
    ]
    assert f"{_LONG_ID}  claude-code  completed" in rows[7]
    assert all(
        re.search(r"  \d{4}-\d\d-\d\d \d\d:\d\d:\d\d  Why is .* before\?$", row)
        for row in rows[:8]
    )


def test_json_says_in_what_phase_each_is_and_why(told_apart: str) -> None:
    result = journal("sessions", "--dir", told_apart, "-o", "json", code=JUDGED)
    items = {item["session_id"]: item for item in json.loads(result.stdout)["sessions"]}
    assert {name: (item["phase"], item["writer_gone"]) for name, item in items.items()} == {
        "runs": ("running", False),
        "gone": ("gone", True),
        "open": ("open", None),
        "asks": ("waiting", None),
        "handed": ("handed_off", None),
        "failed": ("error", None),
        "twice": ("completed", None),
        _LONG_ID: ("completed", None),
        "other": (None, None),
    }
    assert (items["asks"]["waits_for"], items["handed"]["handed_to"]) == (
        ["charge_card"],
        "billing",
    )
    assert items["gone"]["writer"] == "dead:1"
    assert items["open"]["status"] == "running", "as the turn says it"
    assert items["runs"]["agent"] == "Billing desk"


def test_a_program_that_was_killed_leaves_a_session_whose_writer_is_gone(tmp_path: Path) -> None:
    namespace = Path("/proc/self/ns/pid")
    if not namespace.exists() or namespace.stat().st_ino != 0xEFFFFFFC:
        pytest.skip("inside a container, no process is judged")
    code = (
        "import os, sys; from projections import DefaultSessionStore;"
        "store = DefaultSessionStore(sys.argv[1], durability='os');"
        "store.set_runtime_state('s', 'native', 'turn-1', {'status': 'open'}); os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    with DefaultSessionStore(tmp_path, durability="os") as store:
        store.set_runtime_state("alive", "native", "turn-1", {"status": "open"})
        (alive, killed) = rows_of(journal("sessions", "--dir", str(tmp_path)).stdout)
    assert alive[:3] == ["alive", "native", "running"]
    assert killed[:3] == ["s", "native", "open, writer gone"]


@pytest.fixture
def left_open(folder: str, store: DefaultSessionStore) -> str:
    """Sessions whose owner is done, while another runtime's turn is open."""
    writers = {"dead": "dead:1", "far": "elsewhere:1", "alive": "here:1"}
    for name, writer in writers.items():
        with DefaultSessionStore(folder, durability="os", writer=writer) as other:
            other.set_runtime_state(name, "triage", "t", turn("open"))
        store.hand_off(name, "triage", "billing")
        store.take_over(name, "billing")
        store.set_runtime_state(name, "billing", "t", turn("completed"))
    return folder


def test_an_open_turn_of_another_runtime_counts_if_its_writer_is_gone(left_open: str) -> None:
    result = journal("sessions", "--dir", left_open, "-o", "json", code=JUDGED)
    items = {item["session_id"]: item for item in json.loads(result.stdout)["sessions"]}
    found = {
        name: (item["phase"], item["writer_gone"], item["gone_turns"])
        for name, item in items.items()
    }
    assert found == {
        "dead": ("gone", True, [["triage", "t"]]),
        "far": ("completed", None, []),
        "alive": ("completed", None, []),
    }
    assert {(item["owner"], item["status"]) for item in items.values()} == {
        ("billing", "completed")
    }
    assert names(left_open, "--open") == ["dead"]
    (_, row) = screen(left_open, "--open", columns=80)
    assert "  open, writer gone  " in row
    (_, row) = screen(left_open, "--open", columns=160)
    assert "  triage open, writer gone  " in row


def test_what_the_owner_does_now_goes_before_what_another_runtime_left(
    left_open: str, store: DefaultSessionStore
) -> None:
    store.set_runtime_state("dead", "billing", "u", turn("open"))
    result = journal("sessions", "dead", "--dir", left_open, "-o", "jsonl", code=JUDGED)
    item = json.loads(result.stdout)
    assert (item["phase"], item["gone_turns"]) == ("running", [["triage", "t"]])


def test_an_open_turn_that_was_cleared_or_ended_since_is_no_matter(
    left_open: str, store: DefaultSessionStore
) -> None:
    store.clear_runtime_state("dead", "triage")
    assert names(left_open, "--open") == []
    with DefaultSessionStore(left_open, durability="os", writer="dead:1") as other:
        other.set_runtime_state("far", "triage", "t", turn("open"))
        assert names(left_open, "--open") == ["far"], "it is its writer's turn now"
        other.set_runtime_state("far", "triage", "t", turn("completed"))
    assert names(left_open, "--open") == []


def test_a_long_log_that_was_saved_or_compacted_says_the_same_of_it(
    left_open: str, store: DefaultSessionStore
) -> None:
    turns = [("billing", f"u{number}", turn("completed")) for number in range(200)]
    store.set_many("dead", turns)  # at once: what is little since a save is not saved at the end
    store.close()
    with DefaultSessionStore(left_open, durability="os") as again:
        assert again._backend.saved_summary("dead") is not None
        assert names(left_open, "--open") == ["dead"]
        again.compact("dead", "drop")
    assert names(left_open, "--open") == ["dead"]


# Chosen and sorted


def names(folder: str, *args: str) -> list[str]:
    result = journal("sessions", "-o", "name", "--dir", folder, *args, code=JUDGED)
    assert result.returncode == 0, result.stderr
    return result.stdout.splitlines()


def test_words_are_looked_for_in_id_prompt_owner_and_agent(told_apart: str) -> None:
    assert names(told_apart, "CLAUDE") == [_LONG_ID]
    assert names(told_apart, "november", "desk", "claude") == [_LONG_ID], "all of them"
    assert names(told_apart, "native") == ["other"]
    assert "other" not in names(told_apart, "bill")
    assert names(told_apart, "bill", "-n", "2") == ["runs", "gone"]
    assert names(told_apart, "no such word") == []


def test_open_are_those_with_more_to_come(told_apart: str) -> None:
    assert names(told_apart, "--open") == ["runs", "gone", "open", "asks", "handed"]
    assert names(told_apart, "--open", "asks") == ["asks"]


def test_they_are_sorted_by_what_was_asked_for(told_apart: str) -> None:
    newest = names(told_apart)
    assert newest[0] == "runs"
    assert names(told_apart, "--sort", "changed", "-n", "3") == newest[:3]
    assert names(told_apart, "--sort", "age") == names(told_apart, "-r") == newest[::-1]
    assert names(told_apart, "-r", "-n", "1") == newest[-1:]
    assert names(told_apart, "--sort", "name") == sorted(newest)
    assert names(told_apart, "--sort", "name", "-r") == sorted(newest, reverse=True)
    assert names(told_apart, "--sort", "turns")[0] == "twice"
    assert names(told_apart, "--sort", "findings")[:3] == ["twice", "runs", "gone"]
    assert names(told_apart, "--sort", "owner")[0] == "twice"
    items = [
        json.loads(line)
        for line in journal(
            "sessions", "--dir", told_apart, "-o", "jsonl", "--sort", "size"
        ).stdout.splitlines()
    ]
    sizes = [item["log_bytes"] for item in items]
    assert sizes == sorted(sizes, reverse=True)


def test_since_and_until_are_between_two_moments(told_apart: str) -> None:
    assert names(told_apart, "-S", "90m") == ["runs", "gone"]
    assert names(told_apart, "-S", "4h", "-U", "90m") == ["open", "asks"]
    assert names(told_apart, "-U", "8h") == ["other"]


def test_no_lines_are_nothing_and_nothing_false_is_said(told_apart: str) -> None:
    for output in ("table", "name", "jsonl"):
        result = journal("sessions", "-n", "0", "-o", output, "--dir", told_apart)
        assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    result = journal("sessions", "-n", "0", "-o", "json", "--dir", told_apart)
    assert json.loads(result.stdout)["sessions"] == []


def test_where_none_fits_it_is_said_that_there_are_others(told_apart: str) -> None:
    result = journal("sessions", "nowhere", "--dir", told_apart)
    assert (result.returncode, result.stdout) == (0, "")
    assert f"no session in {told_apart} fits;" in result.stderr
