"""`journal log`: the past, in short lines and whole."""

import json
import re
from pathlib import Path

from projections import DefaultSessionStore
from tests.cli.appending import (
    put,
    seqs_of,
)
from tests.cli.terminal import (
    journal,
    shell,
)
from tests.faults.damage.forgery import seal_line


def test_a_large_log_into_head_ends_quietly(folder: str, store: DefaultSessionStore) -> None:
    store.set_many("s", [("native", f"t-{n % 100}", {"n": n}) for n in range(5_000)])
    for option in ("", "-o jsonl", "-r"):
        command = f"journal log s --dir '{folder}' {option}"
        result = shell(f"{command} | head -2; echo ${{PIPESTATUS[0]}}")
        *lines, code = result.stdout.splitlines()
        assert seqs_of(lines) == ([5_000, 4_999] if option == "-r" else [1, 2])
        assert (code, result.stderr) == ("0", "")


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


def test_a_line_of_diff_shows_which_values_changed(
    folder: str, store: DefaultSessionStore
) -> None:
    """As the lines of 0.1 did, so that scripts that read these can go on."""
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
    lines = journal("log", "s", "-o", "diff", "--dir", folder).stdout.splitlines()
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
    replayed = journal("replay", "s", "-o", "diff", "--dir", folder).stdout.splitlines()
    assert [line for line in replayed if not line.startswith("──")] == lines
    turns = [line.index("turn-") for line in lines[:6]]
    assert len(set(turns)) == 1, "columns"


def test_an_event_of_a_newer_version_is_shown_with_its_runtime_and_turn(
    folder: str, store: DefaultSessionStore
) -> None:
    """And is found by them, like any other."""
    put(store, 1)
    head = store.verify("s").head
    assert head is not None
    store.close()
    fields = {"seq": 2, "ts": "2026-11-22T10:18:00.000000Z", "op": "note", "writer": "x"}
    ids = {"runtime_id": "harness", "turn_id": "turn-9"}
    with Path(folder, "s.jsonl").open("ab") as file:
        file.write(seal_line({**fields, **ids, "prev": head.hash}))
    shown = journal("log", "s", "--dir", folder).stdout.splitlines()[1]
    assert shown.endswith("harness  turn-9   note (this version does not know it)")
    for chosen in ("-uharness", "runtime_id=harness", "turn_id=turn-9", "op=note"):
        found = journal("log", "s", chosen, "--dir", folder, "-o", "jsonl").stdout.splitlines()
        assert [json.loads(line) | ids for line in found] == list(map(json.loads, found))
        assert seqs_of(found) == [2], chosen


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
