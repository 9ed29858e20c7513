"""Event <-> line, and the hash that guards each line. The JSON of the log is here.

The hash of a line is the first 32 hex digits of SHA-256 over its bytes up to
`,"hash"`, with the bytes of `state`, where there is one, replaced by their own
SHA-256 in hex. `prev` is the hash of the event before. Where a state was erased, the key `erased`
after it has the SHA-256 that takes its place, and counts for nothing itself. Where one is
encrypted, it is a JSON string and the key `encrypted_by` after it has the id of the key: the hash
covers both as they stand there.

Lines are assembled from a template rather than by an encoder: their key order is part of the
format, and the hash needs the pieces anyway.
"""

import os
import re
from collections.abc import Sequence
from functools import lru_cache
from hashlib import sha256
from time import gmtime, strftime, time_ns

import msgspec
from msgspec import Raw

from journal.ciphertext import join, line_text
from journal.errors import LimitExceededError, LowFormatError, StateTypeError
from journal.events import (
    Clear,
    Event,
    Handoff,
    Number,
    Open,
    Record,
    Sealed,
    Set,
    Takeover,
    Unknown,
)
from journal.state import MAX_LINE, encode_text, on_fresh_stack

# The formats of a file. It has the lowest that holds what is in it, so that older versions read
# whatever they can understand.
PLAIN = 1
"""The format that every log begins in."""
WITH_ERASED = 2
"""States may be erased: see `erase_state`."""
SHARED = 3
"""The beginning may be another session's, and states may be encrypted."""
NEWEST = SHARED
"""The highest format that this version knows. Who meets a higher one refuses to write."""

HASH_DIGITS = 32
NO_STATE = b"null"
"""What stands in the place of a state that was erased; its digest follows under `erased`."""

ERASED_STATE = Raw(b"{}")
"""What is read of a state that was erased: nothing is known of it."""

_STATE, _PREV, _HASH = b',"state":', b',"prev":"', b',"hash":"'
_ENCRYPTED_BY = b',"encrypted_by":%b'
# Where these end in what stands after a state, and how long that is:
_PREV_KEY_END = len(_PREV)
_PREV_END = _PREV_KEY_END + HASH_DIGITS + len(b'"')
_HASH_KEY_END = _PREV_END + len(_HASH)
_TAIL = _HASH_KEY_END + HASH_DIGITS + len(b'"}')
_HEAD_OF_SET = b'{"seq":%d,"ts":"%b","op":"set","runtime_id":%b,"turn_id":%b,"writer":%b' + _STATE
_TAIL_OF_SET = _PREV + b'%b"'
_QUOTES_BEFORE_STATE = 2 * 7 + 2 * 5  # of the keys and of the strings among their values

_to_json = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Set | Clear | Handoff | Takeover | Open | Sealed).decode
_KNOWN_OPS = frozenset({"set", "clear", "handoff", "takeover", "open", "sealed"})
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError)


def stamp(event: Event, seq: int, ts: str, writer: str, prev: str) -> tuple[bytes, Event]:
    """Encode an event as the line that follows `prev`.

    Returns the line with its newline, and the event as it would be read from the line.
    Raises `LimitExceededError` if the line is longer than `MAX_LINE`, `StateTypeError` if an id
    is not a string, and `StateValueError` if it is not valid Unicode. O(size of the event).
    """
    if type(event) is Set:  # spelled out, since nearly all are
        runtime, turn, state, once = event.runtime_id, event.turn_id, event.state, event.once
        turn_text = encode_text(turn, "turn_id")
        if once is not None:
            turn_text += b',"once":%b' % encode_text(once, "once")
        text: Raw | bytes = state
        key_id = event.encrypted_by
        head = _HEAD_OF_SET % (
            seq,
            ts.encode(),
            encode_text(runtime, "runtime_id"),
            turn_text,
            _text(writer),
        )
        tail = _TAIL_OF_SET % prev.encode()
        if key_id is not None:
            text = line_text(event)
            tail = _ENCRYPTED_BY % _text(key_id) + tail
        covered = head + sha256(text).hexdigest().encode() + tail
        digest = sha256(covered).hexdigest()[:HASH_DIGITS]
        line = b"".join((head, text, tail, _HASH, digest.encode(), b'"}\n'))
        stamped: Event = Set(
            seq=seq,
            ts=ts,
            writer=writer,
            prev=prev,
            hash=digest,
            runtime_id=runtime,
            turn_id=turn,
            state=state,
            once=once,
            encrypted_by=key_id,
        )
    else:
        line, stamped = _stamp_without_state(event, seq, ts, writer, prev)
    if len(line) > MAX_LINE:
        raise LimitExceededError(
            f"an event of {len(line):,} bytes is longer than a line may be ({MAX_LINE:,}). "
            "Nothing was written; keep a reference to the data instead"
        )
    return line, stamped


