"""What to do about findings: every remedy that is ever printed, in one place.

Commands stand between backticks, ready for a shell; "as root: " stands before one that needs
another user's rights. A test carries out each of them and asks the doctor again.
"""

from enum import Enum, unique
from typing import NamedTuple


class Advice(NamedTuple):
    """A remedy for a certain finding."""

    remedy: "Remedy"
    text: str


@unique
class Remedy(Enum):
    """The texts; `of` fills in the names in braces."""

    # Who may read and write
    CHMOD = "{command}"
    CHMOD_AS_ROOT = "correct the mode, as root: {command}"
    CHOWN = "as root: {command}"
    CHGRP = "give it to the group, as root: {command}"
    RUN_AS_OWNER = "run the journal as {user}"
    RUN_AS_MEMBER = "run the journal as a member of the group {group}"
    FIND_WHAT_DENIES = (
        "its owner and mode would allow it, so something else refuses, such as SELinux, AppArmor "
        "or an ACL: {command}"
    )

    # Files that are not logs
    PUT_TARGET_IN_PLACE = "if it leads to the right file, put that in its place: {command}"
    REMOVE_LINK = "remove it: {command}"
    PUT_ARCHIVE_IN_PLACE = "put the folder in its place: {command}"
    MOVE_AWAY = "move it out of the folder: {command}"
    RENAME_BACK = "give it back its name: {command}"
    MOVE_COPY_AWAY = (
        "that session has a log of its own, so this is a copy: move it out of the folder: "
        "{command}"
    )
    UPGRADE = "upgrade: `pip install --upgrade runtime-journal`"
    RESTORE_OR_MOVE_AWAY = (
        "restore the file from a backup, or move it and the session's files in archive/ out of "
        "the folder: {command}"
    )
    RESTORE_OR_REMOVE = (
        "if there was anything in it, restore the file from a backup; otherwise the next write "
        "begins it, or remove it: {command}"
    )

    # Damage
    CHECK_DISK = "check the disk (`dmesg`), then restore the file from a backup"
    WAIT_FOR_WRITE = (
        "usually nothing to do: a writer died in the middle of a write that was never "
        "acknowledged; the next write sets it aside in archive/ and cuts it off. If no writer "
        "has died, the disk may have damaged the last event: restore the file from a backup"
    )
    RESTORE_BEGINNING = (
        "restore the file from a backup; where the origin is intact, its log, or its archive that "
        "has the event, is the same file. Until then the fork is not shown, and can be written"
    )
    RESTORE_LINES = "{command} puts it back; the log as it is now stays in archive/ as evidence"
    TAKE_OUT = (
        "no event is lost: {command} takes out the lines that should not be there; the log as it "
        "is now stays in archive/ as evidence"
    )
    RESTORE_LINES_OR_COMPACT = (
        "with a backup of the log, {restore} puts back the events that the backup has. All other "
        "events are read. To go on without them, {command} writes a clean log and keeps this one "
        "in archive/ as evidence; from then on nothing can be put back, and it is reported until "
        "{drop} drops all history"
    )
    RESTORE_OR_COMPACT = (
        "restore the file from a backup; nothing else brings back the lost events, but all others "
        "are read. To go on without them, {command} writes a clean log and keeps this one in "
        "archive/ as evidence; it is reported until {drop} drops all history"
    )
    RESTORE_OR_DROP = (
        "restore the file from a backup. If it was whole when it was archived, only history is "
        "lost, and the state is complete. To go on without it, {command} drops all history"
    )
    COPY_ARCHIVE = (
        "restore it from a backup; without one, the newest archive has the session as of event "
        "{seq} or a little later: {command}"
    )

    # What dead processes left
    COMPACT_AGAIN = "run it again: {command}; the next write repairs it too"
    RESTORE_AGAIN = "run it again: {command}"
    FINISH_DELETION = (
        "remove the rest, the log last: {command}; the next write to the session does so too"
    )
    REMOVE = "nothing in it is needed, remove it: {command}"
    KEEP_OR_REMOVE = "if the session is missing, keep a copy of it; otherwise remove it: {command}"
    REMOVE_UNLESS_LOCKED = (
        "remove it, unless its lock shows that its writer is still at work; as root: {command}"
    )
    REMOVE_NAME = "nothing to do: the next compaction takes the name away. To do it now: {command}"
    FINISH_PACKING = "{command} finishes it"
    LOOK_AND_REMOVE = "look at it, then remove it: {command}"

    # Session files
    WAIT_FOR_REFRESH = (
        "nothing to do: the next write brings it up to date. Until then {command} has the state"
    )
    COPY_SESSION_FILE = (
        "before anything is written to the session, copy the file: {command}. Turns that the log "
        "lacks can be taken from the copy"
    )
    RESTORE_MESSAGES = (
        "if there were messages in it, restore it from a backup; the next write puts the "
        "runtime state of the log into it"
    )
    RESTORE_SESSION_FILE = "restore it from a backup: PraisonAI's messages are in it"
    RESTORE_OR_RENEW = (
        "restore it from a backup: PraisonAI's messages are in it. The runtime state is in the "
        "log; without a backup move the file away, and the next write makes a new one: {command}"
    )

    # What is large
    RAISE_LIMITS = (
        "nothing to do: it is saved whole. If turns are meant to be this large, give the store "
        "`limits=Limits(turn_bytes={turn:_}, runtime_bytes={runtime:_})`; otherwise keep "
        "references to large data in states instead of the data. {command} shows the largest"
    )
    COMPACT = "{command} moves them to archive/, packed"
    DROP_HISTORY = "{command} drops them for good"

    # What the journal relies on
    MOVE_FOLDER = (
        "move it to a local file system (ext4, xfs, btrfs, tmpfs …), with --dir, $JOURNAL_DIR or "
        "the store's session_dir"
    )
    MAKE_ROOM = "make room; when the disk is full, writing fails, but nothing saved is lost"
    CHECK_CLOCK = (
        "check the clock: `date -u`. Order is by seq, so nothing is lost; times given to --since "
        "and --until miss such events. The next write at the right time ends this warning"
    )

    def of(self, **values: str | int) -> Advice:
        """The remedy with its commands filled in."""
        return Advice(self, self.value.format(**values))
