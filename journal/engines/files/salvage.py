"""Which lost events of a log are whole somewhere else.

Nothing is taken on trust. An event after the base is the right one if the events around the
gap lead to it by their hashes. What compaction kept is right if all of it together has the
digest that the log's header names: it is found by folding the archive once more, up to the
event up to which that compaction folded it.
"""

import os
from collections.abc import Callable, Sequence
from typing import NamedTuple

from journal.engines.files.ends import header_of
from journal.engines.files.living import Kept, Living
from journal.engines.files.sources import Source, lines_in, readable
from journal.engines.files.survey import Gap, Survey, digest_of_hashes
from journal.events import Event, Open
from journal.names import as_archived

_KEPT = "of what compaction kept, some stays lost"


class Found(NamedTuple):
    """An event that is whole in the file `where`; `line` is without newline."""

    event: Event
    line: bytes
    where: str


class Filling(NamedTuple):
    """What is to stand in the place of a gap.

    `kept` are the hashes of all that compaction kept, in order, where that is to be written
    anew. `before` and `after` are the events found from either side; `missing` are the seqs
    that stay lost; `why` says what else stays as it is, and why.
    """

    gap: Gap
    kept: list[str] | None
    before: list[Found]
    after: list[Found]
    missing: list[int]
    why: str | None

    @property
    def is_whole(self) -> bool:
        return not self.missing and self.why is None


class Salvage:
    """The search for what a log has lost.

    Reads the log and every source two or three times, and once more for each archive on the
    way that is damaged itself. Memory is that of the events lost, and of the hashes of what
    compaction kept.
    """

    def __init__(self, log: Source, survey: Survey, sources: Sequence[Source]) -> None:
        self.by_hash: dict[str, Found] = {}
        self._by_prev: dict[str, Found] = {}
        self._survey = survey
        self._sources = [source for source in sources if self._is_of_this_log(source)]
        self._all = [log, *self._sources]
        self._surveys: dict[str, Survey] = {}

    def _is_of_this_log(self, source: Source) -> bool:
        ours, theirs = self._survey.header, header_of(readable(source))
        if ours is None or theirs is None:
            return False
        is_origin = ours.origin is not None and theirs.log_id == ours.origin.log_id
        return is_origin or theirs.log_id == ours.log_id

    def fillings(self) -> list[Filling]:
        """One for each gap of the log."""
        gaps = self._survey.gaps
        kept, why = self._find_kept() if any(gap.kept for gap in gaps) else (None, None)
        hashes = set(kept or ()) - self._survey.kept.keys()
        lost = _seqs_of(gaps)
        self._collect(lambda event: event.seq in lost or event.hash in hashes)
        return [self._fill(gap, kept, why) for gap in gaps]

    def _fill(self, gap: Gap, kept: list[str] | None, why: str | None) -> Filling:
        before, after, missing = self._linked(gap)
        if not gap.kept:
            kept = why = None
        if not missing and not _leads_across(gap, (*before, *after)):
            why = f"event {gap.last + 1} names another one before it than there was"
        return Filling(gap, kept, before, after, missing, why)

    def _collect(self, wanted: Callable[[Event], bool]) -> None:
        """Remember the events that are wanted, wherever in a file they stand."""
        for source in self._all:
            for event, line in lines_in(source):
                if wanted(event):
                    found = Found(event, line, source.where)
                    self.by_hash.setdefault(event.hash, found)
                    self._by_prev.setdefault(event.prev, found)

    def _linked(self, gap: Gap) -> tuple[list[Found], list[Found], list[int]]:
        """What the hashes on both sides of a gap lead to, and the seqs that are left."""
        after: list[Found] = []
        last, digest = gap.last, gap.after
        while last >= gap.first and digest in self.by_hash:
            after.append(self.by_hash[digest])
            last, digest = last - 1, after[-1].event.prev
        after.reverse()
        before: list[Found] = []
        first, digest = gap.first, gap.before
        while first <= last and digest in self._by_prev:
            before.append(self._by_prev[digest])
            first, digest = first + 1, before[-1].event.hash
        return before, after, list(range(first, last + 1))

    # What compaction kept

    def _find_kept(self) -> tuple[list[str] | None, str | None]:
        """The hashes of all that the log's compaction kept, in order; or None and why not."""
        header = self._survey.header
        if self._survey.kept_is_whole:  # it was not all that stands there
            return list(self._survey.kept), None
        living = self._living_at(header, 0) if header is not None else None
        if living is not None:
            return [kept.hash for kept in living.lines()], None
        if header is not None and header.archive is None:
            return None, f"{_KEPT}: its history was dropped, and with it the archive that had them"
        return None, f"{_KEPT}: the archives do not have all of them either"

    def _living_at(self, header: Open, depth: int) -> Living | None:
        """What lived at the base of the file with `header`, if that can be proved."""
        living = self._kept_elsewhere(header)
        if living is None and depth <= len(self._sources):  # some might name each other
            living = self._folded(header, depth)
        if living is None:
            return None
        hashes = [kept.hash for kept in living.lines()]
        is_it = len(hashes) == header.kept and digest_of_hashes(hashes) == header.kept_digest
        return living if is_it else None

    def _kept_elsewhere(self, header: Open) -> Living | None:
        """From another file that begins with the very same kept events, and has them whole."""
        for source in self._sources:
            survey = self._survey_of(source)
            if survey.header is None or _base_of(survey.header) != _base_of(header):
                continue
            if survey.kept_is_whole:
                living = Living()
                _fold(living, source, header.base_seq, {})
                return living
        return None

    def _folded(self, header: Open, depth: int) -> Living | None:
        """Fold the archive that the file with `header` was made from, up to its base."""
        source = self._archive(header.archive)
        survey = self._survey_of(source) if source is not None else None
        if source is None or survey is None or survey.header is None:
            return None
        living: Living | None = Living()
        if survey.header.shares:
            living = self._folded(survey.header, depth + 1)
        elif not survey.kept_is_whole:
            living = self._living_at(survey.header, depth + 1)
        if living is None:
            return None
        gaps = [*survey.gaps, *_missing_end(survey, header)]
        lost = _seqs_of(gaps)
        if lost:
            self._collect(lambda event: event.seq in lost)
        found = {gap.last + 1: self._events_of(gap) for gap in gaps}
        _fold(living, source, header.base_seq, found, without_kept=not survey.kept_is_whole)
        return living

    def _events_of(self, gap: Gap) -> list[Event]:
        before, after, _ = self._linked(gap)
        return [found.event for found in (*before, *after)]

    def _archive(self, name: str | None) -> Source | None:
        if name is None:
            return None
        after_stem = name.partition(".")[2]  # a fork has its origin's under its own stem
        for source in self._sources:
            if as_archived(os.path.basename(source.where)).partition(".")[2] == after_stem:
                return source
        return None

    def _survey_of(self, source: Source) -> Survey:
        survey = self._surveys.get(source.where)
        if survey is None:
            survey = self._surveys[source.where] = Survey()
            for _ in survey.read(readable(source)):
                pass
        return survey


