"""Random damage to a session's files that knows how they are made: hypothesis strategies.

A mutation is a function of bytes drawn as data, so that a failure shrinks to the fewest and
smallest.
"""

import json
from collections.abc import Callable
from typing import NamedTuple

from hypothesis import strategies as st
from msgspec import UNSET

from tests.faults.damage.forgery import Value, lines_of, rechain, reseal, seal_line
from tests.faults.damage.hostile import VALUES

_FIELDS = ["seq", "ts", "op", "runtime_id", "turn_id", "source", "target", "reason"]
_FIELDS += ["handoff_seq", "seen_seq", "writer", "state", "prev", "hash", "format", "session_id"]
_FIELDS += ["log_id", "base_seq", "base_hash", "kept", "kept_digest", "archive", "last_seq"]
_FIELDS += ["last_hash", "session_file", "runtime_state", "messages", "extra"]
_OPS = ["set", "clear", "handoff", "takeover", "open", "sealed", "x-note", ""]


class Junk(bytes):
    """Bytes that a report of a failure does not spell out."""

    def __repr__(self) -> str:
        return f"Junk({bytes(self[:20])!r}..., {len(self)} bytes)"


_JUNK = [
    *(b"\0", b"\0" * 600, b"\xef\xbb\xbf", b"\xff\xfe", b"\xed\xa0\x80", b"\n", b"\r\n", b"\x85"),
    *(b"{", b"}", b'"', b"\\", b"[" * 5000, b'{"a":' * 3000, b'{"seq":', b'{"op":"open",'),
    *(b"\x1f\x8b\x08", b"null", b"1e999", b"9" * 5000, "\u2028".encode(), b"\x1b[2J", b"{}\n"),
]
JUNK = list(map(Junk, _JUNK))
_junk = st.sampled_from(JUNK) | st.binary(max_size=40)


class Mutation(NamedTuple):
    """What is done (`kind`), where (`at` and `to`, wherever they fall), and with which bytes."""

    kind: str
    at: int
    to: int
    junk: bytes
    field: str
    value: str

    def apply(self, data: bytes) -> bytes:
        """Never raises: what cannot be done is not done."""
        if self.kind in _ON_BYTES:
            return _ON_BYTES[self.kind](self, data)
        lines = lines_of(data)
        if not lines:
            return data + self.junk
        return b"".join(_ON_LINES[self.kind](self, lines, self.at % len(lines)))


def _flip(m: Mutation, data: bytes) -> bytes:
    at = m.at % (len(data) or 1)
    return data[:at] + bytes(byte ^ 1 << m.to % 8 for byte in data[at : at + 1]) + data[at + 1 :]


def _overwrite(m: Mutation, data: bytes) -> bytes:
    at = m.at % (len(data) + 1)
    return data[:at] + m.junk + data[at + len(m.junk) :]


def _insert(m: Mutation, data: bytes) -> bytes:
    at = m.at % (len(data) + 1)
    return data[:at] + m.junk + data[at:]


def _remove(m: Mutation, data: bytes) -> bytes:
    at = m.at % (len(data) + 1)
    return data[:at] + data[at + m.to % 700 :]


def _truncate(m: Mutation, data: bytes) -> bytes:
    return data[: m.at % (len(data) + 1)]


def _splice(m: Mutation, data: bytes) -> bytes:
    """A stretch of the file once more, somewhere else."""
    at, start = m.at % (len(data) + 1), m.to % (len(data) + 1)
    return data[:at] + data[start : start + 900] + data[at:]


_ON_BYTES: dict[str, Callable[[Mutation, bytes], bytes]] = {
    "flip": _flip,
    "overwrite": _overwrite,
    "insert": _insert,
    "remove": _remove,
    "truncate": _truncate,
    "splice": _splice,
    "prefix": lambda m, data: m.junk + data,
    "suffix": lambda m, data: data + m.junk,
    "garbage": lambda m, data: m.junk * (m.at % 5),
}


