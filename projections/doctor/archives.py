"""Archives that the log does not lead to, and archives that are large."""

import os
from collections.abc import Iterator

from journal.engines.files.storage import Storage
from journal.errors import JournalError
from journal.events import Open
from journal.names import (
    as_archived,
    is_archived_log,
)
from projections.doctor.finding import Finding, shell
from projections.doctor.findings import Findings
from projections.doctor.folder import File, header_of_archive
from projections.doctor.remedies import Advice, Remedy

LARGE = 64 << 20
"""Bytes of a session's archives that are worth a note."""


class Archives:
    """The archives of one session."""

    def __init__(self, storage: Storage, findings: Findings) -> None:
        self._storage = storage
        self._findings = findings
        self._inventory = findings.inventory

    def check(self, header: Open | None) -> Iterator[Finding]:
        """`header` is that of the log, None if it is not intact."""
        logs = [file for file in self._inventory.archived if is_archived_log(file.name)]
        chain = self._chain(header)
        log = self._inventory.log
        for file in logs:
            is_log = log is not None and file.id == log.id
            if chain is None or is_log or as_archived(file.name) in chain:
                continue
            what = "an archive that no log leads to any more, so no history shows it"
            yield self._findings.make("note", "orphan", file.path, what, look_and_remove(file))
        yield from self._large(sum(file.size for file in logs))

    def _large(self, size: int) -> Iterator[Finding]:
        if size < LARGE:
            return
        yield self._findings.make(
            "note",
            "history",
            self._inventory.paths.archive,
            f"the archives of the session take {size:,} bytes",
            Remedy.DROP_HISTORY.of(command=self._findings.journal("compact", "--drop-history")),
        )

    def _chain(self, header: Open | None) -> set[str] | None:
        """The archives that the log leads to, one by one; None where that chain is broken."""
        if header is None:
            return None
        names: set[str] = set()
        paths = self._inventory.paths
        while header is not None and header.archive is not None:
            name = os.path.basename(paths.in_archive(header.archive))
            if name in names:
                break
            names.add(name)
            try:
                header = header_of_archive(self._storage, paths, header.archive)
            except (JournalError, OSError):
                return None
        return names if header is not None else None


def look_and_remove(file: File) -> Advice:
    return Remedy.LOOK_AND_REMOVE.of(command=shell("rm", "-f", "--", file.path))
