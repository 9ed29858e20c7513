"""The stores, what is read from their logs, the adapters, and the command line."""

from importlib import import_module

from projections import shadowing as _shadowing  # noqa: F401 - first: it says what hides `journal`

TYPE_CHECKING = False  # as in `typing`, which takes 10 ms to import
if TYPE_CHECKING:
    from projections.store.async_store import AsyncSessionStore
    from projections.store.store import DefaultSessionStore

__all__ = ["AsyncSessionStore", "DefaultSessionStore"]

_MODULES = {
    # It takes 100 ms to import. The command is to be ready for Ctrl-C before that.
    "DefaultSessionStore": "projections.store.store",
    # It imports asyncio, which takes 30 ms. The command line and most programs do without.
    "AsyncSessionStore": "projections.store.async_store",
}


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found: object = getattr(import_module(_MODULES[name]), name)
    globals()[name] = found  # which is looked at first from now on
    return found
