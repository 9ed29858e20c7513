"""`journal turn`: a turn to read, in a pipe and on terminals of several widths."""

import json
from typing import Any

import pytest
from rich.cells import cell_len

from journal.errors import NotFoundError
from projections import DefaultSessionStore
from projections.adapters.turns import Turn
from projections.adapters.values import Detail, Slicer
from projections.refs import Ref
from tests.cli.terminal import STYLE, in_terminal, journal

TURN, OTHER = "run-20261130T071516.001-7514c9", "run-20261130T071517.002-aa14c9"
QUESTION = "Why is the bill so high?\nIt was 12 € last month, and 11 € in the month before that."
RESULT = "charged twice: on the first, and once more on the second day of the month"


@pytest.fixture
def played(folder: str, store: DefaultSessionStore) -> str:
    """The folder of a session `s` with two turns of agents, and one of another shape."""
    triage = Turn("s", "triage", turn_id=TURN)
    billing = Turn("s", "billing", turn_id=OTHER, parent=triage, parent_call_id="call_1")

    def write(turn: Turn) -> None:
        store.set_runtime_state("s", turn.runtime_id, turn.turn_id, turn.state())

    triage.says("user", QUESTION)
    write(triage)
    triage.model_answered("gpt-5.5", {"input_tokens": 1200, "output_tokens": 88}, "end_turn")
    triage.call_started("call_1", "ask_billing", {"question": "Why?", "invoices": [17, 18]})
    triage.handed_to(billing)
    write(triage)
    billing.call_waits("call_1", "charge_card", {"amount": -12.5})
    write(billing)
    billing.call_ended("call_1", "denied")
    billing.call_started("call_2", "lookup")
    billing.call_ended("call_2", "error", error="no such invoice")
    billing.close("error", "RateLimitError: try again")
    write(billing)
    triage.call_ended("call_1", result=RESULT)
    write(triage)
    triage.says("assistant", "You were charged twice.")
    triage.close()
    write(triage)
    store.set_runtime_state("s", "own", "t", {"step": 3, "note": "x"})
    store.set_runtime_state("s", "own", TURN, {"step": 4})
    return folder


def turn(folder: str, *args: str) -> list[str]:
    result = journal("turn", "s", *args, "--dir", folder)
    assert (result.returncode, result.stderr) == (0, ""), result
    return result.stdout.splitlines()


def without_times(lines: list[str]) -> list[str]:
    """What follows the times that entries begin with."""
    return [line if line.startswith(" ") else line.partition(":")[2][11:] for line in lines]


def test_a_turn_is_shown_as_it_went(played: str) -> None:
    lines = turn(played, f"triage/{TURN}")
    assert lines[0] == f"triage  {TURN}"
    (status,) = [line for line in lines if line.startswith("  status")]
    assert "✓ completed" in status
    assert status.endswith("1,288 tokens  gpt-5.5  stop reason end_turn")
    body = without_times(lines[lines.index("") + 1 :])
    first, second = QUESTION.split("\n")
    assert body[:3] == ["user", f"  {first}", f"  {second}"]
    assert body[3].startswith("→ ask_billing  ")
    assert body[3].endswith("  call_1")
    assert body[4:] == [
        "  question = Why?",
        "  invoices = [17,18]",
        f"  ← {RESULT}",
        f"⇢ hands over to billing/{OTHER}",
        "assistant",
        "  You were charged twice.",
        *[line for line in body if line.startswith("✓ completed")],
    ]


def test_what_was_refused_and_what_failed_is_said(played: str) -> None:
    text = "\n".join(turn(played, OTHER))
    assert f"  called by triage/{TURN}  in its call call_1" in text
    assert ": denied\n  ⊘ denied\n" in text
    assert "\n  ✗ no such invoice\n" in text
    assert "✗ error" in text
    assert text.endswith("\n  RateLimitError: try again")


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_on_a_terminal_it_is_wrapped_and_nothing_is_lost(played: str, columns: int) -> None:
    shown = STYLE.sub(
        "", in_terminal("turn", "s", f"triage/{TURN}", "--dir", played, columns=columns)
    )
    assert max(map(cell_len, shown.splitlines())) <= columns
    words = "".join(shown.split())
    for text in (QUESTION, RESULT, "You were charged twice.", TURN, f"billing/{OTHER}"):
        assert "".join(text.split()) in words
    assert "…" not in shown


@pytest.mark.parametrize("name", ["triage/7514c9", "triage/…7514c9", "t…e/run-2026…7514c9"])
def test_ids_may_be_shortened_as_lines_show_them(played: str, name: str) -> None:
    assert turn(played, name) == turn(played, f"triage/{TURN}")


def test_the_state_alone_and_the_document(played: str, store: DefaultSessionStore) -> None:
    state = store.get_runtime_state("s", "triage", TURN)
    assert json.loads("\n".join(turn(played, f"triage/{TURN}", "--raw"))) == state
    document = json.loads("\n".join(turn(played, f"triage/{TURN}", "-o", "json")))
    assert document["state"] == state
    assert (document["status"], document["seq"]) == ("completed", 6)
    kinds = [entry["kind"] for entry in document["entries"]]
    assert kinds == ["said", "call", "handoff", "said", "ended"]
    assert document["entries"][1]["result"] == RESULT


