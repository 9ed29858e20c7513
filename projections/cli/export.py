"""`journal export`: a session for other programs, or for another place."""

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import BinaryIO

import click

from journal.names import paths_of
from projections.cli.options import (
    folder_option,
    opened,
    require_log,
    require_session,
    session_argument,
)
from projections.cli.progress import Progress, session_bytes
from projections.cli.terminal import is_terminal, json_plain, notice
from projections.store import DefaultSessionStore


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
@click.option("--to", metavar="FILE", type=click.Path(dir_okay=False), help="Write to this file.")
@click.option("-f", "--force", is_flag=True, help="Replace FILE if it exists.")
@folder_option
def export_command(
    session_id: str, output: str, to: str | None, force: bool, folder: str | None
) -> None:
    """Write a session's history, or its session file, elsewhere.

    `jsonl` is every event in order of seq, each line as it stands in the log, so that its
    hash can be checked. `session` is the session file with the view as it is now. A file
    is written whole or not at all; exit code 4 says that damage left something out.

    \b
    Examples:
      journal export my-session | jq -c 'select(.op == "handoff")'
      journal export my-session -o session --to my-session.json
    """
    if to is not None and os.path.lexists(to) and not force:
        raise click.UsageError(f"{to} exists; add --force to replace it")
    progress = Progress()
    with opened(folder, storage=progress) as store:
        require_session(store, session_id)
        if output == "session":
            with _target(to) as file:
                file.write(_for_terminal(store.session_document(session_id), to))
            return
        require_log(store, session_id)
        paths = paths_of(store.session_dir or "", session_id)
        expected = session_bytes(progress, paths.log, paths.archive, paths.stem)
        with progress.of(f"exporting {session_id}", expected), _target(to) as file:
            _write_lines(store, session_id, file, to)


def _write_lines(
    store: DefaultSessionStore, session_id: str, file: BinaryIO, to: str | None
) -> None:
    past = store.past(session_id)
    if past is None:
        return
    lines: Iterable[bytes] = (entry.line for entry in past.in_order())
    for line in lines:
        file.write(_for_terminal(line, to) + b"\n")
    if past.floor:
        notice(f"of the events up to {past.floor} only those are here that compaction kept")


def _for_terminal(data: bytes, to: str | None) -> bytes:
    """The bytes as they are, unless a terminal would obey what is in them."""
    if to is None and is_terminal():
        return json_plain(data.decode(errors="replace")).encode()
    return data


@contextmanager
def _target(path: str | None) -> Iterator[BinaryIO]:
    """Standard output, or a file that appears when it is complete, readable by us alone."""
    if path is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    scratch = f"{path}.new"
    fd = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(fd, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(scratch, path)
    except BaseException:
        os.unlink(scratch)
        raise
