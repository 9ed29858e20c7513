"""Compactions that are asked to stop."""

from pathlib import Path
from typing import Any

import pytest

from journal.engines.files.storage import CHUNK
from journal.errors import (
    CompactionAbandonedError,
)
from tests.journal.engines.compaction.steps import directory, write_log
from tests.support import (
    FaultyStorage,
    files_in,
    open_log,
    set_event,
)


def count_stops(folder: Path) -> int:
    """How often a compaction of such a log asks whether to stop."""
    folder.mkdir()
    write_log(folder)
    asks: list[bool] = []

    def stop() -> bool:
        asks.append(False)
        return False

    directory(folder).compact("s", stop=stop)
    return len(asks)


class TestStopping:
    def test_told_to_stop_at_any_moment_it_leaves_all_as_it_was(self, tmp_path: Path) -> None:
        """`stop` says True the nth time that it is asked, for every n there is."""
        path = write_log(tmp_path)
        before = path.read_bytes()
        asks = count_stops(tmp_path / "twin")
        assert asks > 2
        for number in range(asks):
            answers = iter([False] * number + [True])
            with pytest.raises(CompactionAbandonedError, match=r"'s': .+ asked to stop"):
                directory(tmp_path).compact("s", stop=answers.__next__)
            assert path.read_bytes() == before
            assert files_in(tmp_path) == {"s.jsonl", "twin/s.jsonl", "twin/archive/s.3.jsonl"}
        assert directory(tmp_path).compact("s") is not None

    def test_it_asks_after_every_few_bytes_but_not_between_the_seal_and_the_rename(
        self, tmp_path: Path
    ) -> None:
        """However large the log is, so that whoever waits for it to stop does not wait long."""
        log, _ = open_log(tmp_path)
        log.append([set_event(f"t{n}", "x" * 50_000) for n in range(80)])
        log.append([set_event("t0")])
        log.close()
        since, most, calls = 0, 0, list[str]()

        def count(name: str, args: tuple[Any, ...]) -> None:
            nonlocal since
            calls.append(name)
            if name == "read":
                since += args[1]
            elif name == "write":
                since += len(args[1])

        def stop() -> bool:
            nonlocal since, most
            calls.append("stop")
            since, most = 0, max(most, since)
            return False

        assert directory(tmp_path, FaultyStorage(count)).compact("s", stop=stop) is not None
        assert calls.count("stop") > 2 * (4_000_000 // CHUNK)
        assert most <= 4 * CHUNK
        last = len(calls) - calls[::-1].index("stop")
        assert calls[last:].count("rename") == 1
        assert calls[last:].count("write") == 1, "of the seal"

    def test_it_stops_while_it_waits_for_a_writer(self, tmp_path: Path) -> None:
        path = write_log(tmp_path)
        before = path.read_bytes()
        writer, _ = open_log(tmp_path)
        writer.refresh()
        assert writer.file is not None
        assert writer.file.try_lock()
        tries: list[str] = []

        def watch(name: str, args: tuple[Any, ...]) -> None:
            if name == "lock":
                tries.append(name)

        engine = directory(tmp_path, FaultyStorage(watch), lock_timeout=60.0)
        with pytest.raises(CompactionAbandonedError, match="asked to stop"):
            engine.compact("s", stop=lambda: len(tries) > 3)
        writer.close()
        assert path.read_bytes() == before
        assert files_in(tmp_path) == {"s.jsonl"}
        assert directory(tmp_path).compact("s") is not None
