"""Any single bit of a log turned over: found, located, and it costs one event at most."""

import json
import logging
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from journal.scan import Scanner
from projections import DefaultSessionStore
from tests.faults.damage.forgery import SESSION
from tests.faults.damage.scanning import EVENTS, LOGS, Parsed, fork, scan
from tests.faults.sizes import Figure, sized


@pytest.fixture(scope="module", params=LOGS)
def log(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Parsed:
    return LOGS[request.param](tmp_path_factory.mktemp("log"))


def flips(line: bytes) -> Iterator[tuple[int, bytes]]:
    """Every single bit of a line turned over, with the byte that it is in."""
    for at in range(len(line)):
        for bit in range(8):
            flipped = bytearray(line)
            flipped[at] ^= 1 << bit
            yield at, bytes(flipped)


def check_line(log: Parsed, number: int) -> int:
    """Flip each bit of an event's line and read it and the two after it. Returns how many."""
    line, event = log.lines[number], log.events[number]
    rest = b"".join(after.data for after in log.lines[number + 1 : number + 3])
    following = log.events[number + 1 : number + 3]
    last = number == len(log.lines) - 1
    count = 0
    for at, flipped in flips(line.data):
        scanner = fork(line.before)
        found = list(scanner.feed(flipped + rest))
        count += 1
        if last:
            assert not found
            assert scanner.end == line.start, "what may be torn must end where it begins"
            continue
        # The newline's own byte is between two intact events: not one of them is lost.
        expected = [event, *following] if at == len(line.data) - 1 else following
        assert found == expected
        assert scanner.end == line.stop + len(rest), "nothing in the middle is taken for torn"
        check_damage(scanner, log, number, at)
    return count


def check_damage(scanner: Scanner, log: Parsed, number: int, at: int) -> None:
    """One piece of damage: the line, or the byte where its end was. Never more, never less."""
    line = log.lines[number]
    found = [damage for damage in scanner.damage if damage.kind != "kept"]
    assert [damage.kind for damage in found] == ["corrupt"]
    if at == len(line.data) - 1:
        assert (found[0].offset, found[0].length) == (line.stop - 1, 1)
    else:
        assert (found[0].offset, found[0].length) == (line.start, len(line.data))
        event = log.events[number]
        assert event is not None
        assert found[0].seq == (None if number <= log.kept else event.seq)
    # That what compaction kept is not all there is known where the chain begins.
    lost_kept = len(scanner.damage) - len(found)
    assert lost_kept <= (number <= log.kept and at < len(line.data) - 1)


def chosen(log: Parsed, every: int) -> list[int]:
    """The numbers of some lines: each `every`th, and the ones where something begins or ends."""
    edges = {1, log.kept, log.kept + 1, len(log.lines) - 2, len(log.lines) - 1} - {0}
    return sorted(edges.union(range(1, len(log.lines), every)))


@sized(quick=2_000, storm=20, long=1)
def test_every_bit_of_an_event_is_guarded(log: Parsed, size: int, figure: Figure) -> None:
    """Found, located to the line, and all other events still load."""
    numbers = chosen(log, size)
    count = sum(check_line(log, number) for number in numbers)
    assert count == 8 * sum(len(log.lines[number].data) for number in numbers) > 10_000
    assert size > 1 or len(numbers) >= EVENTS
    figure(f"{count:,} bits of {len(numbers):,} events flipped: all located, one event lost each")


@sized(quick=101, storm=5, long=1)
def test_every_bit_of_the_header_is_guarded(log: Parsed, size: int, figure: Figure) -> None:
    """Without its header a log still gives every event, kept or not."""
    line = log.lines[0]
    rest = log.data[line.stop :]
    count = 0
    for at, flipped in list(flips(line.data))[::size]:
        scanner, found = scan(flipped + rest)
        count += 1
        assert found == log.events[1:]
        assert scanner.end == len(log.data)
        first = scanner.damage[0]
        if at == len(line.data) - 1:  # the header is whole: only its end is another
            assert (first.kind, first.offset, first.length) == ("corrupt", at, 1)
            assert len(scanner.damage) == 1
        else:
            assert scanner.header is None
            assert (first.kind, first.offset, first.length) == ("header", 0, len(line.data))
    assert count >= 20
    figure(f"{count:,} bits of the header flipped: all located, 0 of {len(found):,} events lost")


def one_bit(line: bytes, number: int) -> tuple[int, bytes]:
    """One of a line's bits turned over: another byte and bit for each number."""
    at = number * 37 % (len(line) - 1)
    flipped = bytearray(line)
    flipped[at] ^= 1 << number % 8
    return at, bytes(flipped)


def files(folder: Path, log: Parsed, numbers: Iterable[int]) -> Iterator[tuple[int, int]]:
    """The log as a real file with one bit of each of these lines flipped; the line and place."""
    path = folder / f"{SESSION}.jsonl"
    for number in numbers:
        line = log.lines[number]
        at, flipped = one_bit(line.data, number)
        path.write_bytes(log.data[: line.start] + flipped + log.data[line.stop :])
        yield number, line.start + at


@sized(quick=300, storm=20, long=1)
def test_a_flipped_bit_is_found_by_verify_and_never_cut(
    log: Parsed, size: int, tmp_path: Path, figure: Figure, caplog: pytest.LogCaptureFixture
) -> None:
    """Of the real file: verified, read, appended to. Only a last line may ever be cut off."""
    caplog.set_level(logging.CRITICAL, "journal")
    count = 0
    for number, place in files(tmp_path, log, chosen(log, size)):
        before = (tmp_path / f"{SESSION}.jsonl").read_bytes()
        with DefaultSessionStore(tmp_path, durability="os", auto_compact=False) as store:
            problems = store.verify(SESSION).problems
            in_log = [found for found in problems if found.where.endswith(f"{SESSION}.jsonl")]
            assert any(found.offset <= place < found.offset + found.length for found in in_log)
            assert store.set_runtime_state(SESSION, "next", "turn", {"n": 1})
            assert store.get_runtime_state(SESSION, "next", "turn") == {"n": 1}
        after = (tmp_path / f"{SESSION}.jsonl").read_bytes()
        kept = before if number < len(log.lines) - 1 else before[: log.lines[number].start]
        assert after.startswith(kept)
        last = json.loads(after[len(kept) :])
        assert last["seq"] == log.lines[-1].before.seq + (len(kept) == len(before)) + 1
        count += 1
    assert count >= 4
    figure(f"{count:,} files with a flipped bit: each found by verify, none cut in the middle")
