"""A machine that is quiet."""

import pytest

from tests.projections.doctor.faults import (
    use_quiet_machine,
)


@pytest.fixture(autouse=True)
def _quiet_machine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody else is at work, but in the one test that has its own name for it."""
    use_quiet_machine(monkeypatch, alone="processes" not in request.node.name)
