"""Looks at sessions of which no news was reported, a few at a time.

Where everything works, nothing is ever found by them. So what they cost at a time must not
grow with the number of sessions; that a round takes longer then is the price.
"""

from collections.abc import Container, Iterator
from itertools import islice

from journal.backend import Backend
from journal.reports import SessionInfo
from projections.tail.choice import FollowedSessions

_AT_A_TIME = 50


class Rounds:
    """Sessions in turn, one round after the other: those named, or those in the folder."""

    def __init__(self, backend: Backend, choice: FollowedSessions) -> None:
        self._backend = backend
        self._choice = choice
        self._infos: dict[str, SessionInfo] = {}  # as the last listing found them
        self._left: Iterator[tuple[str, bool]] = iter(())  # and whether the log has changed
        self._at_a_time: int | None = None

    def sessions(self) -> list[str]:
        """All of them. Raises `ReadError` when the folder cannot be listed."""
        return [session_id for session_id, _ in self._round()]

    def due(self, unread: Container[str]) -> list[str]:
        """Those of the next 50 sessions that have changed, or are `unread`; at first of all.

        Lists the folder where a round begins. Whether a session that was named has changed is
        not known, so it is due. Raises as `sessions`.
        """
        turns = list(islice(self._left, self._at_a_time))
        if not turns:
            self._left = iter(self._round())
            turns = list(islice(self._left, self._at_a_time))
        self._at_a_time = _AT_A_TIME
        return [session_id for session_id, changed in turns if changed or session_id in unread]

    def _round(self) -> list[tuple[str, bool]]:
        if not self._choice.is_open:
            return [(name, True) for name in self._choice.names]
        before, wants = self._infos, self._choice.wants
        listed = self._backend.sessions(order="id")
        self._infos = {id_: info for info in listed if wants(id_ := info["session_id"])}
        return [(name, before.get(name) != info) for name, info in self._infos.items()]
