"""Nothing leaves the machine."""

from pathlib import Path

import pytest
from agents import set_tracing_disabled
from praisonaiagents.session import store as praisonai_store


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    set_tracing_disabled(True)
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    monkeypatch.setenv("PRAISONAI_TELEMETRY_DISABLED", "true")
    monkeypatch.setenv("PRAISONAI_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(praisonai_store, "_default_store", None)
    monkeypatch.chdir(tmp_path)  # where PraisonAI leaves files of its own
