"""Fixtures of the tests of all adapters."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from projections import DefaultSessionStore


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DefaultSessionStore]:
    with DefaultSessionStore(tmp_path / "journal", durability="os") as found:
        yield found
