"""Redaction takes time in proportion to the length, whatever somebody made a transcript hold.

Each hostile text repeats what makes a pattern begin, and something that keeps it from an
end. A pattern that looks ahead as far as the text goes from each beginning needs
`n² / 2` looks: 1.8 seconds at least for 60,000 characters, where 1.2 are allowed. No counter
reaches into the engine of `re`, so this goes by time: this process's own, the least of three.
"""

import re
from collections.abc import Callable
from functools import partial
from time import process_time
from typing import cast

import pytest

from journal.redaction import (
    annotations,
    bare,
    columns,
    commands,
    cookies,
    forms,
    joins,
    json_text,
    meaning,
    members,
    names,
    quoting,
    values,
    walk,
    words,
)
from journal.redaction.kinds import SHAPES
from journal.redaction.later import LatePattern
from journal.redaction.text import find
from tests.faults.sizes import sized

_BEGINNINGS = [
    *dict.fromkeys(marker for shape in SHAPES for marker in shape.markers),
    *(
        "password",
        "password=",
        "password: ",
        'password="',
        "password='",
        "password=`",
        "password“",
    ),
    *(
        "key",
        "key=",
        "key:",
        "password:",
        "key ",
        "api key: ",
        "token=\\",
        "secret: |\n ",
        "passwords:\n  - ",
        "auth=(",
    ),
    *(
        "Authorization: Basic ",
        "Authorization: Digest a=",
        "Bearer ",
        "cookie: a=",
        "password is ",
    ),
    *("://", "://u:", "://u:p@", "?key=", "mysql ", "curl -u ", "docker login -p ", "echo a |"),
    *(
        '{"a":',
        '["',
        '{"',
        '\\"password\\":',
        "[[[[",
        "{{{{",
        '"password",',
        'password("',
        "key={",
    ),
    *("<password>", "<key>", '<a name="password" ', "| password |", "user,password\n", "a\tkey\n"),
    *("h:5432:a:b:", "kind: Secret\ndata:\n", "data:\n  a: b\n", "identified by '", "SECRET '"),
    *("-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----", "aGVsbG8gd29ybGQhISEhIQ\n"),
    *(
        "password: &quot;",
        "%22password%22%3A%22",
        "value: x name: password ",
        "name: password value",
    ),
]
_BEGINNINGS += [
    *("password   a\n", "password -> ", "| password | a\n", "[password] => ", "a\tpassword\t"),
    *('; name="password"\r\n', "PWD={a;", "password='a''", "<td>password</td><td>"),
    *("password = {", ":\\/\\/a:", "curl -b 'a=", 'Environment="PASSWORD=a ', "user a\npass b\n"),
    *(
        "{password, ",
        "sqlplus a/",
        "\tTRUE\t/\tTRUE\t0\ta\t",
        "${PASSWORD:?",
        "password.....",
        "net use a ",
    ),
]
_ENDINGS = ["", "-"]
HOSTILE = [beginning + ending for beginning in _BEGINNINGS for ending in _ENDINGS]
_PER_CHARACTER = 20e-6  # seconds; twice what a busy machine took for the slowest


def seconds(search: Callable[[], object], enough: float) -> float:
    """What it takes. The least of three, if the first is more than `enough`."""
    least = float("inf")
    for _ in range(3):
        before = process_time()
        search()
        least = min(least, process_time() - before)
        if least < enough:
            break
    return least


def test_there_are_hostile_texts_enough() -> None:
    assert len(set(HOSTILE)) >= 200


@sized(quick=60_000, storm=200_000)
def test_hostile_texts_take_linear_time(size: int) -> None:
    """All of them where there is time, else those of every fourth beginning."""
    for unit in HOSTILE if size > 60_000 else HOSTILE[:: 4 * len(_ENDINGS)]:
        text = unit * (size // len(unit))
        assert seconds(partial(find, text), allowed := _PER_CHARACTER * size) < allowed, unit


def patterns_in(found: object) -> list[re.Pattern[str]]:
    """A pattern, or all that are in a table."""
    if isinstance(found, tuple):
        return [pattern for each in found for pattern in patterns_in(each)]
    return [cast("re.Pattern[str]", found)] if isinstance(found, LatePattern) else []


_OF_PIECES = ("_PORT", "_LOGIN", "_LOGIN_WITH_SLASHES", "_USER", "_BASE64", "_KEY_LINES")
SEARCHED = {
    **{f"{shape.kind} {shape.markers[0]}": re.compile(shape.pattern, re.S) for shape in SHAPES},
    **{
        f"{module.__name__}.{name}[{index}]": pattern
        for module in (forms, commands, columns, json_text)
        for name, found in vars(module).items()
        for index, pattern in enumerate(patterns_in(found))
        if name not in _OF_PIECES
    },
}
"""Patterns that are searched for in whole texts. The others read a bounded piece of text."""


@pytest.mark.parametrize("pattern", SEARCHED.values(), ids=SEARCHED)
@sized(quick=120, storm=20_000)
def test_every_pattern_alone_takes_linear_time(pattern: re.Pattern[str], size: int) -> None:
    """All hostile texts one after the other: at twice the length at most thrice the time.

    The quick size notices what tries every possible way; what looks ahead from each place
    needs the large one.
    """

    def search(length: int) -> None:
        for unit in HOSTILE[:: len(_ENDINGS)]:
            for match in pattern.finditer(unit * (length // len(unit))):
                del match

    once = seconds(partial(search, size), float("inf"))
    allowed = 3 * once + 0.05
    twice = seconds(partial(search, 2 * size), allowed)
    assert twice < allowed, (once, twice)


PIECES = [
    "A",
    "a1",
    "Aa",
    "a.",
    "a->",
    "./",
    "x-",
    "*",
    "$",
    "${",
    "{a",
    "<a",
    "\\",
    '"',
    " ",
    "a=",
]
_READING_PIECES = (
    *(words, meaning, annotations, values, names, cookies, bare),
    *(walk, members, joins, quoting, columns),
)
OF_PIECES = {
    f"{module.__name__}.{name}": pattern
    for module in _READING_PIECES
    for name, pattern in vars(module).items()
    if isinstance(pattern, LatePattern)
}


@pytest.mark.parametrize("pattern", OF_PIECES.values(), ids=OF_PIECES)
def test_no_pattern_tries_more_ways_than_a_piece_is_long(pattern: re.Pattern[str]) -> None:
    """What reads a piece of text may look at it a few times, not in every possible way."""
    for unit in PIECES:
        for tail in ("", "!", "\n"):
            text = unit * (160 // len(unit)) + tail
            for match in (pattern.fullmatch, pattern.match):
                assert seconds(partial(match, text), 0.05) < 0.05, unit
