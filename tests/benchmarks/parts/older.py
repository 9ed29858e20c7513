"""The command `journal` beside that of the older build, on the same logs."""

import os
import shutil
from glob import glob
from typing import Any

from journal.config import Limits
from projections import DefaultSessionStore
from tests.benchmarks.artefacts import RUNTIME, SESSION
from tests.benchmarks.builds import OLDER
from tests.benchmarks.commands import Command
from tests.benchmarks.measure import interleave
from tests.benchmarks.results import OURS, Row, at_most, ratio
from tests.benchmarks.shared import Shared
from tests.benchmarks.sizes import Sizes

_ALLOWED = 1.1
_OTHER = "harness"
_SAVES = 5  # of a turn, each with more in it
_BATCH = 1_000
_RARELY = 1_000  # turns
_TURN, _CHANGING, _MANY = "turns", "changing", "many"
_LIMITS = Limits(turn_bytes=1 << 20, runtime_bytes=1 << 40)

_RUNS: dict[str, tuple[str, list[str]]] = {
    "--version": (_TURN, ["--version"]),
    "sessions": (_MANY, ["sessions"]),
    "log -n 10": (_TURN, ["log", SESSION, "-n", "10"]),
    "log": (_TURN, ["log", SESSION]),
    "log -o jsonl": (_TURN, ["log", SESSION, "-o", "jsonl"]),
    "log -g, few match": (_TURN, ["log", SESSION, "-g", "RARELY"]),
    "log -g, many match": (_TURN, ["log", SESSION, "-g", "shipped"]),
    "log -g -o jsonl, many match": (_TURN, ["log", SESSION, "-g", "shipped", "-o", "jsonl"]),
    "show S RUNTIME TURN": (_TURN, ["show", SESSION, RUNTIME, "turn-7"]),
    "tail -n 10": (_TURN, ["tail", SESSION, "-n", "10"]),
    "replay": (_TURN, ["replay", SESSION, "--speed", "max"]),
    "replay, each event by another runtime": (_CHANGING, ["replay", SESSION, "--speed", "max"]),
    "history": (_TURN, ["history", SESSION, RUNTIME, "turn-7"]),
    "blame": (_TURN, ["blame", SESSION, RUNTIME, "turn-7"]),
    "handoffs": (_TURN, ["handoffs", SESSION]),
    "verify": (_TURN, ["verify", SESSION]),
    "export": (_TURN, ["export", SESSION]),
}


def run(sizes: Sizes, folder: str, shared: Shared) -> list[Row]:
    """A row for each way to run it. Raises `BuildError`."""
    older = shared.older
    ours, theirs = f"{folder}/ours", f"{folder}/theirs"
    _build(sizes, ours)
    for name in (_TURN, _CHANGING, _MANY):
        os.makedirs(f"{theirs}/{name}", mode=0o700)
        for path in glob(f"{ours}/{name}/*.json*"):  # not the snapshots, which it does not know
            if not path.endswith(".lock"):
                shutil.copy2(path, f"{theirs}/{name}")
    rows = []
    for name, (where, arguments) in _RUNS.items():
        lines = 10 if arguments[0] == "tail" else None
        figures = interleave(
            {
                OURS: Command(*arguments, *_dir(ours, where, arguments), lines=lines),
                OLDER: Command(
                    *arguments, *_dir(theirs, where, arguments), lines=lines, build=older
                ),
            },
            rounds=sizes.command_rounds,
            block=1,
        )
        goal = at_most(OLDER, ratio(figures, OURS, OLDER), _ALLOWED)
        rows.append(Row(f"journal {name}, {_what(sizes, where)}", figures, [goal]))
    return rows


def _dir(folder: str, where: str, arguments: list[str]) -> list[str]:
    return [] if arguments[0].startswith("-") else ["--dir", f"{folder}/{where}"]


def _what(sizes: Sizes, where: str) -> str:
    if where == _MANY:
        return f"{sizes.compared_sessions:,} sessions"
    return f"{sizes.compared_events:,} events"


def _build(sizes: Sizes, folder: str) -> None:
    """A session of recorded turns, one of states of no known form, and many short ones."""
    count = sizes.compared_events
    with _store(f"{folder}/{_TURN}") as store:
        _fill(store, SESSION, count // _SAVES)
    with _store(f"{folder}/{_CHANGING}") as store:
        runtimes = (RUNTIME, _OTHER)
        store.set_many(
            SESSION,
            [
                (runtimes[n % 2], f"turn-{n // 4}", {"tool_calls": [f"call-{n}"], "n": n})
                for n in range(count)
            ],
        )
    with _store(f"{folder}/{_MANY}") as store:
        for number in range(sizes.compared_sessions):
            _fill(store, f"session-{number}", 2)


def _store(folder: str) -> DefaultSessionStore:
    return DefaultSessionStore(folder, durability="os", auto_compact=False, limits=_LIMITS)


def _fill(store: DefaultSessionStore, session: str, turns: int) -> None:
    """So many turns; the runtime hands over after each batch of them."""
    runtime, other = RUNTIME, _OTHER
    for first in range(0, turns, _BATCH):
        some = range(first, min(first + _BATCH, turns))
        store.set_many(
            session,
            [(runtime, f"turn-{n}", _state(n, saved)) for n in some for saved in range(_SAVES)],
        )
        store.hand_off(session, runtime, other)
        store.take_over(session, other)
        runtime, other = other, runtime


def _state(number: int, saved: int) -> dict[str, Any]:
    """A turn as it is saved for the first time, with its calls one by one, and at its end."""
    rare = " RARELY" * (number % _RARELY == 7)
    is_over = saved == _SAVES - 1
    calls = [_call(number, call, is_over or call < saved - 1) for call in range(min(saved, 3))]
    said = [{"role": "user", "content": f"where is order {number}?{rare}"}]
    if is_over:
        said.append({"role": "assistant", "content": f"Order {number} is on its way. " * 3})
    return {
        "turn": 1,
        "agent": "triage",
        "status": "completed" if is_over else "open",
        "opened_at": "2026-11-29T10:20:41.714Z",
        "model": "gpt-5.5",
        "tool_calls": calls,
        "transcript": said,
    }


def _call(number: int, call: int, is_over: bool) -> dict[str, Any]:
    result = {"result": f"order {number} was shipped to the customer"} if is_over else {}
    return {
        "id": f"call_{number:08x}{call}",
        "name": "lookup",
        "status": "completed" if is_over else "open",
        "arguments": {"query": f"order {number}", "page": call},
        "started_at": "2026-11-29T10:20:41.814Z",
        **result,
    }
