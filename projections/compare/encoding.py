"""JSON values as bytes and as text, and also values that are not strictly JSON. Pure: no I/O.

A session file that PraisonAI wrote may hold lone surrogates, NaN and infinities. UTF-8 cannot
carry lone surrogates, and msgspec encodes NaN and infinities as null.
"""

import json
from typing import Any

import msgspec

_encode = msgspec.json.Encoder().encode
_encode_sorted = msgspec.json.Encoder(order="deterministic").encode
_decode = msgspec.json.Decoder().decode


def canonical(value: Any) -> bytes:
    """Bytes that are equal only for strictly equal values: 1, 1.0 and true all differ.

    The order of an object's keys does not matter. O(size of the value).
    """
    try:
        encoded = _encode_sorted(value)
    except UnicodeEncodeError:
        return json.dumps(value, sort_keys=True).encode()
    if b"null" in encoded and _decode(encoded) != value:
        return json.dumps(value, sort_keys=True).encode()
    return encoded


def compact_json(value: Any) -> str:
    """A value as JSON on one line, without blanks and with printable characters only."""
    try:
        encoded = _encode(value)
    except UnicodeEncodeError:
        return _dumps(value)
    if b"null" in encoded and _decode(encoded) != value:
        return _dumps(value)
    text = encoded.decode()
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else json.dumps(char)[1:-1] for char in text)


def _dumps(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))
