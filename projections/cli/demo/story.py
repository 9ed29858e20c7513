"""What happens in the demo, when, and what is said about it.

`native` runs in this process, and `codex` in one of its own, which is killed in mid-call.
"""

import functools
from collections.abc import Callable, Iterator
from contextlib import ExitStack

from projections.cli.demo.agent import Agent
from projections.cli.demo.audited import show_audit
from projections.cli.demo.commands import print_commands
from projections.cli.demo.forked import Forked
from projections.cli.demo.stage import Stage
from projections.store.store import DefaultSessionStore

SESSION = "support-42"
_FIRST, _SECOND = "Where is order 17?", "Then refund it."
_ORDER: dict[str, object] = {"order": 17}
_COMMANDS = (
    f"replay {SESSION}",
    f"turn {SESSION} codex/turn-3",
    f"handoffs {SESSION}",
    "tail",
)


def show_story(folder: str, pause: Callable[[float], None]) -> None:
    """Record the session in `folder`, show it, and what the audit says of it.

    Calls `pause` with seconds, 12 in all. Raises `JournalError`.
    """
    with ExitStack() as ends:
        codex = Forked(functools.partial(_codex, folder))
        ends.callback(codex.kill)
        store = ends.enter_context(DefaultSessionStore(folder))
        native = Agent(store, SESSION, "native")
        ends.callback(native.end)
        stage = Stage(store, SESSION, pause)
        _answers(stage, native)
        _hands_over(stage, native, store, codex)
        _is_killed(stage, codex)
        _runs_again(stage, native)
        stage.say("Was it refunded twice? Ask `journal handoffs`:")
        show_audit(stage.writer, store, SESSION)
    print_commands(folder, _COMMANDS)


def _codex(folder: str) -> Iterator[None]:
    """The other runtime, step by step. It does not come to its end."""
    with DefaultSessionStore(folder) as store:
        agent = Agent(store, SESSION, "codex")
        yield
        store.take_over(SESSION, "codex")
        yield
        turn = agent.begin("turn-3", _SECOND)
        yield
        agent.call(turn, "call-2", "refund", _ORDER)
        yield


def _answers(stage: Stage, native: Agent) -> None:
    stage.say(
        "Two agent runtimes, native and codex, share one session.",
        "Live, as `journal tail` shows it:",
        pause=1.2,
    )
    turn = native.begin("turn-1", _FIRST)
    stage.show(0.7)
    native.call(turn, "call-1", "find_order", _ORDER)
    stage.show(0.8)
    native.get(turn, "call-1", "lost")
    stage.show(0.4)
    native.answer(turn, "It is lost.", tokens=(1_200, 88))
    stage.show(0.9)


def _hands_over(stage: Stage, native: Agent, store: DefaultSessionStore, codex: Forked) -> None:
    turn = native.begin("turn-2", _SECOND)
    stage.show(0.6)
    native.fail(turn, "RateLimitError: 429")
    stage.show(0.5)
    stage.say("A rate limit stops native. It hands over to codex:", pause=0.9)
    store.hand_off(SESSION, "native", "codex", reason="rate limited")
    stage.show(0.6)
    codex.step()
    stage.show(0.4)
    codex.step()
    stage.show(0.5)


def _is_killed(stage: Stage, codex: Forked) -> None:
    codex.step()
    stage.show(0.8)
    codex.kill()
    stage.say("kill -9: codex dies while its refund is under way.", pause=1.2)


def _runs_again(stage: Stage, native: Agent) -> None:
    stage.say("A silent fallback runs the same turn again, on native:", pause=0.5, gap=False)
    turn = native.begin("turn-3", _SECOND)
    stage.show(0.4)
    native.call(turn, "call-3", "refund", _ORDER)
    stage.show(0.6)
    native.get(turn, "call-3", "refunded")
    stage.show(0.3)
    native.answer(turn, "Refunded.", tokens=(1_304, 64))
    stage.show(0.7)
