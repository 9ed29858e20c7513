"""How much of a turn is kept, and how a value is cut to it. Pure: no I/O.

A value goes through three steps, once: secrets are replaced, then what is too long is digested,
then cut. So the digest is that of what may be shown, and a later write of the turn shows the
same beginning.
"""

from collections.abc import Callable
from hashlib import sha256
from typing import Any, Literal, NamedTuple, Self, TypeAlias

import msgspec
from msgspec import Raw

from journal.config import Limits
from journal.redaction import may_hold_secrets, redact
from projections.adapters.texts import CUT, printed, valid

Record: TypeAlias = Literal["ids", "slices", "full"]
"""How much is kept: ids, names, statuses and times; values cut to 1 KiB; or to 64 KiB."""

Clean: TypeAlias = Callable[[bytes], bytes]
"""Replaces the secrets in JSON. Gives the very same bytes only if there is none to look for."""

_SHARE = 4  # no value takes more than a part in so many of its turn
_DEEPEST = 64  # levels of a value that is kept as it is; a state may have twice as many
_DIGITS = 16  # of a digest

_encode = msgspec.json.Encoder().encode


class Detail(NamedTuple):
    """The most that is kept, in bytes of JSON: of one value, and of a whole turn.

    With `value_bytes` 0, no values are kept.
    """

    value_bytes: int
    turn_bytes: int

    def within(self, limits: Limits) -> "Detail":
        """What of it a store with these limits has room for."""
        turn = min(self.turn_bytes, limits.turn_bytes)
        return Detail(min(self.value_bytes, turn // _SHARE), turn)


DETAILS: dict[Record, Detail] = {
    "ids": Detail(0, 1 << 10),
    "slices": Detail(1 << 10, 1 << 14),
    "full": Detail(1 << 16, 1 << 20),
}


def detail_of(record: Record) -> Detail:
    """Raises ValueError for what is none of the three."""
    found = DETAILS.get(record)
    if found is None:
        raise ValueError(f"record is {record!r}; it must be 'ids', 'slices' or 'full'")
    return found


class Slice(NamedTuple):
    """A value as it is kept, in JSON. `cut` says what it was like before, if it was cut.

    One that `is_plain` was searched, and may hold no secret.
    """

    encoded: Raw
    cut: dict[str, Any] | None = None
    is_plain: bool = False

    @classmethod
    def of(cls, value: Any, cut: dict[str, Any] | None = None) -> Self:
        """Of JSON data."""
        return cls(json_of(value), cut)

    @property
    def value(self) -> Any:
        """The value again."""
        return msgspec.json.decode(self.encoded)


def json_of(value: Any) -> Raw:
    """JSON data as JSON."""
    return Raw(_encode(value))


def _clean(encoded: bytes) -> bytes:
    if not may_hold_secrets(encoded):
        return encoded
    return msgspec.json.encode(redact(msgspec.json.decode(encoded)))


class Slicer:
    """Keeps values of one turn: `detail` says how much, `clean` takes secrets out."""

    def __init__(self, detail: Detail = DETAILS["slices"], clean: Clean = _clean) -> None:
        self.detail = detail
        self._clean = clean

    def keep(self, value: object) -> Slice | None:
        """A value of a call: JSON as it is if it fits, else the beginning of its text.

        A text that is a JSON object counts as that object. None where values are not kept.
        """
        if not self.detail.value_bytes:
            return None
        return self._fitted(_parsed(valid(value)) if isinstance(value, str) else _plain(value))

    def keep_text(self, text: str) -> Slice | None:
        """A text; a beginning of it if it is too long. None where values are not kept."""
        return self._fitted(valid(text)) if self.detail.value_bytes else None

    def _fitted(self, value: Any) -> Slice:
        given = _encode(value)
        encoded = self._clean(given)
        is_plain = encoded is given
        if len(encoded) <= self.detail.value_bytes and not _is_deep(encoded):
            return Slice(Raw(encoded), None, is_plain)
        text = msgspec.json.decode(encoded) if encoded[:1] == b'"' else encoded.decode()
        raw = text.encode()
        cut = {"bytes": len(raw), "sha256": sha256(raw).hexdigest()[:_DIGITS]}
        kept = _encode(beginning_of(text, self.detail.value_bytes))
        # What is harmless by what follows may have lost that.
        return Slice(Raw(kept), cut, is_plain and not may_hold_secrets(kept))


def beginning_of(text: str, most: int) -> str:
    """The text, cut to `most` bytes of JSON, which ends in `…`."""
    room = most - len(msgspec.json.encode(CUT))
    kept = text[: max(room, 0)]  # a character takes a byte or more
    while kept and (excess := len(msgspec.json.encode(kept)) - 2 - room) > 0:
        kept = kept[: -max(1, excess // 6)]  # and at most six
    return kept + CUT


def _plain(value: object) -> Any:
    """Any object as JSON data; what cannot be that, as text."""
    try:
        return msgspec.json.decode(msgspec.json.encode(value, enc_hook=_dumped))
    except Exception:  # noqa: BLE001 - agents may hold anything, and it must be shown
        return valid(printed(value))


def _dumped(value: object) -> Any:
    """The data in a Pydantic model; anything else as text."""
    dump = getattr(value, "model_dump", None)
    if not callable(dump):
        return printed(value)
    try:
        return dump(mode="json", warnings=False)  # a warning would show what it holds
    except TypeError:
        return dump(mode="json")  # of another class, or an early one


def _parsed(text: str) -> Any:
    """The object that a text is in JSON; any other text as it is."""
    if text.lstrip()[:1] != "{":
        return text
    try:
        found = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return text
    return found if isinstance(found, dict) else text


def _is_deep(encoded: bytes) -> bool:
    """Whether it is nested more deeply than a state should be."""
    if encoded.count(b"[") + encoded.count(b"{") <= _DEEPEST:
        return False
    level, depth = [msgspec.json.decode(encoded)], 0
    while level and depth <= _DEEPEST:
        level = [item for each in level for item in _inside(each)]
        depth += 1
    return depth > _DEEPEST


def _inside(value: Any) -> list[Any]:
    items = value.values() if isinstance(value, dict) else value
    return [item for item in items if isinstance(item, dict | list)] if _holds(value) else []


def _holds(value: Any) -> bool:
    return isinstance(value, dict | list)
