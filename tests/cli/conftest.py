"""A folder of sessions, and the store in it that the commands look at."""

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
