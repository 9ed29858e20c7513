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
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from journal import codec
from journal.codec import Clock, control_line, decode_line, erase_state, format_of, relinked, stamp
from journal.errors import JournalError, LimitExceededError
from journal.events import Clear, Event, Handoff, Open, Sealed, Set, Takeover, Unknown
from journal.state import MAX_LINE

Fields: TypeAlias = list[tuple[str, Any]]

TS, WRITER, PREV = "2026-11-22T10:18:00.123456Z", "host:4242", "0123456789abcdef" * 2
STATE = {"tool_calls": ["call-1"], "text": "é"}


def json_of(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def line_of(fields: Fields, after: bytes = b"") -> bytes:
    """The line of these fields in this order, with the hash that the rule gives it."""
    line, hashed = [], []
    for key, value in fields:
        line.append(json_of(key) + b":" + json_of(value))
        digest = sha256(json_of(value)).hexdigest().encode()
        hashed.append(json_of(key) + b":" + digest if key == "state" else line[-1])
    digest = sha256(b"{" + b",".join(hashed)).hexdigest()[:32].encode()
    return b'{%b,"hash":"%b"%b}' % (b",".join(line), digest, after)


def fields_of(op: str, own: dict[str, Any] | None = None, **state: Any) -> Fields:
    """An event's fields in the order of the format."""
    head = {"seq": 7, "ts": TS, "op": op, **(own or {}), "writer": WRITER, **state, "prev": PREV}
    return list(head.items())


def fields_in(line: bytes) -> Fields:
    """All fields of a line but its hash."""
    return list(json.loads(line).items())[:-1]


def written(event: Event) -> bytes:
    line, _ = stamp(event, 7, TS, WRITER, PREV)
    return line


TURN: dict[str, Any] = {"runtime_id": "native", "turn_id": "turn-1"}
HANDOFF: dict[str, Any] = {"source": "a", "target": "b", "turn_id": "t", "reason": "why"}
TAKEOVER: dict[str, Any] = {"runtime_id": "native", "handoff_seq": 3, "seen_seq": 5}
UNANNOUNCED = {**TAKEOVER, "handoff_seq": None}
EVENTS: dict[str, tuple[Event, Fields]] = {
    "set": (Set(**TURN, state=Raw(json_of(STATE))), fields_of("set", TURN, state=STATE)),
    "clear": (Clear(runtime_id="native"), fields_of("clear", {"runtime_id": "native"})),
    "clear all": (Clear(), fields_of("clear")),
    "handoff": (Handoff(**HANDOFF), fields_of("handoff", HANDOFF)),
    "bare": (
        Handoff(source="a", target="b"),
        fields_of("handoff", {"source": "a", "target": "b"}),
    ),
    "takeover": (Takeover(**TAKEOVER), fields_of("takeover", TAKEOVER)),
    "unannounced": (Takeover(**UNANNOUNCED), fields_of("takeover", UNANNOUNCED)),
}
STAMP = {"ts": TS, "writer": WRITER}
HEADER: dict[str, Any] = {"format": 1, "session_id": "my/session", "log_id": "0011223344556677"}
HEADER |= {"base_seq": 0, "base_hash": "0" * 32, "kept": 0, "kept_digest": PREV, "archive": None}
HEADER |= STAMP
SEAL: dict[str, Any] = {"reason": "deleted", "last_seq": 7, "last_hash": PREV, **STAMP}
SEAL_OF_A_FILE = {**SEAL, "session_file": "my%2Fsession.json"}
CONTROLS: dict[str, tuple[Open | Sealed, Fields]] = {
    "open": (Open(**HEADER), [("op", "open"), *HEADER.items()]),
    "sealed": (Sealed(**SEAL), [("op", "sealed"), *SEAL.items()]),
    "sealed with a file": (Sealed(**SEAL_OF_A_FILE), [("op", "sealed"), *SEAL_OF_A_FILE.items()]),
}
NEWER: dict[str, Fields] = {
    "unknown": fields_of("erase", {"x": [1]}, state=STATE),
    "newer set": [*fields_of("set", {**TURN, "x": 1}, state=STATE), ("x2", {"k": 2})],
}
LINES = {name: line_of(fields) for name, (_, fields) in (EVENTS | CONTROLS).items()}
LINES |= {name: line_of(fields) for name, fields in NEWER.items()}
events = pytest.mark.parametrize(("event", "fields"), EVENTS.values(), ids=EVENTS)
lines = pytest.mark.parametrize("line", LINES.values(), ids=LINES)


@events
def test_an_event_is_written_and_read_as_the_format_says(event: Event, fields: Fields) -> None:
    line, stamped = stamp(event, 7, TS, WRITER, PREV)
    assert line == line_of(fields) + b"\n"
    expected = {**STAMP, "seq": 7, "prev": PREV, "hash": json.loads(line)["hash"]}
    assert decode_line(line_of(fields)) == msgspec.structs.replace(event, **expected)
    assert stamped == decode_line(line_of(fields))


@pytest.mark.parametrize(("record", "fields"), CONTROLS.values(), ids=CONTROLS)
def test_a_control_line_is_written_and_read_as_the_format_says(
    record: Open | Sealed, fields: Fields
) -> None:
    line = control_line(record)
    assert line == line_of(fields) + b"\n"
    expected = msgspec.structs.replace(record, hash=json.loads(line)["hash"])
    assert decode_line(line[:-1]) == expected


def test_a_takeover_that_does_not_say_has_seen_all_before_it() -> None:
    line, stamped = stamp(Takeover(runtime_id="native"), 7, TS, WRITER, PREV)
    assert json.loads(line)["seen_seq"] == 6
    assert stamped == decode_line(line[:-1])


@lines
def test_any_flipped_bit_is_noticed(line: bytes) -> None:
    assert decode_line(line) is not None
    for place in range(len(line)):
        for bit in range(8):
            flipped = bytes([line[place] ^ 1 << bit])
            assert decode_line(line[:place] + flipped + line[place + 1 :]) is None, (place, bit)


@lines
def test_any_cut_is_noticed(line: bytes) -> None:
    for length in range(1, len(line)):
        assert decode_line(line[:length]) is None
        assert decode_line(line[length:]) is None


@pytest.mark.parametrize("op", ["set", "erase"])
@pytest.mark.parametrize("place", range(len(fields_of("set", TURN, state=STATE)) + 1))
def test_keys_we_do_not_know_are_allowed_anywhere(op: str, place: int) -> None:
    fields = fields_of(op, TURN, state=STATE)
    fields.insert(place, ("new", {"hash": [1, {"state": 2}]}))
    record = decode_line(line_of(fields))
    if op == "set":
        assert isinstance(record, Set)
        assert (record.runtime_id, record.turn_id) == ("native", "turn-1")
        assert bytes(record.state) == json_of(STATE)
    else:
        assert isinstance(record, Unknown)
        assert (record.op, record.ts, record.writer) == (op, TS, WRITER)
        assert record.line == line_of(fields)
    assert (record.seq, record.prev) == (7, PREV)


@lines
def test_a_key_that_comes_twice_is_refused(line: bytes) -> None:
    fields = fields_in(line)
    for key, value in [*fields, ("hash", "x")]:
        for extra in ((key, value), (key, "other")):
            assert decode_line(line_of([extra, *fields])) is None, extra
            assert decode_line(line_of([*fields, extra])) is None, extra


@lines
def test_hash_has_to_be_the_last_key(line: bytes) -> None:
    assert line_of(fields_in(line)) == line
    assert decode_line(line_of(fields_in(line), after=b',"x":1')) is None


def test_nothing_but_the_state_is_replaced_in_what_is_hashed() -> None:
    """Where the hash is made of another value's, that value could be changed unseen."""
    head, tail = json_of(dict(fields_of("set", TURN, state={}))).split(b',"prev"')
    head, tail = head + b',"x":', b',"prev"' + tail[:-1]
    digest = sha256(head + sha256(b"{}").hexdigest().encode() + tail).hexdigest()[:32]
    assert decode_line(head + b"12" + tail + b',"hash":"%b"}' % digest.encode()) is None


def test_all_before_the_comma_of_the_hash_is_hashed_blanks_as_well() -> None:
    """Other writers may put some between keys; where they hash them, they are covered."""
    covered = b", ".join(LINES["clear"].rpartition(b',"hash"')[0].split(b",")) + b" "
    line = covered + b', "hash" : "%b"}' % sha256(covered).hexdigest()[:32].encode()
    assert isinstance(decode_line(line), Clear)
    assert decode_line(line.replace(b' , "hash"', b', "hash"')) is None


def test_a_set_as_we_write_it_is_read_the_short_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nearly all lines are sets as we write them, and the longer way reads each line twice."""

    def refuse(line: bytes) -> str:
        raise AssertionError("the longer way")

    monkeypatch.setattr("journal.codec._hash_by_layout", refuse)
    event, fields = EVENTS["set"]
    record = decode_line(line_of(fields))
    assert isinstance(record, Set)
    assert isinstance(event, Set)
    assert bytes(record.state) == bytes(event.state)


@pytest.mark.parametrize("missing", ["seq", "op", "prev"])
def test_an_event_without_its_place_in_the_chain_is_refused(missing: str) -> None:
    for name in [*EVENTS, "unknown"]:
        rest = [field for field in fields_in(LINES[name]) if field[0] != missing]
        assert decode_line(line_of(rest)) is None, name


OPTIONAL = {"clear": ["runtime_id"], "handoff": ["turn_id", "reason"], "open": ["archive"]}
OPTIONAL |= {"takeover": ["handoff_seq", "seen_seq"], "sealed with a file": ["session_file"]}


@pytest.mark.parametrize("name", ["set", "unknown", *OPTIONAL])
def test_a_field_of_a_wrong_type_is_refused(name: str) -> None:
    fields = fields_in(LINES[name])
    for place, (key, value) in enumerate(fields):
        if key in ("state", "x"):  # may hold anything
            continue
        nothing: list[Any] = [] if key in OPTIONAL.get(name, []) else [None]
        for wrong in [*nothing, True, 1.5, [], {}, "x" if isinstance(value, int) else 1]:
            bad = [*fields[:place], (key, wrong), *fields[place + 1 :]]
            assert decode_line(line_of(bad)) is None, (key, wrong)
    for digest in (b"null", b"1", b"[]", b'""'):
        assert decode_line(LINES[name][: -len(PREV) - 3] + digest + b"}") is None


HARD = '\u2028 \u2029 \u0085 \r \n \r\n \0 \t \x0b \x0c \x1c " \\ é 🜚'


def test_no_value_breaks_a_line_in_two() -> None:
    for event in (
        Set(runtime_id=HARD, turn_id=HARD, state=Raw(msgspec.json.encode({HARD: HARD}))),
        Clear(runtime_id=HARD),
        Handoff(source=HARD, target=HARD, turn_id=HARD, reason=HARD),
        Takeover(runtime_id=HARD),
    ):
        line, stamped = stamp(event, 1, TS, HARD, PREV)
        assert (line.count(b"\n"), line[-1:]) == (1, b"\n")
        assert decode_line(line[:-1]) == stamped
    header = control_line(Open(**{**HEADER, "session_id": HARD}))
    assert header.count(b"\n") == 1
    assert json.loads(header)["session_id"] == HARD
    assert decode_line(header[:-1]) is not None


@pytest.mark.parametrize("op", ["set", "erase"])
def test_nesting_too_deep_to_read_is_no_event_and_no_error(op: str) -> None:
    deep = b"[" * 100_000 + b"]" * 100_000
    line = line_of(fields_of(op, TURN, state="DEEP")).replace(b'"DEEP"', deep)
    for bad in (line, deep, b"[" * 100_000, b'{"a":' * 100_000):
        assert decode_line(bad) is None
        assert format_of(bad) is None


@given(st.binary() | st.text().map(str.encode), st.sampled_from(list(LINES.values())), st.data())
def test_garbage_is_no_event_and_no_error(
    garbage: bytes, line: bytes, data: st.DataObject
) -> None:
    start = data.draw(st.integers(0, len(line)))
    end = data.draw(st.integers(start, len(line)))
    for bad in (garbage, line[:start] + garbage + line[end:]):
        same = b"".join(bad.split()) == line  # blanks around `hash` are not in what it covers
        assert same or decode_line(bad) is None
        assert isinstance(format_of(bad), int | None)


def test_the_format_of_a_header_is_read_even_when_its_hash_is_not_ours() -> None:
    assert format_of(b'{"op":"open","format":9,"new":1,"hash":5}') == 9
    assert format_of(b'{"op":"set","format":9}') is None
    assert format_of(LINES["set"]) is format_of(LINES["sealed"]) is None


BAD: Any = 5  # where a string belongs


@pytest.mark.parametrize(
    "event",
    [
        Set(runtime_id=BAD, turn_id="t", state=Raw(b"{}")),
        Set(runtime_id="\ud800", turn_id="t", state=Raw(b"{}")),
        Clear(runtime_id=BAD),
        Handoff(**{**HANDOFF, "source": None}),
        Handoff(**{**HANDOFF, "reason": BAD}),
        Takeover(runtime_id=BAD),
        Takeover(**{**TAKEOVER, "handoff_seq": "3"}),
    ],
    ids=lambda event: type(event).__name__,
)
def test_an_event_that_could_not_be_read_again_is_refused(event: Event) -> None:
    with pytest.raises((TypeError, ValueError)) as caught:
        written(event)
    assert isinstance(caught.value, JournalError)


@pytest.mark.parametrize("record", [Open(**HEADER), Sealed(**SEAL)], ids=["open", "sealed"])
def test_what_is_no_event_of_ours_cannot_be_appended(record: Any) -> None:
    unknown = decode_line(LINES["unknown"])
    assert isinstance(unknown, Unknown)
    for other in (record, unknown):
        with pytest.raises(TypeError, match=f"{type(other).__name__} is not an event that can"):
            written(other)


@pytest.mark.parametrize(
    ("op", "field"),
    [
        ("set", "runtime_id"),
        ("set", "turn_id"),
        ("clear", "runtime_id"),
        ("handoff", "source"),
        ("handoff", "target"),
        ("handoff", "turn_id"),
        ("handoff", "reason"),
        ("takeover", "runtime_id"),
        ("takeover", "handoff_seq"),
    ],
)
def test_what_is_refused_of_an_event_is_called_by_its_name(op: str, field: str) -> None:
    event, _ = EVENTS[op]
    bad = msgspec.structs.replace(event, **{field: 1.5})
    with pytest.raises(TypeError, match=rf"{field} must be .* not float"):
        written(bad)


def test_a_writer_that_is_no_string_is_refused_by_name() -> None:
    with pytest.raises(TypeError, match="writer must be a string"):
        stamp(Clear(), 7, TS, BAD, PREV)


def test_a_line_longer_than_any_may_be_is_refused() -> None:
    room = MAX_LINE - len(written(Clear(runtime_id="")))
    assert len(written(Clear(runtime_id="x" * room))) == MAX_LINE
    with pytest.raises(LimitExceededError, match=f"{MAX_LINE + 1:,} bytes is longer than a line"):
        written(Clear(runtime_id="x" * (room + 1)))


def test_the_clock_gives_utc_with_microseconds() -> None:
    clock = Clock()
    for _ in range(3):
        before, text, after = datetime.now(UTC), clock.now(), datetime.now(UTC)
        assert before <= datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%f%z") <= after


def test_the_clock_writes_the_time_it_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    times = {
        0: "00:00:00.000000Z",
        1_999_999: "00:00:00.001999Z",
        61_000_001_000: "00:01:01.000001Z",
    }
    for now, text in times.items():
        monkeypatch.setattr("journal.codec.time_ns", lambda now=now: now)
        assert clock.now() == f"1970-01-01T{text}"


@pytest.mark.parametrize("name", [*EVENTS, *CONTROLS])
def test_lines_as_we_write_them_take_the_short_way(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is five times as fast, and finds what the longer way finds."""
    line = written(EVENTS[name][0]) if name in EVENTS else control_line(CONTROLS[name][0])
    longer = codec._decode_odd(line[:-1])
    monkeypatch.setattr(codec, "_decode_odd", lambda line: pytest.fail("the longer way"))
    assert longer is not None
    assert decode_line(line[:-1]) == longer


@pytest.mark.parametrize("name", ["set", "clear", "bare", "takeover", "open", "sealed"])
def test_a_key_that_comes_twice_is_no_event_whatever_is_left_out_for_it(name: str) -> None:
    """As many keys as ever, and a hash that fits; but readers would not agree on its meaning."""
    _, fields = {**EVENTS, **CONTROLS}[name]
    kept = [field for field in fields if field[0] != "writer"]
    assert len(kept) == len(fields) - 1
    for twice in ([kept[0]], [kept[0]] * 2):
        assert decode_line(line_of([*kept, *twice])) is None
        assert decode_line(line_of([*twice, *kept])) is None


@given(st.lists(st.sampled_from([*LINES.values(), b"", b"{}", b'{"seq":1', b"\xff"])))
def test_many_lines_are_read_as_each_of_them(some: list[bytes]) -> None:
    assert codec.decode_lines(some) == [decode_line(line) for line in some]


WHOLE = fields_of("set", TURN, state=STATE)


@given(
    st.sets(st.sampled_from([key for key, _ in WHOLE]), max_size=2),
    st.lists(st.tuples(st.sampled_from([*WHOLE, ("x", "y"), ("", "")]), st.integers(0, 8))),
)
def test_the_short_way_takes_nothing_that_the_longer_refuses(
    missing: set[str], extra: list[tuple[tuple[str, Any], int]]
) -> None:
    """Not even where other keys, or some of them twice, look like the ones that are missing."""
    fields = [field for field in WHOLE if field[0] not in missing]
    for field, place in extra:
        fields.insert(place, field)
    line = line_of(fields)
    assert decode_line(line) == codec._decode_odd(line)


def test_a_set_that_does_not_say_so_is_none() -> None:
    """Not even where another key takes the place of its op."""
    fields = [("x", "set") if key == "op" else (key, value) for key, value in WHOLE]
    assert decode_line(line_of(fields)) is None


class TestErased:
    """A line whose state was taken out keeps its hash, and says what the hash was made with."""

    @pytest.mark.parametrize("name", ["set", "unknown with a state"])
    @pytest.mark.parametrize("value", [STATE, {}, None, "text", 'with "state":1 in it', [None]])
    def test_an_erased_line_is_intact_and_holds_no_state(self, name: str, value: Any) -> None:
        own = {"runtime_id": "native", "turn_id": 'turn ","state":1'}
        op = "set" if name == "set" else "later"
        whole = line_of(fields_of(op, own, state=value))
        erased = erase_state(whole)
        digest = sha256(json_of(value)).hexdigest()
        fields = fields_of(op, own, state=None, erased=digest)
        was = json.loads(whole)["hash"]
        assert json.loads(erased) == {**dict(fields), "hash": was}
        assert list(json.loads(erased)) == [*(key for key, _ in fields), "hash"]
        record, before = decode_line(erased), decode_line(whole)
        assert record is not None
        assert before is not None
        assert record.hash == before.hash == was
        if isinstance(record, Set):
            assert (bytes(record.state), record.erased) == (b"{}", digest)

    def test_erasing_twice_changes_nothing_more(self) -> None:
        erased = erase_state(LINES["set"])
        assert erase_state(erased) == erased

    @pytest.mark.parametrize("name", [name for name in EVENTS if name != "set"])
    def test_a_line_without_a_state_stays_as_it_is(self, name: str) -> None:
        assert erase_state(LINES[name]) == LINES[name]

    def test_every_byte_of_an_erased_line_is_guarded(self) -> None:
        erased = erase_state(LINES["set"])
        for place in range(len(erased)):
            for other in (b"0", b"1", b"x", b" ", b'"'):
                changed = erased[:place] + other + erased[place + 1 :]
                if changed != erased:
                    assert decode_line(changed) is None, changed

    def test_a_digest_beside_a_state_is_refused(self) -> None:
        """Whoever reads it would not know whether the state is there."""
        fields = fields_of("set", TURN, state={}, erased="0" * 64)
        assert decode_line(line_of(fields)) is None


class TestOddLines:
    """What is no intact line: nothing is made of it."""

    TWICE = b'{"a":1,"b":2,"a":333}'

    def test_a_line_with_a_key_twice_is_not_erased(self) -> None:
        assert erase_state(self.TWICE) == self.TWICE

    @pytest.mark.parametrize(
        "line", [TWICE, b'{"prev":"%b","hash":"%b","x":1}' % (b"0" * 32, b"1" * 32)]
    )
    def test_what_cannot_be_hashed_is_not_linked_anew(self, line: bytes) -> None:
        with pytest.raises(ValueError, match="not an intact line"):
            relinked(line, PREV)
