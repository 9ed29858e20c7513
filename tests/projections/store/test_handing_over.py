"""`hand_off` and `take_over`: what they record, and that who takes over gets what is recorded."""

import json
from pathlib import Path
from typing import Any

import pytest

from journal import (
    ClosedError,
    JournalError,
    SessionConfig,
    StateTypeError,
    StateValueError,
)
from journal.engines.files.log import FileLog
from journal.events import Event, Handoff, Head, Set, Takeover
from projections import DefaultSessionStore
from tests.support import BOTH, TURN_1, files_in, finish, forked

KEY = "sk-proj-" + "a1B2" * 12


def events(store: DefaultSessionStore) -> list[Event]:
    return [step.event for step in store.replay("s")]


def takeovers(store: DefaultSessionStore) -> list[Takeover]:
    return [event for event in events(store) if isinstance(event, Takeover)]


class TestWhatIsRecorded:
    def test_a_handoff_is_one_event_that_says_who_what_and_why(
        self, store: DefaultSessionStore
    ) -> None:
        assert store.hand_off("s", "native", "plugin") is True
        assert store.hand_off("s", "plugin", "native", turn_id="t", reason="too slow") is True
        first, second = events(store)
        assert isinstance(first, Handoff)
        assert isinstance(second, Handoff)
        assert (first.source, first.target) == ("native", "plugin")
        assert (first.turn_id, first.reason) == (None, None)
        assert (second.source, second.target) == ("plugin", "native")
        assert (second.turn_id, second.reason) == ("t", "too slow")
        assert store.state_at("s") == {}, "it changes no state"

    def test_a_takeover_is_one_event_that_says_what_was_seen(
        self, store: DefaultSessionStore
    ) -> None:
        store.set_many("s", [("native", "turn-1", TURN_1), ("native", "turn-2", BOTH["native"])])
        store.hand_off("s", "native", "plugin")
        view = store.take_over("s", "plugin")
        assert view == {"native": {"turn-1": TURN_1, "turn-2": BOTH["native"]}}
        last = events(store)[-1]
        assert isinstance(last, Takeover)
        assert (last.runtime_id, last.handoff_seq, last.seen_seq) == ("plugin", 3, 3)

    def test_the_view_that_is_taken_over_is_the_callers_own(
        self, store: DefaultSessionStore
    ) -> None:
        store.set_runtime_state("s", "native", "turn-1", {"calls": ["c-1"]})
        store.take_over("s", "plugin")["native"]["turn-1"]["calls"].append("c-2")
        assert store.take_over("s", "plugin") == {"native": {"turn-1": TURN_1}}

    def test_of_a_session_that_does_not_exist_nothing_is_inherited(
        self, store: DefaultSessionStore
    ) -> None:
        assert store.take_over("s", "plugin") == {}
        (only,) = takeovers(store)
        assert (only.seq, only.handoff_seq, only.seen_seq) == (1, None, 0)
        assert store.take_over("s", "plugin") == {}
        assert takeovers(store)[-1].seen_seq == 1

    def test_turns_are_inherited_in_their_order(self, store: DefaultSessionStore) -> None:
        for turn in ("c", "a", "b", "a"):
            store.set_runtime_state("s", "native", turn, {"turn": turn})
        assert list(store.take_over("s", "plugin")["native"]) == ["c", "a", "b"]

    def test_another_store_and_another_time_see_it(self, tmp_path: Path) -> None:
        with DefaultSessionStore(tmp_path, writer="first") as store:
            store.hand_off("s", "native", "plugin", reason="lunch")
        with DefaultSessionStore(tmp_path) as store:
            (event,) = events(store)
            assert isinstance(event, Handoff)
            assert (event.reason, event.writer) == ("lunch", "first")
            assert store.verify("s").ok


class TestWhichHandoffIsAnswered:
    @pytest.mark.parametrize(
        ("steps", "answers"),
        [
            ([], None),
            ([("native", "plugin")], 1),
            ([("native", "plugin"), ("other", "plugin")], 2),
            ([("native", "plugin"), ("native", "other")], 1),
            ([("native", "other")], None),
            ([("plugin", "native")], None),
            ([("native", "plugin"), "plugin"], None),
            ([("native", "plugin"), "other"], 1),
            ([("native", "plugin"), "plugin", ("native", "plugin")], 3),
            ([("a", "plugin"), ("b", "plugin"), "plugin"], None),
        ],
    )
    @pytest.mark.parametrize("compacted", [False, True])
    def test_the_latest_that_is_still_open(
        self,
        store: DefaultSessionStore,
        steps: list[tuple[str, str] | str],
        answers: int | None,
        compacted: bool,
    ) -> None:
        for step in steps:
            if isinstance(step, str):
                store.take_over("s", step)
            else:
                store.hand_off("s", *step)
        if compacted:
            for number in range(2):
                store.set_runtime_state("s", "native", "t", {"n": number})
            store.compact("s", "drop")
        store.take_over("s", "plugin")
        assert takeovers(store)[-1].handoff_seq == answers

    def test_one_that_another_process_made_just_before(self, tmp_path: Path) -> None:
        with DefaultSessionStore(tmp_path, durability="os") as store:
            store.set_runtime_state("s", "native", "turn-1", TURN_1)
            finish([forked(_HANDS_OFF, str(tmp_path))])
            assert store.take_over("s", "plugin") == BOTH
            assert takeovers(store)[-1].handoff_seq == 3