def _stamp_without_state(
    event: Event, seq: int, ts: str, writer: str, prev: str
) -> tuple[bytes, Event]:
    line, digest = _line_without_state(event, seq, ts, writer, prev)
    stamped = msgspec.structs.replace(event, seq=seq, ts=ts, writer=writer, prev=prev, hash=digest)
    if type(stamped) is Takeover and stamped.seen_seq is None:
        stamped = msgspec.structs.replace(stamped, seen_seq=seq - 1)
    return line + b"\n", stamped


def _line_without_state(
    event: Event, seq: int, ts: str, writer: str, prev: str
) -> tuple[bytes, str]:
    """The line of an event that has no state, and its hash."""
    head = b'{"seq":%d,"ts":"%b",%b,"writer":%b,"prev":"%b"' % (
        seq,
        ts.encode(),
        _body(event, seq),
        _text(writer),
        prev.encode(),
    )
    digest = digest_of(head)
    return b'%b,"hash":"%b"}' % (head, digest.encode()), digest


@lru_cache(maxsize=64)
def _text(text: str) -> bytes:
    """Of a writer, or of the id of a key: few come again and again."""
    return encode_text(text, "writer")


def _body(event: Event, seq: int) -> bytes:
    """The fields that depend on the op, for events without a state."""
    match event:
        case Clear(runtime_id=None):
            return b'"op":"clear"'
        case Clear(runtime_id=runtime) if runtime is not None:
            return b'"op":"clear","runtime_id":%b' % encode_text(runtime, "runtime_id")
        case Handoff():
            fields = b'"op":"handoff","source":%b,"target":%b' % (
                encode_text(event.source, "source"),
                encode_text(event.target, "target"),
            )
            if event.turn_id is not None:
                fields += b',"turn_id":%b' % encode_text(event.turn_id, "turn_id")
            if event.reason is not None:
                fields += b',"reason":%b' % encode_text(event.reason, "reason")
            return fields
        case Takeover(runtime_id=runtime, handoff_seq=answered, seen_seq=seen):
            if answered is not None and type(answered) is not int:
                raise StateTypeError(
                    f"handoff_seq must be an int or None, not {type(answered).__name__}"
                )
            return b'"op":"takeover","runtime_id":%b,"handoff_seq":%b,"seen_seq":%d' % (
                encode_text(runtime, "runtime_id"),
                _to_json(answered),
                seq - 1 if seen is None else seen,
            )
        case _:
            raise TypeError(f"{type(event).__name__} is not an event that can be appended")


def control_line(record: Open | Sealed) -> bytes:
    """A header or a seal as a line with its newline; `record.hash` is ignored."""
    fields = msgspec.structs.asdict(record)
    del fields["hash"]
    for name in ("session_file", "once", "relinked", "origin"):
        if fields.get(name, "") is None:
            del fields[name]
    if isinstance(record, Open) and not record.erasures:
        del fields["erasures"]
    op = "open" if isinstance(record, Open) else "sealed"
    head = _to_json({"op": op, **fields})[:-1]
    return b'%b,"hash":"%b"}\n' % (head, digest_of(head).encode())


def decode_line(line: bytes) -> Record | None:
    """The event or control line in `line` (without its newline); None if it is not intact.

    An intact line is JSON, has the fields of its op, and a hash that matches. O(len(line)).
    """
    try:
        record: Record = _decode(line)
    except (*_UNREADABLE, RecursionError):
        return _decode_odd(line)
    return _checked(line, record)


def decode_lines(lines: Sequence[bytes]) -> list[Record | None]:
    """`decode_line` of each; for many lines in nine tenths of the time.

    All are decoded before any hash is made: a processor that goes back and forth between the
    code of the two has it less at hand.
    """
    try:
        records: list[Record] = list(map(_decode, lines))
    except (*_UNREADABLE, RecursionError):
        return list(map(decode_line, lines))
    return [_checked(line, record) for line, record in zip(lines, records, strict=True)]


