"""Documents as JSON text that is safe to print."""

import re
from typing import Any

import msgspec

from projections.cli.terminal import json_plain

_encode = msgspec.json.Encoder().encode


_SURROGATE = re.compile("[\ud800-\udfff]")


def _encoded(value: Any) -> bytes:
    try:
        return _encode(value)
    except UnicodeEncodeError:  # a file name that is not UTF-8, or PraisonAI's lone surrogates
        return _encode(_valid(msgspec.to_builtins(value)))


def _valid(value: Any) -> Any:
    match value:
        case str():
            return _SURROGATE.sub("\ufffd", value)
        case list():
            return list(map(_valid, value))
        case dict():
            return {_valid(key): _valid(item) for key, item in value.items()}
    return value


def json_line(value: Any) -> str:
    """One line of JSON with its newline, safe to print."""
    return json_plain(_encoded(value).decode(errors="replace")) + "\n"


def json_document(value: Any) -> str:
    """A JSON document, indented, with its newline, safe to print."""
    return json_plain(msgspec.json.format(_encoded(value)).decode(errors="replace")) + "\n"
