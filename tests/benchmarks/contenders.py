"""Who is compared: something that keeps the states of turns. Made by name, for any process.

Modules are imported by whoever is made: the older build's environment has no peers, and a peer
that is not asked for costs no seconds.
"""

from collections.abc import Iterable
from typing import Protocol


class Closes(Protocol):
    """Something to close in the end."""

    def close(self) -> None: ...


def close(them: Iterable[Closes]) -> None:
    """Each of them."""
    for it in them:
        it.close()


class Contender(Closes, Protocol):
    """Something that keeps the states of turns."""

    def set(self, index: int) -> object:
        """Save the turn of this number."""
        ...


class ManyContender(Contender, Protocol):
    """One that can save many at once."""

    def set_many(self, first: int, count: int) -> object:
        """Save so many turns, from this number on, together."""
        ...


class ReadContender(Contender, Protocol):
    """One that gives them back."""

    def get(self, index: int) -> object:
        """The state of the turn of this number, decoded."""
        ...


def make(name: str, folder: str, *, sync: bool = False) -> ManyContender:
    """The one of this name: `journal`, `bare`, `lmdb` or `sqlite`."""
    match name:
        case "journal":
            from tests.benchmarks.ours import Journal

            return Journal(folder, sync=sync)
        case "bare":
            from tests.benchmarks.bare import BareLog

            return BareLog(folder, sync=sync)
        case "lmdb":
            from tests.benchmarks.embedded import Lmdb

            return Lmdb(folder, sync=sync)
        case "sqlite":
            from tests.benchmarks.embedded import Sqlite

            return Sqlite(folder, sync=sync)
        case _:
            raise ValueError(f"there is no contender {name!r}")
