"""What may be wrong with a folder, each made for real: what is found, and what is advised."""

import atexit
import functools
import gc
import gzip
import json
import os
import shutil
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from journal.backend import never
from journal.codec import control_line, decode_line
from journal.engines.files.directory import Directory
from journal.engines.files.log import LogOptions
from journal.engines.files.restoring import restore
from journal.engines.files.snapshot import SnapshotFile, encoded
from journal.engines.files.storage import DiskStorage
from journal.events import Open
from journal.names import paths_of
from projections import DefaultSessionStore
from projections.doctor import environment, examination
from projections.doctor.archives import LARGE
from projections.doctor.remedies import Remedy
from projections.store.session_file import SessionFile
from tests.support import (
    FaultyStorage,
    Killed,
    open_log,
    set_event,
)


def use_quiet_machine(monkeypatch: pytest.MonkeyPatch, *, alone: bool = True) -> None:
    """Its disk and file system are not what is tested; `alone`, nobody else is at work."""
    monkeypatch.setattr(environment, "_LEAST_FREE", 0)
    monkeypatch.setattr(environment, "_LEAST_SHARE", 0)
    monkeypatch.setattr(environment, "_NETWORK", frozenset(("nfs4",)))
    if alone:
        monkeypatch.setattr(examination, "_LOOKS_AGAIN", (0.0, 0.0))


def engine(folder: Path, storage: DiskStorage | None = None) -> Directory:
    return Directory(str(folder), LogOptions("os", 5.0, None, storage or DiskStorage()))


def healthy(folder: Path) -> None:
    """Session `s`, compacted twice: three files of history, one packed."""
    shutil.copytree(_first_healthy(), folder, dirs_exist_ok=True)


@functools.cache
def _first_healthy() -> Path:
    """Made once for each process that runs tests."""
    place = tempfile.TemporaryDirectory()
    atexit.register(place.cleanup)
    folder = Path(place.name, "sessions")
    with DefaultSessionStore(folder, durability="os") as store:
        for number in range(4):
            store.set_runtime_state("s", "native", f"t{number % 2}", {"n": number})
        store.compact("s")
    with DefaultSessionStore(folder, durability="os") as store:
        for number in range(4, 8):
            store.set_runtime_state("s", "native", f"t{number % 3}", {"n": number})
        store.hand_off("s", "native", "harness")
        store.compact("s")
    with DefaultSessionStore(folder, durability="os") as store:
        for number in range(8, 12):
            store.set_runtime_state("s", "native", f"t{number % 4}", {"n": number})
    return folder


def inventory(folder: Path) -> dict[str, tuple[Any, ...]]:
    """All that could be changed: names, contents, modes, times; of a large file no contents."""
    found: dict[str, tuple[Any, ...]] = {}
    for path in [folder, *folder.rglob("*")]:
        info = path.lstat()
        is_read = stat.S_ISREG(info.st_mode) and info.st_size < 1 << 20
        content = path.read_bytes() if is_read else b""
        found[str(path)] = (
            content,
            *(info.st_mode, info.st_uid, info.st_ino, info.st_nlink, info.st_mtime_ns),
            info.st_size,
        )
    return found


def forged_snapshot(folder: Path) -> None:
    """Of the log as it is, and whole; but a turn is another."""
    with DefaultSessionStore(folder, durability="os") as store:
        for number in range(20):
            store.set_runtime_state("s", "native", "t0", {"n": number, "text": "x" * 500})
    path = folder / "s.snapshot"
    storage = DiskStorage()
    found = SnapshotFile.open(storage, paths_of(str(folder), "s"))
    assert found is not None
    turns = found.turns()
    assert turns is not None
    turns["native"]["t1"] = b'{"n":"forged"}'
    path.write_bytes(b"".join(encoded(found.place, turns, found.rest, found.summary, never)))
    found.close()


def log(folder: Path) -> Path:
    return folder / "s.jsonl"


def lines(folder: Path) -> list[bytes]:
    return log(folder).read_bytes().splitlines(keepends=True)


def rewrite(change: Callable[[list[bytes]], list[bytes]]) -> Callable[[Path], None]:
    def build(folder: Path) -> None:
        log(folder).write_bytes(b"".join(change(lines(folder))))

    return build


def write(name: str, content: bytes = b"", mode: int = 0o600) -> Callable[[Path], None]:
    def build(folder: Path) -> None:
        (folder / name).write_bytes(content)
        (folder / name).chmod(mode)

    return build


