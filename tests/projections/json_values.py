"""JSON values and their edited versions, as hypothesis draws them."""

from typing import Any

from hypothesis import strategies as st

# Few values, among them those that Python takes for equal, so that lists repeat them
SCALARS = st.sampled_from(
    [None, True, False, 0, 1, 2, 0.0, -0.0, 1.0, 10**40, "", "a", "b", "/", "~", "0", "é\u2028"]
)
KEYS = st.sampled_from(["", "a", "b", "/", "~", "~1", "0", "-", "a b", '"', "ключ"])

ALIKE = [(1, True), (1, 1.0), (True, 1.0), (0, False), (0.0, -0.0), (0, ""), ([], {}), (None, 0)]
"""Pairs of different values that are easily taken for equal."""


def containers(items: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(items, max_size=5) | st.dictionaries(KEYS, items, max_size=4)


VALUES: st.SearchStrategy[Any] = st.recursive(SCALARS, containers, max_leaves=20)


def edited(draw: st.DrawFn, value: Any) -> Any:
    """The value with a few things in it changed, added, taken out or in another order."""
    if draw(st.integers(0, 7)) == 0:
        return draw(VALUES)
    if isinstance(value, list):
        items = [edited(draw, item) for item in value if draw(st.integers(0, 5))]
        at = draw(st.integers(0, len(items)))
        return items[:at] + draw(st.lists(VALUES, max_size=2)) + items[at:]
    if isinstance(value, dict):
        kept = {key: edited(draw, item) for key, item in value.items() if draw(st.integers(0, 5))}
        return kept | draw(st.dictionaries(KEYS, SCALARS, max_size=1))
    return value


@st.composite
def histories(draw: st.DrawFn, longest: int = 2) -> list[Any]:
    """Some values, each an edited version of the one before."""
    values = [draw(VALUES)]
    while len(values) < longest:
        values.append(edited(draw, values[-1]))
    return values
