"""Verification of a stream: each generation, what leads from one to the next, a noted head."""

from collections import Counter
from collections.abc import Sequence

from journal.events import Head, Set
from journal.reports import Problem, VerifyReport
from tests.journal.engines.cas.generations import Read, read_all
from tests.journal.engines.cas.stream import Stream, is_tombstone


class StreamProblem(Problem, frozen=True, kw_only=True):
    """There are no bytes to point at: `where` says it all."""

    @property
    def location(self) -> str:
        return self.where

    def __str__(self) -> str:
        return f"{self.where}: {self.kind}: {self.reason}"


def verify(stream: Stream, noted: Head | None) -> VerifyReport:
    """Read everything and judge it. Raises `ReadError`."""
    found = stream.everything()
    gone = found is None or is_tombstone(found.newest)
    generations = [] if gone or found is None else read_all(found.messages)
    problems = _damage(stream, generations)
    if noted is not None:
        problems += _missing_head(stream, generations, noted)
    newest = generations[-1] if generations else None
    return VerifyReport(
        session_id=stream.session_id,
        head=newest.scanner.head if newest is not None else None,
        events=newest.scanner.count if newest is not None else 0,
        archived_events=newest.base - generations[0].base if newest is not None else 0,
        problems=problems,
        erased=len(_erased(generations)),
        relinked=_relinked(newest),
        encrypted=_encrypted(generations),
    )


def _relinked(newest: Read | None) -> int:
    relinked = newest.header.relinked if newest is not None else None
    return relinked[1] - relinked[0] + 1 if relinked is not None else 0


def _erased(generations: Sequence[Read]) -> set[int]:
    """The events whose states were erased."""
    return {
        entry.event.seq
        for one in generations
        for entry in one.entries
        if isinstance(entry.event, Set) and entry.event.erased is not None
    }


def _encrypted(generations: Sequence[Read]) -> dict[str, int]:
    events = [entry.event for one in generations for entry in one.entries]
    return Counter(e.encrypted_by for e in events if isinstance(e, Set) and e.encrypted_by)


def _damage(stream: Stream, generations: Sequence[Read]) -> list[Problem]:
    found: list[Problem] = []
    before: Read | None = None
    for one in generations:
        where = f"session {stream.session_id!r}, generation {one.start}"
        found += [
            StreamProblem(kind=damage.kind, where=where, seq=damage.seq, reason=damage.reason)
            for damage in one.scanner.damage
        ]
        base = (one.base, one.header.base_hash)
        if before is not None and base != (before.scanner.seq, before.scanner.hash):
            what = f"does not go on from event {before.scanner.seq}"
            found.append(StreamProblem(kind="base", where=where, seq=one.base, reason=what))
        before = one
    return found


def _missing_head(stream: Stream, generations: Sequence[Read], noted: Head) -> list[Problem]:
    for one in generations:
        if one.header.log_id != noted.log_id:
            continue
        if one is generations[0] and noted.seq < one.base:
            return []  # its history was dropped
        places = [(entry.event.seq, entry.event.hash) for entry in one.entries]
        if (noted.seq, noted.hash) in [*places, (one.base, one.header.base_hash)]:
            return []
    where = f"session {stream.session_id!r}"
    what = f"event {noted.seq} is not the one that was noted"
    return [StreamProblem(kind="head", where=where, seq=noted.seq, reason=what)]
