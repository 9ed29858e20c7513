"""What a hostile or broken writer may put into a log, each line with a hash that fits."""

from collections.abc import Iterator

from msgspec import UNSET, Raw

from tests.faults.damage.forgery import Value, seal_line

STAMPED: dict[str, Value] = {"seq": 3, "ts": "2026-11-22T10:18:00.000000Z"}
OPS: dict[str, dict[str, Value]] = {
    "set": {"runtime_id": "native", "turn_id": "turn-1", "writer": "w", "state": {"n": 1}},
    "clear": {"runtime_id": "native", "writer": "w"},
    "handoff": {
        "source": "native",
        "target": "harness",
        "turn_id": "turn-1",
        "reason": "r",
        "writer": "w",
    },
    "takeover": {"runtime_id": "harness", "handoff_seq": 2, "seen_seq": 2, "writer": "w"},
    "x-unknown": {"runtime_id": "native", "writer": "w"},
}
OPENING: dict[str, Value] = {
    "op": "open",
    "format": 1,
    "session_id": "s",
    "log_id": "0123456789abcdef",
    "base_seq": 0,
    "base_hash": "0" * 32,
    "kept": 0,
    "kept_digest": "e3b0c44298fc1c149afbf4c8996fb924",
    "archive": None,
    "ts": "2026-11-22T10:17:00.000000Z",
    "writer": "w",
}
SEAL: dict[str, Value] = {
    "op": "sealed",
    "reason": "compacted",
    "last_seq": 2,
    "last_hash": "0" * 32,
    "ts": "2026-11-22T10:19:00.000000Z",
    "writer": "w",
    "session_file": "s.json",
}

_ESC = "\x1b[31m\x9b2J\u202e\u2028"
VALUES: dict[str, Value] = {
    "missing": UNSET,
    "null": None,
    "true": True,
    "zero": 0,
    "minus one": -1,
    "400 digits": 10**400,
    "4,300 digits": Raw(b"9" * 4300),
    "5,000 digits": Raw(b"9" * 5000),
    "2**63": 2**63,
    "a fraction": 1.5,
    "1e999": Raw(b"1e999"),
    "NaN": Raw(b"NaN"),
    "empty": "",
    "a digit": "7",
    "steering": _ESC,
    "NUL": "a\0b",
    "surrogate": Raw(rb'"\ud800"'),
    "no UTF-8": Raw(b'"\xff\xfe"'),
    "long": "x" * 70_000,
    "climbing": "../../etc/passwd",
    "list": [1, "two", None],
    "object": {"a": {"b": [None]}},
    "calls": {"tool_calls": [{"id": 5}, ["x"], None], "status": 7},
    "twice": Raw(b'{"a":1,"a":2}'),
    "deep": Raw(b"[" * 300 + b"]" * 300),
    "as deep as can be read": Raw(b'{"a":' * 900 + b"1" + b"}" * 900),
    "very deep": Raw(b'{"a":' * 100_000 + b"1" + b"}" * 100_000),
    "cut off": Raw(b'{"a":'),
    "late time": "9999-12-31T23:59:59.999999Z",
    "no time": "2026-13-45T99:99:99Z",
    "offset": "2026-11-22T10:18:00+23:59",
}


def event_lines(seq: int, prev: str) -> Iterator[tuple[str, bytes]]:
    """For each op, each field and each wrong value: a line like that, and what it is."""
    for op, own in OPS.items():
        fields: dict[str, Value] = {**STAMPED, "seq": seq, "op": op, **own, "prev": prev}
        for field in fields:
            for name, value in VALUES.items():
                yield f"{op}: {field} {name}", seal_line({**fields, field: value})
        yield f"{op}: twice", seal_line({**fields, "extra": Raw(b'1,"op":"set"')})
        yield f"{op}: more", seal_line({**fields, "extra": {"a": [1]}})


def control_lines(op: str, fields: dict[str, Value]) -> Iterator[tuple[str, bytes]]:
    """As `event_lines`, of a header or a seal."""
    for field in fields:
        for name, value in VALUES.items():
            yield f"{op}: {field} {name}", seal_line({**fields, field: value})
