"""Every event says its op, its runtime and its turn, in the same three words."""

import copy
import json
import pickle
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from journal.codec import decode_line, digest_of, stamp
from journal.events import Clear, Event, Handoff, Open, Sealed, Set, Takeover, Unknown

TS, WRITER, PREV = "2026-11-22T10:18:00.123456Z", "host:4242", "0123456789abcdef" * 2

ids = st.text(max_size=9)
states = st.dictionaries(ids, st.text() | st.integers(0, 9), max_size=3)
seqs = st.integers(1, 2**63 - 1)
known = st.one_of(
    st.builds(Set, runtime_id=ids, turn_id=ids, state=states.map(msgspec.json.encode).map(Raw)),
    st.builds(Clear, runtime_id=st.none() | ids),
    st.builds(
        Handoff, source=ids, target=ids, turn_id=st.none() | ids, reason=st.none() | st.text()
    ),
    st.builds(Takeover, runtime_id=ids, handoff_seq=st.none() | seqs, seen_seq=seqs),
)
ops = st.text().filter(lambda op: op not in ("set", "clear", "handoff", "takeover"))
anything = st.recursive(
    st.none() | st.booleans() | st.integers(0, 9) | ids,
    lambda values: st.lists(values, max_size=2) | st.dictionaries(ids, values, max_size=2),
    max_leaves=4,
)


def line_of(event: Event) -> bytes:
    return stamp(event, 7, TS, WRITER, PREV)[0].rstrip(b"\n")


def line_of_op(op: str, own: dict[str, Any]) -> bytes:
    """A line with an op of any name and any keys of its own."""
    fields = {"seq": 7, "ts": TS, "op": op, **own, "writer": WRITER, "prev": PREV}
    covered = json.dumps(fields, separators=(",", ":"), ensure_ascii=False).encode()[:-1]
    return b'%b,"hash":"%b"}' % (covered, digest_of(covered).encode())


unknown_lines = st.builds(
    line_of_op,
    ops.filter(lambda op: op not in ("open", "sealed")),
    st.dictionaries(st.sampled_from(["runtime_id", "turn_id", "source", "to"]), anything),
)
lines = known.map(line_of) | unknown_lines


def read(line: bytes) -> Event:
    event = decode_line(line)
    assert event is not None
    assert not isinstance(event, Open | Sealed)
    return event


@given(line=lines)
def test_every_event_has_the_op_runtime_and_turn_of_its_line(line: bytes) -> None:
    event, fields = read(line), json.loads(line)
    runtime = fields.get("source") if event.op == "handoff" else fields.get("runtime_id")
    turn = fields.get("turn_id")
    assert event.op == fields["op"]
    assert event.runtime_id == (runtime if isinstance(runtime, str) else None)
    assert event.turn_id == (turn if isinstance(turn, str) else None)


@given(event=known)
def test_an_event_that_was_not_appended_yet_has_them_too(event: Event) -> None:
    there = read(line_of(event))
    asked = [(each.op, each.runtime_id, each.turn_id) for each in (event, there)]
    assert asked[0] == asked[1]


@given(line=lines)
def test_a_line_stays_what_it_was_byte_for_byte(line: bytes) -> None:
    """What an event says of itself besides its fields is not written with them."""
    event = read(line)
    if isinstance(event, Unknown):
        assert event.line == line
        return
    assert line_of(event) == line
    assert json.loads(msgspec.json.encode(event)).keys() - json.loads(line).keys() <= {
        *(
            "runtime_id",
            "turn_id",
            "reason",
            "handoff_seq",
            "once",
            "erased",
            "encrypted_by",
        ),  # None
    }


@given(line=lines)
def test_copies_are_equal_and_say_the_same(line: bytes) -> None:
    event = read(line)
    again = pickle.loads(pickle.dumps(event))
    for other in (again, copy.copy(event), copy.deepcopy(event), read(line)):
        assert other == event
        assert type(other) is type(event)
        assert (other.op, other.runtime_id, other.turn_id) == (
            event.op,
            event.runtime_id,
            event.turn_id,
        )
    assert msgspec.structs.replace(event, seq=8) != event


@given(first=lines, second=lines)
def test_events_are_equal_if_their_lines_are(first: bytes, second: bytes) -> None:
    assert (read(first) == read(second)) is (first == second)


KNOWN = [kind for kind in get_args(Event) if kind is not Unknown]


def test_there_are_events_of_every_kind_here() -> None:
    assert {Set, Clear, Handoff, Takeover} == set(KNOWN)


@pytest.mark.parametrize("kind", KNOWN)
def test_an_op_is_that_of_the_line_and_takes_no_room(kind: Any) -> None:
    """A view of a million turns has been read from as many events."""
    assert kind.op == kind.__struct_config__.tag
    assert kind.__struct_config__.tag_field == "op"
    fields = [(name, Any, None) for name in kind.__struct_fields__]
    bare = msgspec.defstruct("Bare", fields, gc=False)()
    values = dict.fromkeys(kind.__struct_fields__)
    assert kind(**values).__sizeof__() == bare.__sizeof__()
    assert not hasattr(kind(**values), "__dict__")


@pytest.mark.parametrize("kind", KNOWN)
def test_what_an_event_says_of_itself_cannot_be_set(kind: Any) -> None:
    event = kind(**dict.fromkeys(kind.__struct_fields__))
    for name in ("op", "runtime_id", "turn_id"):
        with pytest.raises(AttributeError):
            setattr(event, name, "other")


NO_IDS = [None, 1, True, 1.5, [], {}, ["native"], {"id": "native"}]


@pytest.mark.parametrize("value", NO_IDS)
def test_what_a_newer_version_calls_an_id_need_not_be_one(value: Any) -> None:
    """The line is as intact as ever, and the other of the two is read."""
    for name, other in (("runtime_id", "turn_id"), ("turn_id", "runtime_id")):
        event = read(line_of_op("erase", {name: value, other: "x"}))
        assert isinstance(event, Unknown)
        assert (getattr(event, name), getattr(event, other)) == (None, "x")