def _checked(line: bytes, record: Record) -> Record | None:
    """What was decoded of a line, if that is intact. Mostly it is exactly as we write it."""
    if type(record) is not Set:
        return record if line == _as_written(record) else _decode_odd(line)
    # The line must have all our keys, none twice and no others. The number of quotes before the
    # state shows that; if an id holds quotes, the longer way decides.
    state, key_id = record.state, record.encrypted_by
    prev_at = len(line) - _TAIL
    head, between, tail = line[: prev_at - len(state)], b"", line[prev_at:]
    if key_id is not None:
        between = _ENCRYPTED_BY % _text(key_id)
        head = line[: prev_at - len(between) - len(state)]
    if (
        head.endswith(_STATE)
        and head.count(b'"') == _QUOTES_BEFORE_STATE
        and tail[:_PREV_KEY_END] == _PREV
        and tail[_PREV_END:_HASH_KEY_END] == _HASH
        and record.seq > 0
        and record.ts
        and record.writer
        and (key_id is None or line[prev_at - len(between) : prev_at] == between)
    ):
        covered = head + sha256(state).hexdigest().encode() + between + tail[:_PREV_END]
        if sha256(covered).hexdigest()[:HASH_DIGITS] == record.hash:
            return record if key_id is None else _encrypted(record)
    return _decode_odd(line)


def _encrypted(record: Set) -> Set:
    """A set as it is held in memory: see `journal.ciphertext`."""
    key_id = _text(record.encrypted_by or "")[1:-1]
    return Set(
        seq=record.seq,
        ts=record.ts,
        writer=record.writer,
        prev=record.prev,
        hash=record.hash,
        runtime_id=record.runtime_id,
        turn_id=record.turn_id,
        state=Raw(join(key_id, bytes(record.state))),
        once=record.once,
        encrypted_by=record.encrypted_by,
    )


def _as_written(record: Record) -> bytes | None:
    """The line that we would write for a record without a state, hash included."""
    if isinstance(record, Open | Sealed):
        return control_line(record)[:-1]
    if isinstance(record, Clear | Handoff | Takeover) and record.seq > 0 and record.prev:
        return _line_without_state(record, record.seq, record.ts, record.writer, record.prev)[0]
    return None


def _decode_odd(line: bytes) -> Record | None:
    """`decode_line` for any line, however it is laid out."""
    try:
        return _decode_longer(line)
    except RecursionError:  # the caller may be too deep in calls, not the line too deep
        return on_fresh_stack(_decode_from_the_bottom, line)


def _decode_from_the_bottom(line: bytes) -> Record | None:
    try:
        return _decode_longer(line)
    except RecursionError:
        return None  # nested deeper than any line of ours


def _decode_longer(line: bytes) -> Record | None:
    try:
        record: Record = _decode(line)
    except _UNREADABLE:
        return _decode_unknown(line)
    if not isinstance(record, Open | Sealed) and not (record.seq > 0 and record.prev):
        return None
    if record.hash != _hash_by_layout(line):
        return None
    if isinstance(record, Set) and record.erased is not None:
        if bytes(record.state) != NO_STATE:
            return None
        return msgspec.structs.replace(record, state=ERASED_STATE)
    if isinstance(record, Set) and record.encrypted_by is not None:
        return _encrypted(record)
    return record


def digest_of(covered: bytes) -> str:
    """The hash of a line, given its covered bytes with the state replaced by its own hash."""
    return sha256(covered).hexdigest()[:HASH_DIGITS]


class _AnyEvent(msgspec.Struct):
    """The fields that every event has, whatever its op."""

    seq: Number
    op: str
    prev: str
    hash: str
    ts: str = ""
    writer: str = ""
    runtime_id: Raw = Raw()  # of an op that we do not know, these may be anything
    turn_id: Raw = Raw()


_decode_any = msgspec.json.Decoder(_AnyEvent).decode
_decode_text = msgspec.json.Decoder(str).decode


def _decode_unknown(line: bytes) -> Unknown | None:
    try:
        found = _decode_any(line)
    except _UNREADABLE:
        return None
    if found.op in _KNOWN_OPS or found.hash != _hash_by_layout(line):
        return None
    return Unknown(
        seq=found.seq,
        op=found.op,
        prev=found.prev,
        hash=found.hash,
        ts=found.ts,
        writer=found.writer,
        line=line,
        runtime_id=_text_in(found.runtime_id),
        turn_id=_text_in(found.turn_id),
    )


def _text_in(value: Raw) -> str | None:
    """The string that a value is; None if it is something else, or nothing."""
    try:
        return _decode_text(value)
    except _UNREADABLE:
        return None


_KEY = re.compile(rb'\s*([,{])\s*"(?:[^"\\]|\\.)*"\s*:\s*')
_decode_fields = msgspec.json.Decoder(dict[str, Raw]).decode


_ERASED_VALUE = re.compile(rb'"[0-9a-f]{64}"')


