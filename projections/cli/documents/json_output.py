"""Documents as JSON text that is safe to print."""

import re
from typing import Any

import msgspec

from projections.cli.terminal.output import json_plain

_encoder = msgspec.json.Encoder()
_encode = _encoder.encode

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


class JsonLines:
    """Lines of JSON, each as `json_line` gives it, gathered to be printed together.

    Printing them one by one takes twice the time.
    """

    def __init__(self) -> None:
        self._data = bytearray()

    def add(self, value: Any) -> int:
        """One more line. Returns how many bytes there are by now."""
        data = self._data
        end = len(data)
        try:
            _encoder.encode_into(value, data, -1)
        except UnicodeEncodeError:
            data[end:] = _encoded(value)
        data += b"\n"
        return len(data)

    def take(self) -> str:
        """The lines so far, which are forgotten."""
        text = self._data.decode(errors="replace")
        self._data.clear()
        if text.isascii():
            return json_plain(text)
        # What standard output cannot show is escaped in the whole of its line.
        return "\n".join(map(json_plain, text.split("\n")))
