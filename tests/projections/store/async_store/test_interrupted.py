"""Calls of finalizers and signal handlers, which come in the middle of a call of the thread's."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from journal.errors import ReentryError
from projections import DefaultSessionStore
from projections.store.async_store import AsyncSessionStore
from tests.projections.store.async_store.gates import put, run, turns

CALLS: dict[str, Callable[[AsyncSessionStore], Any]] = {
    "set": lambda store: put(store, "inner"),
    "get": lambda store: store.get_runtime_state("s", "native"),
    "list_sessions": lambda store: store.list_sessions(),
    "refresh_soon": lambda store: store._writer.refresh_soon("s"),
    "join": lambda store: store._writer.join("s"),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_call_in_the_middle_of_a_call_is_refused_and_not_waited_for(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would wait for locks that this very thread has: ours, and those of the threads."""
    store = AsyncSessionStore(DefaultSessionStore(tmp_path))
    submit = ThreadPoolExecutor.submit
    refused: list[Exception] = []

    def interrupted(self: ThreadPoolExecutor, *args: Any) -> Any:
        with monkeypatch.context() as patch:
            patch.setattr(ThreadPoolExecutor, "submit", submit)
            try:
                CALLS[name](store)
            except ReentryError as error:
                refused.append(error)
        return submit(self, *args)

    async def main() -> None:
        await put(store, "first")
        with monkeypatch.context() as patch:
            patch.setattr(ThreadPoolExecutor, "submit", interrupted)
            outer = put(store, "outer", "other")
        assert await outer
        assert await put(store, "last")
        await store.close()

    run(main())
    assert len(refused) == 1
    assert turns(tmp_path) == ["first", "last"]
    assert turns(tmp_path, "other") == ["outer"]
