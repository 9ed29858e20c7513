"""Texts put together, and made to fit so many columns of a terminal."""

from collections.abc import Sequence

from rich.cells import cell_len, set_cell_size


def joined(*parts: str | None, by: str = " ") -> str:
    """Those parts that say anything."""
    return by.join(filter(None, parts))


def middle_cut(text: str, longest: int, cut: str = "…") -> str:
    """`text` in at most so many columns, both its ends kept: ids often differ in the last."""
    if cell_len(text) <= longest:
        return text
    if longest <= len(cut):
        return cut[: max(longest, 0)]
    tail_columns = (longest - len(cut)) // 2
    head_columns = longest - len(cut) - tail_columns
    head, tail = text[:head_columns], text[len(text) - tail_columns :]
    while cell_len(head) > head_columns:
        head = head[:-1]
    while cell_len(tail) > tail_columns:
        tail = tail[1:]
    return head + cut + tail


def end_cut(text: str, longest: int, cut: str = "…") -> str:
    """`text` in at most so many columns, its beginning kept."""
    if cell_len(text) <= longest:
        return text
    return set_cell_size(text, max(longest - len(cut), 0)).rstrip() + cut


def fairest_cut(sizes: Sequence[int], room: int) -> int:
    """To what everything has to be cut that is longer, so that all of it fits. 0 if it cannot."""
    fits = (most for most in range(room, 0, -1) if sum(min(n, most) for n in sizes) <= room)
    return next(fits, 0)
