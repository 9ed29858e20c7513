"""A log cut at any byte: all events before the cut load, and writing goes on after them."""

import os
from collections.abc import Iterable, Iterator

import pytest

from journal.engines.files.directory import Directory
from journal.engines.files.log import FileLog, LogOptions
from journal.engines.memory import MemoryStorage
from journal.errors import DamagedError
from journal.names import paths_of
from journal.scan import Scanner
from tests.faults.damage.forgery import SESSION
from tests.faults.damage.scanning import EVENTS, LOGS, Line, Parsed, fork, scan
from tests.faults.sizes import Figure, sized
from tests.support import Recorder, set_event

_FOLDER = "/cut"


@pytest.fixture(scope="module", params=LOGS)
def log(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Parsed:
    return LOGS[request.param](tmp_path_factory.mktemp("log"))


def cut_inside(line: Line) -> Iterator[tuple[int, Scanner, int]]:
    """Every place in a line, the scanner that has read up to there, and what it yielded."""
    for length in range(len(line.data)):
        scanner = fork(line.before)
        yielded = sum(1 for _ in scanner.feed(line.data[:length]))
        yield line.start + length, scanner, yielded


@sized(quick=8, storm=1)
def test_cut_at_every_byte_the_longest_valid_prefix_loads(
    log: Parsed, size: int, figure: Figure
) -> None:
    """No event of a cut line, all of those before it; and the line whole once it arrives whole.

    In every line, or in one of `size`.
    """
    cuts = 0
    chosen = list(zip(log.lines, log.events, strict=True))[::size]
    for line, event in chosen:
        for place, scanner, yielded in cut_inside(line):
            assert yielded == 0
            assert scanner.end == line.start
            assert not scanner.damage, "a torn line is not damage: nothing intact is after it"
            cuts += 1
            if place % 64 == 0:  # a reader that saw half of an append sees the whole later
                scanner.rewind()
                assert list(scanner.feed(line.data)) == ([event] if event is not None else [])
                assert scanner.end == line.stop
    assert cuts == sum(line.stop - line.start for line, _ in chosen)
    assert size > 1 or (cuts == len(log.data) and len(chosen) > EVENTS)
    figure(f"cut at each of {cuts:,} bytes of {len(chosen):,} lines, 0 lost before the cut")


def test_the_restarted_parse_says_the_same_as_a_parse_from_the_start(log: Parsed) -> None:
    """The short cut itself must not be what makes the tests above and of bit flips pass."""
    for number in range(0, len(log.lines), 50):
        line = log.lines[number]
        place = line.start + len(line.data) // 2
        scanner, events = scan(log.data[:place])
        assert events == log.complete_before(place)
        assert scanner.end == line.start
        assert (scanner.seq, scanner.hash) == (line.before.seq, line.before.hash)


class Disk:
    """The log, cut at some byte, on a disk in memory: opening and syncing cost nothing."""

    def __init__(self, data: bytes, archive: bytes | None = None) -> None:
        self._storage = MemoryStorage()
        self._paths = paths_of(_FOLDER, SESSION)
        self._write(self._paths.log, data)
        if archive is not None:
            self._write(self._paths.archived(1), archive)

    def _write(self, path: str, data: bytes) -> None:
        fd = self._storage.open(path, os.O_RDWR | os.O_CREAT)
        self._storage.write(fd, data)
        self._storage.close(fd)

    def read(self) -> bytes:
        fd = self._storage.open(self._paths.log, os.O_RDONLY)
        return self._storage.read(fd, self._storage.size(fd), 0)

    def open(self) -> tuple[FileLog, Recorder]:
        recorder = Recorder()
        options = LogOptions("os", storage=self._storage)
        return FileLog(self._paths, recorder, options), recorder

    def problems(self) -> set[str]:
        report = Directory(_FOLDER, LogOptions("os", storage=self._storage)).verify(SESSION)
        return {problem.kind for problem in report.problems}


def check_cut(log: Parsed, place: int) -> None:
    """Cut at `place`: what was before it is read, the next append follows it, all verifies."""
    begun = place >= log.lines[0].stop - 1
    if not begun and log.kept:
        return check_beginning_lost(log, place)
    disk = Disk(log.data[:place])
    opened, reader = disk.open()
    complete = log.complete_before(place)
    assert opened.refresh() is begun
    assert reader.events == complete
    head = opened.append([set_event("next")])
    before = complete[-1].seq if complete else 0
    base = log.lines[1].before.seq if begun else 0
    assert head.seq == max(before, base) + 1
    again, reread = disk.open()
    assert again.refresh()
    assert reread.events[:-1] == complete
    assert reread.turns[-1] == "next"
    # A log cut in the middle of what compaction kept has lost something for good, and says so.
    lost_kept = begun and place < log.lines[log.kept].stop - 1
    archive_is_elsewhere = {"archive"} if begun and log.kept else set()
    assert disk.problems() == archive_is_elsewhere | ({"kept"} if lost_kept else set())
    return None


def check_beginning_lost(log: Parsed, place: int) -> None:
    """A log that was compacted has begun: what is left of its header is no new log's."""
    disk = Disk(log.data[:place], archive=b"the history")
    opened, reader = disk.open()
    with pytest.raises(DamagedError):
        opened.refresh()
    with pytest.raises(DamagedError):
        opened.append([set_event("next")])
    assert not reader.events
    assert disk.read() == log.data[:place]


def places(log: Parsed, size: str | int) -> Iterable[int]:
    """Some bytes, those around every end of a line, or every so many bytes."""
    ends = [line.stop + by for line in log.lines for by in range(-2, 3)]
    if size == "some":
        return [*range(0, 40, 3), *ends[:12], *ends[400::997], len(log.data) - 1]
    within = {place for place in ends if place <= len(log.data)}
    if size == "ends":  # one of nearly every line, each time another one
        return sorted(within)[::6]
    assert isinstance(size, int)
    return within.union(range(0, len(log.data), size))


@sized(quick="some", storm="ends", long=43)
def test_a_log_cut_anywhere_opens_and_takes_the_next_event(
    log: Parsed, size: str | int, figure: Figure
) -> None:
    """With the real log: the file as a crash left it, opened, appended to and verified."""
    cuts = 0
    for place in places(log, size):
        check_cut(log, place)
        cuts += 1
    assert cuts >= 20
    figure(f"{cuts:,} cuts, each opened, appended to and verified: no event before one lost")
