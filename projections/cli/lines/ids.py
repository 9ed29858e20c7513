"""Ids where there is little room: cut in the middle, and still told apart."""

from projections.cli.terminal.texts import len_of, middle_cut

_END = 6  # columns of the end of an id, which is where most ids differ
_MOST = 4096  # ids that are remembered
_STEP = 6  # columns by which a cut id gets longer until it is like no other


class ShownIds:
    """How ids are shown. Two different ids of one kind never look the same."""

    def __init__(self, cut: str = "…") -> None:
        self._cut = cut
        self._shown: dict[tuple[str, str, int], str] = {}
        self._owners: dict[tuple[str, str], str] = {}

    def shown(self, kind: str, text: str, longest: int) -> str:
        """An id in about `longest` columns; in more where another one looks like it."""
        if len(text) <= longest and text.isascii():
            return text
        key = (kind, text, longest)
        found = self._shown.get(key)
        if found is None:
            if len(self._shown) >= _MOST:
                self._shown.clear()
                self._owners.clear()
            found = self._shown[key] = self._unlike_others(kind, text, longest)
        return found

    def _unlike_others(self, kind: str, text: str, longest: int) -> str:
        while longest < 2 * len(text):
            found = id_cut(text, longest, self._cut)
            if self._owners.setdefault((kind, found), text) == text:
                return found
            longest += _STEP
        return text


def id_cut(text: str, longest: int, cut: str = "…") -> str:
    """`run-2026…7514c9`, or `…7514c9` where there is less room."""
    if len_of(text) <= longest or not text.isascii():
        return middle_cut(text, longest, cut)
    end = text[-min(_END, max(longest - len(cut), 1)) :]
    begin = max(longest - len(cut) - len(end), 0)
    return text[:begin] + cut + end if begin >= 2 else cut + end
