"""PraisonAI's hierarchical session store, with its runtime state in the journal."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from praisonaiagents.session.hierarchy import HierarchicalSessionStore

from projections.adapters.praisonai.store import JournalSessionStore


class JournalHierarchicalSessionStore(
    JournalSessionStore,
    HierarchicalSessionStore,  # type: ignore[misc]  # as above
):
    """PraisonAI's `HierarchicalSessionStore`, with the runtime state in the journal.

    A fork and an import keep their runtime state; PraisonAI's own store drops it.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._forking = threading.local()
        super().__init__(*args, **kwargs)

    def fork_session(
        self,
        session_id: str,
        from_message_index: int | None = None,
        title: str | None = None,
    ) -> str:
        """Fork a session; the fork has the messages up to the index and all runtime state."""
        with self._fork_of(session_id):
            fork_id: str = super().fork_session(session_id, from_message_index, title)
            return fork_id

    def _save_extended_session(self, session: Any, **kwargs: Any) -> bool:
        if getattr(self._forking, "source", None) is not None:
            session.runtime_state = self._view(self._forking.source)
        is_new = not self.session_exists(session.session_id)
        if is_new and session.runtime_state:
            self._do(
                "carry over the runtime state to",
                session.session_id,
                lambda: self._adopt(session.session_id, session.runtime_state),
            )
        saved: bool = super()._save_extended_session(session, **kwargs)
        if not saved and is_new:
            self.delete_session(session.session_id)
        return saved

    def _load_extended_session(self, session_id: str, force_reload: bool = False) -> Any:
        return self._with_view(
            session_id, super()._load_extended_session(session_id, force_reload)
        )

    @contextmanager
    def _fork_of(self, session_id: str) -> Iterator[None]:
        self._forking.source = session_id
        try:
            yield
        finally:
            self._forking.source = None