def archives(folder: Path) -> list[Path]:
    """Those of the log, the oldest first."""
    return sorted(
        (folder / "archive").glob("s.*.jsonl*"), key=lambda path: int(path.name.split(".")[1])
    )


def append(folder: Path, session: str = "s") -> None:
    with DefaultSessionStore(folder, durability="os") as store:
        store.set_runtime_state(session, "native", "next", {})


def newer(folder: Path) -> None:
    header = decode_line(lines(folder)[0].rstrip())
    assert isinstance(header, Open)
    changed = control_line(msgspec.structs.replace(header, format=9, hash=""))
    log(folder).write_bytes(changed + b"".join(lines(folder)[1:]))


def dies(operation: Callable[[Directory], object], call: str, *, nth: int = 1) -> Any:
    """The operation, in a process that is killed before the `nth` `call`."""

    def build(folder: Path) -> None:
        left = [nth]
        dead = [False]

        def fault(name: str, args: tuple[object, ...]) -> None:
            left[0] -= name == call
            dead[0] = dead[0] or left[0] == 0
            if dead[0] and name != "close":
                raise Killed

        with pytest.raises(Killed):
            operation(engine(folder, FaultyStorage(fault)))
        close_what_it_had_open()

    return build


def close_what_it_had_open() -> None:
    """A process that was killed has no locks any more."""
    gc.collect()


def compact(directory: Directory) -> object:
    return directory.compact("s")


def delete(directory: Directory) -> object:
    return directory.delete("s", "s.json")


def saved_deletion_dies(folder: Path) -> None:
    """With a snapshot, and what a save that died has left."""
    for name in ("s.snapshot", "s.snapshot.new"):
        write(name, b"{")(folder)
    dies(delete, "unlink")(folder)


def pack(directory: Directory) -> object:
    return directory.pack("s")


def interrupted_packing(nth: int) -> Callable[[Path], None]:
    def build(folder: Path) -> None:
        engine(folder).compact("s")
        dies(pack, "unlink" if nth else "rename")(folder)

    return build


def second_name(folder: Path) -> None:
    dies(compact, "rename")(folder)
    gc.collect()
    append(folder)
    assert any(path.samefile(log(folder)) for path in archives(folder))


def new_session_file(folder: Path) -> None:
    def fault(name: str, args: tuple[object, ...]) -> None:
        if name == "rename":
            raise Killed

    log, _ = open_log(folder)
    log.append([set_event("unseen")])
    log.close()
    file = SessionFile(FaultyStorage(fault), log.paths, durable=False)
    with pytest.raises(Killed):
        file.write(lambda: b"{}", 1.0)
    close_what_it_had_open()


def renamed(folder: Path) -> None:
    log(folder).rename(folder / "elsewhere.jsonl")


def copied(folder: Path) -> None:
    shutil.copy(log(folder), folder / "copy.jsonl")


def link(folder: Path) -> None:
    log(folder).rename(folder / "real")
    log(folder).symlink_to("real")


def in_place_of(name: str, make: Callable[[Path], object]) -> Callable[[Path], None]:
    def build(folder: Path) -> None:
        (folder / name).unlink()
        make(folder / name)

    return build


