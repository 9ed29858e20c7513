"""Which events `journal log` and `journal tail` show."""

import json
import random
from collections.abc import Callable
from typing import Any

import pytest

from projections import DefaultSessionStore
from tests.cli.appending import (
    put,
    shown,
)
from tests.cli.terminal import (
    Pipe,
    journal,
)


class Shown(dict[str, Any]):
    """An event as -o jsonl gives it, and its `line`."""

    def __init__(self, event: dict[str, Any], line: str) -> None:
        super().__init__(event)
        self.line = line


@pytest.fixture(scope="module")
def varied(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, list[dict[str, Any]]]:
    """A folder, and the events of its session `s` as -o jsonl gives them."""
    folder = str(tmp_path_factory.mktemp("varied"))
    chance = random.Random(7)
    with DefaultSessionStore(folder, durability="os", redact=None) as store:
        for n in range(80):
            runtime = chance.choice(["native", "harness", "Loop"])
            match chance.randrange(10):
                case 0:
                    store.hand_off("s", runtime, "judge", reason=chance.choice(["Slow", "lost"]))
                case 1:
                    store.take_over("s", runtime)
                case 2:
                    store.clear_runtime_state("s", chance.choice([runtime, None]))
                case _:
                    state = {
                        "status": chance.choice(["open", "error", "ERROR", None, True]),
                        "n": n,
                        "calls": [{"id": f"c-{chance.randrange(3)}"}, 2.5],
                    }
                    turn = f"turn-{chance.randrange(4)}"
                    store.set_runtime_state("s", runtime, turn, state)
            if n == 30:
                store.compact("s")
    result = journal("log", "s", "--dir", folder, "-o", "jsonl")
    lines = journal("log", "s", "--dir", folder).stdout.splitlines()
    events = map(json.loads, result.stdout.splitlines())
    return folder, [Shown(event, line) for event, line in zip(events, lines, strict=True)]


def of_runtime(event: dict[str, Any], *names: str) -> bool:
    cleared_all = event["op"] == "clear" and "runtime_id" not in event
    return cleared_all or any(event.get(k) in names for k in ("runtime_id", "source", "target"))


def words(event: dict[str, Any]) -> str:
    assert isinstance(event, Shown)
    return event.line


def in_state(event: dict[str, Any], *path: "str | int") -> Any:
    value = event.get("state")
    for step in path if value is not None else ():
        value = value[step]  # type: ignore[index]
    return value


FILTERS: list[tuple[str, Callable[[dict[str, Any]], bool]]] = [
    ("-u native", lambda e: of_runtime(e, "native")),
    ("-u judge", lambda e: of_runtime(e, "judge")),
    ("-u native -u Loop -e set", lambda e: e["op"] == "set" and of_runtime(e, "native", "Loop")),
    ("-t turn-1 -t turn-2", lambda e: e.get("turn_id") in ("turn-1", "turn-2")),
    ("-e handoff -e takeover", lambda e: e["op"] in ("handoff", "takeover")),
    ("op=set op=clear -u Loop", lambda e: e["op"] in ("set", "clear") and of_runtime(e, "Loop")),
    ("turn_id=turn-1 -t turn-2", lambda e: e.get("turn_id") in ("turn-1", "turn-2")),
    (
        "runtime=harness turn=turn-3",
        lambda e: (e.get("runtime_id"), e.get("turn_id")) == ("harness", "turn-3"),
    ),
    ("runtime=Loop", lambda e: e.get("runtime_id") == "Loop"),
    ("runtime_id=native op=handoff", lambda e: e.get("source") == "native"),
    ("source=native target=judge", lambda e: e.get("source") == "native"),
    ("reason=Slow", lambda e: e.get("reason") == "Slow"),
    ("state.status=error", lambda e: in_state(e, "status") == "error"),
    ("state.status=true", lambda e: in_state(e, "status") is True),
    (
        "state.calls.0.id=c-1 state.n=17 state.n=18 state.n=19 state.n=20",
        lambda e: in_state(e, "calls", 0, "id") == "c-1" and 17 <= in_state(e, "n") <= 20,
    ),
    ("state.calls.1=2.5 -t turn-0", lambda e: e.get("turn_id") == "turn-0"),
    ("state.no.such=1", lambda e: False),
    ("seq=5 seq=77", lambda e: e["seq"] in (5, 77)),
    ("-g error", lambda e: "error" in words(e).lower()),
    ("-g ERROR", lambda e: "ERROR" in words(e)),
    ("-g lo+p", lambda e: "loop" in words(e).lower()),
    ("-g slow|c-2", lambda e: "slow" in words(e).lower() or "c-2" in words(e).lower()),
    ("-g runtime_id", lambda e: False),
    ("-v -g error", lambda e: "error" not in words(e).lower()),
    ("-v -u native -e set", lambda e: not (e["op"] == "set" and of_runtime(e, "native"))),
    ("-v state.status=error", lambda e: in_state(e, "status") != "error"),
    (
        "-v -g slow -e handoff -S 10",
        lambda e: e["op"] == "handoff" and e["seq"] >= 10 and "slow" not in words(e).lower(),
    ),
    ("-v -t turn-1 -U 30", lambda e: e.get("turn_id") != "turn-1" and e["seq"] <= 30),
    ("-S 10 -U 20", lambda e: 10 <= e["seq"] <= 20),
    (
        "-S 10 -U 40 -u native -e set -g open state.status=open",
        lambda e: (
            10 <= e["seq"] <= 40
            and e.get("runtime_id") == "native"
            and in_state(e, "status") == "open"
            and "open" in words(e).lower()
        ),
    ),
    ("-S 1h", lambda e: True),
    ("-U yesterday", lambda e: False),
]


