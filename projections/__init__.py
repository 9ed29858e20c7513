"""The read side: the store, the view, the session file, and the command line."""

from projections.store import DefaultSessionStore

__all__ = ["DefaultSessionStore"]
