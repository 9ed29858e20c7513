"""Fixtures of more than one module."""

import gc
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from projections import DefaultSessionStore
from tests.faults.sizes import Figure
from tests.support import TURN_1

_FIGURE = "figure"

# A shell that started us in the background may have had Ctrl-C ignored, which children inherit.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Children that start an interpreter need not compile everything anew each time.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# No property is judged by time: a machine may be busy with other things. `thorough` is for CI.
for name, examples in {"quick": 25, "thorough": 100}.items():
    settings.register_profile(
        name,
        max_examples=examples,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
settings.load_profile("quick")


def pytest_collection_finish() -> None:
    """What the imports have made stays: no collection of garbage need look at it again.

    With the frameworks that the adapters are for, it is a million objects, half a second each.
    """
    gc.collect()
    gc.freeze()


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


@pytest.fixture
def figure(record_property: Callable[[str, object], None]) -> Figure:
    return lambda text: record_property(_FIGURE, text)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What the runs did, with counts."""
    figures = [
        (report.nodeid, text)
        for report in terminalreporter.getreports("passed")
        for name, text in report.user_properties
        if name == _FIGURE and report.when == "call"
    ]
    if figures:
        terminalreporter.section("figures")
    for test, text in figures:
        terminalreporter.line(f"{test.rpartition('::')[2]}: {text}")