def _delete_line(m: Mutation, lines: list[bytes], at: int) -> list[bytes]:
    return lines[:at] + lines[at + 1 + m.to % 3 :]


def _repeat_line(m: Mutation, lines: list[bytes], at: int) -> list[bytes]:
    to = m.to % (len(lines) + 1)
    return [*lines[:to], lines[at], *lines[to:]]


def _move_line(m: Mutation, lines: list[bytes], at: int) -> list[bytes]:
    others = lines[:at] + lines[at + 1 :]
    to = m.to % len(lines)
    return [*others[:to], lines[at], *others[to:]]


def _junk_line(m: Mutation, lines: list[bytes], at: int) -> list[bytes]:
    return [*lines[:at], m.junk + b"\n", *lines[at:]]


def _fields_of(line: bytes) -> dict[str, Value] | None:
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return fields if isinstance(fields, dict) and "hash" in fields else None


def _forge(m: Mutation, line: bytes) -> bytes:
    """One field is another, and the hash fits."""
    fields = _fields_of(line)
    if fields is None:
        return line
    prev = fields.pop("prev", UNSET)
    value: Value = _OPS[m.to % len(_OPS)] if m.field == "op" else VALUES[m.value]
    if m.field != "prev":
        fields[m.field] = value
        value = prev
    try:
        return seal_line({**fields, "prev": value})
    except ValueError:  # a surrogate that was there before, or a number too long to print
        return line


def _forge_line(m: Mutation, lines: list[bytes], at: int) -> list[bytes]:
    return [*lines[:at], _forge(m, lines[at]), *lines[at + 1 :]]


def _forge_chain(m: Mutation, lines: list[bytes], at: int) -> list[bytes]:
    """And all that follow fit it, too."""
    forged = _forge_line(m, lines, at)
    try:
        return rechain(forged, max(1, at + 1))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return forged  # what stands there has no hash to go on from


def _swap_token(m: Mutation, lines: list[bytes], at: int) -> list[bytes]:
    """A value with no quotes or with other ones, and no hash that fits it."""
    line = lines[at]
    place = line.find(b'":', m.to % (len(line) + 1))
    return [*lines[:at], line[: place + 2] + m.junk + line[place + 3 :], *lines[at + 1 :]]


def _twice(m: Mutation, lines: list[bytes], at: int) -> list[bytes]:
    """A key that is there twice, in a line with a hash that fits."""
    line = lines[at]
    if b',"hash":"' not in line:
        return lines
    doubled = b'{"%b":%b,%b' % (m.field.encode(), b'"x"', line.lstrip(b"{"))
    return [*lines[:at], reseal(doubled), *lines[at + 1 :]]


_ON_LINES: dict[str, Callable[[Mutation, list[bytes], int], list[bytes]]] = {
    "delete a line": _delete_line,
    "repeat a line": _repeat_line,
    "move a line": _move_line,
    "a line of junk": _junk_line,
    "forge a line": _forge_line,
    "forge a chain": _forge_chain,
    "swap a token": _swap_token,
    "a key twice": _twice,
}
_number = st.integers(0, 1 << 20)

mutations = st.lists(
    st.builds(
        Mutation,
        kind=st.sampled_from([*_ON_BYTES, *_ON_LINES, "forge a line", "forge a chain"]),
        at=_number,
        to=_number,
        junk=_junk,
        field=st.sampled_from(_FIELDS),
        value=st.sampled_from(sorted(VALUES)),
    ),
    min_size=1,
    max_size=4,
)
"""One to four of them, one after the other."""

overwritings = st.lists(
    st.builds(
        Mutation,
        kind=st.sampled_from(["flip", "overwrite", "insert", "remove"]),
        at=_number,
        to=_number,
        junk=_junk,
        field=st.just(""),
        value=st.just(""),
    ),
    min_size=1,
    max_size=4,
)
"""Those that put nothing in place of what they damage that could pass for an event."""


def apply(changes: list[Mutation], data: bytes) -> bytes:
    for change in changes:
        data = change.apply(data)
    return data
