"""Instruments PraisonAI's agents: wraps the few methods through which every turn and call goes.

`start`, `run`, teams and flows all go through `chat`, `achat` or `_start_stream`, or through
`_delegate_to_backend` to a backend that runs whole turns. Every tool call goes through
`execute_tool` or `execute_tool_async`. These are wrapped on the class, each by a wrapper for
its kind of function. PraisonAI often returns where others raise, so three more methods are
watched for the reason why a turn failed. In a release without these, the reason is missing.
What models answer, and who is asked for approval, is found elsewhere: see `models`, `approvals`.
"""

import functools
import inspect
from collections.abc import Callable, Generator
from typing import Any, TypeAlias

from praisonaiagents import Agent
from praisonaiagents import main as display

from projections.adapters.praisonai import approvals, models
from projections.adapters.praisonai.patches import Patches, Wrapper
from projections.adapters.praisonai.running import running_here
from projections.adapters.praisonai.spans import AgentSpan, CallSpan, TurnSpan
from projections.adapters.praisonai.tracker import TurnTracker

TURNS = ("chat", "achat", "_start_stream")
DELEGATION = "_delegate_to_backend"
CALLS = ("execute_tool", "execute_tool_async")
_SHOWN = "error"  # the display callback for errors


def install(tracker: TurnTracker, patches: Patches) -> None:
    """Wrap the methods. Raises RuntimeError if PraisonAI does not have all of them."""
    missing = [name for name in (*TURNS, *CALLS) if not hasattr(Agent, name)]
    if missing:
        raise RuntimeError(
            f"this release of praisonaiagents has no Agent.{', Agent.'.join(missing)}: its turns "
            "cannot be mirrored. Use another release, or a newer runtime-journal"
        )
    _load_image_agent()
    turn = _spanning(tracker, "prompt")
    for name in TURNS:
        patches.wrap(Agent, name, turn)
    patches.wrap(Agent, DELEGATION, functools.partial(_delegation, tracker, turn))
    router = "praisonaiagents.agent.router_agent:RouterAgent"  # it asks models without `chat`
    patches.wrap_at(router, "execute", _spanning(tracker, "task_description"))
    for name in CALLS:
        patches.wrap(Agent, name, functools.partial(_wrapper, functools.partial(_call, tracker)))
    patches.wrap(Agent, "_turn_cancel_token", lambda _: _watch_cancelling)
    patches.wrap(Agent, "_guardrail_blocked_message", lambda _: _watch_guardrail)
    models.listen(tracker, patches)
    approvals.watch(tracker, patches)


def _load_image_agent() -> None:
    """It overrides `chat`, so its class must be loaded when `chat` is wrapped."""
    try:
        import praisonaiagents.agent.image_agent  # noqa: F401
    except ImportError:
        pass  # this release has none


MakeSpan: TypeAlias = Callable[[Any, tuple[Any, ...], dict[str, Any]], Any]


def _spanning(tracker: TurnTracker, prompt: str) -> Callable[[Any], Wrapper]:
    """Makes wrappers for a method that is a turn; its first argument, `prompt`, is the prompt."""
    return functools.partial(_wrapper, functools.partial(_turn, tracker, prompt))


