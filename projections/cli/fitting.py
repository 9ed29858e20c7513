"""Makes columns and texts fit the width of a terminal."""

from collections.abc import Sequence


def fair_share(sizes: Sequence[int], room: int) -> int:
    """The largest size so that everything fits into `room` if longer things are cut to it.

    0 if nothing fits.
    """
    fits = (most for most in range(room, 0, -1) if sum(min(n, most) for n in sizes) <= room)
    return next(fits, 0)


def fitted(sizes: Sequence[int], room: int, least: int = 1) -> list[int] | None:
    """The sizes, with the largest ones cut so that all fit into `room`.

    Columns that are left over go to the last of those that were cut. None if something would
    have to be cut to less than `least`.
    """
    if sum(sizes) <= room:
        return list(sizes)
    most = fair_share(sizes, room)
    if most < least:
        return None
    cut = [min(size, most) for size in sizes]
    for index in reversed(range(len(sizes))):
        if sizes[index] > most and sum(cut) < room:
            cut[index] += 1
    return cut


def cut_middle(text: str, columns: int) -> str:
    """A text cut in the middle, so that its beginning and its end stay: `codex:0b1…7514c9`.

    For ids, which often begin alike. It is at most so many columns wide.
    """
    if text.isascii():
        if len(text) <= columns:
            return text
        tail = (columns - 1) // 2
        return f"{text[: columns - 1 - tail]}…{text[len(text) - tail :]}" if columns > 0 else ""
    from rich.cells import cell_len, set_cell_size

    if cell_len(text) <= columns:
        return text
    if columns <= 0:
        return ""
    tail = (columns - 1) // 2
    end = set_cell_size(text[::-1], tail).rstrip()[::-1]
    return f"{set_cell_size(text, columns - 1 - tail).rstrip()}…{end}"
