"""The lines of the log, byte for byte, and what is taken for an intact one.

The lines here are made from the rule in DESIGN.md alone: compact JSON in the given key
order; `hash` is 32 hex digits of SHA-256 over all before `,"hash"`, with the bytes of
`state` replaced by their own SHA-256 in hex.
"""

import json
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, TypeAlias

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Raw

from journal.codec import Clock, control_line, decode_line, format_of, stamp
from journal.errors import JournalError, LimitExceededError
from journal.events import Clear, Event, Handoff, Open, Record, Sealed, Set, Takeover, Unknown
from journal.state import MAX_LINE

Fields: TypeAlias = list[tuple[str, Any]]

TS, WRITER, PREV = "2026-11-22T10:18:00.123456Z", "host:4242", "0123456789abcdef" * 2
STATE = {"tool_calls": ["call-1"], "text": "é"}


def json_of(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def line_of(*fields: tuple[str, Any], after: bytes = b"") -> bytes:
    """The line of these fields in this order, with the hash that the rule gives it."""
    pairs = [(json_of(key), json_of(value), key == "state") for key, value in fields]
    line = b"{" + b",".join(key + b":" + value for key, value, _ in pairs)
    hashed = b"{" + b",".join(
        key + b":" + (sha256(value).hexdigest().encode() if is_state else value)
        for key, value, is_state in pairs
    )
    return line + b',"hash":"' + sha256(hashed).hexdigest()[:32].encode() + b'"' + after + b"}"


def fields_of(op: str, *own: tuple[str, Any], state: Any = None) -> Fields:
    """An event's fields in the order of the format."""
    states = [("state", state)] if state is not None else []
    head = [("seq", 7), ("ts", TS), ("op", op)]
    return [*head, *own, ("writer", WRITER), *states, ("prev", PREV)]


RUNTIME = ("runtime_id", "native")
EVENTS: dict[str, tuple[Event, Fields]] = {
    "set": (
        Set(runtime_id="native", turn_id="turn-1", state=Raw(json_of(STATE))),
        fields_of("set", RUNTIME, ("turn_id", "turn-1"), state=STATE),
    ),
    "clear": (Clear(runtime_id="native"), fields_of("clear", RUNTIME)),
    "clear all": (Clear(), fields_of("clear")),
    "handoff": (
        Handoff(source="a", target="b", turn_id="t", reason="why"),
        fields_of(
            "handoff", ("source", "a"), ("target", "b"), ("turn_id", "t"), ("reason", "why")
        ),
    ),
    "handoff, bare": (
        Handoff(source="a", target="b"),
        fields_of("handoff", ("source", "a"), ("target", "b")),
    ),
    "takeover": (
        Takeover(runtime_id="native", handoff_seq=3, seen_seq=5),
        fields_of("takeover", RUNTIME, ("handoff_seq", 3), ("seen_seq", 5)),
    ),
    "takeover, unannounced": (
        Takeover(runtime_id="native", seen_seq=6),
        fields_of("takeover", RUNTIME, ("handoff_seq", None), ("seen_seq", 6)),
    ),
}
HEADER: dict[str, Any] = {
    "format": 1,
    "session_id": "my/session",
    "log_id": "0011223344556677",
    "base_seq": 0,
    "base_hash": "0" * 32,
    "kept": 0,
    "kept_digest": PREV,
    "archive": None,
    "ts": TS,
    "writer": WRITER,
}
SEAL = {"reason": "compacted", "last_seq": 7, "last_hash": PREV, "ts": TS, "writer": WRITER}
CONTROLS: dict[str, tuple[Open | Sealed, Fields]] = {
    "open": (Open(**HEADER), [("op", "open"), *HEADER.items()]),
    "sealed": (Sealed(**SEAL), [("op", "sealed"), *SEAL.items()]),
}
LINES = {name: line_of(*fields) for name, (_, fields) in (EVENTS | CONTROLS).items()}
LINES["unknown, with a state"] = line_of(*fields_of("erase", ("x", [1]), state=STATE))
LINES["set, newer keys"] = line_of(
    *fields_of("set", RUNTIME, ("turn_id", "t"), ("n", 1), state=STATE), ("later", {"k": 2})
)
events = pytest.mark.parametrize(("event", "fields"), EVENTS.values(), ids=EVENTS)
lines = pytest.mark.parametrize("line", LINES.values(), ids=LINES)


def decoded(line: bytes) -> Record:
    record = decode_line(line)
    assert record is not None
    return record


@events
def test_each_event_is_written_as_the_format_says(event: Event, fields: Fields) -> None:
    line, digest = stamp(event, 7, TS, json_of(WRITER), PREV)
    assert line == line_of(*fields) + b"\n"
    assert digest == json.loads(line)["hash"]


@events
def test_each_event_is_read_as_it_was_written(event: Event, fields: Fields) -> None:
    digest = json.loads(line_of(*fields))["hash"]
    stamped = {"seq": 7, "ts": TS, "writer": WRITER, "prev": PREV, "hash": digest}
    assert decode_line(line_of(*fields)) == msgspec.structs.replace(event, **stamped)


@pytest.mark.parametrize(("record", "fields"), CONTROLS.values(), ids=CONTROLS)
def test_control_lines_are_written_and_read_as_the_format_says(
    record: Open | Sealed, fields: Fields
) -> None:
    line = control_line(record)
    assert line == line_of(*fields) + b"\n"
    again = decode_line(line[:-1])
    assert again == msgspec.structs.replace(record, hash=json.loads(line)["hash"])


def test_a_takeover_that_says_nothing_has_seen_all_before_it() -> None:
    line, _ = stamp(Takeover(runtime_id="native"), 7, TS, json_of(WRITER), PREV)
    assert json.loads(line)["seen_seq"] == 6


@lines
def test_any_flipped_bit_is_noticed(line: bytes) -> None:
    assert decode_line(line) is not None
    for place in range(len(line)):
        for bit in range(8):
            bad = bytearray(line)
            bad[place] ^= 1 << bit
            assert decode_line(bytes(bad)) is None, bytes(bad)


@lines
def test_any_cut_is_noticed(line: bytes) -> None:
    for length in range(len(line)):
        assert decode_line(line[:length]) is None
        assert length == 0 or decode_line(line[length:]) is None


@pytest.mark.parametrize("op", ["set", "erase"])
@pytest.mark.parametrize("place", [0, 1, 4, 5, 6, 7, 8])
def test_keys_we_do_not_know_are_allowed_anywhere(op: str, place: int) -> None:
    fields = fields_of(op, RUNTIME, ("turn_id", "t"), state=STATE)
    line = line_of(*fields[:place], ("new", {"hash": [1, {"state": 2}]}), *fields[place:])
    record = decoded(line)
    if isinstance(record, Set):
        assert (op, record.runtime_id, record.turn_id) == ("set", "native", "t")
        assert json.loads(bytes(record.state)) == STATE
    else:
        assert isinstance(record, Unknown)
        assert (record.line, record.op, record.ts, record.writer) == (line, op, TS, WRITER)
    assert (record.seq, record.prev) == (7, PREV)


TWICE: list[Fields] = [
    [("seq", 1), *fields_of("clear")],
    [*fields_of("clear"), ("prev", PREV)],
    [("hash", "x"), *fields_of("clear")],
    [("hash", "x"), *fields_of("set", RUNTIME, ("turn_id", "t"), state=STATE)],
    [("turn_id", "u"), *fields_of("set", RUNTIME, ("turn_id", "t"), state=STATE)],
    [*fields_of("erase"), ("new", 1), ("new", 1)],
    [("op", "clear"), *fields_of("erase")],
]


@pytest.mark.parametrize("fields", TWICE, ids=lambda fields: " ".join(key for key, _ in fields))
def test_a_key_that_comes_twice_is_refused(fields: Fields) -> None:
    assert decode_line(line_of(*fields)) is None


@pytest.mark.parametrize("name", LINES)
def test_hash_has_to_be_the_last_key(name: str) -> None:
    fields = list(json.loads(LINES[name]).items())[:-1]
    assert decode_line(line_of(*fields)) is not None
    assert decode_line(line_of(*fields, after=b',"x":1')) is None


def test_only_the_state_is_replaced_in_what_is_hashed() -> None:
    """A line whose hash leaves out another value than `state` could be changed unseen."""
    head = line_of(*fields_of("set", RUNTIME, ("turn_id", "t"), state={})[:-1], ("other", 1))
    head = head[: head.index(b'1,"hash"')]
    tail = b',"prev":"%b"' % PREV.encode()
    digest = sha256(head + sha256(b"{}").hexdigest().encode() + tail).hexdigest()[:32]
    assert decode_line(head + b"12" + tail + b',"hash":"%b"}' % digest.encode()) is None


@pytest.mark.parametrize("missing", ["seq", "op", "prev"])
@pytest.mark.parametrize("name", [*EVENTS, "unknown, with a state"])
def test_an_event_without_its_place_in_the_chain_is_refused(name: str, missing: str) -> None:
    fields = list(json.loads(LINES[name]).items())[:-1]
    assert decode_line(line_of(*((k, v) for k, v in fields if k != missing))) is None


NULLABLE = {"archive", "handoff_seq"}


@pytest.mark.parametrize("name", LINES)
def test_fields_of_a_wrong_type_are_refused(name: str) -> None:
    fields = list(json.loads(LINES[name]).items())[:-1]
    for place, (key, value) in enumerate(fields):
        if key in ("state", "new", "later", "x", "n"):
            continue
        for wrong in (None, True, 1.5, [], {}, "text" if isinstance(value, int) else 1):
            if wrong is None and (
                key in NULLABLE or key == "turn_id" or op_allows_none(name, key)
            ):
                continue
            if wrong == 1 and key == "handoff_seq":
                continue
            bad = [*fields[:place], (key, wrong), *fields[place + 1 :]]
            assert decode_line(line_of(*bad)) is None, (key, wrong)


def op_allows_none(name: str, key: str) -> bool:
    return False


HARD = '\u2028 \u2029 \u0085 \r \n \r\n \0 \t \x0b \x0c \x1c " \\ é 🜚'


def test_no_value_breaks_a_line_in_two() -> None:
    made: list[Event] = [
        Set(runtime_id=HARD, turn_id=HARD, state=Raw(msgspec.json.encode({HARD: HARD}))),
        Clear(runtime_id=HARD),
        Handoff(source=HARD, target=HARD, turn_id=HARD, reason=HARD),
        Takeover(runtime_id=HARD),
    ]
    for event in made:
        line, _ = stamp(event, 1, TS, json_of(WRITER), PREV)
        assert (line.count(b"\n"), line[-1:]) == (1, b"\n")
        again = decoded(line[:-1])
        for key, value in msgspec.structs.asdict(event).items():
            if value == HARD:
                assert getattr(again, key) == HARD
    header = control_line(Open(**{**HEADER, "session_id": HARD}))
    assert header.count(b"\n") == 1
    assert getattr(decoded(header[:-1]), "session_id", None) == HARD


@pytest.mark.parametrize("op", ["set", "erase"])
def test_nesting_too_deep_to_read_is_no_event_and_no_error(op: str) -> None:
    deep = b"[" * 100_000 + b"]" * 100_000
    line = line_of(*fields_of(op, RUNTIME, ("turn_id", "t"), state="DEEP"))
    for bad in (line.replace(b'"DEEP"', deep), deep, b"[" * 100_000, b'{"a":' * 100_000):
        assert decode_line(bad) is None
        assert format_of(bad) is None


@settings(deadline=None, max_examples=300)
@given(st.binary() | st.text().map(str.encode), st.sampled_from(list(LINES.values())), st.data())
def test_garbage_is_no_event_and_no_error(garbage: bytes, line: bytes, data: Any) -> None:
    start = data.draw(st.integers(0, len(line)))
    end = data.draw(st.integers(start, len(line)))
    spliced = line[:start] + garbage + line[end:]
    for bad in (garbage, spliced):
        assert bad == line or decode_line(bad) is None
        assert format_of(bad) in (None, 1)


def test_the_format_of_a_header_is_read_even_when_its_hash_is_not_ours() -> None:
    assert format_of(b'{"op":"open","format":9,"new":1,"hash":5}') == 9
    assert format_of(LINES["set"]) is format_of(LINES["sealed"]) is None


@pytest.mark.parametrize(
    "event",
    [
        Set(runtime_id=5, turn_id="t", state=Raw(b"{}")),  # type: ignore[arg-type]
        Set(runtime_id="r", turn_id=None, state=Raw(b"{}")),  # type: ignore[arg-type]
        Set(runtime_id="\ud800", turn_id="t", state=Raw(b"{}")),
        Clear(runtime_id=5),  # type: ignore[arg-type]
        Handoff(source=None, target="b"),  # type: ignore[arg-type]
        Handoff(source="a", target=5),  # type: ignore[arg-type]
        Handoff(source="a", target="b", reason=5),  # type: ignore[arg-type]
        Takeover(runtime_id=None),  # type: ignore[arg-type]
        Takeover(runtime_id="r", handoff_seq="3"),  # type: ignore[arg-type]
    ],
    ids=repr,
)
def test_an_event_that_could_not_be_read_again_is_refused(event: Event) -> None:
    with pytest.raises((TypeError, ValueError)) as caught:
        stamp(event, 1, TS, json_of(WRITER), PREV)
    assert isinstance(caught.value, JournalError)


def test_a_line_longer_than_any_may_be_is_refused() -> None:
    room = MAX_LINE - len(stamp(Clear(runtime_id=""), 7, TS, json_of(WRITER), PREV)[0])
    line, _ = stamp(Clear(runtime_id="x" * room), 7, TS, json_of(WRITER), PREV)
    assert len(line) == MAX_LINE
    with pytest.raises(LimitExceededError):
        stamp(Clear(runtime_id="x" * (room + 1)), 7, TS, json_of(WRITER), PREV)


def test_the_clock_gives_utc_with_microseconds() -> None:
    clock = Clock()
    for _ in range(3):
        before, text, after = datetime.now(UTC), clock.now(), datetime.now(UTC)
        assert before <= datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%f%z") <= after
