"""Cursor files: they keep the place where a script left off.

A file for one session holds the cursor itself; a file for several holds `{session: cursor}`.
"""

import json
import os
from collections.abc import Collection, Iterable, Mapping

import click

from journal.events import Cursor, Event
from projections.cli.files import replacing


class CursorFile:
    """The cursors to start after, and the file to save the new ones in, if there is one."""

    def __init__(self, path: str | None, given: str | None = None, *, single: bool) -> None:
        """Reads the file, if it is there; `single` says whether a new file is for one session.

        Raises click.UsageError when the file is not a cursor file.
        """
        if path is not None and given is not None:
            raise click.UsageError("--after-cursor and --cursor-file both say where to start")
        self._path = path
        self._single = single
        self._any = _parse(given, "--after-cursor") if given is not None else None
        self.known: dict[str, Cursor] = {}
        self.was_there = given is not None
        if path is not None:
            _check_folder(path)
            self._read(path)

    def _read(self, path: str) -> None:
        try:
            with open(path, encoding="utf-8") as file:
                text = file.read().strip()
        except FileNotFoundError:
            return
        except UnicodeDecodeError:
            raise click.UsageError(f"{path}: is not a cursor file") from None
        self.was_there = bool(text)
        if text.startswith("{"):
            self._single = False
            try:
                self.known = {name: _parse(text, path) for name, text in json.loads(text).items()}
            except (ValueError, AttributeError, RecursionError):
                raise click.UsageError(f"{path}: is not a cursor file") from None
        elif text and not self._single:
            _parse(text, path)  # raises if it holds no cursor at all
            raise click.UsageError(f"{path}: is for one session; use it with `journal log`")
        elif text:
            self._any = _parse(text, path)

    def of(self, session_id: str) -> Cursor | None:
        """The cursor to start a session after."""
        return self.known.get(session_id, self._any)

    def of_all(self, session_ids: Collection[str]) -> dict[str, Cursor]:
        """The cursors of these sessions, or all cursors if no session is named."""
        if self._any is not None:
            return dict.fromkeys(session_ids, self._any)
        return {
            name: cursor
            for name, cursor in self.known.items()
            if not session_ids or name in session_ids
        }

    def save(self, cursors: Mapping[str, Cursor]) -> None:
        """Save how far sessions were read. The file is replaced, never half written."""
        if self._path is None or (self._single and not cursors):
            return  # the one session is not there yet
        self.known.update(cursors)
        if self._single:
            text = str(next(iter(cursors.values())))
        else:
            text = json.dumps({name: str(cursor) for name, cursor in self.known.items()})
        with replacing(self._path, durable=False) as file:
            file.write(text.encode() + b"\n")

    def save_start(
        self, cursors: Mapping[str, Cursor], first: Iterable[tuple[str, Event]]
    ) -> None:
        """Save the place before the events about to be shown, `first` the oldest of a session.

        If we are killed while we show them, the next run shows them again.
        """
        start = dict(cursors)
        for session_id, event in reversed(list(first)):
            start[session_id] = Cursor.at(cursors[session_id].log_id, event.seq - 1, event.prev)
        self.save(start)


def _check_folder(path: str) -> None:
    """Check, before anything is shown, that a cursor can be saved. Raises click.UsageError."""
    folder = os.path.dirname(path) or "."
    if not os.path.isdir(folder):
        raise click.UsageError(f"{path}: there is no folder {folder}; make it first")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise click.UsageError(f"{path}: files cannot be made in the folder {folder}")


def _parse(text: str, where: str) -> Cursor:
    try:
        return Cursor.parse(text)
    except ValueError as error:
        raise click.UsageError(f"{where}: {error}") from None
