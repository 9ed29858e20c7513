"""Logs with something of everything in them, and lines that nobody but a forger writes.

The hash is computed here anew, from what `journal/README.md` says of the format, so that
forged lines do not stand or fall with the code that is tested.
"""

import json
import os
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path

from msgspec import UNSET, Raw, UnsetType

from journal.codec import stamp
from journal.engines.files.directory import Directory
from journal.engines.files.log import LogOptions
from journal.events import Clear, Event, Handoff, Set, Takeover
from journal.names import paths_of
from tests.support import open_log

SESSION = "s"
_LINE_ENDS = "\u2028\u2029\x85\r\n\x0b\x0c"  # that a careless reader takes for ends of lines
_PADS = (0, 30, 90, 160, 250, 420)
_UNSEALED = b',"hash":"'
_STATE, _PREV = b',"state":', b',"prev":"'


def event_of(number: int) -> Event:
    """The `number`th event of a session: mostly sets, of 13 turns and various sizes."""
    if number % 101 == 100:
        return Clear(runtime_id="spare")
    if number % 53 == 50:
        return Handoff(source="native", target="harness", reason=f"tired{_LINE_ENDS}{number}")
    if number % 53 == 51:
        return Takeover(runtime_id="harness")
    runtime = ("native", "harness", "spare")[number % 3]
    state: dict[str, object] = {"n": number, "text": "é" * _PADS[number % len(_PADS)]}
    if number % 7 == 0:
        state["ends"] = _LINE_ENDS
    if number % 11 == 0:
        state["event"] = {"seq": number, "quote": '{"seq":'}  # looks as if a line began in it
    encoded = json.dumps(state, ensure_ascii=False, separators=(",", ":")).encode()
    return Set(runtime_id=runtime, turn_id=f"turn-{number % 13}", state=Raw(encoded))


def unknown_line(seq: int, prev: str) -> bytes:
    """An event of an op that this version does not know."""
    fields = {"seq": seq, "ts": "2026-11-22T10:18:00.000000Z", "op": "x-note", "prev": prev}
    return seal_line({**fields, "note": _LINE_ENDS})


def write_session(folder: Path, events: int, compact_at: Iterable[int] = ()) -> Path:
    """A session of so many events, compacted after some of them. Returns its log.

    In the middle stands one of an unknown op.
    """
    log, _ = open_log(folder, SESSION, writer="test:1")
    paths = paths_of(str(folder), SESSION)
    stops = {*compact_at, events // 2, events}
    done = 0
    for stop in sorted(stops):
        log.append([event_of(number) for number in range(done, stop)])
        done = stop
        if stop == events // 2 and log.head is not None:
            with Path(paths.log).open("ab") as file:
                file.write(unknown_line(log.head.seq + 1, log.head.hash))
            done += 1
        if stop in set(compact_at):
            Directory(str(folder), LogOptions("os")).compact(SESSION)
    log.close()
    return Path(paths.log)


def lines_of(data: bytes) -> list[bytes]:
    """Its lines with their ends; the last may have none. Only line feeds end lines."""
    lines = data.split(b"\n")
    return [line + b"\n" for line in lines[:-1]] + ([lines[-1]] if lines[-1] else [])


def hash_of(covered: bytes) -> str:
    """The hash of a line that reads `covered` up to its hash."""
    start, stop = covered.find(_STATE), covered.rfind(_PREV)
    if 0 <= start < stop:
        state = covered[start + len(_STATE) : stop]
        digest = sha256(state).hexdigest().encode()
        covered = covered[: start + len(_STATE)] + digest + covered[stop:]
    return sha256(covered).hexdigest()[:32]


def reseal(line: bytes) -> bytes:
    """An edited line with the hash that fits it."""
    covered = line[: line.rindex(_UNSEALED)]
    return b'%b,"hash":"%b"}\n' % (covered, hash_of(covered).encode())


Value = object | Raw | UnsetType
"""What a field of a forged line holds: JSON data, JSON text, or `UNSET` for no such field."""


def seal_line(fields: dict[str, Value]) -> bytes:
    """A line of any fields with a hash that fits; `state`, if any, right before `prev`."""
    parts = [
        json.dumps(name).encode() + b":" + _encoded(value)
        for name, value in fields.items()
        if value is not UNSET and name != "hash"
    ]
    return reseal(b"{" + b",".join(parts) + b',"hash":"')


def with_fields(line: bytes, **fields: Value) -> bytes:
    """A line of ours with other values in some of its fields, and a hash that fits."""
    return seal_line({**json.loads(line), **fields})


def _encoded(value: Value) -> bytes:
    if isinstance(value, Raw):
        return bytes(value)
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def rechain(lines: list[bytes], start: int) -> list[bytes]:
    """All lines from `start` on sealed anew, each with the `prev` that its predecessor asks for.

    What a forger does who leaves nothing that does not fit.
    """
    done = lines[:start]
    for line in lines[start:]:
        prev = json.loads(done[-1])
        digest = prev["base_hash"] if prev["op"] == "open" else prev["hash"]
        at = line.rindex(_PREV) + len(_PREV)
        done.append(reseal(line[:at] + digest.encode() + line[at + len(digest) :]))
    return done


def append_raw(path: Path, *lines: bytes) -> None:
    """Write lines at the end of a file, as no writer of ours would."""
    fd = os.open(path, os.O_WRONLY | os.O_APPEND)
    try:
        os.write(fd, b"".join(lines))
    finally:
        os.close(fd)


def sealed_event(event: Event, seq: int, prev: str) -> bytes:
    """A line as the journal itself writes it."""
    return stamp(event, seq, "2026-11-22T10:18:00.000000Z", "test:1", prev)[0]
