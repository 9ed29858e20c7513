"""Makes columns fit the width of a terminal."""

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
