"""A small program that does each thing once, run under strace, and what it may leave behind.

It says what it begins and how that ended, in single writes. A step that failed is not tried
again. Judged by the promises: what was acknowledged is there, what failed with "nothing was
appended" is not, and anything else is there as far as a crash may leave it.
"""

import os
import sys
from collections.abc import Callable, Iterator
from itertools import product
from typing import Any, TypeAlias

from journal.engines.files.directory import Directory
from journal.engines.files.log import LogOptions
from journal.errors import JournalError
from projections import DefaultSessionStore

KEPT, GONE = "kept", "gone"
"""The sessions."""

Turns: TypeAlias = dict[str, dict[str, Any]]


def _sets(*pairs: tuple[str, int]) -> list[tuple[str, str, dict[str, Any]]]:
    return [("native", turn, {"n": number}) for turn, number in pairs]


_BATCHES = {
    "first": _sets(("a", 1)),
    "many": _sets(("a", 2), ("b", 1), ("a", 3)),
    "after": _sets(("c", 1), ("a", 4)),
}
"""What is appended to `KEPT`, in this order, by step."""


def main(folder: str) -> None:
    """In one thread, and with a flush after each set, so that each run makes the same calls."""
    engine = Directory(folder, LogOptions())
    with DefaultSessionStore(folder) as store:
        steps: dict[str, Callable[[], object]] = {
            "first": lambda: store.set_runtime_state(KEPT, *_BATCHES["first"][0]),
            "first flush": store.flush,
            "made": lambda: store.set_runtime_state(GONE, "native", "t", {"n": 1}),
            "many": lambda: store.set_many(KEPT, _BATCHES["many"]),
            "second flush": store.flush,
            "compacted": lambda: engine.compact(KEPT),
            "packed": lambda: engine.pack(KEPT),
            "deleted": lambda: store.delete_session(GONE),
            "after": lambda: store.set_many(KEPT, _BATCHES["after"]),
            "last flush": store.flush,
        }
        for name, step in steps.items():
            _say(name, "begun")
            try:
                step()
            except JournalError as error:
                _say(name, type(error).__name__)
            else:
                _say(name, "done")


def _say(name: str, what: str) -> None:
    os.write(1, f"{name}: {what}\n".encode())


def outcomes(said: str) -> dict[str, str]:
    """How each step that was begun has ended; "begun" if the program was killed in it."""
    return dict(line.split(": ") for line in said.splitlines())


def possible_turns(ended: dict[str, str]) -> list[Turns]:
    """All that `KEPT` may hold after steps that ended so."""
    found = []
    for batches in product(*(_possible(ended.get(name), name) for name in _BATCHES)):
        turns: Turns = {}
        for batch in batches:
            turns.update({turn: state for _, turn, state in batch})
        found.append(turns)
    return found


def _possible(ended: str | None, name: str) -> Iterator[list[tuple[str, str, dict[str, Any]]]]:
    batch = _BATCHES[name]
    if ended == "done":
        yield batch
    elif ended in (None, "AppendError"):
        yield []
    else:  # killed in it, or nobody knows: any beginning of it
        yield from (batch[:count] for count in range(len(batch) + 1))


def may_be_gone(ended: dict[str, str]) -> set[bool]:
    """Whether `GONE` may be there no more, or not yet."""
    if ended.get("made") in (None, "AppendError") or ended.get("deleted") == "done":
        return {True}
    if ended["made"] == "done" and ended.get("deleted") in (None, "AppendError"):
        return {False}
    return {True, False}


if __name__ == "__main__":
    main(sys.argv[1])
