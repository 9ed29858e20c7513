"""`journal export`: writes a session for other programs, or for another place."""

import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

import click

from journal.events import Set
from journal.names import stem_of
from projections.backup import is_within
from projections.cli.arguments.ids import session_argument
from projections.cli.arguments.options import folder_option
from projections.cli.files import replacing
from projections.cli.sessions.opening import opened, require_log, require_session
from projections.cli.terminal.output import is_terminal, json_plain, notice
from projections.cli.terminal.progress import Progress, bytes_of_sessions
from projections.store.store import DefaultSessionStore

_STDOUT = ("-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1")
_DESCRIPTORS = ("/dev/fd/", "/dev/std", "/proc/self/fd/")


@click.command()
@session_argument
@click.option(
    "-o",
    "--output",
    type=click.Choice(["jsonl", "session"]),
    default="jsonl",
    show_default=True,
    help="The history as JSON lines, or PraisonAI's session file.",
)
@click.option(
    "--to", metavar="FILE", type=click.Path(dir_okay=False), help="Write to this file, mode 0600."
)
@click.option("-f", "--force", is_flag=True, help="Replace FILE if it exists.")
@folder_option
def export_command(
    session_id: str, output: str, to: str | None, force: bool, folder: str | None
) -> None:
    """Write a session's history, or its session file, elsewhere.

    `jsonl` is every event in order of seq, each line exactly as in the log, so that its hash
    can be checked; encrypted states stay encrypted. `session` is the session file with the
    present view, without one where states are encrypted. FILE is written whole
    or not at all, and never in the folder of the sessions. It may be a pipe or a device, and
    - is standard output. Exit code 4 says that something is missing because of damage.

    \b
    Examples:
      journal export my-session | jq -c 'select(.op == "handoff")'
      journal export my-session -o session --to my-session.json
    """
    if to in _STDOUT:
        to = None
    if to is not None:
        _check_target(to, force=force)
    progress = Progress()
    with opened(folder, storage=progress, reading=True) as store:
        if to is not None:
            _require_elsewhere(to, store.session_dir or "")
        require_session(store, session_id)
        if output == "session":
            with _target(to) as file:
                file.write(_for_terminal(store.session_document(session_id), to))
            return
        require_log(store, session_id)
        expected = bytes_of_sessions(store.session_dir or "").get(stem_of(session_id), 0)
        with progress.of(f"exporting {session_id}", expected), _target(to) as file:
            _write_lines(store, session_id, file, to)


def _write_lines(
    store: DefaultSessionStore, session_id: str, file: BinaryIO, to: str | None
) -> None:
    past = store.past(session_id)
    if past is None:
        return
    encrypted = 0
    for event, line in past.in_order():
        file.write(_for_terminal(line, to) + b"\n")
        encrypted += type(event) is Set and b',"encrypted_by":"' in line
    _notice_encrypted(encrypted)
    if past.floor:
        notice(f"of the events up to {past.floor}, only those that compaction kept are here")


def _notice_encrypted(states: int) -> None:
    if states:
        notice(f"{states} states are as in the log, encrypted: who reads them needs the keys")


def _for_terminal(data: bytes, to: str | None) -> bytes:
    """The bytes as they are; for a terminal, with control characters escaped."""
    if to is None and is_terminal():
        return json_plain(data.decode(errors="replace")).encode()
    return data


@contextmanager
def _target(path: str | None) -> Iterator[BinaryIO]:
    """Standard output, a pipe or a device, or a file that appears when it is complete."""
    if path is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
    elif _takes_writes(path):
        with open(path, "ab") as file:  # append: a descriptor's name may lead to a file
            yield file
    else:
        with replacing(path, durable=True) as file:
            yield file


def _takes_writes(path: str) -> bool:
    """Whether a target is written into, not replaced: a pipe, a device, an open descriptor."""
    if path.startswith(_DESCRIPTORS):
        return True
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISCHR(mode)


def _check_target(path: str, *, force: bool) -> None:
    """Raises click.UsageError for a target that must not be replaced."""
    if _takes_writes(path) or not os.path.lexists(path):
        return
    if not (os.path.isfile(path) or os.path.islink(path)):
        raise click.UsageError(f"{path} is not a regular file; name another")
    if not force:
        raise click.UsageError(f"{path} exists; add --force to replace it")


def _require_elsewhere(path: str, folder: str) -> None:
    """Raises click.UsageError for a file in the folder of sessions: it may be taken for a log."""
    if not path.startswith(_DESCRIPTORS) and is_within(os.path.dirname(path) or ".", folder):
        raise click.UsageError(
            f"{path}: FILE must be outside the folder of the sessions, {folder}; name another"
        )
