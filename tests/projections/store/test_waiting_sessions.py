"""What a session waits for is found when it is listed: it is never saved."""

from pathlib import Path
from typing import Any

import pytest

from journal.engines.files.directory import Directory
from projections import DefaultSessionStore

WAITING = {
    "turn": 1,
    "status": "waiting",
    "tool_calls": [{"id": "c1", "name": "charge_card", "status": "waiting"}],
}


def waiting(folder: Path, turns: int) -> DefaultSessionStore:
    store = DefaultSessionStore(folder, durability="os")
    for number in range(turns):
        store.set_runtime_state("s", "triage", f"turn-{number}", {"fill": "x" * 800})
    store.set_runtime_state("s", "triage", "last", WAITING)
    store.flush()
    return store


def waits_for(store: DefaultSessionStore) -> Any:
    (info,) = store.list_sessions()
    return store.summary(info).waits_for


@pytest.mark.parametrize("turns", [0, 40])
def test_the_calls_that_wait_are_named_of_a_short_log_and_of_a_saved_one(
    tmp_path: Path, turns: int
) -> None:
    with waiting(tmp_path, turns) as store:
        assert (tmp_path / "s.snapshot").exists() == (turns > 0)
        assert [*waits_for(store)] == ["charge_card"]


def test_where_what_was_saved_has_gone_meanwhile_nothing_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with waiting(tmp_path, 40) as store:
        monkeypatch.setattr(Directory, "saved_turn", lambda *_: None)
        assert not waits_for(store)
