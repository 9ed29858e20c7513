"""How a tail ends, from threads, blocks and stores."""

import threading
from pathlib import Path
from typing import Any

import pytest

from journal import ClosedError
from journal.engines.files.directory import Directory
from journal.engines.files.log import LogOptions
from projections import DefaultSessionStore
from projections.tail.tail import Arrival, Tail
from tests.projections.tail.tails import PATIENCE, open_logs, put, seqs, take
from tests.support import FaultyStorage


class Listener(threading.Thread):
    """Iterates in a thread of its own; `heard` is set with each arrival."""

    def __init__(self, tail: Tail) -> None:
        super().__init__(daemon=True)
        self.tail = tail
        self.arrivals: list[Arrival] = []
        self.error: BaseException | None = None
        self.heard = threading.Event()
        self.start()

    def run(self) -> None:
        try:
            for arrival in self.tail:
                self.arrivals.append(arrival)
                self.heard.set()
        except BaseException as error:  # noqa: BLE001 - shown by the test
            self.error = error

    def check_ended(self) -> None:
        self.join(PATIENCE)
        assert not self.is_alive(), "it still waits"
        assert self.error is None


class TestEnding:
    @pytest.mark.parametrize("how", ["stop", "close", "close the store"])
    def test_from_another_thread_while_it_waits(
        self, either: DefaultSessionStore, how: str
    ) -> None:
        listeners = [Listener(either.tail()), Listener(either.tail("s"))]
        put(either, "s", "t1")
        for listener in listeners:
            assert listener.heard.wait(PATIENCE), "it has begun to wait for more"
        if how == "close the store":
            either.close()
        else:
            for listener in listeners:
                getattr(listener.tail, how)()
        for listener in listeners:
            listener.check_ended()
            assert seqs(listener.arrivals) == [1]

    def test_while_it_waits_for_the_folder(self, tmp_path: Path) -> None:
        with DefaultSessionStore(tmp_path / "none", durability="os") as store:
            listener = Listener(store.tail())
            listener.tail.stop()
            listener.check_ended()

    def test_a_stopped_tail_gives_no_more_of_what_is_there(
        self, either: DefaultSessionStore
    ) -> None:
        put(either, "s", "t1", "t2", "t3")
        tail = either.tail("s", from_start=True)
        first = take(tail, 1)[0]
        tail.stop()
        assert list(tail) == []
        assert list(tail) == []
        with either.tail("s", after=first.cursor) as tail:
            assert seqs(take(tail, 2)) == [2, 3], "but the next one does"

    def test_one_that_was_stopped_before_it_was_read(self, either: DefaultSessionStore) -> None:
        put(either, "s", "t1")
        tail = either.tail("s", from_start=True)
        tail.stop()
        assert list(tail) == []

    def test_the_end_of_a_with_block_lets_go_of_all_files(
        self, store: DefaultSessionStore, tmp_path: Path
    ) -> None:
        names = [f"s{number}" for number in range(5)]
        for name in names:
            put(store, name, "t1")
        store.close()
        assert open_logs(tmp_path) == []
        with DefaultSessionStore(tmp_path, durability="os") as reader:
            with reader.tail(from_start=True) as tail:
                take(tail, 5)
                assert len(open_logs(tmp_path)) == 5
            assert open_logs(tmp_path) == []
            assert list(tail) == []

    def test_files_are_not_closed_while_another_thread_reads_them(self, tmp_path: Path) -> None:
        """Else it might read another file, that has got the same number meanwhile."""
        reading, go_on = threading.Event(), threading.Event()
        happened: list[str] = []

        def fault(name: str, args: tuple[Any, ...]) -> None:
            if threading.current_thread() is listener and name == "read":
                happened.append("read begins")
                reading.set()
                go_on.wait(PATIENCE)
                happened.append("read ends")
            elif name == "close" and reading.is_set():
                happened.append("close")

        with DefaultSessionStore(tmp_path, durability="os") as store:
            put(store, "s", "t1")
        listener: threading.Thread | None = None
        engine = Directory(str(tmp_path), LogOptions(storage=FaultyStorage(fault)))
        tail = Tail(engine, "s")
        with DefaultSessionStore(tmp_path, durability="os") as store:
            put(store, "s", "t2")
        listener = Listener(tail)
        assert reading.wait(PATIENCE)
        closing = threading.Thread(target=tail.close)
        closing.start()
        stopped = tail._stop.wait(PATIENCE)  # from here on only the lock holds it back
        go_on.set()
        closing.join(PATIENCE)
        assert stopped
        assert not closing.is_alive()
        listener.check_ended()
        assert "close" in happened
        first_close = happened.index("close")
        assert happened[:first_close].count("read begins") == happened[:first_close].count(
            "read ends"
        )

    def test_a_closed_store_makes_no_tails(self, store: DefaultSessionStore) -> None:
        store.close()
        with pytest.raises(ClosedError):
            store.tail()
