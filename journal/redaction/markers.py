"""The quick search: whether encoded JSON may hold a secret at all.

A state with nothing to redact should cost next to nothing. So its encoded bytes are first
searched for *markers*, short texts of which every known secret has at least one. Words of
names are searched for everywhere, prefixes of kinds only in long runs of characters. If
`hyperscan` is installed (the extra `fast`), one pass of it finds the same: it stops at each word
that might be a marker, and what stands around the word decides.

Hyperscan lets other threads run while it searches. When the program ends, a daemon thread may
therefore be stopped inside it. That is safe, as it is C code that holds nothing of ours.
"""

import re
import threading
from collections.abc import Callable
from functools import cache
from typing import Any, TypeAlias

from journal.redaction.anywhere import any_of
from journal.redaction.kinds import SHAPES

_WORDS = tuple(
    word.encode()
    for word in (
        *r"""pass pwd pswd secret token credential creds auth cookie key sessid bearer
    kennwort senha contrase парол Парол 密 パスワード u043f u5bc6 u30d1
    bindpw rootpw _pw pw" pw\ pw= pw: otp _pat" _pat\ _pat= _pat: mnemonic psk sqlcmd smbclient jdbc: sqlplus
    mosquitto_ phrase sig= signature= appid= code= curl mysql mariadb redis-cli login ldap identified unzip 7z
    :5432: :5433: :6432: :6543: :*: -----begin -----end""".split(),
        "basic ",
        "sudo -s",
        "net use ",
        "zip -p",
    )
)
"""Words of names, and words that `forms` needs. They match in upper and lower case."""

_BEFORE_HOST = (b"://", b"\\/")
"""What comes before a password in an address; an `@` comes after it."""

_OF_SHAPES = tuple(dict.fromkeys(m.encode() for shape in SHAPES for m in shape.markers))
"""The markers of the kinds of secrets; their case matters."""

_NOT_HARMLESS = {
    # a count of data, `"max_tokens":4096`; in JSON texts a \ is before the quote
    b"token": rb'(?!s":[0-9]|[_-]?(?:count|usage)|s_details)',
    b"pass": rb"(?!e[ds]|ing|age|ive|ion|through|permissions)",
    b"auth": rb"(?!or(?!i[sz]ation)|enticate(?!\()|[_-]?(?:status|methods))",
    b"key": rb"(?!board|bind|word)",
    b"7z": rb"(?<!\.\d\d7z)(?<!\d{5}7z)(?<!:\d7z)",  # not the end of a timestamp
}
"""What may not follow, or precede, a word that is a marker. The last word of a name decides, and
`names` skips no qualifier that begins like one of these."""
_COMPLETE = {
    b"sk-": rb"(?=[\w-]{16})",  # not `task-list`
    b"fc-": rb"(?=[a-f0-9]{32})",  # not a UUID
}
"""What must follow some short prefixes."""


@cache
def _named() -> re.Pattern[bytes]:
    return any_of(_WORDS, _NOT_HARMLESS)


@cache
def _shaped() -> re.Pattern[bytes]:
    return any_of(_OF_SHAPES, _COMPLETE)


_RUN = b"x" * 15
_TO_RUNS = (
    bytes(
        ord("x") if chr(byte).isalnum() or chr(byte) in "_.~/+=%:-" else ord(" ")
        for byte in range(128)
    )
    + b" " * 128
)
"""Every secret of a kind, except a PEM key, has a run of this many such characters around its
marker."""


def _long_runs(encoded: bytes) -> bytes:
    """The parts of a text that may hold secrets of a kind."""
    runs = encoded.translate(_TO_RUNS)
    start = runs.find(_RUN)
    found = []
    while start >= 0:
        end = runs.find(b" ", start)
        if end < 0:
            end = len(runs)
        found.append(encoded[start:end])
        start = runs.find(_RUN, end)
    return b" ".join(found)


