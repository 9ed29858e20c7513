"""Fixtures of more than one module."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from projections import DefaultSessionStore
from tests.support import TURN_1


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DefaultSessionStore]:
    with DefaultSessionStore(tmp_path, durability="os") as store:
        yield store


@pytest.fixture
def logged(tmp_path: Path) -> Path:
    """The session file of session `s`, which has a log with one turn."""
    with DefaultSessionStore(tmp_path, durability="os") as store:
        store.set_runtime_state("s", "native", "turn-1", TURN_1)
    return tmp_path / "s.json"
