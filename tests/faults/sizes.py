"""One test, three sizes: for every change, for CI, and for a long run once in a while.

`@sized(quick=12, storm=300, long=10_000)` gives a test its argument `size` and marks the
larger ones, so that plain `pytest` runs the quick ones, `-m storm` and `-m long` the others.
"""

from collections.abc import Callable
from typing import Any

import pytest

_TIMEOUTS = {"storm": 15 * 60, "long": 3 * 60 * 60}  # seconds: for what hangs, not what is slow


def sized(**sizes: Any) -> pytest.MarkDecorator:
    """Run a test once for each of `quick`, `storm` and `long` that is given."""
    return pytest.mark.parametrize("size", params(**sizes))


def params(**sizes: Any) -> list[Any]:
    """The same for the parameters of a fixture."""
    unknown = sizes.keys() - {"quick", *_TIMEOUTS}
    assert not unknown, f"no such size: {unknown}"
    return [pytest.param(value, id=name, marks=_marks(name)) for name, value in sizes.items()]


def _marks(name: str) -> list[pytest.MarkDecorator]:
    if name == "quick":
        return []
    return [getattr(pytest.mark, name), pytest.mark.timeout(_TIMEOUTS[name])]


Figure = Callable[[str], None]
"""The fixture `figure`: notes what a run did, with counts, for the summary at its end."""