_HANDS_OFF = """
import sys
from projections import DefaultSessionStore
with DefaultSessionStore(sys.argv[1], durability="os") as store:
    store.set_runtime_state("s", "native", "turn-2", {"calls": ["c-2"]})
    store.hand_off("s", "native", "plugin")
"""


class TestWhatIsRefused:
    @pytest.mark.parametrize(
        ("arguments", "error", "why"),
        [
            (("native", "native"), StateValueError, "both 'native'"),
            ((None, "plugin"), StateTypeError, "source must be a string"),
            (("native", 7), StateTypeError, "target must be a string"),
            (("native", "plugin", 7), StateTypeError, "turn_id must be a string"),
            (("native", "plugin", "t", 7), StateTypeError, "reason must be a string"),
            (("\ud800", "plugin"), StateValueError, "source"),
        ],
    )
    def test_a_handoff_that_makes_no_sense_and_nothing_is_written(
        self,
        tmp_path: Path,
        arguments: tuple[Any, ...],
        error: type[JournalError],
        why: str,
    ) -> None:
        with DefaultSessionStore(tmp_path) as store, pytest.raises(error, match=why):
            store.hand_off("s", *arguments)
        assert files_in(tmp_path) == set()

    def test_a_takeover_by_no_string(self, tmp_path: Path) -> None:
        with DefaultSessionStore(tmp_path) as store:
            with pytest.raises(StateTypeError, match="runtime_id must be a string"):
                store.take_over("s", None)  # type: ignore[arg-type]
            with pytest.raises(StateTypeError, match="session_id must be a string"):
                store.take_over(7, "plugin")  # type: ignore[arg-type]
        assert files_in(tmp_path) == set()

    def test_both_once_the_store_is_closed(self, store: DefaultSessionStore) -> None:
        store.set_runtime_state("s", "native", "t", {})
        store.close()
        with pytest.raises(ClosedError):
            store.hand_off("s", "native", "plugin")
        with pytest.raises(ClosedError):
            store.take_over("s", "plugin")


class TestReasons:
    def reason(self, folder: Path, **options: Any) -> str | None:
        with DefaultSessionStore(folder, durability="os", **options) as store:
            store.hand_off("s", "native", "plugin", reason=f"use {KEY} from now on")
            (event,) = events(store)
            assert isinstance(event, Handoff)
            return event.reason

    def test_secrets_in_them_never_reach_the_disk(self, tmp_path: Path) -> None:
        reason = self.reason(tmp_path)
        assert reason is not None
        assert reason.startswith("use [REDACTED:")
        assert reason.endswith("] from now on")
        for path in tmp_path.rglob("*"):
            assert path.is_dir() or KEY not in path.read_text()

    def test_a_redactor_of_ones_own_sees_them_as_a_state(self, tmp_path: Path) -> None:
        seen: list[Any] = []

        def own(state: dict[str, Any]) -> dict[str, Any]:
            seen.append(dict(state))
            return {key: value.replace("use", "[hidden]") for key, value in state.items()}

        assert self.reason(tmp_path, redact=own) == f"[hidden] {KEY} from now on"
        assert seen == [{"reason": f"use {KEY} from now on"}]

    def test_a_redactor_may_leave_them_out(self, tmp_path: Path) -> None:
        assert self.reason(tmp_path, redact=lambda state: {}) is None

    def test_a_redactor_that_fails_lets_nothing_through(self, tmp_path: Path) -> None:
        with pytest.raises(StateTypeError, match="redact"):
            self.reason(tmp_path, redact=lambda state: KEY)
        with pytest.raises(ZeroDivisionError):
            self.reason(tmp_path, redact=lambda state: 1 / 0)
        assert files_in(tmp_path) == set()

    def test_without_a_redactor_they_stay(self, tmp_path: Path) -> None:
        assert self.reason(tmp_path, redact=None) == f"use {KEY} from now on"

    def test_an_empty_one_is_not_none(self, store: DefaultSessionStore) -> None:
        store.hand_off("s", "native", "plugin", reason="")
        (event,) = events(store)
        assert isinstance(event, Handoff)
        assert event.reason == ""


