"""Nothing leaves the machine."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic_ai import (
    models,
)

from journal import Limits
from projections import DefaultSessionStore
from tests.adapters.pydantic_ai.agents import loop_for_sync


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "ALLOW_MODEL_REQUESTS", False)


@pytest.fixture(autouse=True)
def own_loop() -> Iterator[None]:
    with loop_for_sync():
        yield


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DefaultSessionStore]:
    """With room for whatever is recorded, as in a store that `mirror` makes."""
    limits = Limits(turn_bytes=1 << 20, runtime_bytes=1 << 40)
    with DefaultSessionStore(tmp_path / "journal", durability="os", limits=limits) as found:
        yield found
