"""Sums sessions up for a list: from what was saved, else from their events."""

import msgspec

from journal.backend import Backend
from journal.past import NOW
from journal.reports import SessionInfo
from journal.snapshots import UNREADABLE
from projections.store.folded import FoldedSession
from projections.store.open_sessions import OpenSessions
from projections.store.refreshing import LEAST_TO_SAVE
from projections.store.session import Session
from projections.summary import Summary
from projections.turns.statuses import is_over, turn_status

_decode_summary = msgspec.json.Decoder(Summary).decode


class Summaries:
    """Of the sessions of one store. Safe for threads."""

    def __init__(self, backend: Backend, sessions: OpenSessions) -> None:
        self._backend = backend
        self._sessions = sessions

    def of(self, info: SessionInfo) -> Summary:
        """A listed session. See `Upkeep.summary`.

        Reads all of a short log. Of a long one it reads what was saved, and what was appended
        since. Raises `ReadError` and its siblings.
        """
        session_id = info["session_id"]
        if info["log_bytes"] <= LEAST_TO_SAVE:
            return self._of_short(session_id)
        saved = self._backend.saved_summary(session_id)
        if saved is not None:
            try:
                found = _decode_summary(saved)
            except UNREADABLE:
                pass  # another version has saved it
            else:
                if not _lacks_turn(found):
                    return found
        return self._of_changed(session_id)

    def _of_changed(self, session_id: str) -> Summary:
        """Opened for this alone, so that nothing stays in memory: a folder has many sessions."""
        folded = FoldedSession()
        log = self._backend.open(session_id, folded)
        try:
            log.refresh()
            head, problem = log.head, log.problem
        finally:
            log.close()
        return folded.freeze().sum_up(head.seq if head is not None else 0, problem)

    def _of_short(self, session_id: str) -> Summary:
        past = self._backend.history(session_id, NOW)
        if past is None:
            return _of_older(self._sessions.get(session_id))
        folded, last = FoldedSession(), past.floor
        for event in past.to_fold():
            folded.fold(event)
            last = max(last, event.seq)
        problem = past.problems[0] if past.problems else None
        return folded.freeze().sum_up(last, problem)


def _lacks_turn(found: Summary) -> bool:
    """Whether an earlier version saved it, without what there is to know of an open turn."""
    is_whole = found.written_at is not None or found.turn_id is None
    return not is_whole and not is_over(turn_status(found.status))


def _of_older(session: Session) -> Summary:
    """A session that PraisonAI keeps and that has no log yet, as it will be imported."""
    folded = FoldedSession()
    for seq, event in enumerate(session.older.events(), 1):
        folded.fold(msgspec.structs.replace(event, seq=seq))
    return folded.freeze().sum_up(0)
