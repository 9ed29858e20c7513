"""The model's server, and nothing leaves the machine."""

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest
from praisonaiagents.session import store as praisonai_store

from tests.adapters.praisonai.agents import model
from tests.adapters.praisonai.chat_server import ChatServer, serving


@pytest.fixture(scope="package")
def server() -> Iterator[ChatServer]:
    with serving(model) as found:
        gc.freeze()  # what is there for good: `offline` looks for garbage after each test
        yield found


@pytest.fixture(autouse=True)
def offline(server: ChatServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setenv("OPENAI_BASE_URL", server.url)
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    monkeypatch.setenv("PRAISONAI_TELEMETRY_DISABLED", "true")
    monkeypatch.setenv("PRAISONAI_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(praisonai_store, "_default_store", None)
    monkeypatch.chdir(tmp_path)  # where PraisonAI leaves files of its own
    yield
    gc.collect()  # the sockets that its clients leave open, before another test is blamed
