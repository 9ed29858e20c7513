"""`journal log S | grep X` finds exactly what `journal log S -g X` finds."""

import json
import re
import tempfile
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from journal import SessionConfig
from projections import DefaultSessionStore
from projections.cli.arguments.event_search import EventSearch
from projections.cli.lines.effects import Effect, Effects
from projections.cli.lines.event_text import event_text
from projections.view import View
from tests.cli.terminal import journal, shell
from tests.projections.turns.turn_scripts import STEPS, Script
from tests.support import set_event

TEXTS = st.sampled_from(
    ["charged twice", "Bonn", "bonn", "404", "a.b", 'say "hi"', "one\ntwo", "é", "日本", "→", "✓"]
)
OWN = st.dictionaries(st.sampled_from(["step", "answer", "status", "note"]), TEXTS, max_size=3)
EVENTS = st.one_of(
    st.tuples(st.just("step"), STEPS),
    st.tuples(st.just("set"), OWN),
    st.tuples(st.just("hand over"), TEXTS),
    st.tuples(st.just("take over"), st.sampled_from(["billing", "triage"])),
    st.tuples(st.just("clear"), st.sampled_from(["own", None])),
)
WORDS = st.one_of(
    TEXTS,
    st.sampled_from(["status", "hands over", "billing", "user:", "completed", "runs", "call"]),
    st.sampled_from(["error", "question=", "1", "2", "unchanged", "clears", "takes", "run-1"]),
)


def write(store: DefaultSessionStore, events: list[tuple[str, Any]]) -> None:
    script = Script()
    store.take_over("s", "triage")
    for kind, what in events:
        match kind:
            case "step":
                script.play(what)
                turn = script.turn
                store.set_runtime_state("s", turn.runtime_id, "run-1", turn.state())
            case "set":
                store.set_runtime_state("s", "own", "t", what)
            case "hand over":
                store.hand_off("s", "triage", "billing", reason=what)
            case "take over":
                store.take_over("s", what)
            case "clear":
                store.clear_runtime_state("s", what)


def seqs(lines: list[str]) -> list[int]:
    return [int(line.split()[0]) for line in lines]


@given(
    st.lists(EVENTS, min_size=1, max_size=12),
    st.lists(WORDS, min_size=1, max_size=3, unique=True),
    st.none() | st.integers(1, 4),
)
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_a_pattern_finds_the_lines_that_have_it(
    events: list[tuple[str, Any]], words: list[str], last: int | None
) -> None:
    """In any form of output, and if only the last of them are asked for."""
    with tempfile.TemporaryDirectory() as folder:
        with DefaultSessionStore(folder, durability="os") as store:
            write(store, events)
        lines = journal("log", "s", "--dir", folder).stdout.splitlines()
        whole = journal("log", "s", "--dir", folder, "-o", "jsonl").stdout.splitlines()
        assert seqs(lines) == [json.loads(line)["seq"] for line in whole], "one event is one line"
        for word in words:
            is_lower = word == word.lower()
            pattern = re.compile(re.escape(word), re.IGNORECASE if is_lower else 0)
            wanted = seqs([line for line in lines if pattern.search(line)])
            args, some = ["-g", re.escape(word)], wanted
            if last is not None:
                args, some = [*args, "-n", str(last)], wanted[-last:]
            found = journal("log", "s", "--dir", folder, *args).stdout.splitlines()
            assert seqs(found) == some, word
            data = journal("log", "s", "--dir", folder, *args, "-o", "jsonl").stdout.splitlines()
            assert [json.loads(line)["seq"] for line in data] == some


NAMES = ["Bonn", "charged", "twice", "say", "one", "two", "step", "answer", "question", "call"]


@given(
    st.lists(EVENTS, min_size=1, max_size=12),
    st.sampled_from([*NAMES, "triage", "own", "tool", "Why", "bill", "opened", "nce", "token"]),
    st.booleans(),
)
def test_what_is_not_looked_at_cannot_match(
    events: list[tuple[str, Any]], word: str, ignores_case: bool
) -> None:
    """Of words of states, of lines, and of neither."""
    search = EventSearch(re.compile(word, re.IGNORECASE if ignores_case else 0))
    effects = Effects(lambda *_: None)
    with DefaultSessionStore(
        config=SessionConfig(persist=False, mirror_runtime_state=True)
    ) as store:
        write(store, events)
        past = store.past("s")
        assert past is not None
        effects.begin("s", View())
        for entry in past.in_order():
            effect = effects.effect_of("s", entry.event)
            is_there = search._pattern.search(event_text(entry.event, effect)) is not None
            assert search(entry.event, effect) == is_there
            assert search.may_match(entry.event, effect) or not is_there


def test_most_states_are_not_compared_for_a_word_that_they_do_not_have() -> None:
    search = EventSearch(re.compile("nowhere at all"))
    event = set_event("t", {"question": "Why?\nReally?"})
    assert not search.may_match(event, Effect(before=b'{"question":"Why?"}'))
    assert search.may_match(event, Effect(before=b'{"question":"nowhere"}'))
    assert EventSearch(re.compile("nowh.re")).may_match(event, Effect()), "it may be anything"


def test_what_a_turn_said_before_is_not_compared_again() -> None:
    said = {"role": "user", "content": "Why is the bill so high?"}
    call = {
        "id": "c1",
        "name": "lookup",
        "arguments": {"order": "seventeen"},
        "status": "completed",
    }
    asked = {"turn": 1, "status": "open", "tool_calls": [call], "transcript": [said]}
    answer = {"role": "assistant", "content": "It was charged twice."}
    answered = {**asked, "status": "completed", "transcript": [said, answer]}
    effect = Effect(before=json.dumps(asked, separators=(",", ":")).encode())
    for word, is_compared in (("bill", False), ("seventeen", False), ("charged", True)):
        search = EventSearch(re.compile(word))
        assert search.may_match(set_event("t", answered), effect) is is_compared, word
        assert search.may_match(set_event("t", asked), Effect()) is (word != "charged")
    lost = {**answered, "omitted": {"transcript": 1}}
    assert EventSearch(re.compile("bill")).may_match(set_event("t", lost), effect)


@pytest.mark.parametrize("word", ["charged twice", "Bonn", "billing", "status", "→", "日本"])
def test_so_says_grep_itself(folder: str, store: DefaultSessionStore, word: str) -> None:
    state = {"question": "charged twice in Bonn?", "town": "bonn", "日本": "→ status"}
    store.set_runtime_state("s", "billing", "t", state)
    store.set_runtime_state("s", "billing", "t", {**state, "n": 1})
    store.hand_off("s", "triage", "billing", reason="charged twice")
    flag = "-iF" if word == word.lower() else "-F"
    piped = shell(f"journal log s --dir {folder} | grep {flag} -e '{word}'").stdout
    asked = shell(f"journal log s --dir {folder} -g '{word}'").stdout
    assert piped
    assert [line.split() for line in piped.splitlines()] == [
        line.split() for line in asked.splitlines()
    ]


def test_what_was_said_is_found_where_it_was_said(folder: str, store: DefaultSessionStore) -> None:
    """And not again in every later state of the turn, which still holds it."""
    said = [{"role": "user", "content": "Where is my parcel?"}]
    for number in range(5):
        store.set_runtime_state("s", "own", "t", {"messages": said, "step": number})
    found = journal("log", "s", "-g", "parcel", "--dir", folder).stdout.splitlines()
    assert seqs(found) == [1]
