"""Recognises secrets by their place: in addresses, headers, commands and key files.

No name says that such a value is a secret; its place in a URL, a command line or a file does.
"""

import re
from base64 import b64decode
from binascii import Error
from collections.abc import Iterator

from journal.redaction.anywhere import lowered
from journal.redaction.commands import find_in_commands, given
from journal.redaction.later import compiled_later
from journal.redaction.spans import Span
from journal.redaction.values import is_placeholder, is_random

_URL = compiled_later(r":(?:\\{0,15}/){2}(?=([^\s\"'`<>\\]{0,2048}))")
_PORT = compiled_later(r"[^@/?#:]*:(?:\d{1,5}|\{\w*\}|\$\{?\w+\}?)?(?:[/?#]|\Z)")
_LOGIN = compiled_later(r"([^][/?#@:]{0,256}):([^/?#]+)@(?=[\w\[$%{.-])")
_LOGIN_WITH_SLASHES = compiled_later(
    r"([^][/?#@:]{0,256}):(.+)@(?=[\w\[$%{-][\w.-]*(?:[:/?,;)]|\Z))"
)
_USER = compiled_later(r"([^][/?#@:]{16,512})@")

_SCHEMES = ("bearer ", "basic ", "token ", "apikey ", "bearer\t", "basic\t", "token\t", "apikey\t")
_AUTHORIZATION = compiled_later(
    r"(?:bearer(?<!\w.{6})|basic(?<!\w.{5})|token(?<!\w.{5})|apikey(?<!\w.{6}))[ \t]{1,4}"
    r"(?P<value>[\w.~+/%-]{8,}+={0,3})"
)
_QUERY_KEY = compiled_later(
    r"[?&](?:key|code|sig|signature|hmac|pass|auth|token|apikey|appid)=([\w%.~+/-]{16,2048})",
    re.IGNORECASE,
)

_PGPASS = compiled_later(
    r"(?m)(?:^|(?<=\\n)|(?<=[\"']))(?:[\w.*-]{1,128}):(?:5432|5433|6432|6543|\*):[\w.*-]{1,64}:[\w.*@-]{1,64}:(?P<secret>[^\s\"'\\]+)"
)
_KIND_SECRET = compiled_later(r"(?m)^[ \t]*kind:[ \t]*[\"']?Secret\b")
_DATA = compiled_later(
    r"(?m)^(?P<indent>[ \t]*)(?:data|stringData):[ \t]*\r?\n(?P<lines>(?:(?P=indent)[ \t]+[^\n]*\n?)+)"
)
_DATUM = compiled_later(
    r"(?m)^[ \t]+[\"']?[\w.-]{1,253}[\"']?:[ \t]+[\"']?(?P<secret>[^\s\"'|>#][^\s\"'#]*)"
)
_KEY_END = compiled_later(r"-----END (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----")
_KEY_LINES = compiled_later(r"[A-Za-z0-9+/=]+")
_BASE64 = compiled_later(r"[A-Za-z0-9+/_-]+={0,2}")


def find_placed(text: str) -> Iterator[Span]:
    """The secrets that are recognised by their place in a text."""
    if "@" in text and ("://" in text or "\\/" in text):
        yield from _logins(text)
    if "=" in text and ("?" in text or "&" in text):
        yield from _queries(text)
    lower = lowered(text)
    if any(scheme in lower for scheme in _SCHEMES):
        yield from _schemes(text, lower)
    yield from find_in_commands(text)
    if (
        ":5432:" in text
        or ":*:" in text
        or ":5433:" in text
        or ":6432:" in text
        or ":6543:" in text
    ):
        for match in _PGPASS.finditer(text):
            yield from given(match, "secret")
    if "kind:" in text and _KIND_SECRET.search(text):
        for block in _DATA.finditer(text):
            for match in _DATUM.finditer(text, *block.span("lines")):
                if not is_placeholder(match["secret"]):
                    yield Span(*match.span("secret"), "secret")
    yield from _ends_of_keys(text)


def _logins(text: str) -> Iterator[Span]:
    """Passwords in the addresses of servers, of any characters."""
    for match in _URL.finditer(text):
        run = match[1].partition("://")[0]
        if "@" not in run:
            continue
        begin = match.end()
        if _PORT.match(run) is None:
            login = _LOGIN.match(run) or _LOGIN_WITH_SLASHES.match(run)
            if login is not None:
                if not is_placeholder(login[2]):
                    yield Span(begin + login.start(2), begin + login.end(2), "url-password")
                continue
        user = _USER.match(run)
        if user is not None and is_random(user[1], 16):
            yield Span(begin, begin + user.end(1), "url-password")


def _queries(text: str) -> Iterator[Span]:
    for match in _QUERY_KEY.finditer(text):
        if is_random(match[1], 16):
            yield Span(*match.span(1), "token")


def _schemes(text: str, lower: str) -> Iterator[Span]:
    """`Bearer …` and `Basic …`. Prose has these words too, so the value must look like one."""
    for found in _AUTHORIZATION.finditer(lower):
        value = text[found.start("value") : found.end("value")].rstrip(".")
        is_basic = found[0].startswith("basic")
        if is_random(value) or (is_basic and _is_login(value)) or _has_digits(value, is_basic):
            kind = "bearer-token" if found[0].startswith("bearer") else "authorization"
            yield Span(found.start("value"), found.end("value"), kind)


def _has_digits(value: str, is_basic: bool) -> bool:
    return (
        not is_basic
        and len(value) >= 8
        and re.search(r"\d{3}|[A-Za-z]\d[A-Za-z]", value) is not None
        and any(map(str.isalpha, value))
    )


def _is_login(value: str) -> bool:
    """Whether a value is the base64 of `user:password`."""
    if len(value) < 8 or _BASE64.fullmatch(value) is None:
        return False
    try:
        return b":" in b64decode(value + "=" * (-len(value) % 4), altchars=b"-_", validate=True)
    except (Error, ValueError):
        return False


def _ends_of_keys(text: str) -> Iterator[Span]:
    """Private keys whose beginning was cut off: the lines before the end marker."""
    if "-----END" not in text:
        return
    for match in _KEY_END.finditer(text):
        begin = text.rfind("-----", max(0, match.start() - 16_384), match.start())
        if begin >= 0 and text[max(0, begin - 64) : begin].rpartition("-----BEGIN")[1]:
            continue
        start = start_of_lines(text, max(begin + 5, match.start() - 16_384, 0), match.start())
        if start < match.start():
            yield Span(start, match.end(), "private-key")


def start_of_lines(text: str, first: int, end: int) -> int:
    """Where the lines of base64 that end at `end` begin."""
    lines = re.split(r"((?:\\+[nr]|\s)+)", text[first:end])
    start = end
    for index in range(len(lines) - 1, -1, -1):
        part = lines[index]
        if (
            index % 2 == 0
            and part
            and (not _KEY_LINES.fullmatch(part) or (len(part) < 40 and index < len(lines) - 4))
        ):
            break
        start -= len(part)
    return start
