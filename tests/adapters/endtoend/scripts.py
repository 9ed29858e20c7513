"""What agents and their tools are to do, whichever framework they are of."""

from collections.abc import Callable, Coroutine, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

ANSWER_USAGE = {"input_tokens": 7, "output_tokens": 3, "cache_read_tokens": 5}
"""Of each answer of a model, by the names that a recorded turn has."""


@dataclass(frozen=True)
class Asks:
    """A tool call that a model asks for."""

    id: str
    name: str
    arguments: dict[str, Any]


Step: TypeAlias = str | list[Asks]
"""An answer of a model: words, or calls."""

Tool: TypeAlias = Callable[..., Coroutine[Any, Any, str]]
Ask: TypeAlias = Callable[[str], Coroutine[Any, Any, str]]
"""Asks an agent, which answers."""


@dataclass(frozen=True)
class Script:
    """An agent: its name, what its model answers, one step after the other, and its tools.

    `think` is called before each answer.
    """

    name: str
    steps: Sequence[Step]
    tools: Sequence[Tool] = ()
    think: Callable[[], object] = int


class Framework(Protocol):
    """Makes agents of a framework. Nothing leaves the machine while it is `offline`."""

    def offline(self) -> AbstractContextManager[object]: ...

    def mirror(self, folder: str, session_id: Callable[[Any], str] | None) -> Any: ...

    def agent(self, script: Script) -> Ask:
        """An agent whose calls of one answer run side by side."""

    def passing_on(self, first: Script, second: Script) -> Ask:
        """Two agents, the second of which the first one passes on to as is usual here."""

    def guarded(self, script: Script, refused: str | None) -> Ask:
        """An agent whose calls a person allows; or refuses, and says why."""


async def lookup(order: int) -> str:
    """Where an order is."""
    return f"order {order} is shipped"


async def broken(order: int) -> str:
    """Never works."""
    raise ValueError(f"no order {order}")


async def refund(euro: int) -> str:
    """Sends money."""
    return f"{euro} euro sent"
