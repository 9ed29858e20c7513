"""A store of each engine."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from journal import SessionConfig
from projections import DefaultSessionStore


@pytest.fixture(params=["files", "memory"])
def either(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[DefaultSessionStore]:
    """A store of each engine."""
    config = SessionConfig(persist=request.param == "files", mirror_runtime_state=True)
    with DefaultSessionStore(tmp_path, config=config, durability="os") as store:
        yield store
