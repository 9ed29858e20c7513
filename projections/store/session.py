"""One session that a store has open: its log, what is folded from it, and its session file."""

from collections.abc import Callable, Sequence
from typing import Any

from journal.backend import EventFactory, Log
from journal.config import Durability
from journal.errors import DamagedError, SessionFileError
from journal.events import NO_HEAD, Event, Head, Set, Takeover
from projections.store.bloat import Bloat
from projections.store.dirty import Dirty, new_mark
from projections.store.folded import FoldedSession
from projections.store.older import OlderSession
from projections.store.refreshing import FileRefresher
from projections.store.session_file import NOTHING, SessionFile
from projections.view import to_json

States = dict[str, dict[str, Any]]
"""`{runtime_id: {turn_id: state}}`."""


class Session:
    """An open session. Safe for threads; `log.lock` guards `folded`.

    Whether it is open changes nothing but speed: a session that was closed to make room for
    others is read again from its log.
    """

    def __init__(
        self,
        session_id: str,
        log: Log,
        folded: FoldedSession,
        file: SessionFile | None,
        older: OlderSession,
        refresher: FileRefresher,
        marked: Sequence[Dirty],
        durability: Durability | None,
    ) -> None:
        """`folded` is what the log feeds. `file` is None where sessions are kept in memory.
        `durability` is what appends promise.

        The session is marked in `marked`, of which there are two at most, by every append.
        """
        self.session_id = session_id
        self.log = log
        self.folded = folded
        self.view = folded.view
        self.file = file
        self.older = older
        self.refresher = refresher
        self.durability = durability
        self.bloat = Bloat(log, folded.view)
        # Marked before a write, for the session may be closed meanwhile, and after it, for a
        # flush or a refresh may have come in between. Where there is one `Dirty`, it is marked
        # twice: two assignments take a third of the steps of a call with a loop.
        marks = [dirty.marks for dirty in marked] or [{}]
        self._marks, self._more_marks = marks[0], marks[-1]

    # Writing

    def append(
        self,
        events: Sequence[Event] | EventFactory,
        on_appended: Callable[[], None] | None = None,
        refresh: bool = True,
    ) -> None:
        """Append and, if `refresh`, show it in the session file when that is due.

        Raises as `Log.append`.
        """
        self._marks[self.session_id] = self._more_marks[self.session_id] = new_mark()
        try:
            self.log.append(events, self.older.events, on_appended)
        finally:
            self._marks[self.session_id] = self._more_marks[self.session_id] = new_mark()
        if refresh:
            self.refresher.refresh_if_due()

    def append_at_once(self, events: Sequence[Event]) -> bool:
        """As `append`, if that waits for nobody; else False, and nothing is written.

        The session file is left to `refresher`.
        """
        self._marks[self.session_id] = self._more_marks[self.session_id] = new_mark()
        try:
            return self.log.append_at_once(events, self.older.events)
        finally:
            self._marks[self.session_id] = self._more_marks[self.session_id] = new_mark()

    def head(self) -> Head:
        """The newest event that any process has written; `NO_HEAD` if there is no log."""
        return self.log.head or NO_HEAD if self.log.refresh() else NO_HEAD

    def check_head(self, expect: Head) -> None:
        """For functions that make events, which see the newest state. Raises `ConflictError`."""
        head = self.log.head or NO_HEAD
        if head != expect:
            from projections.store.heads import conflict  # most programs do without

            raise conflict(self.session_id, expect, head)

    def make_durable(self) -> None:
        """All that the log holds, if appends promise that. Raises `SyncError`."""
        if self.durability == "fsync":
            self.log.flush()

    def take_over(self, runtime_id: str) -> States:
        """Append the takeover by a runtime. Returns the view as of then. Raises as `append`."""
        view: States = {}
        self.log.refresh()  # so that little is left to read when nobody else can write

        def takeover() -> tuple[Takeover]:
            answered = self.folded.pending.answered_by(runtime_id)
            return (Takeover(runtime_id=runtime_id, handoff_seq=answered),)

        self.append(takeover, lambda: view.update(self._view()))
        return view

    # Reading: from the log, or from an older session file as long as there is no log

    def exists(self) -> bool:
        """Whether there is a log, or an older session file. Raises as `Log.refresh`."""
        if self.log.refresh():
            return True
        return not self.log.is_deleted and self.older.exists()

    def has_files(self) -> bool:
        """Whether there is anything to delete.

        That is what `exists` sees, what a deletion that was cut short has left, and damaged
        files of which nothing can be read.
        """
        try:
            if self.log.refresh() or self.log.is_deleted:
                return True
        except DamagedError:
            return True
        return self.older.exists()

    def turn(self, runtime_id: str, turn_id: str) -> Any:
        """One turn's state, `{}` if there is none. O(size of the state) when nothing is new."""
        with self.log.lock:
            if self.log.refresh():
                return self.view.turn(runtime_id, turn_id)
        return self._older_view().get(runtime_id, {}).get(turn_id, {})

    def runtime(self, runtime_id: str) -> dict[str, Any]:
        """All turns of a runtime. O(size of their states) when nothing is new."""
        with self.log.lock:
            if self.log.refresh():
                return self.view.runtime(runtime_id)
        return self._older_view().get(runtime_id, {})

    def whole(self) -> States:
        """The whole view."""
        with self.log.lock:
            if self.log.refresh():
                return self._view()
        return self._older_view()

    def holds(self, runtime_id: str | None) -> bool:
        """Whether a runtime, or any, has turns."""
        with self.log.lock:
            turns = self.view.turns if self.log.refresh() else self._older_view()
            return bool(turns) if runtime_id is None else runtime_id in turns

    def owner(self) -> tuple[str, str | None] | None:
        """The runtime that owns the session and the turn it wrote last; None if none does.

        Of an older session, as it will be once it has been imported.
        """
        with self.log.lock:
            if self.log.refresh():
                owner = self.folded.owner
                return None if owner.runtime_id is None else (owner.runtime_id, owner.turn_id)
        imported = self.older.events()
        return (imported[-1].runtime_id, imported[-1].turn_id) if imported else None

    def document(self) -> bytes:
        """The session file as a refresh would write it now. Raises `SessionFileError`."""
        if self.file is None:
            raise SessionFileError(
                f"session {self.session_id!r} is kept in memory: it has no session file"
            )
        return self.file.document(self._encoded())

    def erase_in_file(self, masked: Callable[[Any], Any], timeout: float) -> bool:
        """Erase in the session file, after the log. Whether it is another now.

        Raises `SessionFileError`, `LockTimeoutError`, and as `Log.refresh`.
        """
        return self.file is not None and self.file.erase(masked, self._encoded, timeout)

    def _encoded(self) -> bytes | None:
        """The view as JSON; None if there is no log."""
        with self.log.lock:
            if not self.log.refresh():
                return None
            if self.view.hides:
                return NOTHING
            turns = self.view.copy()
        return to_json(turns)

    def to_import(self) -> Sequence[Set]:
        """With the log's lock: the events that the next append will put first."""
        return () if self.log.head is not None else self.older.events()

    def _view(self) -> States:
        view = self.view
        return {runtime_id: view.runtime(runtime_id) for runtime_id in list(view.turns)}

    def _older_view(self) -> States:
        return {} if self.log.is_deleted else self.older.view()  # its file is as good as gone