ENDINGS = ["", "-n 3", "-r", "-n 2 -r", "-n 0"]


@pytest.mark.parametrize("number", range(len(FILTERS)), ids=[options for options, _ in FILTERS])
def test_conditions_keep_what_a_filter_in_python_keeps(
    varied: tuple[str, list[dict[str, Any]]], number: int
) -> None:
    folder, events = varied
    options, keep = FILTERS[number]
    assert len(events) > 70
    wanted = [event for event in events if keep(event)]
    ending = ENDINGS[number % len(ENDINGS)]
    if ending.startswith("-n"):
        wanted = wanted[len(wanted) - min(int(ending.split()[1]), len(wanted)) :]
    if ending.endswith("-r"):
        wanted.reverse()
    args = [*options.split(), *ending.split()]
    result = journal("log", "s", "--dir", folder, "-o", "jsonl", *args)
    assert result.returncode == 0, result.stderr
    assert [json.loads(line) for line in result.stdout.splitlines()] == wanted


def test_a_stretch_of_time_is_that_of_the_timestamps(
    varied: tuple[str, list[dict[str, Any]]],
) -> None:
    folder, events = varied
    begin, end = events[20]["ts"], events[50]["ts"]
    result = journal("log", "s", "--dir", folder, "-o", "json", "-S", begin, "--until", end)
    document = json.loads(result.stdout)
    assert document["events"] == [event for event in events if begin <= event["ts"] <= end]
    assert document["cursor"] == events[-1]["cursor"], "all of it was looked at"
    assert document["floor"] == 0


def test_tail_chooses_as_log_does(varied: tuple[str, list[dict[str, Any]]]) -> None:
    folder, events = varied
    wanted = [event for event in events if event["op"] == "takeover"][-4:]
    with Pipe("tail", "s", "-e", "takeover", "-n", "4", "-o", "jsonl", "--dir", folder) as tail:
        lines = tail.until(shown(4))
    assert [json.loads(line) for line in lines] == wanted


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["colour=red"], ["colour=red", "FIELD=VALUE", "turn_id", "state.KEY"]),
        (["native"], ["'native'", "FIELD=VALUE"]),
        (["-g", "("], ["'('", "regular expression"]),
        (["-S", "noonish"], ["noonish", "5m", "2026-11-22"]),
        (["-f", "-o", "json"], ["-o json", "jsonl"]),
        (["-f", "-r"], ["-r", "-f"]),
        (["-n", "-1"], ["-1", "--lines"]),
        (["--after-cursor", "nonsense"], ["nonsense", "log_id:seq"]),
    ],
)
def test_nonsense_is_a_usage_error_that_says_what_to_write(
    folder: str, store: DefaultSessionStore, options: list[str], words: list[str]
) -> None:
    put(store, 1)
    result = journal("log", "s", "--dir", folder, *options)
    assert result.returncode == 2
    assert result.stdout == ""
    for word in words:
        assert word in result.stderr
