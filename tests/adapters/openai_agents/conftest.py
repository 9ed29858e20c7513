"""Nothing leaves the machine, and each test leaves the SDK as it was."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from agents import (
    set_tracing_disabled,
)
from agents.run import get_default_agent_runner, set_default_agent_runner

from journal import Limits
from projections import DefaultSessionStore


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DefaultSessionStore]:
    """With room for all that is recorded."""
    limits = Limits(turn_bytes=1 << 20, runtime_bytes=1 << 30)
    with DefaultSessionStore(tmp_path / "journal", durability="os", limits=limits) as found:
        yield found


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    set_tracing_disabled(True)
    runner = get_default_agent_runner()
    yield
    set_default_agent_runner(runner)  # also after a test that failed
