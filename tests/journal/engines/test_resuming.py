"""A projection goes on in a compacted log: past what was kept, which it has folded already."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journal.engines.files.directory import Directory
from journal.engines.files.log import FileLog, LogOptions
from journal.engines.files.storage import CHUNK
from journal.events import Clear, Event, Handoff
from journal.kept import find_kept
from journal.names import paths_of
from journal.scan import Scanner
from journal.state import MAX_LINE
from projections.view import View
from tests.support import open_log, set_event


def opened(folder: Path) -> tuple[FileLog, View]:
    view = View()
    return FileLog(paths_of(str(folder), "s"), view, LogOptions(durability="os")), view


def compact(folder: Path) -> None:
    assert Directory(str(folder), LogOptions(durability="os")).compact("s") is not None


def a_compacted_log(folder: Path) -> tuple[FileLog, View, Path]:
    """A log of three turns, each set twice, compacted; and a projection from before."""
    ours, view = opened(folder)
    ours.append([set_event(turn, {"n": number}) for number in range(2) for turn in "abc"])
    compact(folder)
    return ours, view, folder / "s.jsonl"


events = st.lists(
    st.one_of(
        st.sampled_from("abcd").map(set_event),
        st.builds(Clear, runtime_id=st.sampled_from([None, "native"])),
        st.just(Handoff(source="native", target="harness")),
    ),
    min_size=1,
    max_size=12,
)


@settings(deadline=None)  # it writes and compacts files, on machines that do other things
@given(st.lists(events, min_size=2, max_size=5))
def test_who_goes_on_has_the_view_of_who_starts_afresh(
    tmp_path_factory: pytest.TempPathFactory, batches: list[list[Event]]
) -> None:
    """Whatever was kept, and whatever others have appended before and after."""
    folder = tmp_path_factory.mktemp("log")
    ours, view = opened(folder)
    theirs, _ = opened(folder)
    for number, batch in enumerate(batches):
        theirs.append(batch)
        if number % 2 == 0:
            ours.refresh()
        compact(folder)
        theirs.append([set_event(f"after-{number}")])
        assert ours.refresh()
        fresh, afresh = opened(folder)
        assert fresh.refresh()
        assert (view.turns, view.sizes) == (afresh.turns, afresh.sizes)
        assert list(view.turns.get("native", {})) == list(afresh.turns.get("native", {}))
        assert ours.head == fresh.head
        assert ours.append([set_event(f"ours-{number}")]).seq == fresh.head.seq + 1  # type: ignore[union-attr]
        fresh.close()


def test_what_was_kept_is_not_folded_again(tmp_path: Path) -> None:
    """Or every writer of a long session would stand still after each compaction of it."""
    log, recorder = open_log(tmp_path)
    log.append([set_event(turn) for turn in "abcab"])
    compact(tmp_path)
    recorder.events.clear()
    other, _ = opened(tmp_path)
    other.append([set_event("d")])
    assert log.append([set_event("e")]).seq == 7
    log.refresh()
    assert recorder.turns == ["d", "e"]


def flip(path: Path, place: int) -> None:
    with path.open("r+b") as file:
        file.seek(place)
        byte = file.read(1)[0]
        file.seek(place)
        file.write(bytes([byte ^ 1]))


def lines(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines(keepends=True)


@pytest.mark.parametrize("after", [0, 1, 3])
@pytest.mark.parametrize("line", [0, 1, 2, 3])
def test_a_newline_lost_among_what_was_kept_hides_no_event(
    tmp_path: Path, line: int, after: int
) -> None:
    """Counting goes wrong then, and what follows shows it: all is read again."""
    ours, view, path = a_compacted_log(tmp_path)
    other, _ = opened(tmp_path)
    for number in range(after):
        other.append([set_event(f"late-{number}")])
    flip(path, sum(map(len, lines(path)[: line + 1])) - 1)
    assert ours.refresh()
    assert list(view.turns["native"]) == ["a", "b", "c", *(f"late-{n}" for n in range(after))]


@pytest.mark.parametrize("spoil", ["more lines", "fewer lines"])
def test_kept_events_that_are_not_as_many_as_the_header_says_are_read(
    tmp_path: Path, spoil: str
) -> None:
    ours, view, path = a_compacted_log(tmp_path)
    opened(tmp_path)[0].append([set_event("late")])
    header, a, b, c, late = lines(path)
    path.write_bytes(
        b"".join([header, a, a, b, c, late] if "more" in spoil else [header, a, late])
    )
    assert ours.refresh()
    assert "late" in view.turns["native"]
    assert open_log(tmp_path)[0].append([set_event("next")]).seq == 8


def test_another_log_of_the_same_shape_is_read_from_its_beginning(tmp_path: Path) -> None:
    """Deleted and made again: nothing of the old one may stay."""
    ours, view, path = a_compacted_log(tmp_path)
    path.unlink()
    other, _ = opened(tmp_path)
    other.append([set_event(turn) for turn in "xyxyxyxy"])
    compact(tmp_path)
    ours.append([set_event("z")])
    assert list(view.turns["native"]) == ["x", "y", "z"]


@pytest.fixture(scope="module")
def log_bytes(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Of a compacted log with three kept events and one after them."""
    folder = tmp_path_factory.mktemp("log")
    _, _, path = a_compacted_log(folder)
    opened(folder)[0].append([set_event("late")])
    return path.read_bytes()


def test_a_kept_line_without_end_is_not_held_in_memory(log_bytes: bytes) -> None:
    """Twice as much is there; half of it is asked for."""
    header = log_bytes.splitlines(keepends=True)[0]
    asked: list[int] = []

    def pieces() -> Iterator[bytes]:
        yield header
        for number in range(2 * MAX_LINE // CHUNK):
            asked.append(number)
            yield b"x" * CHUNK

    assert find_kept(pieces()) is None
    assert len(asked) == MAX_LINE // CHUNK + 1


@given(st.integers(1, 3_000))
def test_the_kept_part_ends_where_a_scanner_finds_its_end(log_bytes: bytes, size: int) -> None:
    """In whatever pieces the file is read."""
    scanner, ends = Scanner(), {}
    for event in scanner.feed(log_bytes):
        ends[event.seq] = (scanner.end, event.hash)
    pieces = (log_bytes[place : place + size] for place in range(0, len(log_bytes), size))
    found = find_kept(pieces)
    assert found is not None
    assert (found.end, found.last_hash) == ends[6]
    assert find_kept([log_bytes[: found.end - 1]]) is None
