"""Where PraisonAI's agents are met: the few methods through which every turn and call goes.

`start`, `run`, teams and flows all come through `chat`, `achat` or `_start_stream`, or go to a
backend that runs whole turns by `_delegate_to_backend`; every tool call comes through
`execute_tool` or `execute_tool_async`. These are wrapped on the class, each by a function of
its own kind with its signature. PraisonAI returns where others raise, so three more places are
watched for why a turn has failed; a release without them costs the reason.
"""

import functools
import inspect
from collections.abc import Callable, Generator
from typing import Any

from praisonaiagents import Agent
from praisonaiagents import main as display

from projections.adapters.praisonai.patches import Patches
from projections.adapters.praisonai.running import place
from projections.adapters.praisonai.scopes import CallScope, Keeper, Scope, TurnScope

TURNS = ("chat", "achat", "_start_stream")
DELEGATION = "_delegate_to_backend"
CALLS = ("execute_tool", "execute_tool_async")
_SHOWN = "error"  # the display callback for errors


def install(keeper: Keeper, patches: Patches) -> None:
    """Wrap the methods. Raises RuntimeError for a PraisonAI that has not all of them."""
    missing = [name for name in (*TURNS, *CALLS) if not hasattr(Agent, name)]
    if missing:
        raise RuntimeError(
            f"this release of praisonaiagents has no Agent.{', Agent.'.join(missing)}: its turns "
            "cannot be mirrored. Use another release, or a newer runtime-journal"
        )
    _load_image_agent()
    for name in TURNS:
        patches.replace(Agent, name, functools.partial(_wrap, keeper, _turn_scope))
    patches.replace(Agent, DELEGATION, functools.partial(_wrap_delegation, keeper))
    for router in _router_agents():
        patches.replace(router, "execute", functools.partial(_wrap, keeper, _routed_scope))
    for name in CALLS:
        patches.replace(Agent, name, functools.partial(_wrap, keeper, _call_scope))
    patches.replace(Agent, "_turn_cancel_token", _watch_cancelling)
    patches.replace(Agent, "_guardrail_blocked_message", _watch_guardrail)


def _load_image_agent() -> None:
    """It has a `chat` of its own, and has to be there when that is wrapped."""
    try:
        import praisonaiagents.agent.image_agent  # noqa: F401
    except ImportError:
        pass  # then there is none


def _router_agents() -> list[type]:
    """The agent whose `execute` asks the models itself, past `chat`."""
    try:
        from praisonaiagents.agent.router_agent import RouterAgent
    except ImportError:
        return []
    return [RouterAgent]


MakeScope = Callable[[Keeper, Any, tuple[Any, ...], dict[str, Any]], Any]