def test_a_turn_of_another_shape_is_its_json(played: str) -> None:
    lines = turn(played, "own/t")
    assert json.loads("\n".join(lines[lines.index("") + 1 :])) == {"step": 3, "note": "x"}


def test_messages_of_a_turn_of_another_shape_are_shown(
    folder: str, store: DefaultSessionStore
) -> None:
    messages: list[Any] = [{"role": "user", "content": "Charge it."}]
    call = {"id": "a", "type": "function", "function": {"name": "charge", "arguments": '{"n":7}'}}
    store.set_runtime_state("s", "own", "t", {"messages": messages, "mood": "fine"})
    messages += [{"role": "assistant", "content": None, "tool_calls": [call]}]
    messages += [{"role": "tool", "tool_call_id": "a", "content": "done"}]
    store.set_runtime_state("s", "own", "t", {"messages": messages, "mood": "fine"})
    lines = turn(folder, "t")
    body = without_times(lines[lines.index("") + 1 :])
    assert body[0:2] == ["user", "  Charge it."]
    assert body[2].startswith("→ charge")
    assert body[3:5] == ["  n = 7", "  ← done"]
    assert json.loads("\n".join(lines[lines.index("its state also has") + 1 :])) == {
        "mood": "fine"
    }


@pytest.mark.parametrize("at", ["2", f"@{2}"])
def test_an_earlier_moment(played: str, at: str) -> None:
    args = [f"triage/{TURN}{at}"] if at[0] == "@" else [f"triage/{TURN}", "--at", at]
    text = "\n".join(turn(played, *args))
    assert "has not ended: it may still run" in text
    assert RESULT not in text
    assert "▶ open" in text
    versions_back = "\n".join(turn(played, f"triage/{TURN}~2"))
    assert versions_back == text


def test_versions_back_are_those_of_diff(folder: str, store: DefaultSessionStore) -> None:
    """Whatever is named so has the same state in both, or is missing for the same reason."""
    for number in range(5):
        store.set_runtime_state("s", "own", "t", {"n": number})
        if number == 1:
            store.clear_runtime_state("s", "own")
    found = {}
    for back in range(9):
        name = f"own/t~{back}"
        result = journal("turn", "s", name, "--raw", "--dir", folder)
        try:
            found[back] = store.resolve("s", Ref.parse(name))
        except NotFoundError as error:
            code, said = 3, f"journal: {error}\n"
        else:
            code, said = 0, ""
        assert (result.returncode, result.stderr) == (code, said)
        assert json.loads(result.stdout or "null") == found.get(back)
    assert found == {0: {"n": 4}, 1: {"n": 3}, 2: {"n": 2}, 4: {"n": 1}, 5: {"n": 0}}


def test_what_a_state_had_no_room_for_comes_from_earlier_versions(
    folder: str, store: DefaultSessionStore
) -> None:
    small = Turn("s", "native", turn_id="t", slicer=Slicer(Detail(100, 700)))
    for number in range(12):
        small.call_started(f"call_{number}", "lookup", {"n": number})
        store.set_runtime_state("s", "native", "t", small.state())
        small.call_ended(f"call_{number}", result=f"result {number} {'x' * 300}")
        store.set_runtime_state("s", "native", "t", small.state())
    state = store.get_runtime_state("s", "native", "t")
    assert len(state["tool_calls"]) < 6, "the others are left out"
    text = "\n".join(turn(folder, "t"))
    for number in range(12):
        assert f"  n = {number}\n" in text
        assert f"← result {number} xxx" in text
    assert "(the beginning of 3" in text
    assert "bytes; the rest is not kept)" in text
    assert (
        f"its state has no room for {state['omitted']['tool_calls']} calls that are over" in text
    )


@pytest.mark.parametrize(
    ("name", "code", "words"),
    [
        (TURN, 2, [f"'triage/{TURN}'", f"'own/{TURN}'", "several runtimes"]),
        ("run-2026", 2, [f"'triage/{TURN}'", f"'billing/{OTHER}'", "may be any of"]),
        ("nothing", 3, ["no turn 'nothing'", "there are", f"'own/{TURN}'", "'own/t'"]),
        (TURN[:-1] + "x", 3, ["did you mean", f"'{TURN}'"]),
        (f"trage/{TURN}", 3, ["did you mean", f"'triage/{TURN}'"]),
        (f"triage/{TURN}~9", 3, ["version"]),
    ],
)
def test_what_is_ambiguous_or_not_there_is_said_with_what_is(
    played: str, name: str, code: int, words: list[str]
) -> None:
    result = journal("turn", "s", name, "--dir", played)
    assert (result.returncode, result.stdout) == (code, "")
    for word in words:
        assert word in result.stderr


def test_raw_and_json_are_two_things(played: str) -> None:
    result = journal("turn", "s", "own/t", "--raw", "-o", "json", "--dir", played)
    assert result.returncode == 2
    assert "--raw" in result.stderr
