"""What is written of a turn, and when."""

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest

from journal import Limits, SessionConfig
from journal.config import Durability
from projections import DefaultSessionStore
from projections.adapters.recorder import Recorder
from projections.store.refreshing import FileRefresher
from tests.adapters.recorder.ways import Way, inside, new, states, story
from tests.projections.store.async_store.gates import PATIENCE
from tests.support import state_in


def test_a_turn_is_written_when_it_opens_with_each_call_and_when_it_closes(
    way: Way, store: DefaultSessionStore
) -> None:
    turn = new()
    turn.says("user", "Weather?")
    way.open(turn)
    turn.call_started("call-1", "weather")
    way.save(turn)
    turn.call_ended("call-1")
    way.save(turn)
    turn.says("assistant", "Sunny.")
    way.close(turn)
    assert states(store) == [
        ("open", {}),
        ("open", {"call-1": "open"}),
        ("open", {"call-1": "completed"}),
        ("completed", {"call-1": "completed"}),
    ]
    first, *_, last = (version.state for version in store.history("s", "triage", "turn-1"))
    question = {"role": "user", "content": "Weather?"}
    assert first["transcript"] == [question]
    assert last["transcript"] == [question, {"role": "assistant", "content": "Sunny."}]
    assert store.audit("s").ok
    assert (way.recorder.failures, way.recorder.last_failure) == (0, None)


def test_a_turn_ends_once(way: Way, store: DefaultSessionStore) -> None:
    turn = new()
    way.open(turn)
    way.close(turn, "error", ValueError("no such city"))
    way.close(turn)
    way.settle()
    assert story(store) == ["triage turn-1 open", "triage turn-1 error"]
    state = store.get_runtime_state("s", "triage", "turn-1")
    assert state["error"] == "ValueError: no such city"


def test_a_state_is_within_the_limits_of_the_store(way: Way, tmp_path: Path) -> None:
    limits = Limits(turn_bytes=300, on_exceed="reject")
    with DefaultSessionStore(tmp_path, limits=limits) as strict:
        way = way.to(Recorder(strict))
        turn = way.recorder.turn("s", "triage", "turn-1")
        turn.says("user", "Weather? " * 100)
        way.open(turn)
        way.close(turn)
        assert states(strict) == [("open", {}), ("completed", {})]
    assert way.recorder.failures == 0


def test_a_turn_for_which_the_runtime_has_no_room_left_is_made_smaller(
    way: Way, tmp_path: Path
) -> None:
    limits = Limits(turn_bytes=1500, runtime_bytes=2000, on_exceed="reject")
    with DefaultSessionStore(tmp_path, limits=limits) as strict:
        way = way.to(Recorder(strict))
        for name in ("turn-1", "turn-2"):
            turn = way.recorder.turn("s", "triage", name)
            turn.says("user", "Weather? " * 400)
            turn.says("assistant", "Sunny. " * 400)
            for number in range(40):
                turn.call_started(f"call-{number}", "weather", {"city": "Rome" * 20})
                turn.call_ended(f"call-{number}", result="sunny" * 20)
            way.open(turn)
            way.close(turn)
            way.settle()
        assert way.recorder.failures == 0
        large, small = strict.get_runtime_state("s", "triage").values()
        assert "tool_calls" in large
        assert small["status"] == "completed"
        assert small["omitted"]["tool_calls"] + len(small.get("tool_calls", [])) == 40


def test_changes_of_a_busy_turn_are_joined_and_none_waits_long(
    way: Way, store: DefaultSessionStore
) -> None:
    turn = new()
    way.open(turn)
    for number in range(200):
        turn.call_started(f"call-{number}", "search")
        way.save(turn)
        turn.call_ended(f"call-{number}")
        way.save(turn)
    written = threading.Event()

    def look() -> None:
        while not written.is_set():
            state = store.get_runtime_state("s", "triage", "turn-1")
            if any(call["id"] == "call-199" for call in state["tool_calls"]):
                written.set()

    threading.Thread(target=look, daemon=True).start()
    assert written.wait(PATIENCE), "without another change of the turn"
    way.close(turn)
    way.settle()
    versions = store.history("s", "triage", "turn-1")
    assert 42 <= len(versions) < 100, "the first twenty calls one by one, the others together"
    assert way.recorder.failures == 0


def test_a_store_that_does_not_mirror_is_left_alone(way: Way, tmp_path: Path) -> None:
    config = SessionConfig(persist=True, mirror_runtime_state=False)
    folder = tmp_path / "silent"
    with DefaultSessionStore(folder, config=config) as silent:
        way = way.to(Recorder(silent))
        outer = new()
        inner = inside(outer, "billing", "turn-2", "call-1")
        for turn in (outer, inner):
            way.open(turn)
        for turn in (inner, outer):
            way.close(turn)
    assert not folder.exists()
    assert way.recorder.failures == 0


@pytest.mark.parametrize("durability", ["os", "fsync"])
def test_the_session_file_is_written_after_a_turn_and_by_another_thread(
    durability: Durability, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes longer than all else: not while the agent waits."""
    writers: list[threading.Thread] = []
    write, written = FileRefresher.refresh, threading.Event()

    def noted(self: FileRefresher, timeout: float | None = None, **rest: Any) -> None:
        writers.append(threading.current_thread())
        write(self, timeout, **rest)
        written.set()

    monkeypatch.setattr(FileRefresher, "refresh", noted)
    # a slow one may be followed at once
    monkeypatch.setattr("projections.store.refreshing._SHARE", 0)
    with DefaultSessionStore(tmp_path, durability=durability) as store:
        recorder, first, second = Recorder(store), new(), new(turn="turn-2")
        recorder.open(first)
        recorder.save(first)
        assert writers == []
        recorder.close(first)
        assert written.wait(PATIENCE)
        assert state_in(tmp_path / "s.json")["triage"]["turn-1"]["status"] == "completed"

        async def main() -> None:
            await recorder.aopen(second)
            await recorder.asave(second)
            await recorder.aclose(second)

        written.clear()
        asyncio.run(main())
        assert written.wait(PATIENCE)
        assert threading.main_thread() not in writers
    assert state_in(tmp_path / "s.json")["triage"]["turn-2"]["status"] == "completed"


@pytest.mark.parametrize("redactor", ["default", "none", "own"])
def test_values_are_cleaned_as_the_store_cleans_states(redactor: str, tmp_path: Path) -> None:
    """Before they are cut: a beginning may not be recognised."""
    secret = "sk-proj-" + "a1B2c3D4" * 6

    def own(state: dict[str, Any]) -> dict[str, Any]:
        return {key: str(value).replace("Rome", "CITY") for key, value in state.items()}

    options: dict[str, Any] = {"default": {}, "none": {"redact": None}, "own": {"redact": own}}
    with DefaultSessionStore(tmp_path, **options[redactor]) as store:
        turn = Recorder(store).turn("s", "triage", "turn-1")
        turn.says("user", f"Rome {secret}")
        turn.call_started("call-1", "search", {"deep": [[[["Rome"]]]]})
        state = turn.state()
    said = state["transcript"][0]["content"]
    assert (secret in said) is (redactor != "default")
    assert ("CITY" in said) is (redactor == "own")
