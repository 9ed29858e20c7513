"""Turns whatever agents say into short, valid text. Pure: no I/O."""

import msgspec

CUT = "…"
"""The end of a text that was cut."""


def text_of(content: object) -> str:
    """Any content as text: strings as they are, anything else as JSON or by `str`."""
    if content is None:
        return ""
    if not isinstance(content, str):
        try:
            content = msgspec.json.encode(content, enc_hook=str).decode()
        except Exception:  # noqa: BLE001 - agents may say anything, and it must be shown
            content = printed(content)
    return valid(content)


def error_text(error: object) -> str:
    """`ValueError: no such city`, on one line."""
    if isinstance(error, BaseException):
        error = f"{type(error).__name__}: {printed(error)}".rstrip(": ")
    return " ".join(text_of(error).split())


def shorten(text: str, length: int) -> str:
    """At most `length` characters; `…` says that there was more."""
    text = valid(text)
    return text if len(text) <= length else text[: length - 1] + CUT


def printed(value: object) -> str:
    """The `str` of a value; empty if that raises."""
    try:
        return str(value)
    except Exception:  # noqa: BLE001 - of somebody else's class
        return ""


def valid(text: str) -> str:
    """A text without lone surrogates: UTF-8 cannot carry them."""
    return text if text.isascii() else text.encode(errors="replace").decode()
