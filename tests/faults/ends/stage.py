"""What the programs are made of. Runs in them, also while their interpreter ends.

Everything that a function needs then is held by its defaults or its object: modules may be
cleared away by that time.
"""

import os
import sys
from collections.abc import Callable
from typing import Any

DECOYS = 24


class Stage:
    """One program: its folder, and what it says it did, line by line in a file of its own."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.sessions = os.path.join(folder, "sessions")
        self.kept: list[Any] = []
        self._store: Any = None
        self._mirror: Any = None

    def say(
        self,
        *words: str,
        opened: Callable[..., int] = os.open,
        write: Callable[..., int] = os.write,
        close: Callable[[int], None] = os.close,
        flags: int = os.O_WRONLY | os.O_CREAT | os.O_APPEND,
    ) -> None:
        fd = opened(f"{self.folder}/said", flags)
        write(fd, (" ".join(words) + "\n").encode())
        close(fd)

    def put_out_decoys(
        self,
        where: str,
        opened: Callable[..., int] = os.open,
        flags: int = os.O_RDWR | os.O_CREAT | os.O_APPEND,
    ) -> None:
        """Files of the program's own, opened when the numbers of closed ones are free."""
        for number in range(DECOYS):
            self.kept.append(opened(f"{self.folder}/decoy-{where}-{number}", flags))

    def begin(self, **options: Any) -> None:
        """Import the journal."""
        from projections.adapters.mirroring import Mirror
        from projections.adapters.turns import Turn
        from projections.store.store import DefaultSessionStore

        self._make_turn = Turn
        self._store = DefaultSessionStore(self.sessions, **options)
        self._mirror = Mirror(self._store)

    @property
    def store(self) -> Any:
        return self._store

    @property
    def recorder(self) -> Any:
        return self._mirror.recorder

    def save(self, session: str, turn: str) -> None:
        """One `set`: it is true what comes of it, or it raises one of our errors."""
        self.say("begun", session, turn)
        try:
            saved = self._store.set_runtime_state(session, "agent", turn, {"of": turn})
        except Exception as error:  # noqa: BLE001 - which kinds may come is for the test to say
            self.say("refused", session, turn, type(error).__name__)
        else:
            self.say("saved" if saved is True else "odd", session, turn)

    def open_turn(self, session: str, turn: str) -> Any:
        self.say("opened", session, turn)
        opened = self.make_turn(session, turn)
        self.recorder.open(opened)
        return opened

    def make_turn(self, session: str, turn: str) -> Any:
        return self._make_turn(session, "agent", turn)

    def end_turn(self, turn: Any) -> None:
        """As the adapters do where a stream or a coroutine is collected."""
        self.recorder.defer(lambda: self.recorder.close_soon(turn))
        self.say("ended", turn.session_id, turn.turn_id)


class Last:
    """Does something when it is collected."""

    def __init__(self, what: Callable[[], object]) -> None:
        self.what = what
        self.me: Last | None = None

    def in_a_circle(self) -> "Last":
        """For the garbage collector to find, with all that it leads to."""
        self.me = self
        return self

    def __del__(self) -> None:
        self.what()


def stream(stage: Stage, turn: Any) -> Any:
    """A stream that is read in part: its turn ends when it is closed."""
    try:
        yield "first"
        yield "last"
    finally:
        stage.end_turn(turn)


def stage_of(argv: list[str] = sys.argv) -> Stage:
    return Stage(argv[1])
