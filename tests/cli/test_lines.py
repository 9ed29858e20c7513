"""What `journal log` says of each event, in a pipe and on terminals of several widths."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from projections import DefaultSessionStore
from projections.adapters.turns import Turn
from projections.cli.lines.ids import ShownIds
from projections.cli.lines.marks import ASCII, UNICODE
from projections.cli.lines.phrase_fitting import fit, whole
from projections.cli.lines.phrase_parts import Phrase, Words
from tests.cli.terminal import STYLE, Terminal, journal, run_in_terminal

TURN, OTHER = "run-20261130T071516.001-7514c9", "run-20261130T071517.002-aa14c9"
QUESTION = "Why is the bill so high? It was 12 € last month."
ANSWER = "You were charged twice. I have given the money back."
TROUBLE = "RateLimitError: too many requests, try again in 20 s"


class Story:
    """Writes turns of two agents, each step an event."""

    def __init__(self, store: DefaultSessionStore) -> None:
        self._store = store

    def write(self, turn: Turn) -> None:
        self._store.set_runtime_state("s", turn.runtime_id, turn.turn_id, turn.state())

    def play(self) -> None:
        triage = Turn("s", "triage", turn_id=TURN)
        billing = Turn("s", "billing", turn_id=OTHER, parent=triage, parent_call_id="call_1")
        triage.says("user", QUESTION)
        self.write(triage)
        triage.call_asked("call_1", "ask_billing", {"question": "Why?"})
        triage.call_started("call_1", "ask_billing")
        self.write(triage)
        triage.handed_to(billing)
        self.write(triage)
        self._store.hand_off("s", "triage", "billing", TURN, "transfer_to_billing")
        self._store.take_over("s", "billing")
        billing.call_waits("call_1", "charge_card", {"amount": -12.5})
        self.write(billing)
        billing.call_ended("call_1", "denied")
        self.write(billing)
        billing.close("error", TROUBLE)
        self.write(billing)
        triage.call_ended("call_1", result="charged twice")
        self.write(triage)
        triage.model_answered("gpt-5.5", {"input_tokens": 1200, "output_tokens": 88})
        triage.says("assistant", ANSWER)
        triage.close()
        self.write(triage)
        self.write(triage)
        self._store.take_over("s", "other")
        self._store.clear_runtime_state("s", "billing")


@pytest.fixture
def played(folder: str, store: DefaultSessionStore) -> str:
    """The folder of a session with that story, in 13 events."""
    Story(store).play()
    return folder


_SECONDS = r"(?:\d+ ms|\d+(?:\.\d)? s)"
IN_FULL = [
    rf"triage +{TURN}  user: {re.escape(QUESTION)}",
    rf'triage +{TURN}  → ask_billing\(question="Why\?"\)',
    rf"triage +{TURN}  ⇢ hands over to billing",
    rf"triage +{TURN}  ⇢ hands over to billing  transfer_to_billing",
    r"billing  +⇠ billing takes over  answers 4, has seen up to 4",
    rf"billing +{OTHER}  opened for triage  → charge_card\(amount=-12\.5\)"
    r"  ⏸ waits for approval of charge_card",
    rf"billing +{OTHER}  ⊘ denied charge_card",
    rf"billing +{OTHER}  ✗ error {re.escape(TROUBLE)}  {_SECONDS}",
    rf'triage +{TURN}  ← ask_billing  {_SECONDS}  "charged twice"',
    rf"triage +{TURN}  assistant: {re.escape(ANSWER)}  ✓ completed {_SECONDS}"
    r"  1,288 tokens  gpt-5\.5",
    rf"triage +{TURN}  \(unchanged\)",
    r"other    +⇠ other takes over  unannounced, has seen up to 11",
    r"billing  +clears billing, 1 turn",
]


def test_in_a_pipe_each_line_says_all_that_happened(played: str) -> None:
    lines = journal("log", "s", "--dir", played).stdout.splitlines()
    assert len(lines) == len(IN_FULL)
    for line, wanted in zip(lines, IN_FULL, strict=True):
        assert re.search(rf"\d  {wanted}$", line), line


AT_LEAST = [
    "user: Why is the",
    "→ ask_billing(question=",
    "⇢ hands over to billing",
    "⇢ hands over to billing",
    "⇠ billing takes over",
    "⏸ waits for approval of",
    "⊘ denied charge_card",
    "✗ error RateLimitError",
    "← ask_billing",
    "✓ completed",
    "(unchanged)",
    "⇠ other takes over",
    "clears billing, 1 turn",
]
"""What a line must say even where there is little room."""


@pytest.mark.parametrize("columns", [60, 80, 120])
@pytest.mark.parametrize("command", ["log", "replay --speed max"])
def test_on_a_terminal_what_matters_most_is_there(played: str, columns: int, command: str) -> None:
    code, shown = run_in_terminal(*command.split(), "s", "--dir", played, columns=columns)
    lines = [line for line in STYLE.sub("", shown).splitlines() if "──" not in line]
    assert code == 0
    assert len(lines) == len(AT_LEAST), "one event is one line"
    for line, wanted in zip(lines, AT_LEAST, strict=True):
        assert wanted in line
        assert cell_len(line) <= columns
    ends = set(re.findall(r"…([0-9a-f]{6})\b", "\n".join(lines)))
    assert ends == {TURN[-6:], OTHER[-6:]}, "the two turns are played apart"


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_a_tail_of_all_sessions_says_it_too(played: str, columns: int) -> None:
    with Terminal("tail", "--dir", played, "-n", "13", columns=columns, rows=40) as terminal:
        lines = terminal.until(lambda lines: len(lines) == len(AT_LEAST))
        for line, wanted in zip(lines, AT_LEAST, strict=True):
            assert wanted[:14] in line
        assert terminal.widest <= columns


@pytest.mark.parametrize(
    "env", [{"TERM": "dumb"}, {"LANG": "C", "LC_ALL": "", "LC_CTYPE": ""}, {"LC_ALL": "POSIX"}]
)
def test_where_a_terminal_shows_no_arrows_there_are_ascii_marks(
    played: str, env: dict[str, str]
) -> None:
    code, shown = run_in_terminal("log", "s", "--dir", played, columns=120, **env)
    assert code == 0
    assert "€" in shown or "?" in shown, "what was said stays as it is, if it can be shown"
    said = STYLE.sub("", shown).replace("€", "")
    assert said.isascii()
    for mark in ("-> ask_billing", "<- ask_billing", "=> hands over", "|| waits", "+ completed"):
        assert mark in said
    assert ("\x1b" not in shown) == (env.get("TERM") == "dumb"), "colours are another matter"


def test_a_pipe_gets_the_same_whatever_the_terminal(played: str) -> None:
    wanted = journal("log", "s", "--dir", played).stdout
    assert journal("log", "s", "--dir", played, TERM="dumb").stdout == wanted
    assert journal("log", "s", "--dir", played, LANG="C").stdout == wanted


def test_colours_are_left_out_if_asked(played: str) -> None:
    _, shown = run_in_terminal("log", "s", "--dir", played, NO_COLOR="1")
    assert "\x1b" not in shown
    assert "✓ completed" in shown


# States of any other shape


@pytest.fixture(params=["pipe", "terminal"])
def lines_of(request: pytest.FixtureRequest, folder: str) -> Any:
    """What is said of some states of one turn, in a pipe or on a terminal."""

    def lines(*states: dict[str, Any]) -> list[str]:
        with DefaultSessionStore(folder, durability="os") as store:
            store.set_many("s", [("own", "t", state) for state in states])
        if request.param == "pipe":
            return journal("log", "s", "--dir", folder).stdout.splitlines()
        _, shown = run_in_terminal("log", "s", "--dir", folder, columns=120)
        return STYLE.sub("", shown).splitlines()

    return lines


def test_other_states_are_shown_by_what_changed(lines_of: Any) -> None:
    lines = lines_of(
        {"step": 3, "note": "x"},
        {"step": 4, "answer": "Bonn"},
        {"step": 4, "answer": "Bonn"},
        {"step": 4, "answer": "Bonn", "status": "failed", "error": "no such town"},
        {},
    )
    assert [re.split(" own +t +", line)[1] for line in lines] == [
        'step 3  note "x"',
        'step 3→4  -note  answer "Bonn"',
        "(unchanged)",
        "✗ error no such town",
        "-step  -answer",
    ]


def test_messages_of_sdks_are_read(lines_of: Any) -> None:
    said = [
        {"role": "user", "content": [{"type": "text", "text": "Charge it."}]},
        {
            "role": "assistant",
            "content": [{"type": "tool_use", "id": "a", "name": "charge", "input": {"sum": 7}}],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "a", "is_error": True, "content": "no card"}
            ],
        },
    ]
    lines = lines_of(*({"messages": said[:number]} for number in (1, 2, 3)))
    assert [re.split(" own +t +", line)[1] for line in lines] == [
        "user: Charge it.",
        "→ charge(sum=7)",
        "✗ charge  no card",
    ]


# Fitting


PARTS = st.builds(
    Words,
    st.text("ab日 ", min_size=1, max_size=30),
    st.none(),
    st.sampled_from(["", " ", "  "]),
    st.sampled_from([0, 0, 45, 90]),
    st.sampled_from([None, 8, 16]),
)
PHRASES = st.lists(st.builds(Phrase, st.integers(0, 100), st.lists(PARTS, min_size=1)), min_size=1)


@given(PHRASES, st.integers(1, 150), st.sampled_from([UNICODE, ASCII]))
def test_phrases_are_fitted_without_loss_of_the_most_important_one(
    found: list[Phrase], room: int, marks: Any
) -> None:
    pieces = fit(found, room, marks)
    columns = sum(cell_len(text) for text, _ in pieces)
    most = min(found, key=lambda phrase: phrase.rank)
    core = [part for part in most.parts if part.rank == 0]
    least = sum(cell_len(p.lead) + (0 if p.least else cell_len(p.text)) for p in core)
    assert columns <= room or columns <= least + len(marks.cut) + 1
    texts = [text for text, _ in pieces]
    for part in core:
        assert part.least is not None or part.text in texts
    if sum(cell_len(text) for text, _ in whole(found)) <= room and len(found) <= 12:
        assert pieces == whole(found), "nothing is cut without need"


@given(
    st.lists(st.text("ab0…", min_size=1, max_size=40) | st.text(max_size=20), max_size=30),
    st.sampled_from([7, 9, 12, 15]),
)
def test_ids_that_are_cut_are_still_told_apart(ids: list[str], longest: int) -> None:
    shown = ShownIds()
    seen = {text: shown.shown("turn", text, longest) for text in ids}
    cut = [each for text, each in seen.items() if each != text]
    assert len(set(cut)) == len(cut)
    for text, each in seen.items():
        assert each == shown.shown("turn", text, longest), "always the same"
        if text.isascii():
            assert len(each) <= max(longest, len(text))


def test_ids_are_cut_in_the_middle() -> None:
    shown = ShownIds()
    assert shown.shown("turn", TURN, 15) == "run-2026…7514c9"
    assert shown.shown("turn", TURN, 7) == "…7514c9"
    assert shown.shown("turn", "turn-12", 7) == "turn-12"