def _turn(
    tracker: TurnTracker, prompt: str, agent: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> TurnSpan:
    return TurnSpan(tracker, agent, _argument(args, kwargs, 0, prompt))


def _call(
    tracker: TurnTracker, agent: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> CallSpan:
    name, arguments, call_id = (
        _argument(args, kwargs, index, name)
        for index, name in enumerate(("function_name", "arguments", "tool_call_id"))
    )
    return CallSpan(tracker, agent, name, arguments, call_id)


def _argument(args: tuple[Any, ...], kwargs: dict[str, Any], index: int, name: str) -> Any:
    return args[index] if len(args) > index else kwargs.get(name)


def _wrapper(span_of: MakeSpan, original: Any) -> Wrapper:
    """Runs the wrapped function, which is of the same kind as `original`, within a span."""
    if inspect.iscoroutinefunction(original):
        return _coroutine_wrapper(span_of)
    if inspect.isgeneratorfunction(original):
        return _generator_wrapper(span_of)

    def wrapper(wrapped: Any, agent: Any, args: Any, kwargs: Any) -> Any:
        span: AgentSpan = span_of(agent, args, kwargs)
        with span, span.inside():
            span.result = wrapped(*args, **kwargs)
        return span.result

    return wrapper


def _coroutine_wrapper(span_of: MakeSpan) -> Wrapper:
    async def wrapper(wrapped: Any, agent: Any, args: Any, kwargs: Any) -> Any:
        span: AgentSpan = span_of(agent, args, kwargs)
        async with span:
            with span.inside():
                span.result = await wrapped(*args, **kwargs)
        return span.result

    return wrapper


def _generator_wrapper(span_of: MakeSpan) -> Wrapper:
    def wrapper(wrapped: Any, agent: Any, args: Any, kwargs: Any) -> Any:
        with span_of(agent, args, kwargs) as span:
            return (yield from span.steps(wrapped(*args, **kwargs)))

    return wrapper


def _delegation(tracker: TurnTracker, turn: Callable[[Any], Wrapper], original: Any) -> Wrapper:
    """A turn of a backend, which may return a stream."""
    at_once = turn(original)

    def wrapper(wrapped: Any, agent: Any, args: Any, kwargs: Any) -> Any:
        if not _streams(agent, kwargs):
            return at_once(wrapped, agent, args, kwargs)
        stream = wrapped(*args, **kwargs)  # it does nothing before it is read
        return _in_turn(_turn(tracker, "prompt", agent, args, kwargs), stream)

    return wrapper


def _streams(agent: Any, kwargs: dict[str, Any]) -> bool:
    """Whether PraisonAI will return the stream of the agent's backend, by its own conditions."""
    backend = agent.backend
    asked = bool(kwargs.get("stream")) and not hasattr(backend, "_execute_sync")
    return asked and hasattr(backend, "stream")


def _in_turn(span: TurnSpan, stream: Any) -> Generator[Any, Any, Any]:
    with span:
        return (yield from span.steps(stream))


def _watch_cancelling(wrapped: Any, agent: Any, args: Any, kwargs: Any) -> Any:
    """Keep the token by which a turn can be asked to stop; it knows whether it was asked."""
    token = wrapped(*args, **kwargs)
    here = running_here()
    if here is not None and here[0].agent is agent:
        here[0].cancel = token
    return token


def _watch_guardrail(wrapped: Any, agent: Any, args: Any, kwargs: Any) -> Any:
    """Note that an answer is withheld: the text returned in its place looks like an answer."""
    here = running_here()
    if here is not None and here[0].agent is agent:
        here[0].blocked = f"withheld by a guardrail: {_argument(args, kwargs, 0, 'error')}"
    return wrapped(*args, **kwargs)


class ErrorCallback:
    """Our display callback for errors; it also calls the one that was there before."""

    def __init__(self) -> None:
        self._before = display.sync_display_callbacks.get(_SHOWN)
        self._callback = _noting if self._before is None else _noting_before(self._before)
        display.register_display_callback(_SHOWN, self._callback)

    def close(self) -> None:
        """Put back the callback from before, unless somebody else has registered another."""
        if display.sync_display_callbacks.get(_SHOWN) is not self._callback:
            return
        if self._before is not None:
            display.register_display_callback(_SHOWN, self._before)
        else:
            del display.sync_display_callbacks[_SHOWN]


def _noting(message: object = None) -> None:
    here = running_here()
    if here is not None and message is not None:
        here[0].shown_error = str(message)


def _noting_before(callback: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(callback)  # PraisonAI passes the arguments that the signature names
    def both(*args: Any, **kwargs: Any) -> Any:
        _noting(kwargs.get("message"))
        return callback(*args, **kwargs)

    return both
