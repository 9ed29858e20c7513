"""Listens to the models that PraisonAI's agents ask: what they answer, and what they are given.

PraisonAI asks models at dozens of places, but only through two clients: OpenAI's own, and its
`LLM`, which asks LiteLLM. The methods of these are wrapped. An answer belongs to the turn in
which the model is asked, outside of its tool calls. A stream is heard when it is read to its
end, which is before any tool of it runs.
"""

import inspect
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Any

import wrapt

from projections.adapters.praisonai.answers import (
    Chunks,
    ModelAnswer,
    answer_of,
    reported_results,
    whole_of,
)
from projections.adapters.praisonai.patches import Patches
from projections.adapters.praisonai.running import Running, running_here
from projections.adapters.praisonai.tracker import TurnTracker

_is_asking: ContextVar[bool] = ContextVar("journal_is_asking_a_model", default=False)
"""Whether this is inside a method that is wrapped here: LiteLLM may ask by OpenAI's client."""

_LLM = "praisonaiagents.llm.llm:LLM"
CLIENTS = (
    ("openai.resources.chat.completions:Completions", "create"),
    ("openai.resources.chat.completions:Completions", "parse"),
    ("openai.resources.chat.completions:AsyncCompletions", "create"),
    ("openai.resources.chat.completions:AsyncCompletions", "parse"),
    ("openai.resources.responses:Responses", "create"),
    ("openai.resources.responses:AsyncResponses", "create"),
    (_LLM, "_completion_with_retry"),
    (_LLM, "_acompletion_with_retry"),
    (_LLM, "_call_responses_api"),
    (_LLM, "_call_responses_api_async"),
    (_LLM, "_stream_responses_api"),
    (_LLM, "_stream_responses_api_async"),
)


def listen(tracker: TurnTracker, patches: Patches) -> None:
    """Wrap the methods. In a release without one of these, what it would tell is missing."""

    def wrapper(wrapped: Any, _client: Any, args: Any, kwargs: Any) -> Any:
        here = running_here()
        if here is None or here[1] is not None or _is_asking.get():
            return wrapped(*args, **kwargs)
        return _Asking(tracker, here[0], kwargs).of(wrapped, args)

    _load_scripted_model()
    for client, name in CLIENTS:
        patches.wrap_at(client, name, lambda _: wrapper)


def _load_scripted_model() -> None:
    """PraisonAI's model for tests overrides methods of `LLM`: it must be there to be wrapped."""
    try:
        import praisonaiagents.model_harness.scripted  # noqa: F401
    except ImportError:
        pass  # this release has none


class _Asking:
    """A model is being asked, by the keyword arguments `asked`, in a turn."""

    def __init__(self, tracker: TurnTracker, running: Running, asked: dict[str, Any]) -> None:
        self._tracker = tracker
        self._running = running
        self._asked = asked
        self._chunks = Chunks()

    def of(self, ask: Callable[..., Any], args: tuple[Any, ...]) -> Any:
        """What the client returns, or what it does to be awaited; a stream is listened to."""
        self._guarded(self._note_results)
        token = _is_asking.set(True)
        try:
            response = ask(*args, **self._asked)
        finally:
            _is_asking.reset(token)
        return self._awaited(response) if inspect.isawaitable(response) else self._got(response)

    async def _awaited(self, response: Awaitable[Any]) -> Any:
        token = _is_asking.set(True)
        try:
            found = await response
        finally:
            _is_asking.reset(token)
        return self._got(found)

    def _got(self, response: Any) -> Any:
        if self._asked.get("stream") and (
            hasattr(response, "__iter__") or hasattr(response, "__aiter__")
        ):
            return _Stream(response, self._take, self._end)
        self._hear(response)
        return response

    def _note_results(self) -> None:
        if self._running.calls.some_have_not_begun:
            messages = self._asked.get("messages") or self._asked.get("input")
            self._running.calls.reported(reported_results(messages))

    def _take(self, chunk: object) -> None:
        self._guarded(lambda: self._chunks.add(chunk))

    def _end(self) -> None:
        self._hear(self._chunks.whole())

    def _hear(self, response: object) -> None:
        self._guarded(lambda: self._note(whole_of(response)))

    def _note(self, response: object) -> None:
        answer = answer_of(response)
        if answer is not None:
            self._running.heard(_with_cost(answer, response))

    def _guarded(self, action: Callable[[], None]) -> None:
        if not self._tracker.stopped:
            self._tracker.guard(action)


class _Stream(wrapt.ObjectProxy):  # type: ignore[type-arg]  # it has none when it runs
    """The stream that a client returned; `took` gets each chunk that is read, then it `ended`."""

    def __init__(
        self, stream: Any, took: Callable[[object], None], ended: Callable[[], None]
    ) -> None:
        super().__init__(stream)
        self._self_steps: Any = None
        self._self_took = took
        self._self_ended = ended

    def __iter__(self) -> Any:
        return self

    def __next__(self) -> Any:
        if self._self_steps is None:
            self._self_steps = iter(self.__wrapped__)
        try:
            chunk = next(self._self_steps)
        except StopIteration:
            self._self_ended()
            raise
        self._self_took(chunk)
        return chunk

    def __aiter__(self) -> Any:
        return self

    async def __anext__(self) -> Any:
        if self._self_steps is None:
            self._self_steps = aiter(self.__wrapped__)
        try:
            chunk = await anext(self._self_steps)
        except StopAsyncIteration:
            self._self_ended()
            raise
        self._self_took(chunk)
        return chunk


def _with_cost(answer: ModelAnswer, response: object) -> ModelAnswer:
    """With the cost, if PraisonAI knows it: it must be asked to track costs, and have LiteLLM.

    Its own estimates are left out: they are guesses for models that it does not know.
    """
    if not answer.usage or "cost_usd" in answer.usage:
        return answer
    try:
        from praisonaiagents.llm._cost import calculate_cost
    except ImportError:
        return answer  # this release knows none
    cost = calculate_cost(response)
    return answer._replace(usage={**answer.usage, "cost_usd": cost}) if cost else answer