def erase_state(line: bytes) -> bytes:
    """An intact line, without its newline, with its state taken out; the hash stays.

    The line itself if it has no state, or none any more. `null` is erased like any other state.
    O(len(line)).
    """
    position = 0
    fields = _decode_fields(line)
    for name, raw in fields.items():
        key = _KEY.match(line, position)
        if key is None:
            break
        position = key.end() + len(bytes(raw))
        if name == "state" and "erased" not in fields:
            erased = b'%b,"erased":"%b"' % (NO_STATE, sha256(raw).hexdigest().encode())
            return line[: key.end()] + erased + line[position:]
    return line


FORGOTTEN = "forgotten"
"""What `erased` holds where even the digest of the state was forgotten."""


def forget_digest(line: bytes) -> bytes:
    """An intact line without the digest of its erased state; to be linked anew by `relinked`.

    The line itself if it has none.
    """
    return _FORGETTABLE.sub(b'null,"erased":"%b"' % FORGOTTEN.encode(), line, count=1)


_FORGETTABLE = re.compile(rb'(?<="state":)null,"erased":"[0-9a-f]{64}"')


def relinked(line: bytes, prev: str) -> tuple[bytes, str]:
    """An intact line of an event after the one with the hash `prev`, and its own hash then."""
    places: dict[str, int] = {}
    position = 0
    for name, raw in _decode_fields(line).items():
        key = _KEY.match(line, position)
        if key is None:
            raise ValueError("not an intact line")
        places[name] = key.end() + len(b'"')
        position = key.end() + len(bytes(raw))
    changed = _put(line, places["prev"], prev)
    digest = _hash_by_layout(changed)
    if digest is None:
        raise ValueError("not an intact line")
    return _put(changed, places["hash"], digest), digest


def _put(line: bytes, place: int, digest: str) -> bytes:
    return line[:place] + digest.encode() + line[place + HASH_DIGITS :]


def _hash_by_layout(line: bytes) -> str | None:
    """The hash that a line should have, whatever the order of its keys.

    For lines of newer or other writers; slower than the shortcut of `decode_line`. None if
    `hash` is not the last key, or if a key comes twice.
    """
    try:
        values = list(_decode_fields(line).items())
    except _UNREADABLE:
        return None
    covered = bytearray()
    done = position = 0
    state = digest = b""  # the state, if it is the value before, and the digest in its place
    for name, raw in values:
        key = _KEY.match(line, position)
        if key is None or line[key.end() : key.end() + len(bytes(raw))] != bytes(raw):
            return None
        position = key.end() + len(bytes(raw))
        if name == "state":
            state, digest = bytes(raw), sha256(raw).hexdigest().encode()
            covered += line[done : key.end()] + digest
            done = position
            continue
        if name == "erased" and state == NO_STATE and _ERASED_VALUE.fullmatch(raw):
            covered[-len(digest) :] = bytes(raw)[1:-1]
            done = position
        if name == "hash":
            covered += line[done : key.start(1)]  # up to the comma
        state = b""
    if not values or values[-1][0] != "hash" or line[position:].strip() != b"}":
        return None
    return digest_of(bytes(covered))


def format_needed(event: Event) -> int:
    """The lowest format of a file that may hold the event."""
    if type(event) is not Set:
        return PLAIN
    if event.encrypted_by is not None:
        return SHARED
    return WITH_ERASED if event.erased is not None else PLAIN


def check_format(session_id: str, header: Open | None, event: Event) -> None:
    """Raise `LowFormatError` if the file with this header may not hold the event."""
    needed, found = format_needed(event), PLAIN if header is None else header.format
    if needed > found:
        raise LowFormatError(
            f"session {session_id!r}: its log is of format {found}, and an encrypted state needs "
            f"format {needed}. Nothing was written; compact it with that format"
        )


def format_of(line: bytes) -> int | None:
    """The format that a header line claims, intact or not; None if it is not a header.

    It is read before the hash is checked: a newer format may hash in another way.
    """
    try:
        claim = _decode_claim(line)
    except (*_UNREADABLE, RecursionError):
        return None
    return claim.format if claim.op == "open" else None


class _Claim(msgspec.Struct):
    op: str
    format: int


_decode_claim = msgspec.json.Decoder(_Claim).decode


class Clock:
    """Timestamps like `2026-11-22T10:18:00.123456Z`; formats each second only once."""

    _second = (-1, "")

    def now(self) -> str:
        seconds, nanoseconds = divmod(time_ns(), 1_000_000_000)
        known, text = self._second
        if seconds != known:
            text = strftime("%Y-%m-%dT%H:%M:%S", gmtime(seconds))
            self._second = (seconds, text)
        return f"{text}.{nanoseconds // 1000:06d}Z"


def default_writer() -> str:
    """`host:pid` of this process: who an event says it was appended by."""
    return f"{os.uname().nodename}:{os.getpid()}"
