"""Folders of sessions for the commands to look at."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from projections import DefaultSessionStore


@pytest.fixture
def folder(tmp_path: Path) -> str:
    return str(tmp_path)


@pytest.fixture
def store(folder: str) -> Iterator[DefaultSessionStore]:
    """Of which no log is compacted unless a test does it."""
    with DefaultSessionStore(folder, durability="os", auto_compact=False) as store:
        yield store


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A folder with a session that has all that the examples of the help speak of."""
    folder = tmp_path_factory.mktemp("prepared") / "sessions"
    clock = pytest.MonkeyPatch()
    now = iter(range(10**9))
    ten_minutes_ago = int((Path("/proc/self").stat().st_ctime - 600) * 1_000_000_000)
    clock.setattr(
        "journal.codec.time_ns", lambda: ten_minutes_ago + next(now) * 1_000_000, raising=True
    )
    with DefaultSessionStore(folder, durability="os", writer="test:1") as store:
        for n in range(10):
            state = {"status": "error" if n % 2 else "open", "n": n, "tool_calls": [f"c-{n}"]}
            store.set_runtime_state("my-session", "native", f"turn-{n % 4}", state)
        store.compact("my-session")
        store.set_runtime_state("my-session", "harness", "turn-3", {"status": "completed", "é": 1})
        store.hand_off("my-session", "native", "harness", "turn-3", "rate limited")
        store.take_over("my-session", "harness")
        store.take_over("my-session", "native")
        store.clear_runtime_state("my-session", "harness")
        for n in range(10):
            turn, state = f"turn-{n % 4}", {"status": "open", "n": n}
            store.set_runtime_state("my-session", "native" if n else "harness", turn, state)
        store.set_runtime_state("session-a", "native", "turn-1", {"n": 1})
        store.hand_off("session-b", "native", "harness", reason="why not")
        store.set_runtime_state("my-session", "harness", "turn-3", {"status": "open"})
    clock.undo()
    return str(folder)


@pytest.fixture
def own(prepared: str, tmp_path: Path) -> str:
    """The same folder, to change."""
    shutil.copytree(prepared, tmp_path / "own")
    return str(tmp_path / "own")
