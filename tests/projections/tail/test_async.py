"""Tails in an event loop."""

import asyncio
import gc
from pathlib import Path

import pytest

from journal.errors import DamagedError
from journal.events import Cursor, Set
from projections import DefaultSessionStore
from projections.tail.async_tail import AsyncTail
from projections.tail.tail import Arrival
from tests.projections.tail.tails import (
    END,
    PATIENCE,
    check_whole,
    is_end,
    open_logs,
    put,
    run,
    tail_threads,
    writer,
)
from tests.support import finish, python


async def to_end(tail: AsyncTail, sessions: int = 1) -> list[Arrival]:
    found = []
    async for arrival in tail:
        found.append(arrival)
        sessions -= is_end(arrival)
        if not sessions:
            break
    return found


class TestAsync:
    def test_all_that_a_process_appends_arrives_once_and_in_order(
        self, store: DefaultSessionStore, tmp_path: Path
    ) -> None:
        async def main() -> list[Arrival]:
            tail = aiter(store.tail("s"))
            process = writer(tmp_path, 200, 30, "s")
            found = await to_end(tail)
            await asyncio.to_thread(finish, [process])
            return found

        check_whole(store, "s", run(main))

    def test_the_loop_goes_on_while_a_tail_waits(self, either: DefaultSessionStore) -> None:
        async def main() -> int:
            async with aiter(either.tail("s")) as tail:
                waiting = asyncio.ensure_future(anext(tail))
                for _ in range(100):
                    await asyncio.sleep(0)
                assert not waiting.done()
                put(either, "s", "t1")
                return (await waiting).event.seq

        assert run(main) == 1

    def test_a_timeout_loses_nothing(self, store: DefaultSessionStore, tmp_path: Path) -> None:
        async def main() -> tuple[list[Arrival], int]:
            found: list[Arrival] = []
            timeouts = 0
            async with aiter(store.tail("s")) as tail:
                process = writer(tmp_path, 200, 30, "s")
                while not (found and is_end(found[-1])):
                    try:
                        found.append(await asyncio.wait_for(anext(tail), 0.0005))
                    except TimeoutError:
                        timeouts += 1
            await asyncio.to_thread(finish, [process])
            return found, timeouts

        found, timeouts = run(main)
        assert timeouts > 0
        check_whole(store, "s", found)

    def test_a_cancelled_wait_loses_nothing_whenever_it_is_cancelled(
        self, either: DefaultSessionStore
    ) -> None:
        async def main() -> list[Arrival]:
            found: list[Arrival] = []
            cancelled = 0
            async with aiter(either.tail("s")) as tail:
                for number in range(60):
                    waiting = asyncio.ensure_future(anext(tail))
                    await asyncio.sleep(0)
                    put(either, "s", END if number == 59 else f"t{number}")
                    for _ in range(number % 12):
                        await asyncio.sleep(0.0002)
                    waiting.cancel()
                    try:
                        found.append(await waiting)
                    except asyncio.CancelledError:
                        cancelled += 1
                while not (found and is_end(found[-1])):
                    found.append(await anext(tail))
            assert cancelled > 0
            return found

        check_whole(either, "s", run(main))

    def test_a_wait_cancelled_after_its_arrival_came_keeps_it(
        self, either: DefaultSessionStore
    ) -> None:
        async def main() -> list[int]:
            async with aiter(either.tail("s")) as tail:
                waiting = asyncio.ensure_future(anext(tail))
                await asyncio.sleep(0)
                assert tail._wanted is not None
                tail._wanted.add_done_callback(lambda _: waiting.cancel())
                put(either, "s", "t1", "t2")
                with pytest.raises(asyncio.CancelledError):
                    await waiting
                return [(await anext(tail)).event.seq for _ in range(2)]

        assert run(main) == [1, 2]

    def test_a_task_that_is_cancelled_goes_quietly(self, either: DefaultSessionStore) -> None:
        async def main() -> None:
            async def follow() -> None:
                async for _ in either.tail("s"):
                    raise AssertionError("nothing was appended")

            task = asyncio.create_task(follow())
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

        run(main)

    def test_a_task_that_is_left_waiting_goes_with_its_loop(
        self, either: DefaultSessionStore
    ) -> None:
        cancelled: list[bool] = []

        async def main() -> None:
            task = asyncio.create_task(to_end(aiter(either.tail("s"))))
            task.add_done_callback(lambda task: cancelled.append(task.cancelled()))
            await asyncio.sleep(0)

        run(main)
        assert cancelled == [True]

    def test_one_that_is_kept_longer_than_its_loop_ends_with_the_next_arrival(
        self, either: DefaultSessionStore
    ) -> None:
        async def main() -> AsyncTail:
            tail = aiter(either.tail("s"))
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(anext(tail), 0.001)
            return tail

        kept = asyncio.run(main())
        (thread,) = tail_threads()
        put(either, "s", "t1")
        thread.join(PATIENCE)
        assert not thread.is_alive()
        assert list(kept._tail) == []

    def test_in_another_loop_it_says_that_it_is_waited_for_and_loses_nothing(
        self, either: DefaultSessionStore
    ) -> None:
        tail = asyncio.run(self.left_waiting(either))
        first = asyncio.new_event_loop()
        try:
            kept = first.run_until_complete(self.left_waiting(either))
            with pytest.raises(RuntimeError, match="another event loop already"):
                asyncio.run(anext(kept))
            put(either, "s", "t1")
            event = first.run_until_complete(anext(kept)).event
            assert isinstance(event, Set)
            assert event.turn_id == "t1"
            put(either, "s", "t2")
            event = asyncio.run(anext(kept)).event
            assert isinstance(event, Set)
            assert event.turn_id == "t2"
            asyncio.run(kept.aclose())
            asyncio.run(tail.aclose())
        finally:
            first.close()

    @staticmethod
    async def left_waiting(store: DefaultSessionStore) -> AsyncTail:
        tail = aiter(store.tail("s"))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(tail), 0.001)
        return tail

    @pytest.mark.parametrize("how", ["aclose", "stop", "close the store"])
    def test_whoever_waits_is_told_of_the_end(self, either: DefaultSessionStore, how: str) -> None:
        async def main() -> list[Arrival]:
            source = either.tail("s")
            tail = aiter(source)
            task = asyncio.create_task(to_end(tail))
            await asyncio.sleep(0)
            if how == "aclose":
                await tail.aclose()
            elif how == "stop":
                source.stop()
            else:
                either.close()
            found = await task
            with pytest.raises(StopAsyncIteration):
                await anext(tail)
            await tail.aclose()
            return found

        assert run(main) == []

    def test_dropping_it_ends_its_thread(self, either: DefaultSessionStore) -> None:
        async def main() -> None:
            put(either, "s", "t1")
            source = either.tail("s", from_start=True)
            tail = aiter(source)
            assert (await anext(tail)).event.seq == 1
            (thread,) = tail_threads()
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(anext(tail), 0.001)
            del tail
            gc.collect()
            await asyncio.to_thread(thread.join, PATIENCE)
            assert not thread.is_alive()
            assert list(source) == []

        run(main)

    def test_leaving_the_loop_early_ends_its_thread(self, either: DefaultSessionStore) -> None:
        async def main() -> None:
            put(either, "s", "t1", "t2")
            async for arrival in either.tail("s", from_start=True):
                assert arrival.event.seq == 1
                break

        run(main)

    def test_with_and_async_for_go_together(
        self, store: DefaultSessionStore, tmp_path: Path
    ) -> None:
        async def main() -> None:
            put(store, "s", "t1")
            with store.tail("s", from_start=True) as tail:
                async for arrival in tail:
                    assert arrival.event.seq == 1
                    break

        run(main)
        store.close()
        assert open_logs(tmp_path) == []

    def test_an_error_is_raised_where_it_is_awaited_and_is_the_end(
        self, store: DefaultSessionStore, tmp_path: Path
    ) -> None:
        (tmp_path / "bad.jsonl").write_text("no log\nat all\n")

        async def main() -> None:
            tail = aiter(store.tail("bad", from_start=True))
            (thread,) = tail_threads()
            with pytest.raises(DamagedError, match=r"bad\.jsonl"):
                await anext(tail)
            await asyncio.to_thread(thread.join, PATIENCE)
            assert not thread.is_alive()
            with pytest.raises(StopAsyncIteration):
                await anext(tail)

        run(main)

    def test_an_error_that_nobody_awaits_any_more_makes_no_noise(
        self, store: DefaultSessionStore, tmp_path: Path
    ) -> None:
        put(store, "s", "t1")

        async def main() -> None:
            tail = aiter(store.tail("s"))
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(anext(tail), 0.001)
            (tmp_path / "s.jsonl").write_text("no log\nat all\n")
            wanted = tail._wanted
            assert wanted is not None
            await asyncio.wait([wanted])
            assert isinstance(wanted.exception(), DamagedError)

        run(main)

    def test_two_in_one_loop(self, either: DefaultSessionStore) -> None:
        async def main() -> list[list[Arrival]]:
            tails = [(either.tail("a"), 1), (either.tail("b"), 1), (either.tail(), 2)]
            tasks = [asyncio.create_task(to_end(aiter(tail), ends)) for tail, ends in tails]
            for number in range(20):
                put(either, "a", f"t{number}")
                put(either, "b", f"t{number}")
                await asyncio.sleep(0)
            put(either, "a", END)
            put(either, "b", END)
            return await asyncio.gather(*tasks)

        of_a, of_b, of_all = run(main)
        check_whole(either, "a", of_a)
        check_whole(either, "b", of_b)
        assert sorted(of_all, key=lambda arrival: arrival.session_id) == of_a + of_b

    def test_one_loop_after_the_other_goes_on_by_cursor(self, either: DefaultSessionStore) -> None:
        put(either, "s", *(f"t{number}" for number in range(6)))
        found: list[int] = []
        after: Cursor | None = None

        async def main() -> Arrival:
            async for arrival in either.tail("s", after=after, from_start=True):
                return arrival
            raise AssertionError("it ended")

        while len(found) < 6:
            arrival = run(main)
            after = arrival.cursor
            found.append(arrival.event.seq)
        assert found == [1, 2, 3, 4, 5, 6]


def test_importing_the_tail_does_not_load_asyncio() -> None:
    code = "import sys, projections.tail.tail; print('asyncio' in sys.modules)"
    assert finish([python(code)]) == ["False\n"]
