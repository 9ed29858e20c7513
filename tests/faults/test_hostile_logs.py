"""Logs that somebody wrote to break their reader: wrong types, absurd sizes, no end of lines."""

import gzip
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec import Raw

from journal.scan import Scanner
from projections import DefaultSessionStore
from tests.faults.damage import endure
from tests.faults.damage.forgery import SESSION, Value, seal_line, write_session
from tests.faults.damage.hostile import OPENING, OPS, SEAL, STAMPED, control_lines, event_lines
from tests.faults.kernel.memory import MIB, growth
from tests.faults.sizes import Figure, sized


def set_line(seq: int, prev: str, state: Value, turn: str = "turn-1") -> bytes:
    fields = {**STAMPED, "seq": seq, "op": "set", **OPS["set"], "turn_id": turn, "state": state}
    return seal_line({**fields, "prev": prev})


def hash_in(line: bytes) -> str:
    return line[-35:-3].decode()


FIRST = set_line(1, "0" * 32, {"n": 1, "tool_calls": ["c-1"]})
SECOND = seal_line(
    {**STAMPED, "seq": 2, "op": "handoff", **OPS["handoff"], "prev": hash_in(FIRST)}
)
BEGINNING = seal_line(OPENING) + FIRST + SECOND
AFTER = set_line(4, hash_in(SECOND), {"n": 4}, "turn-2")


def hostile_logs() -> Iterator[tuple[str, bytes]]:
    """Every wrong value in every field of every op, and of both control lines."""
    for name, line in event_lines(3, hash_in(SECOND)):
        yield name, BEGINNING + line + AFTER
    for name, line in control_lines("open", OPENING):
        yield name, line + FIRST + SECOND
    for name, line in control_lines("sealed", SEAL):
        yield f"{name}, at the end", BEGINNING + line
        yield f"{name}, in the middle", seal_line(OPENING) + FIRST + line + SECOND


@sized(quick=127, storm=19, long=1)
def test_wrong_values_in_any_field_are_endured(tmp_path: Path, size: int, figure: Figure) -> None:
    """Read, shown by every command, written to: each line with a hash that fits."""
    logs = list(hostile_logs())
    assert len(logs) > 1500
    chosen = logs[::size]
    worked = 0
    for number, (_, data) in enumerate(chosen):
        folder = tmp_path / str(number)
        folder.mkdir(mode=0o700)
        (folder / endure.LOG).write_bytes(data)
        worked += endure.read_all(folder)
        for args in endure.COMMANDS[number % size :: size]:
            endure.command(folder, args)
        worked += endure.write_all(folder)
    assert worked > 10 * len(chosen), "most of them are read and written to all the same"
    figure(f"{len(chosen):,} logs with a wrong value in some field")


def two_states(first: bytes, second: bytes) -> bytes:
    """A log in which a turn has these two states, as JSON text, one after the other."""
    one = set_line(3, hash_in(SECOND), Raw(first))
    return BEGINNING + one + set_line(4, hash_in(one), Raw(second))


def nested(depth: int, inner: bytes) -> bytes:
    return b'{"a":' * depth + inner + b"}" * depth


_OLDER = rb'{"session_id":"%b","runtime_state":{"native":{"turn-1":{"a\ud900":"\ud800"}}}}'
SHOWN: dict[str, dict[str, bytes]] = {
    "no UTF-8": {endure.LOG: two_states(b'{"a":"\xff"}', b'{"b":"\xfe\xff"}')},
    "200 deep": {endure.LOG: two_states(nested(200, b"1"), nested(200, b"2"))},
    "600 deep": {endure.LOG: two_states(nested(600, b"1"), nested(600, b"2"))},
    "980 deep": {endure.LOG: two_states(nested(980, b"1"), nested(980, b"2"))},
    "lone surrogates": {"s.json": _OLDER % b"s"},
    "an id with one": {"s.json": _OLDER % rb"s\ud800", "t.json": _OLDER % rb"\udfff"},
}


@pytest.mark.parametrize("case", SHOWN)
def test_what_no_journal_writes_is_shown_or_refused(tmp_path: Path, case: str) -> None:
    """By every command; PraisonAI writes lone surrogates, others perhaps the rest."""
    tmp_path.chmod(0o700)
    for name, data in SHOWN[case].items():
        (tmp_path / name).write_bytes(data)
    endure.read_all(tmp_path)
    codes = [endure.command(tmp_path, args) for args in endure.COMMANDS]
    assert codes.count(0) >= 5, "at least the listing and the looks at the folder"
    endure.write_all(tmp_path)


