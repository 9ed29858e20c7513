"""What tests of logs do with them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from journal.codec import control_line
from journal.events import Sealed


def sealed(path: Path, reason: str) -> None:
    """Seal a log as a compaction or a deletion does that dies right then."""
    seal = Sealed(reason=reason, last_seq=1, last_hash="0" * 32, ts="", writer="")
    with path.open("ab") as file:
        file.write(control_line(seal))


def counting(calls: list[str]) -> Callable[[str, tuple[Any, ...]], None]:
    """A fault that lets everything work and notes the calls."""
    return lambda name, args: calls.append(name)


def at(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """Set the clock of everything that looks how long ago something was."""
    monkeypatch.setattr("journal.engines.files.reader.monotonic", lambda: seconds)
