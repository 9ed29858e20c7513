"""Verification: every line, the chain, the archives, and a head noted down before.

Goes from the log back through its archives. What has to be remembered from one file
for the next is small: the place where the log goes on from the archive, and the
hashes of the events that compaction kept.
"""

from collections.abc import Iterator

from journal.codec import NEWEST
from journal.engines.files.archives import read_archive
from journal.engines.files.logfile import LogFile
from journal.engines.files.segment import Segment
from journal.engines.files.storage import Storage
from journal.errors import JournalError, ReadError
from journal.events import NO_LOG_ID, Event, Head, Open, Set, was_relinked
from journal.names import Paths
from journal.reports import Problem, VerifyReport
from journal.scan import Scanner


class Verification:
    """One verification of one session; `run` once. Changes nothing.

    Takes the log's lock for a moment only if the end looks torn and the lock is free: only
    then is it certain that nobody is writing there.
    """

    def __init__(self, storage: Storage, paths: Paths, head: Head | None) -> None:
        self._storage = storage
        self._paths = paths
        self._noted = head
        self._noted_seen = False
        self._problems: list[Problem] = []
        self._floor = 0  # events after this seq have all been read
        self._encrypted: dict[str, int] = {}
        self._expected: dict[int, str] = {}  # hashes by seq that an older file must have
        self._newer: Open | None = None  # the header of the file that was read before
        self._relinked = 0
        self._erased: set[int] = set()  # seqs of events whose states were erased

    def run(self) -> VerifyReport:
        """Read everything, in bounded memory. Raises `ReadError` when the log is unreadable."""
        try:
            return self._run()
        except OSError as error:
            if isinstance(error, JournalError):
                raise
            raise ReadError(
                error.errno, f"{self._paths.log}: cannot be read: {error.strerror}"
            ) from error

    def _run(self) -> VerifyReport:
        try:
            file = LogFile(self._storage, self._paths.log, create=False)
        except FileNotFoundError:
            self._check_noted(None)
            return self._report(None, 0, 0)
        try:
            size = file.size()
            segment = Segment(self._paths, file)
            scanner = self._scan(self._paths.log, segment.pieces(0, size), segment.scanner)
            torn = self._torn_bytes(segment) if size > scanner.end else 0
        finally:
            file.close()
        self._check_header(scanner)
        relinked = scanner.header.relinked if scanner.header is not None else None
        self._relinked = relinked[1] - relinked[0] + 1 if relinked is not None else 0
        if torn and scanner.end:
            what = "an append was cut short here; the next one repairs it"
            self._add("torn", self._paths.log, scanner.end, torn, None, what)
        if scanner.seal is not None and scanner.seal.reason == "deleted":
            return self._report(None, 0, 0)
        archived = self._check_archives(scanner.header)
        head = scanner.head
        self._check_noted(head)
        return self._report(head, scanner.count, archived)

    def _torn_bytes(self, segment: Segment) -> int:
        """How many bytes a dead writer left at the end. A living one has the lock."""
        scanner, file = segment.scanner, segment.file
        if scanner.seal is not None or not file.try_lock():
            return 0
        for event in segment.read_on():
            self._note_seen(event)
        return 0 if scanner.seal is not None else max(0, file.size() - scanner.end)

    def _report(self, head: Head | None, events: int, archived: int) -> VerifyReport:
        return VerifyReport(
            session_id=self._paths.session_id,
            head=head,
            events=events,
            archived_events=archived,
            problems=self._problems,
            erased=len(self._erased),
            relinked=self._relinked,
            encrypted=self._encrypted,
        )

    def _scan(
        self, where: str, pieces: Iterator[bytes], scanner: Scanner, last: int | None = None
    ) -> Scanner:
        """Judge one file: its own damage, and what newer files expect of it.

        Of a file of a fork's origin, what comes after the event `last` does not count.
        """
        expected, self._expected = self._expected, {}
        noted = self._noted.seq if self._noted is not None else None
        for event in scanner.read(pieces) if last is None else _read_to(last, scanner, pieces):
            seq = event.seq
            if type(event) is Set and event.encrypted_by is not None:
                self._note_encrypted(event, event.encrypted_by)
            if seq == noted:
                self._note_seen(event)
            self._note_erased(event)
            if expected and not self._is_same(scanner.header, seq, expected, event.hash):
                what = f"event {seq} is not the one that compaction folded"
                self._add("base", where, scanner.start, 0, seq, what)
            if scanner.header and seq <= scanner.header.base_seq:
                self._expected[seq] = event.hash
        self._add_damage(where, scanner, last)
        header = scanner.header
        self._check_all_found(where, header, expected)
        if header is not None and header.base_seq:
            self._expected[header.base_seq] = header.base_hash
            if self._noted is not None and self._noted.seq == header.base_seq:
                self._noted_seen = self._noted_seen or self._noted.hash == header.base_hash
        self._floor = header.base_seq if header is not None else 0
        self._newer = header
        return scanner

    def _add_damage(self, where: str, scanner: Scanner, last: int | None) -> None:
        scanner.finish()
        for one in scanner.damage:
            self._add(one.kind, where, one.offset, one.length, one.seq, one.reason)
        more = scanner.damage_count - len(scanner.damage)
        if more:
            one = scanner.damage[-1]
            what = f"{more:,} more places of damage come after these; they are not listed"
            self._add(one.kind, where, one.offset + one.length, 0, None, what)
        seal = scanner.seal if last is None else None
        if seal is not None and seal.reason != "deleted" and scanner.is_torn:
            self._add("corrupt", where, scanner.seal_end, 0, None, "bytes stand after a seal")

    def _note_encrypted(self, event: Set, key_id: str) -> None:
        if event.erased is None:
            self._encrypted[key_id] = self._encrypted.get(key_id, 0) + 1

    def _is_same(
        self, header: Open | None, seq: int, expected: dict[int, str], digest: str
    ) -> bool:
        """Whether an event is the one that a newer file has.

        An erasure that forgets digests changes the hashes in one file after the other.
        """
        if expected.pop(seq, digest) == digest:
            return True
        return was_relinked(header, seq) or was_relinked(self._newer, seq)

    def _note_erased(self, event: Event) -> None:
        if type(event) is Set and event.erased is not None:
            self._erased.add(event.seq)

    def _check_all_found(self, where: str, header: Open | None, expected: dict[int, str]) -> None:
        """Whether nothing is left that should be in a file; its base is older than it.

        What should be in a fork's may be in that of its origin, which comes next.
        """
        if header is not None and header.shares:
            shared = {seq: expected.pop(seq) for seq in list(expected) if seq <= header.base_seq}
            self._expected.update(shared)
        for seq, digest in sorted(expected.items()):
            is_base = header is not None and header.base_seq == seq
            if is_base and was_relinked(self._newer, seq):
                continue
            if header is None or (seq, digest) != (header.base_seq, header.base_hash):
                self._add("base", where, 0, 0, seq, f"event {seq} was folded but is not in here")

    def _note_seen(self, event: Event) -> None:
        if self._noted is not None and event.seq == self._noted.seq:
            self._noted_seen = self._noted_seen or event.hash == self._noted.hash

    def _check_header(self, scanner: Scanner) -> None:
        header, where = scanner.header, self._paths.log
        if scanner.newer_format is not None:
            self._add("header", where, 0, 0, None, _newer(scanner.newer_format))
        elif header is None and not scanner.count:
            self._add("header", where, 0, 0, None, "holds neither a header nor an intact event")
        elif header is not None and header.session_id != self._paths.session_id:
            what = f"holds session {header.session_id!r}, not {self._paths.session_id!r}"
            self._add("header", where, 0, 0, None, what)

    def _check_archives(self, header: Open | None) -> int:
        """Follow the headers back. Returns how many events were folded into what is kept."""
        events = 0
        seen: set[str] = set()
        while header is not None and header.archive is not None:
            name = header.archive
            where = self._paths.in_archive(name)
            if name in seen:
                self._add("archive", where, 0, 0, None, "is named as its own predecessor")
                break
            seen.add(name)
            try:
                pieces = read_archive(self._storage, self._paths, name)
                last = header.base_seq if header.shares else None
                scanner = self._scan(where, pieces, Scanner(), last)
            except FileNotFoundError:
                what = f"is missing: the history up to event {header.base_seq} is gone"
                if header.shares:
                    what = f"is missing: the fork's beginning, up to event {header.base_seq}"
                self._add("archive", where, 0, 0, header.base_seq, what)
                break
            except ReadError as error:
                kind = "archive" if error.errno is None else "unreadable"
                self._add(kind, where, 0, 0, None, str(error))
                break
            self._check_archive(where, scanner, header)
            base = scanner.header.base_seq if scanner.header is not None else 0
            events += max(0, header.base_seq - base)
            header = scanner.header
        return events

    def _check_archive(self, where: str, scanner: Scanner, newer: Open) -> None:
        header, seal = scanner.header, scanner.seal
        if header is not None and (header.session_id, header.log_id) != newer.goes_on_from:
            self._add("archive", where, 0, 0, None, "belongs to another log")
        if scanner.newer_format is not None:
            self._add("header", where, 0, 0, None, _newer(scanner.newer_format))
        if newer.shares:
            return  # the origin may still be writing into it
        if seal is None:
            self._add("archive", where, scanner.end, 0, None, "is not sealed: its end is missing")
        elif seal.reason == "deleted":
            what = "was sealed by a deletion, which leaves no archives"
            self._add("archive", where, scanner.seal_start, 0, seal.last_seq, what)
        elif (seal.last_seq, seal.last_hash) != (scanner.seq, scanner.hash):
            what = f"ends at event {scanner.seq}, but was sealed at {seal.last_seq}"
            self._add("archive", where, scanner.end, 0, seal.last_seq, what)

    def _check_noted(self, head: Head | None) -> None:
        noted = self._noted
        if noted is None:
            return
        another = head is not None and head.log_id not in (noted.log_id, NO_LOG_ID)
        if self._noted_seen and not another:
            return
        if head is None:
            what = "there is no such session any more"
        elif another:
            what = f"this is log {head.log_id}; log {noted.log_id} was noted"
        elif head.seq < noted.seq:
            what = f"ends at event {head.seq}; {noted.seq} was noted: its tail was cut off"
        elif noted.seq >= self._floor:
            what = f"event {noted.seq} is not the one that was noted"
            if self._relinked:
                what += ", or was relinked by an erasure that forgot digests"
        else:
            return  # its history was dropped, or its loss is reported already
        self._add("head", self._paths.log, 0, 0, noted.seq, what)

    def _add(
        self, kind: str, where: str, offset: int, length: int, seq: int | None, reason: str
    ) -> None:
        self._problems.append(
            Problem(kind=kind, where=where, offset=offset, length=length, seq=seq, reason=reason)
        )


def _read_to(last: int, scanner: Scanner, pieces: Iterator[bytes]) -> Iterator[Event]:
    """The events up to `last`, and their damage."""
    damage = scanner.damage_count
    for event in scanner.read(pieces):
        if event.seq > last:
            scanner.leave_out(damage)
            return
        damage = scanner.damage_count
        yield event


def _newer(number: int) -> str:
    return f"is of format {number}; this version knows formats up to {NEWEST}"
