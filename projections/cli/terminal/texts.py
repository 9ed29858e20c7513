"""Joins texts, and cuts them to a number of columns of a terminal."""


def shorten(text: str, longest: int) -> str:
    """`text` in at most so many characters. Keeps the beginning."""
    return text if len(text) <= longest else text[: longest - 1] + "…"


def joined(*parts: str | None, by: str = " ") -> str:
    """The parts that are not empty, with `by` between them."""
    return by.join(filter(None, parts))


def middle_cut(text: str, longest: int, cut: str = "…") -> str:
    """`text` in at most `longest` columns. Keeps both ends, as ids often differ at the end."""
    from rich.cells import cell_len

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
    """`text` in at most `longest` columns. Keeps the beginning."""
    from rich.cells import cell_len, set_cell_size

    if cell_len(text) <= longest:
        return text
    return set_cell_size(text, max(longest - len(cut), 0)).rstrip() + cut


def len_of(text: str) -> int:
    """Columns of a terminal."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)
