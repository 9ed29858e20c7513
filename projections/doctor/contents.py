"""What a log holds against what should be: the session file, the limits, how much is dead."""

import os
from collections.abc import Iterator

from journal.config import Limits
from journal.errors import SessionFileError
from journal.events import Clear, Set
from journal.scan import Scanner
from journal.storage import Storage, chunks
from projections.doctor.damage import Trouble
from projections.doctor.finding import Finding
from projections.doctor.place import is_free
from projections.session_file import SessionFile, session_id_in
from projections.sessions import _DEAD_BYTES, _DEAD_SHARE, _RECHECK
from projections.view import View


class Contents:
    """A session's log, folded."""

    def __init__(self, storage: Storage, trouble: Trouble) -> None:
        self._storage = storage
        self._trouble = trouble
        self._case = trouble.case
        self._view = View()
        self._size = 0
        self._others = 0  # bytes of events that no compaction drops

    def read(self) -> None:
        """Read the log. OSError."""
        scanner = Scanner()
        fd = self._storage.open(self._case.paths.log, os.O_RDONLY)
        try:
            for data in chunks(self._storage, fd, 0, self._storage.size(fd)):
                for event in scanner.feed(data):
                    self._view.fold(event)
                    if not isinstance(event, Set | Clear):
                        self._others += scanner.end - scanner.start
        finally:
            self._storage.close(fd)
        self._size = scanner.end

    def session_file(self) -> Iterator[Finding]:
        """Whether the session file shows what the log says. It is derived: a lag is no loss."""
        file = SessionFile(self._storage, self._case.paths, durable=False)
        try:
            shown, path = file.runtime_state(), file.path
            is_there = file.name() is not None
        except SessionFileError as error:
            yield unreadable_session_file(self._trouble, error)
            return
        view = {runtime: self._view.runtime(runtime) for runtime in self._view.turns}
        if not is_there and self._case.session_file is not None:
            yield self._not_ours() if self._is_anothers() else blank_session_file(self._trouble)
        elif shown != view:
            what = "is behind the log" if is_there else "is missing, while the log has turns"
            yield self._trouble.finding(
                "note",
                "stale",
                path,
                f"the session file {what}; the log is the truth, nothing is lost",
                "nothing to do: the next write brings it up to date. "
                f"Until then {self._trouble.journal('show')} has the state",
            )

    def _is_anothers(self) -> bool:
        return session_id_in(self._storage, self._case.paths.session_file) is not None

    def _not_ours(self) -> Finding:
        return self._trouble.finding(
            "warning",
            "session-file",
            self._case.paths.session_file,
            "is of another session, which PraisonAI keeps under the same name; so this session "
            "has none. Its log is complete",
            f"nothing is lost: {self._trouble.journal('show')} has the state. To have a session "
            "file, use an id of letters, digits and `-` only",
        )

    def limits(self, limits: Limits) -> Iterator[Finding]:
        """Turns and runtimes that are larger than they should be.

        A note, for they are saved all the same, and the store may have been given others.
        """
        turns = {
            (runtime, turn): len(state)
            for runtime, states in self._view.turns.items()
            for turn, state in states.items()
            if len(state) > limits.turn_bytes
        }
        totals = {
            runtime: size
            for runtime, size in self._view.sizes.items()
            if size > limits.runtime_bytes
        }
        parts = []
        if turns:
            (runtime, turn), size = max(turns.items(), key=lambda item: item[1])
            parts.append(
                f"{_number(len(turns), 'turn')} over the limit of {limits.turn_bytes:,} bytes, "
                f"the largest is {turn!r} of {runtime!r} with {size:,}"
            )
        if totals:
            runtime, size = max(totals.items(), key=lambda item: item[1])
            parts.append(
                f"{_number(len(totals), 'runtime')} over the limit of {limits.runtime_bytes:,} "
                f"bytes, the largest is {runtime!r} with {size:,}"
            )
        if parts:
            yield self._trouble.finding(
                "note",
                "limits",
                self._case.paths.log,
                "; ".join(parts),
                "keep references to large data in states instead of the data, or clear what is "
                f"done with: {self._trouble.journal('clear')}",
            )

    def dead(self) -> Iterator[Finding]:
        """Whether compaction is overdue, by the rule of the automatic one.

        That looks only as the log grows, so it gets as much more. While one is under way,
        it holds the lock of the scratch file.
        """
        live = self._view.live_bytes + self._others
        dead = self._size - live
        if dead <= max(_DEAD_BYTES, _DEAD_SHARE * live) + _RECHECK:
            return
        if is_free(self._storage, self._case.paths.scratch):
            yield self._trouble.finding(
                "warning",
                "dead",
                self._case.paths.log,
                f"about {dead:,} of {self._size:,} bytes are of turns that were overwritten or "
                "cleared",
                f"{self._trouble.journal('compact')} moves them to archive/, packed",
            )


def older_session_file(storage: Storage, trouble: Trouble) -> Iterator[Finding]:
    """Of a session without a log, which is read from its session file."""
    if trouble.case.session_id is None:
        return
    file = SessionFile(storage, trouble.case.paths, durable=False)
    try:
        file.runtime_state()
    except SessionFileError as error:
        yield unreadable_session_file(trouble, error)
        return
    if file.name() is None:
        yield blank_session_file(trouble)


def blank_session_file(trouble: Trouble) -> Finding:
    return trouble.finding(
        "warning",
        "session-file",
        trouble.case.paths.session_file,
        "the session file is empty, as after a power cut",
        "restore it from a backup if there were messages in it; what the log has is written "
        "to it by the next write",
    )


def unreadable_session_file(trouble: Trouble, error: Exception) -> Finding:
    path = trouble.case.paths.session_file
    what = str(error).removeprefix(f"{path}: ").partition(";")[0]
    remedy = "restore it from a backup: PraisonAI's messages are in it"
    if trouble.case.log is not None:
        remedy += (
            ". The runtime state is in the log; without a backup move the file away, and the "
            "next write makes a new one"
        )
    return trouble.finding("error", "session-file", path, what, remedy)


def _number(count: int, noun: str) -> str:
    return f"1 {noun} is" if count == 1 else f"{count:,} {noun}s are"