class TestWithoutMirroring:
    def test_nothing_is_recorded(self, tmp_path: Path) -> None:
        with DefaultSessionStore(tmp_path, config=SessionConfig()) as store:
            assert store.hand_off("s", "native", "plugin") is True
            assert store.take_over("s", "plugin") == {}
            with pytest.raises(StateValueError):
                store.hand_off("s", "native", "native")
        assert files_in(tmp_path) == set()

    def test_what_others_have_recorded_is_returned(self, logged: Path) -> None:
        log = logged.with_suffix(".jsonl")
        before = log.read_bytes()
        with DefaultSessionStore(logged.parent, config=SessionConfig()) as store:
            assert store.take_over("s", "plugin") == {"native": {"turn-1": TURN_1}}
        assert log.read_bytes() == before


class TestOlderSessions:
    """Of which there is only PraisonAI's session file."""

    def older(self, folder: Path, state: Any) -> Path:
        file = folder / "s.json"
        file.write_text(json.dumps({"session_id": "s", "runtime_state": state}))
        return file

    def test_a_takeover_imports_them_first(self, tmp_path: Path) -> None:
        self.older(tmp_path, BOTH)
        with DefaultSessionStore(tmp_path, durability="os") as store:
            assert json.dumps(store.take_over("s", "plugin")) == json.dumps(BOTH)
            assert [type(event) for event in events(store)] == [Set, Set, Takeover]
            assert takeovers(store)[0].seen_seq == 2
            assert store.state_at("s", 2) == BOTH

    def test_a_handoff_imports_them_too(self, tmp_path: Path) -> None:
        self.older(tmp_path, BOTH)
        with DefaultSessionStore(tmp_path, durability="os") as store:
            store.hand_off("s", "native", "plugin")
            assert [type(event) for event in events(store)] == [Set, Set, Handoff]
            assert store.take_over("s", "plugin") == BOTH

    def test_what_is_inherited_is_what_was_imported_secrets_replaced(self, tmp_path: Path) -> None:
        self.older(tmp_path, {"native": {"t": {"note": f"use {KEY}"}}})
        with DefaultSessionStore(tmp_path, durability="os") as store:
            view = store.take_over("s", "plugin")
            assert view == store.state_at("s", 1)
            assert KEY not in json.dumps(view)

    def test_one_that_cannot_be_imported_is_not_taken_over(self, tmp_path: Path) -> None:
        file = self.older(tmp_path, {"native": {"t": {"n": 1}}})
        file.write_text(file.read_text().replace("1", "NaN"))
        with DefaultSessionStore(tmp_path, durability="os") as store:
            with pytest.raises(JournalError, match=r"cannot be imported|session file"):
                store.take_over("s", "plugin")
            assert events(store) == []
        assert not (tmp_path / "s.jsonl").exists()


class TestWhileOthersWrite:
    def test_what_comes_right_after_the_takeover_is_not_inherited(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        append = FileLog.append

        def append_and_another(log: FileLog, *made: Any) -> Head:
            head = append(log, *made)
            if log is ours:
                other.set_runtime_state("s", "native", "turn-1", {"too": "late"})
            return head

        with (
            DefaultSessionStore(tmp_path, durability="os") as store,
            DefaultSessionStore(tmp_path, durability="os") as other,
        ):
            store.set_runtime_state("s", "native", "turn-1", TURN_1)
            ours = store._sessions.get("s").log
            monkeypatch.setattr(FileLog, "append", append_and_another)
            assert store.take_over("s", "plugin") == {"native": {"turn-1": TURN_1}}
            assert takeovers(store)[0].seen_seq == 1
            assert store.get_runtime_state("s", "native", "turn-1") == {"too": "late"}

    def test_processes_that_take_over_inherit_exactly_what_they_are_said_to_have_seen(
        self, tmp_path: Path
    ) -> None:
        writers = [forked(_WRITER, str(tmp_path), f"w{n}") for n in range(2)]
        takers = [forked(_TAKER, str(tmp_path), f"taker-{n}") for n in range(2)]
        outputs = [json.loads(output) for output in finish(writers + takers)[2:]]
        with DefaultSessionStore(tmp_path, durability="os") as store:
            recorded = takeovers(store)
            assert store.verify("s").ok
            for number, views in enumerate(outputs):
                mine = [event for event in recorded if event.runtime_id == f"taker-{number}"]
                assert len(mine) == len(views) == 40
                for event, view in zip(mine, views, strict=True):
                    assert event.seen_seq == event.seq - 1
                    assert json.dumps(store.state_at("s", event.seen_seq)) == json.dumps(view)


_WRITER = """
import sys
from projections import DefaultSessionStore
with DefaultSessionStore(sys.argv[1], durability="os") as store:
    for number in range(400):
        store.set_runtime_state("s", sys.argv[2], f"t{number % 3}", {"n": number})
        if number % 100 == 99:
            store.clear_runtime_state("s", sys.argv[2])
"""

_TAKER = """
import json, sys
from projections import DefaultSessionStore
with DefaultSessionStore(sys.argv[1], durability="os") as store:
    print(json.dumps([store.take_over("s", sys.argv[2]) for _ in range(40)]))
"""
