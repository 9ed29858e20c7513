"""Files that are not logs, although they have the name of one: what is wrong, and what helps."""

import os
from collections.abc import Iterator

from journal.codec import NEWEST
from journal.engines.files.logfile import LogFile
from journal.engines.files.recovery import lost_its_beginning
from journal.engines.files.segment import Segment
from journal.engines.files.storage import Storage, chunks
from journal.errors import JournalError
from journal.events import Open
from journal.names import (
    LOG_SUFFIX,
    Paths,
    as_archived,
    is_archived_log,
    is_packed,
    seq_in,
    stem_of,
)
from journal.scan import Scanner
from projections.doctor.finding import Finding, aside, in_sequence, of_path, quoted, shell
from projections.doctor.findings import Findings
from projections.doctor.folder import Ends, File, header_of_archive
from projections.doctor.remedies import Remedy


def not_a_file(findings: Findings, file: File) -> Finding:
    """Something that has the name of a file but is not one. Links are not followed."""
    if file.kind == "a symbolic link" and not os.path.exists(file.path):
        what = "is a symbolic link that leads to nothing"
        advice = Remedy.REMOVE_LINK.of(command=shell("rm", "-f", "--", file.path))
    elif file.kind == "a symbolic link":
        what = "is a symbolic link, which the journal does not follow"
        advice = Remedy.PUT_TARGET_IN_PLACE.of(command=_put_target_in_place(file))
    else:
        what = f"is {file.kind}, not a file"
        advice = Remedy.MOVE_AWAY.of(command=findings.aside(file.path))
    return findings.make("error", "not-a-file", file.path, what, advice)


def _put_target_in_place(file: File) -> str:
    target = os.readlink(file.path)
    return shell("mv", "--", os.path.join(os.path.dirname(file.path), target), file.path)


def not_a_folder(archive: File) -> Finding:
    """Something that has the name of the folder of archives but is not a folder."""
    if archive.kind == "a symbolic link":
        target = os.path.realpath(archive.path)
        command = in_sequence(
            shell("rm", "-f", "--", archive.path), shell("mv", "--", target, archive.path)
        )
        advice = Remedy.PUT_ARCHIVE_IN_PLACE.of(command=command)
    else:
        advice = Remedy.MOVE_AWAY.of(command=aside(os.path.dirname(archive.path), archive.path))
    what = f"is {archive.kind}, where the archives should be"
    return of_path("error", "not-a-file", archive.path, what, advice)


def misnamed(findings: Findings, file: File) -> Finding:
    what = "has a name that the journal never gives to a log, so nothing reads it"
    advice = Remedy.MOVE_AWAY.of(command=findings.aside(file.path))
    return findings.make("warning", "misnamed", file.path, what, advice)


def not_its_log(findings: Findings, file: File, ends: Ends) -> Finding | None:
    """The finding if a log is newer than we can read, or another session's; None if it is fine."""
    if ends.newer_format is not None:
        what = f"is of format {ends.newer_format}; this version knows formats up to {NEWEST}"
        return findings.make("error", "newer-format", file.path, what, Remedy.UPGRADE.of())
    header = ends.header
    if header is not None and header.session_id != findings.inventory.session_id:
        return _wrong_session(findings, file, header)
    return None


def _wrong_session(findings: Findings, file: File, header: Open) -> Finding:
    home = f"{stem_of(header.session_id)}{LOG_SUFFIX}"
    target = os.path.join(findings.inventory.paths.folder, home)
    if os.path.lexists(target):
        advice = Remedy.MOVE_COPY_AWAY.of(command=findings.aside(file.path))
    else:
        advice = Remedy.RENAME_BACK.of(command=shell("mv", "-n", "--", file.path, target))
    what = f"holds session {header.session_id!r}, not the one that its name says"
    return findings.make("error", "wrong-session", file.path, what, advice)


def has_intact_line(storage: Storage, file: File) -> bool:
    """Whether a file without a header has an intact line. Reads up to the first one."""
    fd = storage.open(file.path, os.O_RDONLY)
    try:
        scanner = Scanner()
        for _ in scanner.read(chunks(storage, fd, 0, storage.size(fd))):
            return True
    finally:
        storage.close(fd)
    return scanner.header is not None or scanner.seal is not None


def without_lines(storage: Storage, findings: Findings, file: File) -> Finding:
    """A file without an intact line that no process is just beginning."""
    paths = findings.inventory.paths
    opened = LogFile(storage, file.path, create=False)
    try:
        lost = lost_its_beginning(Segment(paths, opened))
    finally:
        opened.close()
    if lost:
        what = "is not a log, or no longer one: it has neither a header nor an intact event"
        archived = [archive.path for archive in findings.inventory.archived]
        command = findings.aside(file.path, *archived)
        advice = Remedy.RESTORE_OR_MOVE_AWAY.of(command=command)
        return findings.make("error", "header", file.path, what, advice, offset=0)
    what = "holds nothing: its creation was cut short, or something has emptied it"
    advice = Remedy.RESTORE_OR_REMOVE.of(command=shell("rm", "-f", "--", file.path))
    return findings.make("warning", "empty", file.path, what, advice)


def _is_shared(storage: Storage, paths: Paths, file: File) -> bool:
    """Whether an archive is of another session, as it is where that was to be forked."""
    try:
        header = header_of_archive(storage, paths, as_archived(file.name))
    except (JournalError, OSError):
        return False
    return header is not None and stem_of(header.session_id) != paths.stem


def _forks_debris(findings: Findings, file: File) -> Finding:
    what = "another session's history, for a fork that was never finished or whose log is gone"
    advice = Remedy.KEEP_OR_REMOVE.of(command=shell("rm", "-f", "--", file.path))
    return findings.make("warning", "leftover", file.path, what, advice)


def lost_log(storage: Storage, findings: Findings) -> Iterator[Finding]:
    """A log that is gone while archives of it are there, or names that a dead fork has left."""
    logs = [file for file in findings.inventory.archived if is_archived_log(file.name)]
    if not logs:
        return
    if all(_is_shared(storage, findings.inventory.paths, file) for file in logs):
        yield from (_forks_debris(findings, file) for file in logs)
        return
    newest = max(logs, key=lambda file: (seq_in(file.name), is_packed(file.name)))
    read = "zcat" if is_packed(newest.name) else "cat"
    target = findings.inventory.paths.log
    copy = f"{read} -- {quoted(newest.path)} > {quoted(target)}"
    are = "is" if len(logs) == 1 else "are"
    yield findings.make(
        "error",
        "lost",
        target,
        f"the log is gone, but {len(logs)} of its archives {are} there: a deletion would have "
        "removed both",
        Remedy.COPY_ARCHIVE.of(seq=seq_in(newest.name), command=f"`(umask 077; set -C; {copy})`"),
    )
