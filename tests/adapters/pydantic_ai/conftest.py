"""Nothing leaves the machine."""

from collections.abc import Iterator

import pytest
from pydantic_ai import (
    models,
)

from tests.adapters.pydantic_ai.agents import loop_for_sync


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "ALLOW_MODEL_REQUESTS", False)


@pytest.fixture(autouse=True)
def own_loop() -> Iterator[None]:
    with loop_for_sync():
        yield