def _fold(
    living: Living,
    source: Source,
    base: int,
    found: dict[int, list[Event]],
    *,
    without_kept: bool = False,
) -> None:
    """Fold a file up to `base`, with what was `found` of its gaps before the event it names."""
    survey = Survey()
    for event in survey.read(readable(source)):
        is_kept = survey.header is not None and event.seq <= survey.header.base_seq
        if is_kept and without_kept:
            continue
        for one in (*found.pop(event.seq, ()), event):
            if one.seq <= base:
                living.take(one, Kept(0, 0, one.seq, one.hash))
    for seq in sorted(found):
        for one in found[seq]:
            living.take(one, Kept(0, 0, one.seq, one.hash))


def _missing_end(survey: Survey, newer: Open) -> list[Gap]:
    """What an archive should have up to the base of the file that replaced it."""
    scanner = survey.scanner
    if scanner.seq >= newer.base_seq:
        return []
    return [Gap(0, 0, scanner.seq + 1, newer.base_seq, scanner.hash, newer.base_hash, kept=False)]


def _leads_across(gap: Gap, found: Sequence[Found]) -> bool:
    """Whether the event before a gap leads, by what was found, to the one after it."""
    digest = gap.before
    for one in found:
        if one.event.prev != digest:
            return False
        digest = one.event.hash
    return gap.after in (digest, None)


def _seqs_of(gaps: Sequence[Gap]) -> set[int]:
    return {seq for gap in gaps for seq in gap.seqs}


def _base_of(header: Open) -> tuple[object, ...]:
    return header.base_seq, header.base_hash, header.kept, header.kept_digest
