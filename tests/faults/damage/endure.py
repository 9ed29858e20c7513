"""Everything that can be done with a damaged session, and what may come of it.

Whatever the files hold: a result or a `JournalError`, an exit code that is documented, and
never a byte lost that an intact event is in.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from journal.engines.files.directory import Directory
from journal.engines.files.log import LogOptions
from journal.errors import JournalError
from journal.scan import Scanner
from projections import DefaultSessionStore
from tests.cli.terminal import HARMFUL
from tests.faults.damage.commands import DOCUMENTED, reading, run
from tests.faults.damage.forgery import SESSION

LOG = f"{SESSION}.jsonl"
COMMANDS = reading(SESSION, "native", "turn-1")


def exhaust(found: Any) -> None:
    for _ in found:
        pass


def follow(store: DefaultSessionStore) -> None:
    """From the first event on, as `journal tail` does, to what is the end now."""
    engine = Directory(store.session_dir or "", LogOptions("os"))
    follower = engine.follow(SESSION)
    try:
        exhaust(follower.read())
        follower.to_end()
    finally:
        follower.close()


READS: dict[str, Callable[[DefaultSessionStore], object]] = {
    "get": lambda store: store.get_runtime_state(SESSION, "native"),
    "get a turn": lambda store: store.get_runtime_state(SESSION, "native", "turn-1"),
    "exists": lambda store: store.session_exists(SESSION),
    "list": lambda store: store.list_sessions(),
    "sum up": lambda store: [store.summary(info) for info in store.list_sessions()],
    "replay": lambda store: exhaust(store.replay(SESSION)),
    "history": lambda store: store.history(SESSION, "native", "turn-1"),
    "state as of": lambda store: store.state_at(SESSION, 2),
    "state of then": lambda store: store.state_at(SESSION, "2026-11-22T10:18:00Z"),
    "diff": lambda store: store.diff(SESSION, "@1"),
    "blame": lambda store: store.blame(SESSION, "native", "turn-1"),
    "audit": lambda store: store.audit(SESSION),
    "document": lambda store: store.session_document(SESSION),
    "verify": lambda store: store.verify(SESSION),
    "tail": follow,
}
WRITES: dict[str, Callable[[DefaultSessionStore], object]] = {
    "set": lambda store: store.set_runtime_state(SESSION, "new", "turn", {"n": 1}),
    "hand off": lambda store: store.hand_off(SESSION, "native", "harness"),
    "take over": lambda store: store.take_over(SESSION, "harness"),
    "compact": lambda store: store.compact(SESSION),
    "clear": lambda store: store.clear_runtime_state(SESSION, "native"),
    "flush": lambda store: store.flush(),
    "delete": lambda store: store.delete_session(SESSION),
}


def attempt(store: DefaultSessionStore, operation: Callable[..., object]) -> bool:
    """Whether it worked; a `JournalError` is an answer too, anything else is not."""
    try:
        operation(store)
    except JournalError:
        return False
    return True


def read_all(folder: Path) -> int:
    """Every way to read. None may change anything. Returns how many gave a result."""
    before = contents(folder)
    with DefaultSessionStore(folder, durability="os") as store:
        worked = sum(attempt(store, operation) for operation in READS.values())
    assert contents(folder) == before
    return worked


def write_all(folder: Path) -> int:
    """Every way to write; the first of them cuts off nothing but what is torn."""
    path = folder / LOG
    before = path.read_bytes() if path.is_file() else b""
    worked = 0
    for name, operation in WRITES.items():
        with DefaultSessionStore(folder, durability="os", auto_compact=False) as store:
            succeeded = attempt(store, operation)
            worked += succeeded
            if name == "set":
                if succeeded:
                    assert store.get_runtime_state(SESSION, "new", "turn") == {"n": 1}
                after = path.read_bytes() if path.is_file() else b""
                assert after.startswith(intact(before))
    return worked


def intact(data: bytes) -> bytes:
    """All of a log up to the end of the last line that can be read."""
    scanner = Scanner()
    exhaust(scanner.feed(data))
    return data[: scanner.seal_start if scanner.seal is not None else scanner.end]


def command(folder: Path, args: list[str]) -> int:
    """Run a command that reads. Nothing in what it prints steers a terminal."""
    ran = run(*args, folder=str(folder))
    assert ran.code in DOCUMENTED, (args, ran.code)
    raw = args[0] == "export"  # to a pipe: bytes as they are
    for stream in (ran.err, b"" if raw else ran.out):
        text = stream.decode()
        assert HARMFUL.search(text) is None, (args, text)
        assert "Traceback" not in text
    assert ran.code == 0 or ran.out or ran.err, "whoever failed says why"
    return ran.code


def contents(folder: Path) -> dict[str, bytes]:
    return dict(_files(folder))


def _files(folder: Path) -> Iterator[tuple[str, bytes]]:
    for path in folder.rglob("*"):
        if path.is_file():
            yield str(path.relative_to(folder)), path.read_bytes()
