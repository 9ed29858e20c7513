"""Sizes for people to read, and as people write them."""

import re

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")
_STEP = 1024
_WRITTEN = re.compile(
    r"(?P<number>[0-9]+(?:\.[0-9]+)?)\s*(?P<unit>[KMGT]?)(?:i?B)?", re.IGNORECASE
)


def size_text(count: int) -> str:
    """A number of bytes: `812 B`, `24.3 KiB`."""
    value = float(count)
    for unit in _UNITS:
        if value < _STEP or unit == _UNITS[-1]:
            break
        value /= _STEP
    return f"{count} B" if unit == "B" else f"{value:.1f} {unit}"


def size_of(text: str) -> int:
    """The bytes that `text` names: `2G`, `500 MiB`, `4096`. K is 1024. Raises ValueError."""
    found = _WRITTEN.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{text!r} is not a size; write 500M, 2G or a number of bytes")
    power = "KMGT".find(found["unit"].upper()) + 1 if found["unit"] else 0
    return int(float(found["number"]) * _STEP**power)
