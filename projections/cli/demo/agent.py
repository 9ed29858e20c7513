"""An agent that does what the story says, mirrored like any other: by the adapters' recorder."""

from projections.adapters.recorder import Recorder
from projections.adapters.turns import Turn
from projections.store.store import DefaultSessionStore

_MODEL = "gpt-5.5"


class Agent:
    """A runtime of one session. Its methods raise what keeps the journal from recording them."""

    def __init__(self, store: DefaultSessionStore, session_id: str, runtime_id: str) -> None:
        self._recorder = Recorder(store)
        self._session_id = session_id
        self._runtime_id = runtime_id

    def begin(self, turn_id: str, prompt: str) -> Turn:
        """A turn for this prompt of the user."""
        turn = self._recorder.turn(self._session_id, self._runtime_id, turn_id)
        turn.says("user", prompt)
        self._recorder.open(turn)
        self._check()
        return turn

    def call(self, turn: Turn, call_id: str, tool: str, arguments: dict[str, object]) -> None:
        """The model calls a tool, which begins to run."""
        turn.call_started(call_id, tool, arguments)
        self._recorder.save(turn)
        self._check()

    def get(self, turn: Turn, call_id: str, result: str) -> None:
        """The tool has run."""
        turn.call_ended(call_id, result=result)
        self._recorder.save(turn)
        self._check()

    def answer(self, turn: Turn, text: str, *, tokens: tuple[int, int]) -> None:
        """The turn ends with an answer to the user; `tokens` are those read and written."""
        read, written = tokens
        turn.says("assistant", text)
        turn.model_answered(_MODEL, {"input_tokens": read, "output_tokens": written})
        self._recorder.close(turn)
        self._check()

    def fail(self, turn: Turn, error: str) -> None:
        """The turn ends with an error."""
        self._recorder.close(turn, "error", error)
        self._check()

    def end(self) -> None:
        """Let the recorder's threads go."""
        self._recorder.end()

    def _check(self) -> None:
        if self._recorder.last_failure is not None:
            raise self._recorder.last_failure
