"""What the generations of a stream hold: events, and what compaction keeps of them."""

import os
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import NamedTuple

import msgspec

from journal.codec import SHARED, Clock, control_line, digest_of
from journal.errors import WrongSessionError
from journal.events import GENESIS, Clear, Open, Origin, Sealed, Set
from journal.fold import apply
from journal.once import key_digest, still_remembered
from journal.past import Entry, Past
from journal.scan import Scanner
from tests.journal.engines.cas.narrow import Message

clock = Clock()


class Read(NamedTuple):
    """A generation, read to its end. `start` is the place where it begins."""

    start: int
    scanner: Scanner
    entries: list[Entry]
    size: int

    @property
    def header(self) -> Open:
        assert self.scanner.header is not None
        return self.scanner.header

    @property
    def base(self) -> int:
        return self.header.base_seq


def read(messages: Sequence[Message]) -> Read:
    """Read all messages of one generation."""
    scanner = Scanner()
    pieces = [message.data for message in messages]
    entries = [Entry(event, scanner.line) for event in scanner.read(pieces)]
    scanner.finish()
    return Read(messages[0].start, scanner, entries, sum(map(len, pieces)))


def read_all(messages: Iterable[Message]) -> list[Read]:
    """The generations that the messages are of, oldest first."""
    return [read(list(group)) for _, group in groupby(messages, key=lambda one: one.start)]


def check_session(header: Open, session_id: str) -> None:
    """Raises `WrongSessionError`."""
    if header.session_id != session_id:
        raise WrongSessionError(f"holds {header.session_id!r}, not {session_id!r}")


def new_header(session_id: str, writer: str, lowest: int) -> Open:
    """Of a log that begins."""
    return Open(
        format=lowest,
        session_id=session_id,
        log_id=os.urandom(8).hex(),
        base_seq=0,
        base_hash=GENESIS,
        kept=0,
        kept_digest=digest_of(b""),
        archive=None,
        ts=clock.now(),
        writer=writer,
    )


def tombstone(last_seq: int, last_hash: str, writer: str) -> bytes:
    """What says that a session was deleted."""
    seal = Sealed(
        reason="deleted", last_seq=last_seq, last_hash=last_hash, ts=clock.now(), writer=writer
    )
    return control_line(seal)


def living(entries: Iterable[Entry]) -> list[Entry]:
    """What compaction keeps, in the order in which it is written."""
    turns: dict[str, dict[str, Entry]] = {}
    others = []
    for entry in entries:
        if isinstance(entry.event, Set | Clear):
            apply(turns, entry.event, entry)
        else:
            others.append(entry)
    others.sort(key=lambda entry: entry.event.seq)
    return [*others, *(entry for of_runtime in turns.values() for entry in of_runtime.values())]


def compacted(
    old: Read, kept: Sequence[Entry], writer: str, least_format: int, *, drop: bool
) -> bytes:
    """The generation that takes the place of `old`."""
    sets = [entry.event for entry in old.entries if isinstance(entry.event, Set)]
    keys = [(one.seq, key_digest(one.once)) for one in sets if one.once is not None]
    header = Open(
        format=max(old.header.format, least_format),
        session_id=old.header.session_id,
        log_id=old.header.log_id,
        base_seq=old.scanner.seq,
        base_hash=old.scanner.hash,
        kept=len(kept),
        kept_digest=digest_of(b"".join(entry.event.hash.encode() for entry in kept)),
        archive=None if drop else f"generation {old.start}",
        once=still_remembered([*(old.header.once or ()), *keys], old.scanner.seq) or None,
        erasures=old.header.erasures,
        relinked=old.header.relinked,
        origin=old.header.origin,
        ts=clock.now(),
        writer=writer,
    )
    return control_line(header) + b"".join(entry.line + b"\n" for entry in kept)


def forked(past: Past, oldest: Open, session_id: str, seq: int, writer: str) -> bytes | None:
    """The first generation of a fork: a copy of all up to event `seq`, at or after the floor.

    `oldest` is the header of the oldest generation that is left.

    None if there is no such event.
    """
    rest = [entry for entry in past.rest if entry.event.seq <= seq]
    end, digest = (
        (rest[-1].event.seq, rest[-1].event.hash) if rest else (past.floor, past.floor_hash)
    )
    if end != seq:
        return None
    header = msgspec.structs.replace(
        new_header(session_id, writer, SHARED),
        base_seq=past.floor,
        base_hash=past.floor_hash,
        kept=len(past.kept),
        kept_digest=digest_of(b"".join(entry.event.hash.encode() for entry in past.kept)),
        once=oldest.once,
        origin=Origin(oldest.session_id, past.log_id, seq, digest),
    )
    lines = [entry.line + b"\n" for entry in (*past.kept, *rest)]
    return control_line(header) + b"".join(lines)


def past_of(generations: Sequence[Read], reaching: int) -> Past:
    """The events after `reaching`, on top of the newest generation that has them all."""
    first = len(generations) - 1
    while first and generations[first].base > reaching:
        first -= 1
    oldest = generations[first]
    last, rest = oldest.base, []
    for one in generations[first:]:
        rest += [entry for entry in one.entries if entry.event.seq > max(last, one.base)]
        last = one.scanner.seq
    return Past(
        log_id=oldest.header.log_id,
        floor=oldest.base,
        floor_hash=oldest.header.base_hash,
        folded_at=oldest.header.ts if oldest.base else "",
        kept=[entry for entry in oldest.entries if entry.event.seq <= oldest.base],
        rest=iter(rest),
        problems=[],
        origin=generations[-1].header.origin,
    )
