"""Sees what tools raise, before the SDK makes a result of it for the model.

Hooks only get the result. The functions through which an error comes are internal to the SDK. If
a release does not have one, a failed call is recognised by the SDK's words in its result, and one
that was cancelled stays open.
"""

import functools
from collections.abc import Callable
from importlib import import_module
from inspect import iscoroutinefunction
from traceback import walk_tb
from typing import Any

from projections.adapters.context import current
from projections.adapters.openai_agents.runs import MirroredRun

EXECUTION = "agents.run_internal.tool_execution"
WORDED = "maybe_invoke_function_tool_failure_error_function"
INVOKED = "_invoke_function_tool_with_metadata"
LOGGED = "log_tool_action_error"

WATCHED = (
    ("agents.tool", WORDED),  # words an error of a function
    (EXECUTION, WORDED),
    (EXECUTION, INVOKED),  # calls a function; raises what nobody has words for
    ("agents.run_internal.tool_actions", LOGGED),  # is told of errors of all other tools
)
"""Functions that are given an error, or raise it, with the modules that call them."""


def watch_tool_errors() -> Callable[[], None]:
    """Report to runs what their tools raise. Returns a function that ends this."""
    undo = [_watch(module, name) for module, name in WATCHED]

    def end() -> None:
        for each in undo:
            each()

    return end


def _watch(module_name: str, name: str) -> Callable[[], None]:
    module = import_module(module_name)
    original = getattr(module, name, None)
    if original is None:
        return lambda: None
    watching = _watching(original)
    setattr(module, name, watching)

    def put_back() -> None:
        if getattr(module, name) is watching:
            setattr(module, name, original)

    return put_back


def _watching(original: Callable[..., Any]) -> Callable[..., Any]:
    if not iscoroutinefunction(original):

        @functools.wraps(original)
        def watching(*args: Any, **kwargs: Any) -> Any:
            for each in args:
                _note(each)
            return original(*args, **kwargs)

        return watching

    @functools.wraps(original)
    async def awaiting(*args: Any, **kwargs: Any) -> Any:
        _note(kwargs.get("error"))
        try:
            return await original(*args, **kwargs)
        except BaseException as error:
            _note(error)
            raise

    return awaiting


def _note(error: object) -> None:
    here = current()
    if here is None or not isinstance(here.work, MirroredRun) or here.call_id is None:
        return
    if isinstance(error, BaseException) and not _runs_on(error):
        here.work.call_raised(here.call_id, error)


def _runs_on(error: BaseException) -> bool:
    """Whether it is the end of a wait for a thread, which cannot be cancelled."""
    if isinstance(error, Exception):
        return False
    frames = (frame for frame, _ in walk_tb(error.__traceback__))
    return any(frame.f_code.co_name == "to_thread" for frame in frames)
