"""One test, three sizes: for every change, for CI, and for a long run once in a while.

`@sized(quick=12, storm=300, long=10_000)` gives a test its argument `size` and marks the
larger ones, so that plain `pytest` runs the quick ones, `-m storm` and `-m long` the others.
`@for_any(TEXTS, quick=30, storm=1_000)` makes it a property, of so many examples.
"""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

_TIMEOUTS = {"storm": 15 * 60, "long": 3 * 60 * 60}  # seconds: for what hangs, not what is slow


def sized(**sizes: Any) -> pytest.MarkDecorator:
    """Run a test once for each of `quick`, `storm` and `long` that is given."""
    return pytest.mark.parametrize("size", params(**sizes))


def for_any(
    *strategies: st.SearchStrategy[Any], **sizes: int
) -> Callable[[Callable[..., None]], Callable[[int], None]]:
    """Make a test of examples one of `quick`, `storm` and `long` many of them."""

    def decorate(test: Callable[..., None]) -> Callable[[int], None]:
        def run(size: int) -> None:
            settings(max_examples=size)(given(*strategies)(test))()

        run.__name__, run.__doc__ = test.__name__, test.__doc__
        sized_run: Callable[[int], None] = sized(**sizes)(run)
        return sized_run

    return decorate


def params(**sizes: Any) -> list[Any]:
    """The same for the parameters of a fixture."""
    unknown = sizes.keys() - {"quick", *_TIMEOUTS}
    assert not unknown, f"no such size: {unknown}"
    return [pytest.param(value, id=name, marks=_marks(name)) for name, value in sizes.items()]


def _marks(name: str) -> list[pytest.MarkDecorator]:
    if name == "quick":
        return []
    return [getattr(pytest.mark, name), pytest.mark.timeout(_TIMEOUTS[name])]


def examples(share: float = 1) -> int:
    """How many examples a property tries, as a share of what the profile says."""
    assert settings.default is not None
    return int(settings.default.max_examples * share)


Figure = Callable[[str], None]
"""The fixture `figure`: notes what a run did, with counts, for the summary at its end."""