def damage_archive(number: int, change: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    def build(folder: Path) -> None:
        path = archives(folder)[number]
        path.write_bytes(gzip.compress(change(gzip.decompress(path.read_bytes()))))

    return build


def lose_archive(folder: Path) -> None:
    archives(folder)[0].unlink()


def lose_beginning(folder: Path) -> None:
    with DefaultSessionStore(folder) as store:
        store.fork("s", to="f")
        store.refresh_session_file("f")
    next((folder / "archive").glob("f.*.jsonl")).unlink()


def leave_fork(folder: Path) -> None:
    """A process died before the fork's log was there."""
    engine(folder).fork("s", "f", 8)
    (folder / "f.jsonl").unlink()
    for archive in sorted((folder / "archive").glob("f.*"))[1:]:
        archive.unlink()


def cut_archive(folder: Path) -> None:
    path = archives(folder)[-1]
    path.write_bytes(path.read_bytes()[:-20])


def lose_log(folder: Path) -> None:
    log(folder).unlink()


def bloat(folder: Path) -> None:
    with DefaultSessionStore(folder, durability="os", auto_compact=False) as store:
        for number in range(40):
            store.set_runtime_state("s", "native", "t0", {"n": str(number) * 50_000})
        store.set_runtime_state("s", "native", "t0", {})


def large_history(folder: Path) -> None:
    path = folder / "archive" / "s.99.jsonl"
    path.touch(0o600)
    os.truncate(path, LARGE)


def future(folder: Path) -> None:
    log, _ = open_log(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("journal.codec.time_ns", lambda: 4_000_000_000_000_000_000)
        log.append([set_event("later")])
    log.close()
    with DefaultSessionStore(folder) as store:
        store.flush()


def others(folder: Path) -> None:
    """PraisonAI's session `a/b` under the name that `a_b` has."""
    (folder / "a_b.json").write_text(json.dumps({"session_id": "a/b", "messages": []}))
    (folder / "a_b.json").chmod(0o600)
    log, _ = open_log(folder, "a_b")
    log.append([set_event("t")])
    log.close()


def lag(folder: Path) -> None:
    log, _ = open_log(folder)
    log.append([set_event("unseen")])
    log.close()


def open_all(folder: Path) -> None:
    for name in "abc":
        append(folder, name)
    for path in folder.rglob("*.json*"):
        path.chmod(0o666)


def put_back(engine: Directory) -> None:
    restore(engine._options.storage, engine.paths("s"))


def restoration_dies(folder: Path) -> None:
    """Before the rename: the log is sealed, and has a name as evidence."""
    rewrite(lambda x: [*x[:2], x[2].replace(b'"n"', b'"m"'), *x[3:]])(folder)
    dies(put_back, "rename")(folder)


def oversize(folder: Path) -> None:
    with DefaultSessionStore(folder, durability="os") as store:
        store.set_runtime_state("s", "native", "big", {"x": "y" * 1100})
        store.set_runtime_state("s", "native", "bigger", {"x": "y" * 20_000})


E, W, N = "error", "warning", "note"
Fault = Callable[[Path], object]
FAULTS: dict[str, tuple[Fault, set[tuple[str, str]], int, set[Remedy]]]
"""How it is made, what is found, the exit code, and which remedies are printed."""

FAULTS = {
    "half a line at the end": (
        lambda f: log(f).write_bytes(log(f).read_bytes() + b'{"seq":14,"ts'),
        {(W, "torn")},
        1,
        {Remedy.WAIT_FOR_WRITE},
    ),
    "NULs at the end": (
        lambda f: log(f).write_bytes(log(f).read_bytes() + b"\0" * 4096),
        {(W, "torn")},
        1,
        {Remedy.WAIT_FOR_WRITE},
    ),
    "an edited line": (
        rewrite(lambda x: [*x[:6], x[6].replace(b'"n":9', b'"n":7'), *x[7:]]),
        {(E, "corrupt"), (W, "stale")},
        4,
        {Remedy.COPY_SESSION_FILE, Remedy.RESTORE_LINES_OR_COMPACT},
    ),
    "a lost line": (
        rewrite(lambda x: [*x[:6], *x[7:]]),
        {(E, "gap"), (W, "stale")},
        4,
        {Remedy.COPY_SESSION_FILE, Remedy.RESTORE_LINES_OR_COMPACT},
    ),
    "a repeated line": (
        rewrite(lambda x: [*x[:6], x[5], *x[6:]]),
        {(E, "order")},
        4,
        {Remedy.TAKE_OUT},
    ),
    "a kept line changed": (
        rewrite(lambda x: [x[0], x[2], x[1], *x[3:]]),
        {(E, "kept")},
        4,
        {Remedy.TAKE_OUT},
    ),
    "a damaged header": (
        rewrite(lambda x: [b"#" + x[0][1:], *x[1:]]),
        {(E, "header")},
        4,
        {Remedy.RESTORE_OR_COMPACT},
    ),
    "no log at all": (
        write("s.jsonl", b"hello\n"),
        {(E, "header")},
        4,
        {Remedy.RESTORE_OR_MOVE_AWAY},
    ),
    "emptied, with archives": (
        write("s.jsonl"),
        {(E, "header")},
        4,
        {Remedy.RESTORE_OR_MOVE_AWAY},
    ),
    "an archive is missing": (lose_archive, {(E, "archive")}, 4, {Remedy.RESTORE_OR_DROP}),
    "a fork's beginning is missing": (
        lose_beginning,
        {(E, "archive")},
        4,
        {Remedy.RESTORE_BEGINNING},
    ),
    "a fork that died": (leave_fork, {(W, "leftover")}, 1, {Remedy.KEEP_OR_REMOVE}),
    "an archive is cut": (cut_archive, {(E, "archive")}, 4, {Remedy.RESTORE_OR_DROP}),
    "an archive is edited": (
        damage_archive(0, lambda x: x.replace(b'"n":2', b'"n":9')),
        {(E, "corrupt"), (E, "base")},
        4,
        {Remedy.RESTORE_OR_DROP},
    ),
    "the log is lost": (lose_log, {(E, "lost")}, 4, {Remedy.COPY_ARCHIVE}),
    "an empty log": (write("e.jsonl"), {(W, "empty")}, 1, {Remedy.RESTORE_OR_REMOVE}),
    "half a header": (
        write("e.jsonl", b'{"op":"ope'),
        {(W, "empty")},
        1,
        {Remedy.RESTORE_OR_REMOVE},
    ),
    "a symbolic link": (link, {(E, "not-a-file")}, 1, {Remedy.PUT_TARGET_IN_PLACE}),
    "a link that leads to nothing": (
        lambda f: (f / "d.jsonl").symlink_to("nowhere"),
        {(E, "not-a-file")},
        1,
        {Remedy.REMOVE_LINK},
    ),
    "a folder": (in_place_of("s.jsonl", Path.mkdir), {(E, "not-a-file")}, 1, {Remedy.MOVE_AWAY}),
    "a FIFO": (in_place_of("s.jsonl", os.mkfifo), {(E, "not-a-file")}, 1, {Remedy.MOVE_AWAY}),
    "a FIFO as session file": (
        in_place_of("s.json", os.mkfifo),
        {(E, "not-a-file")},
        1,
        {Remedy.MOVE_AWAY},
    ),
    "a renamed log": (
        renamed,
        {(E, "wrong-session"), (E, "lost")},
        4,
        {Remedy.COPY_ARCHIVE, Remedy.RENAME_BACK},
    ),
    "a copied log": (copied, {(E, "wrong-session")}, 1, {Remedy.MOVE_COPY_AWAY}),
    "a newer format": (newer, {(E, "newer-format")}, 1, {Remedy.UPGRADE}),
    "a name of nobody": (write("s copy.jsonl", b"x\n"), {(W, "misnamed")}, 1, {Remedy.MOVE_AWAY}),
    "a scratch file": (dies(compact, "sync"), {(W, "leftover")}, 1, {Remedy.REMOVE}),
    "a compaction that died sealed": (
        dies(compact, "rename"),
        {(W, "unfinished"), (W, "leftover")},
        1,
        {Remedy.REMOVE, Remedy.REMOVE_NAME, Remedy.COMPACT_AGAIN},
    ),
    "a compaction that died sealed, and a write": (
        dies(compact, "link"),
        {(W, "unfinished"), (W, "leftover")},
        1,
        {Remedy.REMOVE, Remedy.COMPACT_AGAIN},
    ),
    "a second name of the log": (
        second_name,
        {(W, "leftover")},
        1,
        {Remedy.REMOVE, Remedy.REMOVE_NAME},
    ),
    "a deletion that died": (
        dies(delete, "unlink"),
        {(W, "unfinished")},
        1,
        {Remedy.FINISH_DELETION},
    ),
    "a deletion of a saved session that died": (
        saved_deletion_dies,
        {(W, "unfinished")},
        1,
        {Remedy.FINISH_DELETION},
    ),
    "a deletion that died late": (
        dies(delete, "unlink", nth=3),
        {(W, "unfinished")},
        1,
        {Remedy.FINISH_DELETION},
    ),
    "a deletion that died, and a write": (
        dies(delete, "unlink", nth=2),
        {(W, "unfinished")},
        1,
        {Remedy.FINISH_DELETION},
    ),
    "a session file half written": (
        new_session_file,
        {(W, "leftover"), (N, "stale")},
        1,
        {Remedy.WAIT_FOR_REFRESH, Remedy.REMOVE},
    ),
    "a packing that died": (interrupted_packing(0), {(W, "leftover")}, 1, {Remedy.REMOVE}),
    "a packing that died at the end": (
        interrupted_packing(1),
        {(W, "leftover")},
        1,
        {Remedy.FINISH_PACKING},
    ),
    "a tail half set aside": (
        write("archive/s.9-12345678.torn.new", b"x"),
        {(W, "leftover")},
        1,
        {Remedy.REMOVE},
    ),
    "a tail set aside": (
        write("archive/s.9-12345678.torn", b"x"),
        {(N, "evidence")},
        0,
        {Remedy.LOOK_AND_REMOVE},
    ),
    "an archive of no log": (
        write("archive/s.99.jsonl", b"x"),
        {(N, "orphan")},
        0,
        {Remedy.LOOK_AND_REMOVE},
    ),
    "an open folder": (lambda f: f.chmod(0o755), {(W, "mode")}, 1, {Remedy.CHMOD}),
    "an open archive": (lambda f: (f / "archive").chmod(0o750), {(W, "mode")}, 1, {Remedy.CHMOD}),
    "an open log": (lambda f: log(f).chmod(0o644), {(W, "mode")}, 1, {Remedy.CHMOD}),
    "a log that the group may read": (
        lambda f: log(f).chmod(0o640),
        {(W, "mode")},
        1,
        {Remedy.CHMOD},
    ),
    "many open files": (open_all, {(W, "mode")}, 1, {Remedy.CHMOD}),
    "a session file behind": (lag, {(N, "stale")}, 0, {Remedy.WAIT_FOR_REFRESH}),
    "a session file lost": (
        lambda f: (f / "s.json").unlink(),
        {(N, "stale")},
        0,
        {Remedy.WAIT_FOR_REFRESH},
    ),
    "a session file of no JSON": (
        write("s.json", b"{"),
        {(E, "session-file")},
        4,
        {Remedy.RESTORE_OR_RENEW},
    ),
    "an older session file of no JSON": (
        write("o.json", b"{"),
        {(E, "session-file")},
        4,
        {Remedy.RESTORE_SESSION_FILE},
    ),
    "an older session file of another shape": (
        write("o.json", b'{"session_id":"a.b","runtime_state":[]}'),
        {(E, "session-file")},
        4,
        {Remedy.RESTORE_SESSION_FILE},
    ),
    "a blank session file": (
        write("s.json", b"\0" * 100),
        {(W, "session-file")},
        1,
        {Remedy.RESTORE_MESSAGES},
    ),
    "a blank older session file": (
        write("o.json"),
        {(W, "session-file")},
        1,
        {Remedy.RESTORE_MESSAGES},
    ),
    "a session file of another": (others, {(N, "stale")}, 0, {Remedy.WAIT_FOR_REFRESH}),
    "a snapshot that never took its place": (
        write("s.snapshot.new", b"{"),
        {(W, "leftover")},
        1,
        {Remedy.REMOVE},
    ),
    "a snapshot without a log": (
        write("gone.snapshot", b"{"),
        {(W, "leftover")},
        1,
        {Remedy.REMOVE},
    ),
    "a forged snapshot": (forged_snapshot, {(E, "snapshot")}, 4, {Remedy.REMOVE}),
    "large turns": (oversize, {(N, "limits")}, 0, {Remedy.RAISE_LIMITS}),
    "a log of which most is dead": (bloat, {(W, "dead")}, 1, {Remedy.COMPACT}),
    "a large history": (
        large_history,
        {(N, "history"), (N, "orphan")},
        0,
        {Remedy.LOOK_AND_REMOVE, Remedy.DROP_HISTORY},
    ),
    "an event of the future": (
        future,
        {(W, "clock"), (N, "stale")},
        1,
        {Remedy.WAIT_FOR_REFRESH, Remedy.CHECK_CLOCK},
    ),
    "a kept line lost": (
        rewrite(lambda x: [*x[:2], *x[3:]]),
        {(E, "kept")},
        4,
        {Remedy.RESTORE_LINES},
    ),
    "a kept line damaged": (
        rewrite(lambda x: [*x[:2], x[2].replace(b'"n"', b'"m"'), *x[3:]]),
        {(E, "corrupt"), (E, "kept")},
        4,
        {Remedy.RESTORE_LINES},
    ),
    "a log appended to itself": (
        lambda f: log(f).write_bytes(log(f).read_bytes() * 2),
        {(E, "order")},
        4,
        {Remedy.TAKE_OUT},
    ),
    "a restoration that died": (
        restoration_dies,
        {(W, "unfinished"), (W, "leftover"), (E, "kept"), (E, "corrupt")},
        4,
        {Remedy.RESTORE_LINES, Remedy.RESTORE_AGAIN, Remedy.REMOVE, Remedy.REMOVE_NAME},
    ),
    "evidence of a restoration": (
        write("archive/s.9.damaged", b"x"),
        {(N, "evidence")},
        0,
        {Remedy.LOOK_AND_REMOVE},
    ),
    "a scratch file and no log": (
        write("n.jsonl.new", b"x"),
        {(W, "leftover")},
        1,
        {Remedy.KEEP_OR_REMOVE},
    ),
}
