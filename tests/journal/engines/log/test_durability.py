"""What is on the disk when an append returns."""

import threading
import time
from pathlib import Path

from tests.support import (
    FaultyStorage,
    no_fault,
    open_log,
    set_event,
)


class TestDurability:
    def test_fsync_syncs_each_append_before_it_returns(self, tmp_path: Path) -> None:
        calls: list[str] = []
        storage = FaultyStorage(lambda name, args: calls.append(name))
        log, _ = open_log(tmp_path, storage=storage, durability="fsync")
        log.append([set_event("a")])
        assert "sync_folder" in calls
        for _ in range(3):
            calls.clear()
            log.append([set_event("b")])
            assert calls.index("write") < calls.index("sync")

    def test_os_never_syncs_an_append(self, tmp_path: Path) -> None:
        calls: list[str] = []
        storage = FaultyStorage(lambda name, args: calls.append(name))
        log, _ = open_log(tmp_path, storage=storage, durability="os")
        log.append([set_event("a")])
        log.append([set_event("b")])
        assert "sync" not in calls
        log.flush()
        assert "sync" in calls

    def test_threads_share_syncs(self, tmp_path: Path) -> None:
        """While one sync is under way, seven threads line up; one more sync covers them."""
        storage = FaultyStorage(no_fault)
        log, _ = open_log(tmp_path, storage=storage, durability="fsync")
        log.append([set_event("first")])
        entered, go = threading.Event(), threading.Event()
        syncs: list[str] = []

        def fault(name: str, args: tuple[object, ...]) -> None:
            if name == "sync":
                syncs.append(name)
                entered.set()
                assert go.wait(20)

        storage.fault = fault
        threads = [
            threading.Thread(target=log.append, args=([set_event(str(i))],)) for i in range(8)
        ]
        threads[0].start()
        assert entered.wait(20)
        for thread in threads[1:]:
            thread.start()
        while len(log._group._queue) < 7:
            time.sleep(0.001)
        go.set()
        for thread in threads:
            thread.join()
        assert len(syncs) == 2
