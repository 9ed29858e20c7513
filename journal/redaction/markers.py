"""The quick search: whether encoded JSON may hold a secret at all.

A state with nothing to redact should cost next to nothing, so its encoded bytes are first
searched for *markers*: short texts of which every secret we know has at least one. The
words of names are searched for in all of it, what the kinds of secrets begin with in its
long runs of characters only. Where `hyperscan` is installed (the extra `fast`), that comes
second: only if one pass finds a marker.

Hyperscan lets other threads run while it searches. A daemon thread may so be ended inside
it when the program ends; it is C, which may be left like that.
"""

import re
import threading
from collections.abc import Callable

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
"""In any case; searched for in lower case. The names of secrets, and what forms need."""

_BEFORE_HOST = (b"://", b"\\/")
"""Before a password in an address, which an `@` follows."""

_OF_SHAPES = tuple(dict.fromkeys(m.encode() for shape in SHAPES for m in shape.markers))
"""In this very case: what the kinds of secrets begin with."""

_NOT_HARMLESS = {
    # a count of data, `"max_tokens":4096`; in JSON texts a \ is before the quote
    b"token": rb'(?!s":[0-9]|[_-]?(?:count|usage)|s_details)',
    b"pass": rb"(?!e[ds]|ing|age|ive|ion|through|permissions)",
    b"auth": rb"(?!or(?!i[sz]ation)|enticate(?!\()|[_-]?(?:status|methods))",
    b"key": rb"(?!board|bind|word)",
    b"7z": rb"(?<!\.\d\d7z)(?<!\d{5}7z)(?<!:\d7z)",  # the end of a time
}
"""What makes a word no marker. Of a name the last word decides, and none begins like these that
is passed over as if it were not there."""
_COMPLETE = {
    b"sk-": rb"(?=[\w-]{16})",  # not `task-list`
    b"fc-": rb"(?=[a-f0-9]{32})",  # not a UUID
}
"""How the secrets of some short prefixes go on."""
_named = any_of(_WORDS, _NOT_HARMLESS).search
_shaped = any_of(_OF_SHAPES, _COMPLETE).search

_RUN = b"x" * 15
_TO_RUNS = (
    bytes(
        ord("x") if chr(byte).isalnum() or chr(byte) in "_.~/+=%:-" else ord(" ")
        for byte in range(128)
    )
    + b" " * 128
)
"""Every secret of a kind but a PEM key holds a run of so many such characters, its marker in it."""


def _long_runs(encoded: bytes) -> bytes:
    """The parts of a text in which the secrets of kinds must be."""
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


_SHORTEST = 16
"""Characters of the shortest secret of letters and digits alone."""


def may_be_shaped(text: str) -> bool:
    """Whether a text may hold a secret that is known by its looks."""
    encoded = text.encode(errors="surrogatepass")
    return b"-----BEGIN" in encoded or _shaped(_long_runs(encoded)) is not None


def search_by_marker(encoded: bytes) -> bool:
    """Whether encoded JSON holds any marker: one pass for names, another for kinds in long runs."""
    if _named(encoded.lower()) is not None:
        return True
    if b"@" in encoded and any(slashes in encoded for slashes in _BEFORE_HOST):
        return True
    return _shaped(_long_runs(encoded)) is not None


def _make_search() -> Callable[[bytes], bool]:
    """The fastest way at hand to find out whether encoded JSON holds any marker."""
    try:
        import hyperscan
    except ImportError:
        return search_by_marker
    found = hyperscan.error  # a search that finds something is reported as one ended early
    words = (*_WORDS, *_BEFORE_HOST)
    database = hyperscan.Database()
    once = hyperscan.HS_FLAG_SINGLEMATCH
    database.compile(
        expressions=[re.escape(marker) for marker in (*words, *_OF_SHAPES)],
        flags=[once | hyperscan.HS_FLAG_CASELESS] * len(words) + [once] * len(_OF_SHAPES),
    )
    scan = database.scan

    class OfThread(threading.local):
        """What a search needs for itself: two at once may not share it."""

        def __init__(self) -> None:
            self.scratch = hyperscan.Scratch(database)

    own = OfThread()

    def search(encoded: bytes) -> bool:
        try:
            scan(encoded, _stop, 0, None, own.scratch)
        except found:
            return search_by_marker(encoded)  # which knows more exactly
        return False

    return search


def _stop(*_: object) -> bool:
    return True


def may_hold_secrets(encoded: bytes) -> bool:
    """Whether encoded JSON has to be looked at more closely. False is certain."""
    return _search(encoded)


def _first_search(encoded: bytes) -> bool:
    """Makes the search at its first use: to load hyperscan takes 5 ms."""
    global _search
    _search = _make_search()
    return _search(encoded)


_search = _first_search


def may_hold(text: str) -> bool:
    """Whether a text has to be looked at more closely. False is certain."""
    if len(text) < _SHORTEST and text.isascii() and text.isalnum():
        return False
    return may_hold_secrets(text.encode(errors="surrogatepass"))
