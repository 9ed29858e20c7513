"""What to install when a framework is missing."""

from collections.abc import Iterator
from contextlib import contextmanager

OURS = ("journal", "projections")


@contextmanager
def of_extra(name: str) -> Iterator[None]:
    """For imports that need the packages of an extra: if one is missing, the extra is named."""
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] in OURS:
            raise
        raise ModuleNotFoundError(
            f"No module named {error.name!r}: install runtime-journal with its extra `{name}`",
            name=error.name,
        ) from error
