"""Logs of any size and views of a million turns: memory is that of what lives, not of the log."""

from pathlib import Path

from projections import DefaultSessionStore
from tests.faults.kernel.memory import MIB, growth
from tests.faults.sizes import Figure, sized

TURNS = 100
STATE = {"text": "x" * 4_000}


def write_log(folder: Path, least: int) -> int:
    """A log of at least so many bytes, in which few turns are set again and again.

    Returns how many events it has.
    """
    path = folder / "s.jsonl"
    batch = [("native", f"turn-{number}", STATE) for number in range(TURNS)]
    events = 0
    with DefaultSessionStore(folder, durability="os", auto_compact=False) as store:
        while not path.exists() or path.stat().st_size < least:
            assert store.set_many("s", batch)
            events += TURNS
    return events


@sized(quick=40, storm=128, long=500)
def test_listing_opening_tailing_and_verifying_take_little_memory(
    tmp_path: Path, size: int, figure: Figure
) -> None:
    events = write_log(tmp_path, size * MIB)
    grown = growth(
        tmp_path,
        'assert "s" in {info["session_id"] for info in store.list_sessions()}\n'
        'assert len(store.get_runtime_state("s", "native")) == 100\n'
        'assert store.verify("s").ok\n'
        f"left = {events}\n"
        'for arrival in store.tail("s", from_start=True):\n'
        "    left -= 1\n"
        "    if not left:\n"
        "        break\n"
        f"assert arrival.event.seq == {events}",
    )
    assert grown < 64 * MIB
    figure(f"a log of {size} MiB, {events:,} events: {grown / MIB:.0f} MiB of memory")


@sized(quick=20_000, long=1_000_000)
def test_a_view_of_any_number_of_turns_answers(tmp_path: Path, size: int, figure: Figure) -> None:
    """And takes the bytes of its states and 250 more for each turn, once it is read."""
    state = {"calls": ["call-0", "call-1"], "text": "x" * 60}
    length = len('{"calls":["call-0","call-1"],"text":""}') + 60
    with DefaultSessionStore(tmp_path, durability="os", auto_compact=False) as store:
        for start in range(0, size, 5_000):
            turns = range(start, min(start + 5_000, size))
            assert store.set_many("s", [("native", f"turn-{number}", state) for number in turns])
    grown = growth(
        tmp_path,
        f'assert store.get_runtime_state("s", "native", "turn-{size // 2}")["text"] == "x" * 60',
    )
    assert grown < 16 * MIB + size * (length + 250)
    with DefaultSessionStore(tmp_path, durability="os") as store:
        assert store.set_runtime_state("s", "native", "one more", {}) is True
    figure(f"{size:,} turns of {length} bytes: {grown / size:.0f} bytes a turn")