def test_events_around_a_wrong_one_load(tmp_path: Path) -> None:
    """A wrong value costs its own event at most, whatever it is."""
    count = 0
    for name, line in event_lines(3, hash_in(SECOND)):
        scanner = Scanner()
        seqs = [event.seq for event in scanner.feed(BEGINNING + line + AFTER)]
        assert seqs[:2] == [1, 2], name
        assert 4 in seqs or any(seq > 4 for seq in seqs), name
        assert scanner.end == len(BEGINNING + line + AFTER)
        count += 1
    assert count > 1000


@pytest.mark.parametrize("number", [2**63, 10**400, "9" * 4300], ids=["2**63", "400", "4300"])
@pytest.mark.parametrize("field", ["seq", "base_seq", "kept", "seen_seq", "handoff_seq"])
def test_a_number_that_no_log_reaches_is_in_nobodys_way(
    tmp_path: Path, field: str, number: int | str
) -> None:
    """No line with one is intact, so nobody has to count on from there."""
    value: Value = Raw(number.encode()) if isinstance(number, str) else number
    header = seal_line({**OPENING, field: value}) if field in OPENING else seal_line(OPENING)
    fields: dict[str, Value] = {**STAMPED, "op": "takeover", **OPS["takeover"]}
    line = seal_line({**fields, field: value, "prev": hash_in(SECOND)})
    (tmp_path / endure.LOG).write_bytes(header + FIRST + SECOND + line * (field in fields))
    assert endure.read_all(tmp_path) > len(endure.READS) - 3
    assert endure.write_all(tmp_path) == len(endure.WRITES)


def test_a_log_that_says_it_is_another_sessions_is_refused(tmp_path: Path) -> None:
    """Copied over this one's, or forged: no operation takes it for this session's."""
    other = seal_line({**OPENING, "session_id": "other"}) + FIRST
    (tmp_path / endure.LOG).write_bytes(other)
    with DefaultSessionStore(tmp_path, durability="os") as store:
        for operation in (*endure.READS.items(), *endure.WRITES.items()):
            name, call = operation
            if name in ("list", "verify", "flush", "delete"):
                continue
            assert not endure.attempt(store, call), name
        assert not store.verify(SESSION).ok
    assert (tmp_path / endure.LOG).read_bytes() == other


def test_a_log_of_a_newer_format_is_read_but_not_written(tmp_path: Path) -> None:
    data = seal_line({**OPENING, "format": 9}) + FIRST + SECOND
    (tmp_path / endure.LOG).write_bytes(data)
    with DefaultSessionStore(tmp_path, durability="os") as store:
        assert store.get_runtime_state(SESSION, "native", "turn-1")["n"] == 1
        for name in ("set", "hand off", "take over", "compact", "clear"):
            assert not endure.attempt(store, endure.WRITES[name]), name
    assert (tmp_path / endure.LOG).read_bytes() == data


# Bounded memory, each in a process of its own


@sized(quick=40, storm=1024)
def test_an_endless_line_is_scanned_in_bounded_memory(
    tmp_path: Path, size: int, figure: Figure
) -> None:
    """In the middle of a log and at its end; a hole in the file, so that it costs no disk."""
    path = tmp_path / endure.LOG
    path.write_bytes(BEGINNING + b"x")
    with path.open("r+b") as file:
        file.truncate(len(BEGINNING) + size * MIB)
        file.seek(0, 2)
        file.write(b"\n" + AFTER)
    grown = growth(
        tmp_path,
        'assert store.get_runtime_state("s", "native", "turn-2") == {"n": 4}\n'
        'assert [p.kind for p in store.verify("s").problems][:1] == ["corrupt"]\n'
        'assert [step.event.seq for step in store.replay("s")] == [1, 2, 4]',
        1 << 30,
    )
    assert grown < 64 * MIB
    figure(f"a line of {size:,} MiB: {grown / MIB:.0f} MiB of memory")


@pytest.mark.parametrize("kept", [0, 1], ids=["whole", "compacted"])
@sized(quick=40, storm=1024)
def test_an_endless_line_in_place_of_a_followed_log_is_read_in_bounded_memory(
    tmp_path: Path, size: int, kept: int, figure: Figure
) -> None:
    """By a tail that knew the log, by one that begins at its end, and by a store."""
    path = tmp_path / "hostile"
    path.write_bytes(seal_line({**OPENING, "kept": kept}) + b"x")
    with path.open("r+b") as file:
        file.truncate(size * MIB)
    grown = growth(tmp_path, _FOLLOWS_HOSTILE, 1 << 30)
    assert grown < 64 * MIB
    figure(f"a followed log becomes a line of {size:,} MiB: {grown / MIB:.0f} MiB of memory")


