"""Sessions that have a session file and no log yet: PraisonAI wrote them, before the journal."""

from collections.abc import Sequence
from typing import Any

from journal.errors import StateTypeError, StateValueError
from journal.events import Set
from projections.store.encoder import StateEncoder
from projections.store.session_file import SessionFile


class OlderSession:
    """What the session file of one session holds, as long as there is no log.

    Where sessions are kept in memory there is none, and `file` is None.
    """

    def __init__(self, session_id: str, file: SessionFile | None, encoder: StateEncoder) -> None:
        self._session_id = session_id
        self._file = file
        self._encoder = encoder

    def exists(self) -> bool:
        """Whether there is a file, be it damaged. Raises `SessionFileError`."""
        return self._file is not None and self._file.name() is not None

    def view(self) -> dict[str, dict[str, Any]]:
        """`{runtime_id: {turn_id: state}}`, as it stands there. Raises `SessionFileError`."""
        return self._file.runtime_state() if self._file is not None else {}

    def events(self) -> Sequence[Set]:
        """The same as events: the first ones of a log that is about to be made.

        Raises `StateTypeError` and `StateValueError` for states that no event can hold.
        """
        try:
            return [
                self._encoder.event(
                    self._session_id, runtime_id, turn_id, state, f"{runtime_id}.{turn_id}", object
                )
                for runtime_id, turns in self.view().items()
                for turn_id, state in turns.items()
            ]
        except (StateTypeError, StateValueError) as error:
            path = self._file.path if self._file is not None else None
            raise type(error)(
                f"session {self._session_id!r} has no log yet, and its session file {path} cannot "
                f"be imported: runtime_state.{error}. Nothing was written; mend the file or move "
                "it away"
            ) from error
