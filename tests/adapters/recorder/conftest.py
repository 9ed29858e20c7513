"""Each way."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from projections import DefaultSessionStore
from projections.adapters.recorder import Recorder
from tests.adapters.recorder.ways import Way


@pytest.fixture(params=["threads", "loop"])
def way(request: pytest.FixtureRequest, store: DefaultSessionStore) -> Iterator[Way]:
    if request.param == "threads":
        yield Way(Recorder(store), None)
        return
    with asyncio.Runner() as runner:
        reports: list[dict[str, Any]] = []
        runner.get_loop().set_exception_handler(lambda _, report: reports.append(report))
        yield Way(Recorder(store), runner)
        assert reports == []
