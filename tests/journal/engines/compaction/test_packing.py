"""What packing must not do to archives. Told to stop at any moment, it leaves each whole."""

from pathlib import Path

import pytest

from tests.journal.engines.compaction.steps import directory
from tests.support import files_in, open_log, set_event

ASKED = 2  # times for each archive: before it is begun, and before its only piece


def begin(folder: Path) -> Path:
    """A session with an archive. Its log."""
    log, _ = open_log(folder)
    log.append([set_event("a"), set_event("a")])
    log.close()
    directory(folder).compact("s")
    return folder / "s.jsonl"


def begin_two(folder: Path) -> None:
    begin(folder)
    log, _ = open_log(folder)
    log.append([set_event("b"), set_event("b")])
    log.close()
    directory(folder).compact("s")


def history(folder: Path) -> list[int]:
    past = directory(folder).history("s")
    assert past is not None
    seqs = [entry.event.seq for entry in past.in_order()]
    assert past.problems == []
    return seqs


@pytest.mark.parametrize("before", range(2 * ASKED + 1))
def test_an_archive_is_packed_wholly_or_stays_as_it_was(tmp_path: Path, before: int) -> None:
    """A copy that is given up in the middle must never take its source's place."""
    begin_two(tmp_path)
    written = history(tmp_path)
    answers = iter([False] * before + [True] * ASKED)
    assert directory(tmp_path).pack("s", lambda: next(answers)) == before // ASKED
    assert history(tmp_path) == written
    assert directory(tmp_path).verify("s").ok
    assert not [name for name in files_in(tmp_path) if "pack" in name], "no unfinished copy"
    assert directory(tmp_path).pack("s") == 2 - before // ASKED
    assert history(tmp_path) == written


def test_an_archive_that_is_still_the_log_is_not_packed(tmp_path: Path) -> None:
    """A compaction that died had given the log its archive's name, and not yet another log."""
    log = begin(tmp_path)
    archive = tmp_path / "archive/s.9.jsonl"
    archive.hardlink_to(log)
    assert directory(tmp_path).pack("s") == 1, "the other archive"
    assert archive.samefile(log)
    assert files_in(tmp_path) >= {"s.jsonl", "archive/s.9.jsonl", "archive/s.2.jsonl.gz"}
