"""The quick search: whether encoded JSON may hold a secret at all.

A state with nothing to redact should cost next to nothing, so its encoded bytes are first
searched for *markers*: short texts of which every secret we know has at least one. That is
one pass where `hyperscan` is installed (the extra `fast`), else one search for each marker.

Hyperscan lets other threads run while it searches. A daemon thread may so be ended inside
it when the program ends; it is C, which may be left like that.
"""

import re
import threading
from collections.abc import Callable, Iterable

from journal.redaction.kinds import SHAPES

_WORDS = tuple(
    word.encode()
    for word in (
        *r"""pass pwd pswd secret token credential creds auth cookie key sessid bearer
    kennwort senha contrase парол Парол 密 パスワード u043f u5bc6 u30d1
    bindpw rootpw _pw pw" pw\ pw= pw: otp _pat" _pat\ _pat= _pat: mnemonic psk sqlcmd smbclient jdbc: sqlplus mosquitto_ phrase sig=
    signature= appid= code= :// \/ curl mysql mariadb redis-cli login ldap identified unzip 7z :5432: :*:
    -----end""".split(),
        "basic ",
        "sudo -s",
        "net use ",
        "zip -p",
    )
)
"""In any case; searched for in lower case. The names of secrets, and what forms need."""

_OF_SHAPES = tuple(
    marker.encode()
    for marker in dict.fromkeys(marker for shape in SHAPES for marker in shape.markers)
    if not any(word in marker.lower().encode() for word in _WORDS)
)
"""In this very case: what the kinds of secrets begin with."""

_RUN = re.compile(rb"[\w.~/+=%-]{15,}")
"""What every secret holds that begins with one of `_OF_SHAPES`, but for the following."""
_NO_RUN = tuple(marker for marker in _OF_SHAPES if not marker[:1].isalnum() or b"/" in marker)


def _by_first(markers: Iterable[bytes]) -> re.Pattern[bytes]:
    """Any of the markers. Grouped by their first byte: a search then tries few of them."""
    groups: dict[bytes, list[bytes]] = {}
    for marker in markers:
        groups.setdefault(marker[:1], []).append(re.escape(marker[1:]))
    either = (re.escape(first) + b"(?:%b)" % b"|".join(rest) for first, rest in groups.items())
    return re.compile(b"|".join(either))


_IN_RUN = _by_first(marker for marker in _OF_SHAPES if marker not in _NO_RUN)


def search_by_marker(encoded: bytes) -> bool:
    """Whether encoded JSON holds any marker, one search each."""
    lower = encoded.lower()
    if any(word in lower for word in _WORDS) or any(marker in encoded for marker in _NO_RUN):
        return True
    return any(map(_IN_RUN.search, _RUN.findall(encoded)))


def _make_search() -> Callable[[bytes], bool]:
    """The fastest way at hand to find out whether encoded JSON holds any marker."""
    try:
        import hyperscan
    except ImportError:
        return search_by_marker
    found = hyperscan.error  # a search that finds something is reported as one ended early
    database = hyperscan.Database()
    once = hyperscan.HS_FLAG_SINGLEMATCH
    database.compile(
        expressions=[re.escape(marker) for marker in (*_WORDS, *_OF_SHAPES)],
        flags=[once | hyperscan.HS_FLAG_CASELESS] * len(_WORDS) + [once] * len(_OF_SHAPES),
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
            return True
        return False

    return search


def _stop(*_: object) -> bool:
    return True


def may_hold_secrets(encoded: bytes) -> bool:
    """Whether encoded JSON has to be looked at more closely. False is certain."""
    return _search(encoded)


def _first_search(encoded: bytes) -> bool:
    """Makes the search at its first use: to load hyperscan takes 20 ms."""
    global _search
    _search = _make_search()
    return _search(encoded)


_search = _first_search


def may_hold(text: str) -> bool:
    """Whether a text has to be looked at more closely. False is certain."""
    return may_hold_secrets(text.encode(errors="surrogatepass"))
