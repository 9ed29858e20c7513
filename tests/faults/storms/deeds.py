"""What a worker says it does, in a file of its own, from which a storm is judged.

A line before each call and one after it, each a single write: what was said stays said
when the worker is killed. SIGKILL can cut a write short where a page of the file ends, so
each life begins with an empty line, and what stands torn before one was not said.

Times are of the monotonic clock, in ns, which all processes of a machine share; so is the
number of a deed, which makes it unique and ordered.
"""

import os
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from time import monotonic_ns
from typing import TypeAlias

import msgspec
from msgspec import Struct


class Change(Struct, array_like=True, frozen=True):
    """One event as its writer knows it: a `set`, `clear` or `handoff` of its own runtime.

    `number` is in the state of a set and in the reason of a handoff; a clear has none.
    """

    op: str
    runtime: str
    turn: str
    number: int


class Began(Struct, tag="began", frozen=True):
    """About to append these, in this order, with one call."""

    session: str
    changes: list[Change]
    at: int


class Ended(Struct, tag="ended", frozen=True):
    """The call begun last has returned: acknowledged."""

    at: int


class Read(Struct, tag="read", frozen=True):
    """What a `get` of all turns of one runtime gave: the number of each turn."""

    session: str
    runtime: str
    turns: dict[str, int]
    began: int
    ended: int


class Noted(Struct, tag="noted", frozen=True):
    """A head that `verify` gave, as text, and found nothing wrong."""

    session: str
    head: str


class Saw(Struct, tag="saw", frozen=True):
    """An event that a tail yielded, and the cursor after it."""

    session: str
    seq: int
    hash: str
    cursor: str


Deed: TypeAlias = Began | Ended | Read | Noted | Saw

_decode = msgspec.json.Decoder(Deed).decode
_encode = msgspec.json.Encoder().encode


class Witness:
    """Where one worker says what it does. A later life of it goes on in the same file."""

    def __init__(self, folder: Path | str, name: str) -> None:
        self.path = Path(folder) / name
        self._fd = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.write(self._fd, b"\n\n")  # the end of what may be torn, and an empty line

    def say(self, deed: Deed) -> None:
        line = _encode(deed) + b"\n"
        assert os.write(self._fd, line) == len(line)

    def close(self) -> None:
        os.close(self._fd)


def deeds_in(path: Path) -> Iterator[Deed]:
    """All of one worker's deeds, of all its lives, in order."""
    for line, after in pairwise([*path.read_bytes().split(b"\n"), b""]):
        if not line:
            continue
        try:
            deed = _decode(line)
        except msgspec.DecodeError:
            if after:
                raise
            continue  # killed while it was said
        yield deed


def now() -> int:
    return monotonic_ns()
