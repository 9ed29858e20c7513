"""What 0.1 wrote is read, shown, audited and written on, as it is.

`written_by_0_1` has four sessions, made with the adapters of 0.1 and never changed since.
`order-17` has an OpenAI agent whose tool asks a Pydantic AI agent, and a tool that raises;
`refund` a handoff for good; `many-calls` a turn with more calls than there was room for
(`tool_calls_omitted`), and one that is still open; `by-hand` states that a program wrote itself.
Reasons of handoffs were ids then.
"""

import json
import shutil
from pathlib import Path

import pytest

from projections import DefaultSessionStore
from tests.cli.terminal import journal

WRITTEN = Path(__file__).parent / "written_by_0_1"
SESSIONS = ("by-hand", "many-calls", "order-17", "refund")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy, as a user has it."""
    found = tmp_path / "sessions"
    shutil.copytree(WRITTEN, found)
    found.chmod(0o700)
    return found


@pytest.mark.parametrize("session", SESSIONS)
def test_every_turn_is_what_the_session_file_has(session: str, folder: Path) -> None:
    with DefaultSessionStore(folder, durability="os") as store:
        assert store.verify(session).ok
        view = {runtime: dict(turns) for runtime, turns in store.state_at(session).items()}
    shown = json.loads((WRITTEN / f"{session}.json").read_text())
    assert view == shown["runtime_state"]
    assert view


@pytest.mark.parametrize("session", SESSIONS)
def test_it_is_written_on_and_compacted(session: str, folder: Path) -> None:
    with DefaultSessionStore(folder, durability="os") as store:
        before = store.state_at(session)
        store.set_runtime_state(session, "new", "turn-1", {"turn": 1, "status": "completed"})
        assert store.compact(session) is not None
        after = store.state_at(session)
    assert after.pop("new") == {"turn-1": {"turn": 1, "status": "completed"}}
    assert after == before
    with DefaultSessionStore(folder, durability="os") as store:
        assert store.verify(session).ok


@pytest.mark.parametrize("command", ["log", "show", "handoffs"])
@pytest.mark.parametrize("session", SESSIONS)
def test_it_is_shown(command: str, session: str, folder: Path) -> None:
    result = journal(command, session, "--dir", str(folder))
    assert result.returncode in (0, 1), result.stderr  # 1: the audit found something
    assert "turn" in result.stdout or "native" in result.stdout
    assert result.stderr == ""


def test_the_audit_knows_what_is_open_and_what_is_not(folder: Path) -> None:
    with DefaultSessionStore(folder, durability="os") as store:
        assert store.audit("refund").ok, "handed over for good, each turn completed"
        assert store.audit("order-17").ok, "the tool that raised has ended"
        (change,) = store.audit("by-hand").changes
    assert (change.source, change.target, change.reason) == (
        "native",
        "harness",
        "plugin takes over",
    )