def _turn_scope(
    keeper: Keeper, agent: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> TurnScope:
    return TurnScope(keeper, agent, _argument(args, kwargs, 0, "prompt"))


def _routed_scope(
    keeper: Keeper, agent: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> TurnScope:
    return TurnScope(keeper, agent, _argument(args, kwargs, 0, "task_description"))


def _call_scope(
    keeper: Keeper, agent: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> CallScope:
    name = _argument(args, kwargs, 0, "function_name")
    return CallScope(keeper, agent, name, _argument(args, kwargs, 2, "tool_call_id"))


def _argument(args: tuple[Any, ...], kwargs: dict[str, Any], index: int, name: str) -> Any:
    return args[index] if len(args) > index else kwargs.get(name)


def _wrap(keeper: Keeper, scope_of: MakeScope, original: Any) -> Any:
    """A function of the same kind that runs `original` within a scope."""
    if inspect.iscoroutinefunction(original):
        return _wrap_coroutine(keeper, scope_of, original)
    if inspect.isgeneratorfunction(original):
        return _wrap_generator(keeper, scope_of, original)

    @functools.wraps(original)
    def wrapper(self: Any, *args: Any, **kwargs: Any) -> Any:
        if keeper.stopped:
            return original(self, *args, **kwargs)
        scope: Scope = scope_of(keeper, self, args, kwargs)
        with scope, scope.inside():
            scope.result = original(self, *args, **kwargs)
        return scope.result

    return wrapper


def _wrap_coroutine(keeper: Keeper, scope_of: MakeScope, original: Any) -> Any:
    @functools.wraps(original)
    async def wrapper(self: Any, *args: Any, **kwargs: Any) -> Any:
        if keeper.stopped:
            return await original(self, *args, **kwargs)
        scope: Scope = scope_of(keeper, self, args, kwargs)
        async with scope:
            with scope.inside():
                scope.result = await original(self, *args, **kwargs)
        return scope.result

    return wrapper


def _wrap_generator(keeper: Keeper, scope_of: MakeScope, original: Any) -> Any:
    @functools.wraps(original)
    def wrapper(self: Any, *args: Any, **kwargs: Any) -> Any:
        if keeper.stopped:
            return (yield from original(self, *args, **kwargs))
        with scope_of(keeper, self, args, kwargs) as scope:
            return (yield from scope.steps(original(self, *args, **kwargs)))

    return wrapper


def _wrap_delegation(keeper: Keeper, original: Any) -> Any:
    """A turn, of which a backend may return a stream."""
    at_once = _wrap(keeper, _turn_scope, original)

    @functools.wraps(original)
    def wrapper(self: Any, *args: Any, **kwargs: Any) -> Any:
        if keeper.stopped or not _streams(self, kwargs):
            return at_once(self, *args, **kwargs)
        stream = original(self, *args, **kwargs)  # which does nothing before it is read
        return _in_turn(_turn_scope(keeper, self, args, kwargs), stream)

    return wrapper


def _streams(agent: Any, kwargs: dict[str, Any]) -> bool:
    """Whether PraisonAI will return the stream of the agent's backend: its own conditions."""
    backend = agent.backend
    asked = bool(kwargs.get("stream")) and not hasattr(backend, "_execute_sync")
    return asked and hasattr(backend, "stream")


def _in_turn(scope: TurnScope, stream: Any) -> Generator[Any, Any, Any]:
    with scope:
        return (yield from scope.steps(stream))


def _watch_cancelling(original: Any) -> Any:
    """Keep the token by which a turn can be told to stop: it knows whether it was."""

    @functools.wraps(original)
    def wrapper(self: Any, *args: Any, **kwargs: Any) -> Any:
        token = original(self, *args, **kwargs)
        here = place()
        if here is not None and here.running.agent is self:
            here.running.cancel = token
        return token

    return wrapper


def _watch_guardrail(original: Any) -> Any:
    """Note that an answer is withheld: what is returned in its place looks like one."""

    @functools.wraps(original)
    def wrapper(self: Any, error: Any = None) -> Any:
        here = place()
        if here is not None and here.running.agent is self:
            here.running.blocked = f"withheld by a guardrail: {error}"
        return original(self, error)

    return wrapper


class Complaints:
    """PraisonAI's display callback for errors, in front of the one that was there before."""

    def __init__(self) -> None:
        self._before = display.sync_display_callbacks.get(_SHOWN)
        self._callback = _noting if self._before is None else _noting_before(self._before)
        display.register_display_callback(_SHOWN, self._callback)

    def close(self) -> None:
        """Put back the one before, unless there is another one by now."""
        if display.sync_display_callbacks.get(_SHOWN) is not self._callback:
            return
        if self._before is not None:
            display.register_display_callback(_SHOWN, self._before)
        else:
            del display.sync_display_callbacks[_SHOWN]


def _noting(message: object = None) -> None:
    here = place()
    if here is not None and message is not None:
        here.running.complaint = str(message)


def _noting_before(callback: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(callback)  # PraisonAI passes what the signature has
    def both(*args: Any, **kwargs: Any) -> Any:
        _noting(kwargs.get("message"))
        return callback(*args, **kwargs)

    return both
