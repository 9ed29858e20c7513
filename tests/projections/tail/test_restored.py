"""Folders restored from a backup under a tail."""

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from journal.errors import CursorError
from journal.events import Cursor
from projections import DefaultSessionStore
from tests.projections.tail.tails import (
    END,
    check_whole,
    newest,
    put,
    run,
    seqs,
    take,
    take_to_ends,
)


class TestRestored:
    """The folder is restored from a backup after cursors were noted."""

    @pytest.fixture
    def folder(self, tmp_path: Path) -> str:
        return str(tmp_path / "s")

    def put(self, folder: str, *turns: str, session: str = "s") -> None:
        """By another program than the tail's."""
        with DefaultSessionStore(folder, durability="os") as store:
            put(store, session, *turns)

    def begin(self, folder: str) -> Callable[[], None]:
        """Three events, a backup, and three more; returns what restores the backup."""
        self.put(folder, "t1", "t2", "t3")
        shutil.copytree(folder, f"{folder}.backup")
        self.put(folder, "lost4", "lost5", "lost6")

        def restore() -> None:
            shutil.rmtree(folder)
            shutil.copytree(f"{folder}.backup", folder)

        return restore

    @pytest.mark.parametrize("form", ["whole", "short", "text"])
    def test_a_cursor_that_lies_ahead_is_refused_and_says_where_to_go_on(
        self, folder: str, form: str
    ) -> None:
        restore = self.begin(folder)
        with DefaultSessionStore(folder) as store:
            whole = newest(store, "s")
            forms: dict[str, Cursor | str] = {"text": str(whole), "whole": whole}
            noted = forms.get(form, Cursor(whole.log_id, 6))
            restore()
            with pytest.raises(CursorError, match="ends with event 3") as caught:
                take(store.tail("s", after=noted), 1)
            assert str(caught.value.cursor) == str(noted)
            self.put(folder, END)
            with store.tail("s", after=caught.value.resume_after) as tail:
                check_whole(store, "s", take_to_ends(tail, "s")["s"])

    def test_a_cursor_whose_event_is_another_is_refused(self, folder: str) -> None:
        restore = self.begin(folder)
        with DefaultSessionStore(folder) as store:
            noted = newest(store, "s")
        restore()
        self.put(folder, "new4", "new5", "new6", "new7")
        with DefaultSessionStore(folder) as store:
            with pytest.raises(CursorError, match="event 6"):
                take(store.tail("s", after=noted), 1)
            short = Cursor(noted.log_id, noted.seq)
            with store.tail("s", after=short) as tail:
                assert seqs(take(tail, 1)) == [7], "a short one cannot tell"

    def test_a_tail_in_the_middle_is_refused_and_goes_on_where_it_says(self, folder: str) -> None:
        restore = self.begin(folder)
        with DefaultSessionStore(folder) as store, store.tail("s", from_start=True) as tail:
            before = take(tail, 6)
            restore()
            self.put(folder, "new4", END)
            with pytest.raises(CursorError) as caught:
                take(tail, 1)
            assert caught.value.cursor == before[-1].cursor
            assert caught.value.resume_after == before[2].cursor
            assert list(tail) == [], "and the end of that tail"
            with store.tail("s", after=caught.value.resume_after) as again:
                check_whole(store, "s", before[:3] + take(again, 2))

    def test_of_a_whole_folder_it_is_left_out_and_logged_once(
        self, folder: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        restore = self.begin(folder)
        with DefaultSessionStore(folder) as store, store.tail(from_start=True) as tail:
            noted = take(tail, 6)[-1].cursor
            restore()
            for turn in ("new4", "new5", "new6"):
                self.put(folder, turn)
                self.put(folder, "t", session="other")
                (arrival,) = take(tail, 1)
                assert arrival.session_id == "other"
            assert tail.cursors["s"] == noted
            left_out = [record for record in caplog.records if "left out" in record.message]
            assert len(left_out) == 1
            assert str(noted) in left_out[0].message
            store.delete_session("s")
            self.put(folder, END)
            check_whole(store, "s", take_to_ends(tail, "s")["s"])

    def test_a_loop_that_waits_is_told_too(self, folder: str) -> None:
        restore = self.begin(folder)

        async def main() -> CursorError:
            with DefaultSessionStore(folder) as store:
                async with aiter(store.tail("s", from_start=True)) as tail:
                    for _ in range(6):
                        await anext(tail)
                    waiting = asyncio.ensure_future(anext(tail))
                    await asyncio.sleep(0)
                    restore()
                    self.put(folder, "new4")
                    with pytest.raises(CursorError) as caught:
                        await waiting
                    return caught.value

        assert run(main).resume_after.seq == 3
