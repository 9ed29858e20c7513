"""Nothing leaves the machine, and each test leaves the SDK as it was."""

from collections.abc import Iterator

import pytest
from agents import (
    set_tracing_disabled,
)
from agents.run import get_default_agent_runner, set_default_agent_runner


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    set_tracing_disabled(True)
    runner = get_default_agent_runner()
    yield
    set_default_agent_runner(runner)  # also after a test that failed
