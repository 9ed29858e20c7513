"""Makes the findings about one session: fills in whose they are, and the commands they advise."""

from collections.abc import Iterator
from errno import EACCES, EPERM

from projections.doctor.finding import Finding, JournalCommands, Severity, aside, shell, shown
from projections.doctor.folder import Inventory
from projections.doctor.reach import is_barred
from projections.doctor.remedies import Advice, Remedy

NOT_PERMITTED = (EPERM, EACCES)
"""The numbers of the errors that deny permission."""


class Findings:
    """Makes findings about the session in `inventory`, with `commands` in their remedies."""

    def __init__(self, inventory: Inventory, commands: JournalCommands) -> None:
        self.inventory = inventory
        self.commands = commands

    def make(
        self,
        severity: Severity,
        kind: str,
        path: str,
        what: str,
        advice: Advice,
        offset: int | None = None,
        seq: int | None = None,
    ) -> Finding:
        return Finding(
            severity=severity,
            kind=kind,
            session_id=self.inventory.session_id,
            path=shown(path),
            what=what,
            advice=advice,
            offset=offset,
            seq=seq,
        )

    def journal(self, command: str, *options: str) -> str:
        """A journal command on this session."""
        return self.commands.journal(command, self.inventory.paths.session_id, *options)

    def aside(self, *paths: str) -> str:
        """A command that moves files out of the folder, into one beside it."""
        return aside(self.inventory.paths.folder, *paths)

    def unreadable(self, path: str, error: OSError) -> Iterator[Finding]:
        """A file that the operating system does not let us read. That is not damage.

        Yields nothing if the owner or mode is the reason: `check_access` reports that for all
        files at once.
        """
        if error.errno not in NOT_PERMITTED:
            advice = Remedy.CHECK_DISK.of()
        elif is_barred(path):
            return
        else:
            advice = Remedy.FIND_WHAT_DENIES.of(command=shell("ls", "-lZ", "--", path))
        what = f"cannot be read: {error.strerror}"
        yield self.make("error", "unreadable", path, what, advice)