_FOLLOWS_HOSTILE = """
import os
import time
folder = sys.argv[1]
store.set_runtime_state("s", "native", "turn-1", {"n": 1})
tail = store.tail(from_start=True)
known = {next(tail).session_id, next(tail).session_id}
os.replace(os.path.join(folder, "hostile"), os.path.join(folder, "s.jsonl"))
for late in (None, store.tail()):
    store.set_runtime_state("other", "native", "turn-1", {})
    for follower in (tail, late):
        if follower is not None:
            assert next(follower).session_id == "other"
assert known == {"s", "other"}
while store.get_runtime_state("s", "native", "turn-1"):  # it looks once a second
    time.sleep(0.01)
"""


@sized(quick=100_000, storm=1_000_000)
def test_no_end_of_bad_lines_is_scanned_in_bounded_memory_and_time(
    tmp_path: Path, size: int, figure: Figure
) -> None:
    """Side by side and between good ones; that it ends is the point."""
    between = b"".join(b"x\n" + FIRST for _ in range(2000))
    (tmp_path / endure.LOG).write_bytes(BEGINNING + b"{}\n" * size + between + AFTER)
    grown = growth(
        tmp_path,
        'assert store.get_runtime_state("s", "native", "turn-2") == {"n": 4}\n'
        'assert not store.verify("s").ok',
    )
    assert grown < 64 * MIB
    figure(f"{size:,} bad lines: {grown / MIB:.0f} MiB of memory")


class Counted(bytes):
    """Bytes that count how often they are searched and cut."""

    calls = 0

    def find(self, *args: object) -> int:
        Counted.calls += 1
        return super().find(*args)  # type: ignore[arg-type]


@pytest.mark.parametrize("length", [1_000, 100_000])
def test_a_bad_line_full_of_beginnings_costs_no_more_the_longer_it_is(length: int) -> None:
    """Each place where an event may begin is worth a try, but not each of any number."""
    from journal.glued import split_glued  # the trap is in here: every try reads to the end

    Counted.calls = 0
    line = Counted(b"x" + b'{"seq":' * length)
    assert split_glued(line, 0) == [(None, 0, len(line))]
    assert Counted.calls <= 64


@pytest.mark.parametrize("what", ["an event", "an unknown op"])
def test_brackets_without_end_are_a_bad_line(tmp_path: Path, what: str) -> None:
    """100,000 deep, in a line that is otherwise as it should be."""
    deep = Raw(b'{"a":' * 100_000 + b"1" + b"}" * 100_000)
    op = "set" if what == "an event" else "x-unknown"
    fields: dict[str, Value] = {**STAMPED, "op": op, **OPS[op], "state": deep}
    line = seal_line({**fields, "prev": hash_in(SECOND)})
    (tmp_path / endure.LOG).write_bytes(BEGINNING + line + AFTER)
    with DefaultSessionStore(tmp_path, durability="os") as store:
        assert store.get_runtime_state(SESSION, "native", "turn-2") == {"n": 4}
        assert "corrupt" in {problem.kind for problem in store.verify(SESSION).problems}
    endure.command(tmp_path, ["log", SESSION, "-o", "json"])


BOMBS = {
    "NULs": b"\0" * MIB,
    "bad lines": b"x" * 60 + b"\n" + b"y" * (MIB // 16),
}


def bomb(path: Path, piece: bytes, mib: int) -> None:
    with gzip.open(path, "wb", 9) as file:
        for _ in range(mib):
            file.write(piece)


@pytest.mark.parametrize("kind", BOMBS)
@sized(quick=80, storm=512)
def test_a_packed_bomb_is_unpacked_in_bounded_memory(
    tmp_path: Path, kind: str, size: int, figure: Figure
) -> None:
    write_session(tmp_path, 60, [40])
    (archive,) = (tmp_path / "archive").glob("*.jsonl")
    archive.unlink()
    packed = archive.with_name(f"{archive.name}.gz")
    bomb(packed, BOMBS[kind], size)
    assert packed.stat().st_size < size * MIB // 100
    grown = growth(
        tmp_path,
        'assert not store.verify("s").ok\nassert list(store.replay("s"))',
    )
    assert grown < 64 * MIB < size * MIB
    figure(f"{size:,} MiB of {kind} in an archive: {grown / MIB:.0f} MiB of memory")


def test_junk_after_a_packed_archive_costs_no_memory(tmp_path: Path) -> None:
    """What follows the end of the packed data is not kept to be looked at."""
    write_session(tmp_path, 60, [40])
    (archive,) = (tmp_path / "archive").glob("*.jsonl")
    packed = archive.with_name(f"{archive.name}.gz")
    packed.write_bytes(gzip.compress(archive.read_bytes()))
    archive.unlink()
    with packed.open("r+b") as file:
        file.truncate(512 * MIB)  # a hole: NULs
    grown = growth(tmp_path, 'assert not store.verify("s").ok\nassert list(store.replay("s"))')
    assert grown < 64 * MIB
