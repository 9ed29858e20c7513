"""The marks of lines: arrows and signs where a terminal can show them, else ASCII."""

import os
import sys
from typing import NamedTuple

from projections.cli.terminal.output import is_terminal


class Marks(NamedTuple):
    """By what they say."""

    ask: str
    answer: str
    start: str
    wait: str
    hand: str
    take: str
    done: str
    fail: str
    stop: str
    to: str
    cut: str


UNICODE = Marks("→", "←", "▶", "⏸", "⇢", "⇠", "✓", "✗", "⊘", "→", "…")
ASCII = Marks("->", "<-", ">", "||", "=>", "<=", "+", "x", "-", "->", "...")

_PLAIN_LOCALES = ("C", "POSIX")
_COERCED = ("C.UTF-8", "C.utf8", "UTF-8")
"""What Python puts into `LC_CTYPE` if the locale is C: nobody chose it."""


def marks() -> Marks:
    """Those that standard output can show. In a pipe they do not depend on the terminal."""
    return UNICODE if _has_encoding() and not (is_terminal() and _is_plain()) else ASCII


def _has_encoding() -> bool:
    try:
        "".join(UNICODE).encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return False
    return True


def _is_plain() -> bool:
    """Whether the terminal is dumb, or its locale was set to one without UTF-8."""
    if os.environ.get("TERM") == "dumb":
        return True
    chosen = os.environ.get("LC_CTYPE", "")
    named = os.environ.get("LC_ALL") or (chosen if chosen not in _COERCED else "")
    return (named or os.environ.get("LANG") or "") in _PLAIN_LOCALES
