"""Bytes of a log file -> events, judged one by one.

A `Scanner` is fed the bytes of one file in pieces of any size and yields the intact
events in file order. It keeps the place up to which all is known, follows the chain,
and collects what is wrong. It opens nothing: the log, verification, compaction and
every reader use this same judgement.

Torn or corrupt is only known afterwards: a bad line is *corrupt* once an intact line
follows it, and part of a *torn* tail as long as none does. Blank lines are passed over. A
whole line at the end whose newline is missing counts: editors leave it out, and the next
append makes good for it.
"""

from collections.abc import Iterable, Iterator

from journal.codec import NEWEST, decode_line, decode_lines, format_of
from journal.damage import Damage, missing_events
from journal.events import GENESIS, NO_LOG_ID, Event, Head, Open, Record, Sealed, Set
from journal.glued import EVENT_START, split_glued
from journal.kept import KeptCheck
from journal.state import MAX_LINE

_BOM = b"\xef\xbb\xbf"
_LONGEST_NOTED = 10_000
_NO_NEWLINE = "the newline after this event is missing"


class Scanner:
    """The state of reading one file. Not safe for threads; its owner locks.

    `start` and `end` are the offsets of the line last yielded, `line` its bytes without
    newline; every byte before `end` has been judged. `seq` and `hash` are those of the
    newest event. `padding` is how many bytes of blank lines stand before `end`.
    """

    def __init__(self) -> None:
        self.header: Open | None = None
        self.newer_format: int | None = None
        self.seal: Sealed | None = None
        self.seal_start = 0
        self.seal_end = 0
        self.start = 0
        self.end = 0
        self.line = b""
        self.seq = 0
        self.hash = GENESIS
        self.line_hash = ""  # of the line before `end`, which may be a kept one
        self.padding = 0
        self.count = 0
        self.damage: list[Damage] = []
        self.damage_count = 0
        self._kept = KeptCheck()
        self._seen: set[int] = set()  # seqs, as long as there is no header to tell the order
        self._suspects: list[tuple[int, int]] = []  # bad lines since `end`
        self._carry = b""
        self._carry_start = 0
        self._oversize = 0  # bytes dropped of a line that is longer than any may be
        self._unended = -1  # where a line ends that lacks its newline

    @property
    def log_id(self) -> str:
        """The log's id; zeros where its header is damaged."""
        return self.header.log_id if self.header is not None else NO_LOG_ID

    @property
    def is_unended(self) -> bool:
        """Whether what stands before `end` lacks its newline."""
        return self._unended == self.end

    @property
    def is_torn(self) -> bool:
        """Whether bytes that are nothing intact stand after `end` and a seal."""
        return bool(self._suspects or self._carry or self._oversize)

    @property
    def is_empty(self) -> bool:
        """Whether the file holds no log, as far as it has been read."""
        return self.header is None and not self.count

    @property
    def head(self) -> Head | None:
        """The newest event; None if the file holds no log."""
        if self.is_empty:
            return None
        return Head(self.log_id, self.seq, self.hash)

    def rewind(self) -> None:
        """Forget the undecided bytes after `end`; feed them again from there."""
        self._suspects.clear()
        self._carry = b""
        self._carry_start = self.end
        self._oversize = 0
        self.seal = None

    def advance(self, seq: int, digest: str, events: int, end: int) -> None:
        """Take note of `events` that we have just written ourselves, up to `end`."""
        self.seq = seq
        self.hash = self.line_hash = digest
        self.count += events
        self.end = end
        self.padding = 0

    def skip_to(self, event: Event, end: int) -> None:
        """Go on after `event`, whose line ends at `end`, without having read what is before."""
        self.advance(event.seq, event.hash, 0, end)
        self._kept.skip()
        self.rewind()

    def skip_kept(self, header: Open, last_hash: str, end: int) -> None:
        """Begin after what compaction has kept, which ends at `end`, without having read it."""
        base = (header.base_seq, header.base_hash)
        self.resume(header, base, last_hash, header.kept, end)

    def resume(
        self, header: Open, event: tuple[int, str], line_hash: str, count: int, end: int
    ) -> None:
        """Begin after `end`, where all that is before was read and judged another time.

        `event` is the seq and the hash of the newest one there.
        """
        self.header = header
        self.advance(*event, count, end)
        self.line_hash = line_hash
        self.rewind()

    def pass_seal(self) -> None:
        """Go on after a compaction's seal of which nothing came."""
        if self.seal is not None:
            self.line_hash = self.seal.hash
            self._end_at(self.seal_end)
            self.seal = None

    def read(self, pieces: Iterable[bytes]) -> Iterator[Event]:
        """Judge the next bytes, in pieces, up to where the file ends for now."""
        for data in pieces:
            yield from self.feed(data)
        yield from self.rest()

    def rest(self) -> Iterator[Event]:
        """The file ends here for now: take its last line, if that lacks nothing but its newline.

        Safe while it is being written: what is whole and hashes right does not become another
        line, unless its writer takes all of it back.
        """
        line, place = self._carry, self._carry_start
        blank = line.isspace()
        record = decode_line(line) if line.rstrip().endswith(b"}") else None
        if self._oversize or not (blank or record):
            return
        after = place + len(line)
        self._carry, self._carry_start, self._unended = b"", after, after
        yield from self._take(record, line, place, after)

    def feed(self, data: bytes) -> Iterator[Event]:
        """Judge the next bytes of the file and yield the intact events in them.

        Must be exhausted before more is fed. About 4 µs an event of 600 bytes.
        """
        if self._unended == self.end:
            self._go_on_after_unended(data)
        if self._carry:
            data = self._carry + data
        place = self._carry_start
        lines = data.split(b"\n")
        self._carry = lines.pop()
        if self._oversize and lines:
            place = self._end_oversize(lines.pop(0))
        plain, seq, digest = self._is_plain(), self.seq, self.hash  # spares a fifth of the time
        for line, record in zip(lines, decode_lines(lines), strict=True):
            after = place + len(line) + 1
            if plain and type(record) is Set and record.seq == seq + 1 and record.prev == digest:
                # simply the next event of the chain: nearly all are
                self.start, self.end, self.line = place, after, line
                self.seq = seq = record.seq
                self.hash = self.line_hash = digest = record.hash
                self.count += 1
                yield record
            else:
                yield from self._take(record, line, place, after)
                plain, seq, digest = self._is_plain(), self.seq, self.hash
            place = after
        self._carry_start = place
        if self._oversize or len(self._carry) > MAX_LINE:
            self._drop_carry()

    def _go_on_after_unended(self, data: bytes) -> None:
        """With its newline, most often, which counts as a blank line."""
        self._unended = -1
        if data.startswith(EVENT_START):
            self._note("corrupt", self.end, 0, None, _NO_NEWLINE)

    def _end_at(self, end: int) -> None:
        self.end = end
        self.padding = 0

    def _take(self, record: Record | None, line: bytes, place: int, after: int) -> Iterator[Event]:
        if record is None:
            if line and not line.isspace():
                yield from self._bad_line(line, place, after)
            else:
                self._pass_blank(place, after)
            return
        self.line = line
        event = self._settle(record, place, after)
        if event is not None:
            yield event

    def _is_plain(self) -> bool:
        """Whether nothing is open that the next event could settle."""
        return not (
            self._kept.left
            or self._suspects
            or self._oversize
            or self.seal
            or self.padding
            or self.header is None
        )

    def _settle(self, record: Record, place: int, after: int) -> Event | None:
        """Place an intact line that is not simply the next event."""
        if self.seal is not None:
            if not self._goes_on_after_seal(record):
                self._suspect(place, after)
                return None
            self.pass_seal()
        if isinstance(record, Sealed):
            self.seal, self.seal_start, self.seal_end = record, place, after
            return None
        expected = self.seq + 1
        lost = self._condemn_suspects(expected)
        if isinstance(record, Open):
            self._settle_header(record, place, after)
            return None
        if self.header is None and not self.count and not lost:
            self._note("header", place, 0, None, "the file does not start with a header")
        self.start, self.line_hash = place, record.hash
        self._end_at(after)
        if record.seq <= self.seq:
            return self._settle_kept(record, place, after)
        self._note_kept(place, self._kept.finish())
        if record.seq > expected and not lost:
            what = missing_events(expected, record.seq - 1, self.header is not None)
            self._note("gap", place, 0, expected, what)
        elif record.prev != self.hash and not lost and self.header is not None:
            self._note("chain", place, 0, record.seq, f"event {record.seq} has another prev")
        self.seq, self.hash = record.seq, record.hash
        self.count += 1
        if self.header is None:
            self._seen.add(record.seq)
        return record

    def _settle_header(self, header: Open, place: int, after: int) -> None:
        if self.header is not None or self.count:
            self._note("order", place, after - place, None, "a second header")
        else:
            self.header = header
            self.seq, self.hash = header.base_seq, header.base_hash
            if header.format > NEWEST:
                self.newer_format = header.format
            self._note_kept(place, self._kept.begin(header))
        self.line_hash = header.hash
        self._end_at(after)

    def _goes_on_after_seal(self, record: Record) -> bool:
        """Whether the seal is a dead compaction's that no writer could take off.

        Then the log goes on behind it: with the next event of the chain, or a later one where
        bad bytes stand in the place of that. After a seal that holds, nobody appends, for the
        path leads to another file.
        """
        if self.seal is None or self.seal.reason == "deleted" or isinstance(record, Open | Sealed):
            return False
        if record.seq > self.seq + 1:
            return bool(self._suspects)
        return (record.seq, record.prev) == (self.seq + 1, self.hash)

    def _settle_kept(self, event: Event, place: int, after: int) -> Event | None:
        """An event at or before `seq`: one that compaction kept, or one out of place."""
        unordered = self.header is None and event.seq not in self._seen
        if unordered:  # which events were kept is not known: all of them load
            self._seen.add(event.seq)
            self.count += 1
            return event
        if not self._kept.left:
            what = f"event {event.seq} comes again or was moved here"
            self._note("order", place, after - place, event.seq, what)
            return None
        self.count += 1
        self._note_kept(place, self._kept.take(event.hash))
        return event

    def leave_out(self, known: int) -> None:
        """The last event does not count: forget the damage found since there were `known` places.

        But for that of what compaction has kept, which only an event after it shows.
        """
        kept = [damage for damage in self.damage[known:] if damage.kind == "kept"]
        self.damage[known:] = kept
        self.damage_count = known + len(kept)

    def finish(self) -> None:
        """The file ends here: note what only its end can tell."""
        self._note_kept(self.end, self._kept.finish())

    def _note_kept(self, place: int, problem: str | None) -> None:
        if problem is not None:
            self._note("kept", place, 0, None, problem)

    def _bad_line(self, line: bytes, place: int, after: int) -> Iterator[Event]:
        """A line that is not intact; it may still have intact ones glued to it."""
        if place == 0 and line.startswith(_BOM):
            record = decode_line(line[len(_BOM) :])
            if record is not None:
                self._settle(record, place, after)
                return
        if self.header is None and not self.count:
            claim = format_of(line.removeprefix(_BOM))
            if claim is not None and claim > NEWEST:
                self.newer_format = claim
        for part, start, stop in split_glued(line, place):
            end = after if stop == after - 1 else stop
            record = decode_line(part) if part is not None else None
            if record is None:
                self._suspect(start, end)
                continue
            self.line = part or b""
            event = self._settle(record, start, end)
            if event is not None:
                yield event
            if line.startswith(EVENT_START, end - place):
                self._note("corrupt", end, 0, None, _NO_NEWLINE)

    def _pass_blank(self, place: int, after: int) -> None:
        """A blank line is part of what is around it; before everything else it is nothing."""
        if self._suspects:
            self._suspect(place, after)
        elif self.seal is not None:
            self.seal_end = after
        elif not self.is_empty:
            self.padding += after - self.end
            self.end = after

    def _suspect(self, start: int, stop: int) -> None:
        """A bad stretch; one that touches the last makes it longer."""
        if self._suspects and self._suspects[-1][1] == start:
            start = self._suspects.pop()[0]
        self._suspects.append((start, stop))

    def _drop_carry(self) -> None:
        self._oversize += len(self._carry)
        self._carry_start += len(self._carry)
        self._carry = b""

    def _end_oversize(self, rest: bytes) -> int:
        """The end of a line that is longer than any may be. Returns where the next one starts."""
        after = self._carry_start + len(rest) + 1
        self._suspect(self._carry_start - self._oversize, after)
        self._oversize = 0
        return after

    def _condemn_suspects(self, expected: int) -> int:
        """An intact line follows: what was bad before it is corrupt. Returns how much."""
        for place, after in self._suspects:
            header = self.header is None and not self.count and place == 0
            what = "the header is not intact" if header else "not an intact event"
            kind = "header" if header else "corrupt"
            seq = None if header or self._kept.left else expected  # which was kept is not known
            self._note(kind, place, after - place, seq, what)
        found = len(self._suspects)
        self._suspects.clear()
        return found

    def _note(self, kind: str, offset: int, length: int, seq: int | None, reason: str) -> None:
        self.damage_count += 1
        if len(self.damage) < _LONGEST_NOTED:
            self.damage.append(Damage(kind, offset, length, seq, reason))
