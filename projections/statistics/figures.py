"""The results of `projections.statistics.counting.count`."""

from collections.abc import Iterator

from msgspec import Struct

from journal.reprs import count, name, repr_of_parts


class TimeSpread(Struct, frozen=True, kw_only=True):
    """How long some things took, in seconds. `known` of them have a duration at all."""

    known: int = 0
    median: float | None = None
    longest: float | None = None


class Usage(Struct, frozen=True, kw_only=True):
    """Tokens and US dollars, as far as the turns say; `cached_tokens` were read from a cache."""

    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    cost_usd: float = 0.0


class ToolFigures(Struct, frozen=True, kw_only=True):
    """The calls of a tool. `name` is None for calls that do not say it, and for all together.

    `statuses` counts them by what became of them, in the words of a recorded turn (`error`,
    `denied`, `open`, …). A call of which nothing tells that is in none of them.
    """

    name: str | None
    calls: int
    statuses: dict[str, int]
    times: TimeSpread


class RuntimeFigures(Struct, frozen=True, kw_only=True):
    """The turns of a runtime; `runtime_id` is None for all together.

    `statuses` counts the turns by their last state; those that say nothing of it are in none of
    them. `unrecognised` have nothing in their last state that is understood. `left_out` is how
    many calls no state names, though turns say that there were more.
    """

    runtime_id: str | None
    turns: int
    statuses: dict[str, int]
    unrecognised: int
    calls: int
    left_out: int
    usage: Usage
    times: TimeSpread


class SessionStatistics(Struct, frozen=True, kw_only=True):
    """A session in figures; the runtimes, tools and models are in the order of their first turn.

    `first_at` and `last_at` are the times of the first and the last of its `events`, and
    `seconds` is what lies between. `models` counts the turns of each model.
    """

    events: int
    first_at: str | None
    last_at: str | None
    seconds: float | None
    runtimes: tuple[RuntimeFigures, ...]
    total: RuntimeFigures
    tools: tuple[ToolFigures, ...]
    all_tools: ToolFigures
    models: dict[str, int]

    @repr_of_parts
    def __repr__(self) -> Iterator[str]:
        yield count(self.events, "event")
        yield count(self.total.turns, "turn")
        yield count(self.total.calls, "call")
        yield from (f"model {name(model)}" for model in list(self.models)[:1])
