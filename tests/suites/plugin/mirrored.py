"""A plugin of pytest: mirrors all agents of a framework while a test runs.

`pytest -p mirrored --mirror openai-agents --journal FOLDER`. Each process of a run has a folder
of its own in FOLDER, which also gets `<process>.json`: how many events were
written, how many failures of the mirror there were, and the last of them.
"""

import importlib
import json
import os
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from projections.adapters.mirroring import Mirror

ADAPTERS = {
    "openai-agents": "projections.adapters.openai_agents",
    "praisonai": "projections.adapters.praisonai",
    "pydantic-ai": "projections.adapters.pydantic_ai",
}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--mirror", choices=sorted(ADAPTERS), help="the framework of the agents")
    parser.addoption("--journal", type=Path, help="the folder to write to")


def pytest_configure(config: pytest.Config) -> None:
    framework = config.getoption("--mirror")
    is_worker = hasattr(config, "workerinput")
    if framework is not None and (is_worker or not config.getoption("numprocesses", None)):
        config.pluginmanager.register(Mirrored(framework, config.getoption("--journal")))


class Mirrored:
    """Opens a mirror for each test: a suite may put the framework back between its tests."""

    def __init__(self, framework: str, folder: Path) -> None:
        self.name = os.environ.get("PYTEST_XDIST_WORKER", "main")
        self.folder = folder
        self.mirror: Any = importlib.import_module(ADAPTERS[framework]).mirror
        self.all = Mirror(folder / self.name)  # keeps the store open

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self) -> Generator[None, object, object]:
        with self.mirror(self.folder / self.name):
            return (yield)

    def pytest_sessionfinish(self) -> None:
        store = self.all.store
        sessions = [each["session_id"] for each in store.list_sessions(limit=1_000_000)]
        found = {
            "events": sum(1 for each in sessions for _ in store.replay(each)),
            "failures": self.all.failures,
            "last_failure": repr(self.all.last_failure),
        }
        (self.folder / f"{self.name}.json").write_text(json.dumps(found))
        self.all.close()
