"""A world on a disk, and reads so small that much can happen between them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from journal.engines.files.storage import DiskStorage
from tests.journal.engines.follower.world import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(str(tmp_path), DiskStorage())
    yield world
    world.close()


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """So small that a line or two fit: many more places for something to happen in."""
    monkeypatch.setattr("journal.engines.files.storage.CHUNK", 400)
    monkeypatch.setattr("journal.engines.files.seeking._WINDOW", 400)
