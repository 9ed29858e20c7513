"""`AsyncSessionStore`: the store for code that runs in an event loop, and its threads."""

from projections.store.async_store.store import AsyncSessionStore

__all__ = ["AsyncSessionStore"]
