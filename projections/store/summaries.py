"""Sums sessions up for a list: from what was saved, else from their events."""

import msgspec

from journal.backend import Backend
from journal.events import Origin
from journal.past import NOW, Past
from journal.reports import Problem, SessionInfo
from journal.snapshots import UNREADABLE
from projections.store.folded import FoldedSession
from projections.store.open_sessions import OpenSessions
from projections.store.refreshing import LEAST_TO_SAVE
from projections.store.session import Session
from projections.summary import Summary, calls_waiting_in
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
            past = self._backend.history(session_id, NOW)
            if past is None:
                return _of_older(self._sessions.get(session_id))
            if past.origin is None:
                return self._of_short(session_id, past)
            origin: Origin | None = past.origin  # of a fork, which may share very much
        else:
            origin = self._backend.origin(session_id)
        found = self._of_long(session_id)
        return msgspec.structs.replace(found, forked_from=origin) if origin else found

    def _of_long(self, session_id: str) -> Summary:
        saved = self._backend.saved_summary(session_id)
        if saved is not None:
            try:
                found = _decode_summary(saved)
            except UNREADABLE:
                pass  # another version has saved it
            else:
                if not _lacks_turn(found):
                    return self._with_calls(session_id, found)
        return self._of_changed(session_id)

    def _with_calls(self, session_id: str, found: Summary) -> Summary:
        """What was saved, and which calls wait if the turn does."""
        owner, turn = found.owner, found.turn_id
        if owner is None or turn is None or not _waits(found):
            return found
        saved = self._backend.saved_turn(session_id, owner, turn)
        return _waiting(found, saved.state if saved is not None else None)

    def _of_changed(self, session_id: str) -> Summary:
        """Opened for this alone, so that nothing stays in memory: a folder has many sessions."""
        folded = FoldedSession(self._backend.opener(session_id))
        log = self._backend.open(session_id, folded)
        try:
            log.refresh()
            head, problem = log.head, log.problem
        finally:
            log.close()
        return _summed_up(folded, head.seq if head is not None else 0, problem)

    def _of_short(self, session_id: str, past: Past) -> Summary:
        folded, last = FoldedSession(self._backend.opener(session_id)), past.floor
        for event in past.to_fold():
            folded.fold(event)
            last = max(last, event.seq)
        problem = past.problems[0] if past.problems else None
        return _summed_up(folded, last, problem)


def _summed_up(folded: FoldedSession, seq: int, problem: Problem | None = None) -> Summary:
    frozen = folded.freeze()
    found = frozen.sum_up(seq, problem)
    if not _waits(found):
        return found
    return _waiting(found, frozen.state(found.owner or "", found.turn_id or ""))


def _waits(found: Summary) -> bool:
    return turn_status(found.status) == "waiting"


def _waiting(found: Summary, state: bytes | None) -> Summary:
    if state is None:
        return found
    return msgspec.structs.replace(found, waits_for=calls_waiting_in(state))


def _lacks_turn(found: Summary) -> bool:
    """Whether an earlier version saved it, without what there is to know of an open turn."""
    is_whole = found.written_at is not None or found.turn_id is None
    return not is_whole and not is_over(turn_status(found.status))


def _of_older(session: Session) -> Summary:
    """A session that PraisonAI keeps and that has no log yet, as it will be imported."""
    folded = FoldedSession()
    for seq, event in enumerate(session.older.events(), 1):
        folded.fold(msgspec.structs.replace(event, seq=seq))
    return _summed_up(folded, 0)
