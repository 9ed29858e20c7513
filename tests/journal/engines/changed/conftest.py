"""A clock that is turned by hand, and what was logged."""

import logging
from typing import Any

import pytest

from tests.journal.engines.changed.strokes import (
    Clock,
    Reports,
)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("journal.engines.files.reader.monotonic", clock)
    return clock


@pytest.fixture
def reports() -> Any:
    reports = Reports()
    logger = logging.getLogger("journal")
    logger.addHandler(reports)
    yield reports
    logger.removeHandler(reports)
