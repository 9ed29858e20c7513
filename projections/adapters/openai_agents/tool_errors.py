"""Sees what tools raise, before the SDK makes a result of it for the model.

Hooks only get the result. The function that makes it is internal to the SDK. If a release does
not have it, a failed call is recognised by the SDK's words in its result.
"""

import functools
from collections.abc import Callable
from importlib import import_module
from typing import Any

from projections.adapters.context import current
from projections.adapters.openai_agents.runs import MirroredRun

FUNCTION = "maybe_invoke_function_tool_failure_error_function"
MODULES = ("agents.tool", "agents.run_internal.tool_execution")


def watch_tool_errors() -> Callable[[], None]:
    """Report to runs what their tools raise. Returns a function that ends this."""
    undo = [_watch(name) for name in MODULES]

    def end() -> None:
        for each in undo:
            each()

    return end


def _watch(name: str) -> Callable[[], None]:
    module = import_module(name)
    original = getattr(module, FUNCTION, None)
    if original is None:
        return lambda: None

    @functools.wraps(original)
    async def watching(*args: Any, **kwargs: Any) -> Any:
        _note(kwargs.get("error"))
        return await original(*args, **kwargs)

    setattr(module, FUNCTION, watching)

    def put_back() -> None:
        if getattr(module, FUNCTION) is watching:
            setattr(module, FUNCTION, original)

    return put_back


def _note(error: object) -> None:
    here = current()
    if here is None or not isinstance(here.work, MirroredRun) or here.call_id is None:
        return
    if isinstance(error, BaseException):
        here.work.call_raised(here.call_id, error)
