"""The store: the API of PraisonAI's runtime state mirroring, and what it needs."""

from projections.store.store import DefaultSessionStore

__all__ = ["DefaultSessionStore"]
