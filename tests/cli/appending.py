"""Sessions that grow, and what `journal log` and `journal tail` have shown of them."""

import itertools
import json
import os
import re
from collections.abc import Callable

from projections import DefaultSessionStore
from tests import warm
from tests.cli.terminal import environment, journal

NUMBERS = itertools.count()
SEQ = re.compile(r"\s*(\d+) ")
"""How a short line begins."""

_WRITER = """
import sys
from projections import DefaultSessionStore
folder, session, first, last = sys.argv[1:]
with DefaultSessionStore(folder, durability="os", auto_compact=False) as store:
    for n in range(int(first), int(last) + 1):
        state = {"n": n, "text": "日本語 " * 30}
        store.set_runtime_state(session, f"r-{n % 3}", f"t-{n % 7}", state)
"""


def put(store: DefaultSessionStore, count: int, session: str = "s") -> None:
    """Append so many sets; each changes what the turn held."""
    for _ in range(count):
        store.set_runtime_state(session, "native", "t", {"n": next(NUMBERS)})


def appending(folder: str, session: str, first: int, last: int) -> warm.Process:
    """Another process, which appends sets with n from `first` to `last`."""
    with open(os.devnull, "r+") as nothing:
        streams = [nothing.fileno(), nothing.fileno(), 2]
        args = [folder, session, str(first), str(last)]
        return warm.start(args, environment(), streams, os.getcwd(), code=_WRITER)


def append(folder: str, session: str, first: int, last: int) -> None:
    assert appending(folder, session, first, last).wait(60) == 0


def seqs_of(lines: list[str]) -> list[int]:
    """The seqs of short lines or of JSONL; notices have none."""
    found = []
    for line in lines:
        if line.startswith("{"):
            found.append(json.loads(line)["seq"])
        elif match := SEQ.match(line):
            found.append(int(match[1]))
    return found


def shown(count: int) -> Callable[[list[str]], bool]:
    return lambda lines: len(seqs_of(lines)) >= count


def last(seq: int) -> Callable[[list[str]], bool]:
    return lambda lines: seqs_of(lines)[-1:] == [seq]


def ends_with(line: str, lines: list[str]) -> bool:
    return lines[-1:] == [line]


def cursor_of(folder: str) -> str:
    """The cursor after the newest event of the session "s"."""
    cursor: str = json.loads(journal("log", "s", "--dir", folder, "-o", "json").stdout)["cursor"]
    return cursor
