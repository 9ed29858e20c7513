"""A turn with very many calls: how much of it is written, and how soon, by real agents.

Time is a clock of the tests', so nothing here depends on how fast the machine is.
"""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from projections import DefaultSessionStore
from tests.adapters.clock import Clock, LogWrites, stopped_clock
from tests.adapters.endtoend.in_openai_agents import OpenAIAgents
from tests.adapters.endtoend.in_praisonai import PraisonAI
from tests.adapters.endtoend.in_pydantic_ai import PydanticAI
from tests.adapters.endtoend.scripts import Asks, Framework, Script, Step, Tool
from tests.adapters.praisonai.agents import AS_PRAISONAI_IS

CALLS = 200
AT_ONCE = 10  # calls of an answer, which run side by side
SECONDS = 0.05  # that a call takes
SOON = 0.25  # seconds after which what happened is in the journal

pytestmark = AS_PRAISONAI_IS

EACH = pytest.mark.parametrize(
    "framework",
    [OpenAIAgents(), PydanticAI(), PraisonAI()],
    ids=lambda framework: type(framework).__name__,
)


@pytest.fixture
def clock() -> Iterator[Clock]:
    with stopped_clock() as found:
        yield found


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("PRAISONAI_TELEMETRY_DISABLED", "true")
    monkeypatch.setenv("PRAISONAI_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def log(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> LogWrites:
    return LogWrites(clock, monkeypatch)


class Work:
    """Calls that take a while: of so many at a time, the last to begin moves time on."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        self.clock = clock
        self.seconds = seconds
        self.began: dict[str, float] = {}
        self.ended: dict[str, float] = {}
        self.all_have_begun = asyncio.Event()

    async def search(self, number: str) -> str:
        """Finds something."""
        self.began[number] = self.clock.now
        if len(self.began) % AT_ONCE:
            await asyncio.wait_for(self.all_have_begun.wait(), 60)
        else:
            self.clock.advance(self.seconds)
            self.all_have_begun.set()
            self.all_have_begun = asyncio.Event()
        self.ended[number] = self.clock.now
        return f"found {number}"


def play(framework: Framework, folder: Path, work: Work, thinking: float = 0.0) -> None:
    """One turn of an agent that asks for all calls, so many at a time, and thinks between.

    Each answer asks for another tool: PraisonAI takes a hundred calls of one for a loop.
    """

    def tool(name: str) -> Tool:
        async def search(number: str) -> str:
            """Finds something."""
            return await work.search(number)

        search.__name__ = name
        return search

    names = [f"search_{number}" for number in range(CALLS // AT_ONCE)]
    steps: list[Step] = [
        [
            Asks(f"call-{at}{number}", name, {"number": f"{at}{number}"})
            for number in range(AT_ONCE)
        ]
        for at, name in enumerate(names)
    ]
    script = Script(
        "desk",
        [*steps, "Done."],
        [tool(name) for name in names],
        lambda: work.clock.advance(thinking),
    )
    with framework.offline(), framework.mirror(str(folder), lambda _: "s") as handle:
        ask = framework.agent(script)
        assert asyncio.run(ask("Find all.")) == "Done."
        assert handle.failures == 0
    assert len(work.ended) == CALLS


@EACH
def test_a_turn_with_200_calls_of_no_duration_writes_less_than_1_mib(
    framework: Framework, tmp_path: Path, clock: Clock, log: LogWrites
) -> None:
    play(framework, tmp_path / "s", Work(clock, 0.0))
    assert log.bytes < 1 << 20
    with DefaultSessionStore(tmp_path / "s") as store:
        (state,) = store.get_runtime_state("s", "desk").values()
        assert state["status"] == "completed"
        twice = CALLS - AT_ONCE if isinstance(framework, PraisonAI) else 0  # asked for
        assert len(state["tool_calls"]) + state["omitted"]["tool_calls"] == CALLS + twice
        assert store.audit("s").ok


@EACH
@pytest.mark.parametrize("thinking", [0.0, 1.0])
def test_each_opening_and_each_end_of_200_calls_of_50_ms_is_in_the_journal_soon(
    framework: Framework, thinking: float, tmp_path: Path, clock: Clock, log: LogWrites
) -> None:
    """Also where nothing else happens for a while, which would have it written."""
    work = Work(clock, SECONDS)
    play(framework, tmp_path / "s", work, thinking)
    check_written_soon(tmp_path / "s", work, log)


def check_written_soon(folder: Path, work: Work, log: LogWrites) -> None:
    opened, ended = _first_written(folder, log)
    assert {each: at for each, at in work.began.items() if opened[each] - at > SOON} == {}
    assert {each: at for each, at in work.ended.items() if ended[each] - at > SOON} == {}


def _first_written(folder: Path, log: LogWrites) -> tuple[dict[str, float], dict[str, float]]:
    """When a state with a call, and one with its end, was first in the file, by number."""
    opened: dict[str, float] = {}
    ended: dict[str, float] = {}
    with DefaultSessionStore(folder) as store:
        for step in store.replay("s"):
            at = log.moments[step.event.seq]  # before line 1 there is the header
            for call in (step.state or {}).get("tool_calls", ()):
                number = call["id"].split("-")[1]
                opened.setdefault(number, at)
                if call["status"] == "completed":
                    ended.setdefault(number, at)
    return opened, ended
