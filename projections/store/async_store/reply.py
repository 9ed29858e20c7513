"""How a task gets the answer to what it called for."""

import asyncio
import logging
from asyncio import Future
from collections.abc import Callable
from typing import Any, Generic, TypeVar

logger = logging.getLogger("journal")

T = TypeVar("T")


class Reply(Generic[T]):
    """A future of the event loop that runs here, to be answered by any thread."""

    __slots__ = ("_loop", "_reports", "future")

    def __init__(self, *, reports: bool = False) -> None:
        """`reports`: an error that reaches nobody is logged.

        Raises RuntimeError where no event loop runs.
        """
        self._reports = reports
        self._loop = asyncio.get_running_loop()
        self.future: Future[T] = self._loop.create_future()

    def carry_out(self, call: Callable[[], T]) -> None:
        """In a thread: make the call and answer with what came of it."""
        try:
            result = call()
        except BaseException as error:  # noqa: BLE001 - raised where it is awaited
            self._notify(self._fail, error)
        else:
            self._notify(self._succeed, result)

    def answer(self, result: T, error: BaseException | None) -> None:
        """In a thread: answer with the result, or the error if there is one."""
        if error is None:
            self._notify(self._succeed, result)
        else:
            self.fail(error)

    def fail(self, error: BaseException | None) -> None:
        """In a thread: answer with the error."""
        self._notify(self._fail, error)

    def _notify(self, how: Callable[[Any], None], outcome: object) -> None:
        try:
            self._loop.call_soon_threadsafe(how, outcome)
        except RuntimeError:  # the loop is closed: nobody waits any more
            if how == self._fail:
                self._report(outcome)

    def _succeed(self, result: T) -> None:
        if not self.future.done():
            self.future.set_result(result)

    def _fail(self, error: BaseException) -> None:
        if not self.future.done():
            self.future.set_exception(error)
        else:  # the task that awaited it was cancelled
            self._report(error)

    def _report(self, error: object) -> None:
        if self._reports:
            logger.error(
                "a write failed after the task that had called for it was gone: %s: %s",
                type(error).__name__,
                error,
            )
