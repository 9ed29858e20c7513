"""The stores, what is read from their logs, the adapters, and the command line."""

from typing import TYPE_CHECKING

from projections import shadowing as _shadowing  # noqa: F401 - first: it says what hides `journal`
from projections.store.store import DefaultSessionStore

if TYPE_CHECKING:
    from projections.store.async_store import AsyncSessionStore

__all__ = ["AsyncSessionStore", "DefaultSessionStore"]


def __getattr__(name: str) -> object:
    if name != "AsyncSessionStore":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    # It imports asyncio, which takes 30 ms or more, a fifth of what all the rest here takes. The
    # command line and most programs need neither.
    from projections.store.async_store import AsyncSessionStore

    return AsyncSessionStore
