"""What can be wrong in a log's file, and how to say it in few lines."""

from collections import Counter
from collections.abc import Sequence

from msgspec import Struct


class Damage(Struct, frozen=True):
    """Something wrong at `offset` of a file, `length` bytes of it.

    `kind` is one of: `corrupt` (bytes that are no event), `gap` (events missing),
    `chain` (an event that does not follow the one before), `order` (an event seen
    before, or moved), `kept` (what compaction kept was changed), `header` (no intact
    header). `seq` is the event expected there, where one is known.
    """

    kind: str
    offset: int
    length: int
    seq: int | None
    reason: str


def summary_of(damage: Sequence[Damage]) -> list[str]:
    """A line for each kind: its first place, and how many more there are."""
    first: dict[str, Damage] = {}
    for found in damage:
        first.setdefault(found.kind, found)
    counts = Counter(found.kind for found in damage)
    return [
        f"{kind} at byte {found.offset}{f', {found.length} bytes' if found.length else ''}: "
        + found.reason
        + (f"; and {counts[kind] - 1:,} more of this kind" if counts[kind] > 1 else "")
        for kind, found in first.items()
    ]


def missing_events(first: int, last: int, is_sure: bool) -> str:
    """Words for a gap. `is_sure`: there is a header, so a compaction did not make it."""
    one = first == last
    what = f"event {first} is missing" if one else f"events {first} to {last} are missing"
    unless = f", unless a compaction moved or dropped {'it' if one else 'them'}"
    return what if is_sure else f"{what}{unless}: only the header would tell"