_Holds: TypeAlias = Callable[[bytes, int], object]
"""Whether what ends at a place in encoded JSON is a marker there."""

_SHORTEST = 16
"""Characters of the shortest secret of letters and digits alone."""


def may_be_shaped(text: str) -> bool:
    """Whether a text may hold a secret that is recognised by its form."""
    encoded = text.encode(errors="surrogatepass")
    return b"-----BEGIN" in encoded or _shaped().search(_long_runs(encoded)) is not None


def search_by_marker(encoded: bytes) -> bool:
    """Whether encoded JSON holds any marker: one pass for names, another for kinds in long runs."""
    if _named().search(encoded.lower()) is not None:
        return True
    if b"@" in encoded and any(slashes in encoded for slashes in _BEFORE_HOST):
        return True
    return _shaped().search(_long_runs(encoded)) is not None


def _make_search() -> Callable[[bytes], bool]:
    """The fastest available search for markers in encoded JSON."""
    try:
        import hyperscan
    except ImportError:
        return search_by_marker
    stopped = hyperscan.error  # a search that finds something ends early, by this error
    once, caseless = hyperscan.HS_FLAG_SINGLEMATCH, hyperscan.HS_FLAG_CASELESS
    sought: list[tuple[bytes, int, _Holds | None]] = [
        *((word, caseless, _asserted(_NOT_HARMLESS.get(word))) for word in _WORDS),
        *((slashes, once, _has_at) for slashes in _BEFORE_HOST),
        *((marker, 0, _in_long_run(_COMPLETE.get(marker))) for marker in _OF_SHAPES),
    ]
    conditions = [holds for _, _, holds in sought]
    database = hyperscan.Database()
    database.compile(
        expressions=[re.escape(marker) for marker, _, _ in sought],
        flags=[flags if holds is not None else flags | once for _, flags, holds in sought],
    )
    scan = database.scan

    def is_marker(number: int, _start: int, end: int, _flags: int, encoded: Any) -> bool:
        """Whether to stop here."""
        holds = conditions[number]
        return holds is None or bool(holds(encoded, end))

    class OfThread(threading.local):
        """The scratch memory of a search; two searches at once may not share it."""

        def __init__(self) -> None:
            self.scratch = hyperscan.Scratch(database)

    own = OfThread()

    def search(encoded: bytes) -> bool:
        try:
            scan(encoded, is_marker, 0, encoded, own.scratch)
        except stopped:
            return True
        return False

    return search


def _asserted(assertion: bytes | None) -> _Holds | None:
    """The condition of a word."""
    return None if assertion is None else re.compile(assertion, re.IGNORECASE).match


def _has_at(encoded: bytes, _: int) -> bool:
    """The condition of an address. Asked for once, since it reads all of the text."""
    return b"@" in encoded


def _in_long_run(assertion: bytes | None) -> _Holds:
    """The condition of a marker of a kind."""
    is_complete = re.compile(assertion or b"").match

    def holds(encoded: bytes, end: int) -> bool:
        around = encoded[max(0, end - len(_RUN)) : end + len(_RUN)]
        return _RUN in around.translate(_TO_RUNS) and is_complete(encoded, end) is not None

    return holds


class Plain(bytes):
    """JSON that was searched, in parts or as a whole, and may hold no secret."""

    __slots__ = ()


def may_hold_secrets(encoded: bytes) -> bool:
    """Whether encoded JSON may hold secrets. If False, it certainly holds none."""
    return _search(encoded)


def _first_search(encoded: bytes) -> bool:
    """Make the search when it is first used: loading hyperscan takes 5 ms."""
    global _search
    _search = _make_search()
    return _search(encoded)


_search = _first_search


def may_hold(text: str) -> bool:
    """Whether a text may hold secrets. If False, it certainly holds none."""
    if len(text) < _SHORTEST and text.isascii() and text.isalnum():
        return False
    return may_hold_secrets(text.encode(errors="surrogatepass"))
