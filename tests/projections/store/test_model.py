"""The store against a plain dict, step by step, with everything that may come between.

A second store in another process looks at the same folder, and writes to it too.
"""

import json
import shutil
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from journal.names import paths_of
from projections import DefaultSessionStore
from tests.faults.sizes import examples
from tests.support import ROOT

sessions = st.sampled_from(["s", "a/b", "a_b", ""])
runtimes = st.sampled_from(["native", "plugin", "ü", ""])
turns = st.sampled_from([f"t{n}" for n in range(5)])
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text('ab\u2028\n"', max_size=3), inner, max_size=3)
    ),
    max_leaves=5,
)
states = st.dictionaries(st.sampled_from(["calls", "x", "y z"]), values, max_size=3)

Model = dict[str, dict[str, dict[str, Any]]]

_OTHER = """
import json, sys
from projections import DefaultSessionStore
for line in sys.stdin:
    method, args = json.loads(line)
    if method == "open":
        store = DefaultSessionStore(*args, durability="os", max_open=2)
        answer = None
    else:
        answer = getattr(store, method)(*args)
    print(json.dumps(answer), flush=True)
"""


class Other:
    """A process with a store of its own: one after the other in it, as starting one takes long."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", _OTHER],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, method: str, *args: Any) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([method, args]) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def end(self) -> None:
        rest, _ = self._process.communicate(timeout=30)
        assert rest == ""
        assert self._process.returncode == 0


class StoreMachine(RuleBasedStateMachine):
    """`model` is what the store must show; `heads` what was noted of each session."""

    def __init__(self, other: Other) -> None:
        super().__init__()
        self.other = other
        self.folder = Path(tempfile.mkdtemp(prefix="journal-model-"))
        self.store = self.open()
        self.model: Model = {}
        self.heads: dict[str, str] = {}
        self.ask_other("open", str(self.folder))

    def open(self) -> DefaultSessionStore:
        return DefaultSessionStore(self.folder, durability="os", max_open=2, redact=None)

    def ask_other(self, method: str, *args: Any) -> Any:
        return self.other.ask(method, *args)

    @rule(session=sessions, runtime=runtimes, turn=turns, state=states)
    def set(self, session: str, runtime: str, turn: str, state: dict[str, Any]) -> None:
        assert self.store.set_runtime_state(session, runtime, turn, state) is True
        self.model.setdefault(session, {}).setdefault(runtime, {})[turn] = state

    @rule(session=sessions, items=st.lists(st.tuples(runtimes, turns, states), max_size=4))
    def set_many(self, session: str, items: list[tuple[str, str, dict[str, Any]]]) -> None:
        assert self.store.set_many(session, items) is True
        for runtime, turn, state in items:
            self.model.setdefault(session, {}).setdefault(runtime, {})[turn] = state

    @rule(session=sessions, runtime=runtimes, turn=turns, number=st.integers())
    def set_in_another_process(self, session: str, runtime: str, turn: str, number: int) -> None:
        state = {"from": "afar", "n": number}
        assert self.ask_other("set_runtime_state", session, runtime, turn, state) is True
        self.model.setdefault(session, {}).setdefault(runtime, {})[turn] = state

    @rule(session=sessions, runtime=st.none() | runtimes)
    def clear(self, session: str, runtime: str | None) -> None:
        assert self.store.clear_runtime_state(session, runtime) is True
        self.forget(session, runtime)

    @rule(session=sessions, runtime=st.none() | runtimes)
    def clear_in_another_process(self, session: str, runtime: str | None) -> None:
        assert self.ask_other("clear_runtime_state", session, runtime) is True
        self.forget(session, runtime)

    def forget(self, session: str, runtime: str | None) -> None:
        if runtime is None:
            self.model.get(session, {}).clear()
        else:
            self.model.get(session, {}).pop(runtime, None)

    @rule(session=sessions)
    def delete(self, session: str) -> None:
        assert self.store.delete_session(session) is (session in self.model)
        self.model.pop(session, None)
        self.heads.pop(session, None)

    @rule()
    def reopen(self) -> None:
        self.store.close()
        self.store = self.open()

    @rule(session=sessions, history=st.sampled_from(["archive", "drop"]))
    def compact(self, session: str, history: Any) -> None:
        report = self.store.compact(session, history)
        assert (report is not None) is (session in self.model)

    @rule(session=sessions)
    def note_head(self, session: str) -> None:
        head = self.store.verify(session).head
        assert (head is not None) is (session in self.model)
        if head is not None:
            self.heads[session] = str(head)

    @rule(session=sessions, damage=st.sampled_from([b"\0" * 9, b'{"seq":', b"half\n"]))
    @precondition(lambda self: self.model)
    def dead_writer_leaves_a_tail(self, session: str, damage: bytes) -> None:
        if session not in self.model:
            return
        path = paths_of(str(self.folder), session).log
        with open(path, "ab") as file:
            file.write(damage)
        assert self.store.set_runtime_state(session, "native", "t0", {}) is True
        self.model.setdefault(session, {}).setdefault("native", {})["t0"] = {}

    @rule(session=sessions, runtime=runtimes, turn=turns)
    def get(self, session: str, runtime: str, turn: str) -> None:
        expected = self.model.get(session, {}).get(runtime, {}).get(turn, {})
        found = self.store.get_runtime_state(session, runtime, turn)
        assert json.dumps(found) == json.dumps(expected)

    @rule(session=sessions, runtime=runtimes)
    def get_in_another_process(self, session: str, runtime: str) -> None:
        expected = self.model.get(session, {}).get(runtime, {})
        assert json.dumps(self.ask_other("get_runtime_state", session, runtime)) == json.dumps(
            expected
        )

    @rule(session=sessions)
    def verify(self, session: str) -> None:
        report = self.store.verify(session, self.heads.get(session))
        assert report.ok, report.problems

    @rule(session=sessions, runtime=runtimes, turn=turns, state=states)
    def set_and_flush(self, session: str, runtime: str, turn: str, state: dict[str, Any]) -> None:
        self.set(session, runtime, turn, state)
        self.store.flush()
        path = Path(paths_of(str(self.folder), session).session_file)
        shown = json.loads(path.read_text())
        alive = {runtime: turns for runtime, turns in self.model[session].items() if turns}
        assert shown["session_id"] == session
        assert json.dumps(shown["runtime_state"]) == json.dumps(alive)

    @invariant()
    def the_view_is_the_model_in_order_too(self) -> None:
        for session in ("s", "a/b", "a_b", ""):
            for runtime, expected in self.model.get(session, {}).items():
                found = self.store.get_runtime_state(session, runtime)
                assert json.dumps(found) == json.dumps(expected)

    @invariant()
    def the_listing_is_the_model(self) -> None:
        found = [info["session_id"] for info in self.store.list_sessions()]
        assert sorted(found) == sorted(self.model)

    def teardown(self) -> None:
        self.store.close()
        self.ask_other("close")
        shutil.rmtree(self.folder)


def test_a_store_is_a_dict_whatever_comes_between() -> None:
    other = Other()
    run_state_machine_as_test(
        partial(StoreMachine, other),  # type: ignore[arg-type]  # what makes one will do
        settings=settings(
            max_examples=examples(1 / 2),
            stateful_step_count=40,
            suppress_health_check=list(HealthCheck),
        ),
    )
    other.end()
