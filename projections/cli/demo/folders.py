"""The folder that a demo records in. It is kept when the demo has said where it is."""

import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from journal.errors import JournalError
from journal.names import lock_of, paths_of
from projections.cli.exit_codes import Terminated
from projections.store.store import DefaultSessionStore


@contextmanager
def recorded_in(folder: str | None, session_id: str) -> Iterator[str]:
    """The path of the folder, or of a new temporary one if that is None.

    What the demo has made is removed if it does not come to its end. Raises `JournalError` if
    the folder has such a session already.
    """
    path = os.path.join(os.getcwd(), folder or tempfile.mkdtemp(prefix="journal-demo-"))
    was_there = folder is not None and os.path.isdir(path)
    if was_there:
        _require_new(path, session_id)
    signal.signal(signal.SIGTERM, _terminate)
    try:
        yield path
        sys.stdout.flush()  # whoever does not read to the end does not learn where it is
    except BaseException:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)  # impatient users press Ctrl-C twice
        _remove(path, session_id, with_folder=not was_there)
        raise


def _terminate(number: int, frame: object) -> None:
    raise Terminated


def _require_new(path: str, session_id: str) -> None:
    with DefaultSessionStore(path) as store:
        if store.session_exists(session_id):
            raise JournalError(
                f"{path}: has a session {session_id!r} already; choose another folder with --dir"
            )


def _remove(path: str, session_id: str, *, with_folder: bool) -> None:
    """Remove the session, and the folder if there is nothing else in it.

    What cannot be removed stays: what has ended the demo may be the cause, and that is reported.
    """
    if not os.path.isdir(path):
        return
    try:
        with DefaultSessionStore(path) as store:
            store.delete_session(session_id)
        # A deletion leaves this one, as PraisonAI may hold it. Of our session it knows nothing.
        os.unlink(lock_of(paths_of(path, session_id).session_file))
    except (JournalError, OSError):
        pass
    try:
        if with_folder:
            os.rmdir(path)
    except OSError:
        pass
