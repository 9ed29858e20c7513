"""A search: what it reads and decodes, as logs grow."""

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from journal.codec import decode_line
from journal.engines.files.storage import DiskStorage
from projections import DefaultSessionStore
from projections.search import log_shape, pattern, sweep
from projections.search.pattern import Pattern
from projections.search.sessions import Search, SearchOptions
from tests.growth.counting import steps

EVENTS = 400


def folder_of(path: Path, events: int, sessions: int = 1) -> Path:
    with DefaultSessionStore(path, durability="os", redact=None, auto_compact=False) as store:
        for number in range(sessions):
            store.set_many(
                f"s-{number}",
                [
                    ("native", f"turn-{n}", {"n": n, "text": f"word {'x' * 300}, rare-{n}."})
                    for n in range(events)
                ],
            )
    return path


class Counts:
    """Lines that a search decodes, and bytes that it reads."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.lines = self.read = 0
        for module in (sweep, pattern, log_shape):
            patch.setattr(module, "decode_line", self._decode)
        patch.setattr(DiskStorage, "read", staticmethod(self._read))

    def _decode(self, line: bytes) -> object:
        self.lines += 1
        return decode_line(line)

    def _read(self, fd: int, length: int, offset: int) -> bytes:
        data = os.pread(fd, length, offset)
        self.read += len(data)
        return data

    def during(self, call: Callable[[], object]) -> tuple[int, int]:
        before = (self.lines, self.read)
        call()
        return self.lines - before[0], self.read - before[1]


def search(folder: Path, text: str) -> int:
    with DefaultSessionStore(folder) as store:
        sessions = sorted(info["session_id"] for info in store.list_sessions())
        found = Search(store, DiskStorage(), Pattern(text), SearchOptions()).matches(sessions)
        return sum(1 for _ in found)


@pytest.mark.parametrize("text", ["RARE-7\\.", "rare-7\\.", r"rare-[7]\.", "rare-7[.]|never"])
def test_only_lines_that_match_are_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    counts = Counts(monkeypatch)
    for events in (EVENTS, 2 * EVENTS):
        folder = folder_of(tmp_path / str(events), events)
        size = (folder / "s-0.jsonl").stat().st_size
        lines, read = counts.during(partial(search, folder, text))
        assert lines <= 6, "its header and its last line, and the match"
        assert size <= read <= size + (1 << 14), "every byte once"
    assert search(folder, text) == (0 if text.startswith("RARE") else 1)


def test_steps_do_not_depend_on_lines_that_do_not_match(tmp_path: Path) -> None:
    """But for counting them."""
    few, many = (folder_of(tmp_path / str(n), n) for n in (EVENTS, 2 * EVENTS))
    search(few, "rare-7[.]")
    of_few, of_many = (steps(partial(search, each, "rare-7[.]")) for each in (few, many))
    assert of_many - of_few < 30 * EVENTS


LONG = [
    ("one long word", lambda n: '"' + "x" * n + '"', "xy"),
    ("escapes", lambda n: '"' + "\\\\" * n + '"', "[q]\\\\"),
    ("quotes", lambda n: '"' + '\\"' * n + '"', 'a"b'),
    ("escapes of others", lambda n: '"' + "\\u0041" * n + '"', "needle"),
    ("backslashes before u", lambda n: '"' + "\\\\" * n + 'u0041"', "needle"),
    ("many strings", lambda n: "[" + ",".join(['"ab"'] * n) + "]", "ab[c]"),
    ("many numbers", lambda n: "[" + ",".join(["12"] * n) + "]", "12[3]|ab{2}c"),
    ("nearly a match, often", lambda n: '"' + "ab " * n + '"', "ab[c]"),
]


@pytest.mark.parametrize(("kind", "state", "text"), LONG, ids=[kind for kind, *_ in LONG])
def test_a_long_line_takes_time_in_proportion(
    kind: str, state: Callable[[int], str], text: str
) -> None:
    wanted = Pattern(text)

    def tried(n: int) -> int:
        line = b'{"seq":1,"ts":"t","op":"set","runtime_id":"r","turn_id":"t","writer":"w","state":'
        line += state(n).encode() + b',"prev":"%b","hash":"%b"}' % (b"0" * 32, b"0" * 32)
        return steps(lambda: list(wanted.candidates(line, len(line))))

    one, two = tried(2000), tried(4000)
    assert two < 2.2 * one + 500, (one, two)
