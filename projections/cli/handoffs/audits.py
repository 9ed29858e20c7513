"""The audits of many sessions, one after the other, and what they amount to."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from functools import cache

from msgspec import Struct

from journal.ciphertext import naming
from journal.errors import DamagedError, JournalError, NotFoundError
from journal.events import Event
from journal.past import Past
from journal.reports import SessionInfo
from projections.cli.documents.handoffs import AuditedSession
from projections.cli.exit_codes import EXIT_FAILURE, exit_code_of
from projections.cli.names.naming import in_words, instead_of, split_names
from projections.cli.sessions.opening import past_of, require_log
from projections.cli.terminal.output import notice
from projections.cli.terminal.progress import Progress
from projections.handoffs.audit import audit
from projections.handoffs.choosing import FindingChoice
from projections.handoffs.findings import AuditFinding
from projections.store.store import DefaultSessionStore
from projections.times import stamp_of
from projections.writers import Writers

_DAMAGED = (
    "the history is damaged, `journal verify` lists where; only what could be read is audited"
)


class Wanted(Struct, frozen=True, kw_only=True):
    """What the options ask for. Runtimes and turns may be lists with commas."""

    since: int | str | None = None
    until: int | str | None = None
    runtimes: tuple[str, ...] = ()
    turns: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.runtimes or self.turns) or (self.since, self.until) != (None, None)


class _Names:
    """The names of a kind that were asked for, and those that the audited sessions have."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.wanted: set[str] = set()
        self.known: set[str] = set()


class Audits:
    """Audits one session after the other; holds no more than one, and sums over all."""

    def __init__(self, store: DefaultSessionStore, wanted: Wanted, progress: Progress) -> None:
        self._store = store
        self._wanted = wanted
        self._progress = progress
        self._writers = Writers()
        self._now = datetime.now(UTC)
        self._names = (_Names("runtime"), _Names("turn"))
        self.left_out = 0
        """Sessions that have not changed since the time that is asked for."""
        self.code = 0
        self.number = self.faults = self.unknown = self.faulty = self.dropped = 0

    def of_all(self) -> Iterator[AuditedSession]:
        """All sessions that have a log, the one that changed last first."""
        for info in self._store.list_sessions():
            if not info["log_bytes"]:
                continue
            if self._is_older(info):
                self.left_out += 1
                continue
            try:
                yield self._audited(info["session_id"], info["log_bytes"])
            except NotFoundError:
                continue  # it was deleted meanwhile

    def of_named(self, session_ids: Iterable[str]) -> Iterator[AuditedSession]:
        """Raises `NotFoundError`, for any of them before the first is audited."""
        named = dict.fromkeys(session_ids)
        for session_id in named:
            require_log(self._store, session_id)
        sizes = {i["session_id"]: i["log_bytes"] for i in self._store.list_sessions()}
        for session_id in named:
            yield self._audited(session_id, sizes.get(session_id, 0))

    def _is_older(self, info: SessionInfo) -> bool:
        since = self._wanted.since
        changed = stamp_of(datetime.fromisoformat(info["updated_at"]))
        return isinstance(since, str) and changed < since

    def _audited(self, session_id: str, log_bytes: int) -> AuditedSession:
        """Raises `NotFoundError`. What cannot be read is said, and goes into the exit code."""
        try:
            with self._progress.of(f"auditing {session_id}", log_bytes):
                item = self._audit(session_id)
        except NotFoundError:
            raise
        except JournalError as error:
            item = AuditedSession(session_id=session_id, error=str(error))
            notice(item.error or "")
            self.code = max(self.code, exit_code_of(error))
        self._count(item)
        return item

    def _audit(self, session_id: str) -> AuditedSession:
        past = past_of(self._store, session_id)
        choice = self._choice(session_id)
        with naming(session_id):
            found = audit(_watched(past, choice), self._writers.is_gone, self._now)
        self._remember(choice)
        item = AuditedSession(
            session_id=session_id,
            ok=ok_of(findings := tuple(choice.chosen(found.findings))),
            floor=past.floor,
            findings=findings,
        )
        if past.problems:
            item.error = _DAMAGED
            item.ok = item.ok and None
            notice(f"session {session_id!r}: {_DAMAGED}")
            self.code = max(self.code, exit_code_of(DamagedError("")))
        return item

    def _choice(self, session_id: str) -> FindingChoice:
        wanted = self._wanted
        present = cache(lambda: self._store.state_at(session_id))
        return FindingChoice(
            wanted.since,
            wanted.until,
            split_names(wanted.runtimes, present),
            split_names(
                wanted.turns, lambda: {turn for each in present().values() for turn in each}
            ),
        )

    def _remember(self, choice: FindingChoice) -> None:
        for names, known, wanted in zip(
            self._names, (choice.runtimes, choice.turn_ids), choice.wanted, strict=True
        ):
            names.known |= known
            names.wanted |= wanted

    def _count(self, item: AuditedSession) -> None:
        severities = [finding.severity for finding in item.findings]
        self.number += 1
        self.faults += severities.count("fault")
        self.unknown += severities.count("unknown")
        self.faulty += "fault" in severities
        self.dropped += item.floor > 0
        if item.ok is not True:
            self.code = max(self.code, EXIT_FAILURE)

    def unknown_names(self) -> str:
        """Says which runtimes and turns no audited session has; empty if all are known."""
        wrong = []
        for names in self._names:
            for name in sorted(names.wanted - names.known):
                hint = instead_of(name, sorted(names.known), "`journal show SESSION` lists them")
                wrong.append(f"no audited session has a {names.kind} {name!r}; {hint}")
        return "; ".join(wrong)

    def conclusion(self) -> str:
        """What was found in all, in a sentence."""
        if not self.number and not self.left_out:
            return "there are no sessions to audit"
        older, lossy = self.left_out, self.dropped
        left_out = f"left out {older:,} that have not changed since then; " if older else ""
        dropped = f"; of {_counted(lossy, 'session')} history was dropped" if lossy else ""
        return f"audited {_counted(self.number, 'session')}; {left_out}{self._found()}{dropped}"

    def _found(self) -> str:
        found = []
        if self.faults:
            faults = _counted(self.faults, "fault")
            found.append(f"{faults} in {_counted(self.faulty, 'session')}")
        if self.unknown:
            found.append(f"{self.unknown:,} that cannot be told")
        return in_words(found) if found else "no fault is known"


def _watched(past: Past, choice: FindingChoice) -> Iterator[Event]:
    for entry in past.in_order():
        choice.watch(entry.event)
        yield entry.event


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'s' * (number != 1)}"


def ok_of(findings: Iterable[AuditFinding]) -> bool | None:
    """As `HandoffAudit.ok`, of some findings."""
    severities = {finding.severity for finding in findings}
    if "fault" in severities:
        return False
    return None if "unknown" in severities else True
