"""What somebody else may plant or steal: ids, links, modes, secrets, and what terminals obey."""

import json
import logging
import os
import stat
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from journal.engines.files.directory import Directory
from journal.engines.files.log import LogOptions
from journal.engines.files.storage import DiskStorage
from journal.errors import JournalError
from projections import DefaultSessionStore
from tests.cli.hostile_text import AS_ARGUMENT
from tests.faults.damage import endure
from tests.faults.damage.commands import DOCUMENTED, reading, run
from tests.faults.damage.forgery import SESSION, append_raw, lines_of, write_session
from tests.faults.snapshots import of_any_log
from tests.journal.redaction.credentials import SECRETS
from tests.journal.session_ids import NASTY
from tests.support import bytes_in

TORN = b'{"seq":99,"ts":"20'
WRITE_ANYWHERE = ["s.jsonl", "s.json", "s.json.lock", "s.json.new", "s.jsonl.new"]
SNAPSHOTS = ["s.snapshot", "s.snapshot.new"]
LONG = "x" * 10_000
"""Makes a log that is saved."""

IN_ARCHIVE = ["ARCHIVED", "ARCHIVED.gz", "ARCHIVED.gz.new", "TORN", "TORN.new"]


# Ids


def use(store: DefaultSessionStore, session_id: str) -> None:
    """Everything that a store can do with a session, but for deleting it."""
    for n in range(3):
        store.set_runtime_state(session_id, "native", f"turn-{n % 2}", {"id": session_id, "n": n})
    store.hand_off(session_id, "native", "harness")
    assert set(store.take_over(session_id, "harness")) == {"native"}
    assert store.compact(session_id) is not None
    store.set_runtime_state(session_id, "native", "turn-0", {"id": session_id, "n": 9})
    store.flush()
    assert store.session_exists(session_id)
    assert store.verify(session_id).ok
    assert store.state_at(session_id, 1) == {"native": {"turn-0": {"id": session_id, "n": 0}}}
    assert len(store.history(session_id, "native", "turn-0")) == 3
    assert [step.event.seq for step in store.replay(session_id)] == list(range(1, 7))
    assert store.audit(session_id).changes
    assert json.loads(store.session_document(session_id))["session_id"] == session_id
    assert store.diff(session_id, "@1").patch


def files_below(folder: Path) -> dict[str, bytes]:
    return {
        name: data
        for name, data in endure.contents(folder).items()
        if not name.endswith(".json.lock")
    }


def test_each_id_has_files_of_its_own_inside_the_folder(tmp_path: Path) -> None:
    """Whatever is done with whichever id, no other id's file changes, and nothing outside."""
    folder = tmp_path / "outer" / "sessions"
    outside = {"outer/b.jsonl": b"b", "outer/passwd": b"root", "etc/passwd": b"root", "b": b"b"}
    for name, data in outside.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(data)
    owned: dict[str, bytes] = {}
    with DefaultSessionStore(folder, durability="os", auto_compact=False) as store:
        for session_id in NASTY.values():
            use(store, session_id)
            store._maintenance.close()
            now = files_below(folder)
            assert owned.items() <= now.items(), session_id
            assert len(now) >= len(owned) + 3, "a log, a session file, an archive"
            owned = now
        assert {info["session_id"] for info in store.list_sessions()} == set(NASTY.values())
        for session_id in NASTY.values():
            before = files_below(folder)
            assert store.delete_session(session_id)
            now = files_below(folder)
            assert now.items() < before.items()
            assert len(before) - len(now) == 3
    assert not files_below(folder)
    left = endure.contents(tmp_path)
    assert {name: data for name, data in left.items() if "sessions/" not in name} == outside


# Links, pipes and devices


class Place:
    """A session with an archive and a torn tail, and everything that may be planted around it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "sessions"
        self.elsewhere = folder / "elsewhere"
        self.target = self.elsewhere / "target"
        self.elsewhere.mkdir()
        self.target.write_bytes(b"precious")
        (self.elsewhere / "s.9.jsonl").write_bytes(b"precious too")
        self.folder.mkdir(mode=0o700)
        log = write_session(self.folder, 60)
        append_raw(log, TORN)
        self.torn = f"s.{log.stat().st_size - len(TORN)}"

    def path(self, name: str) -> Path:
        """What a file is called that the next operations would make."""
        if name in IN_ARCHIVE:
            (self.folder / "archive").mkdir(mode=0o700, exist_ok=True)
            digest = sha256(TORN).hexdigest()[:8]
            usual = "s.61.jsonl" if name.startswith("ARCHIVED") else f"{self.torn}-{digest}.torn"
            suffix = name.removeprefix("ARCHIVED").removeprefix("TORN")
            name = f"archive/{usual}{suffix}"
        return self.folder / name

    def untouched(self) -> None:
        assert self.target.read_bytes() == b"precious"
        assert set(os.listdir(self.elsewhere)) == {"target", "s.9.jsonl"}
        assert (self.elsewhere / "s.9.jsonl").read_bytes() == b"precious too"
        assert stat.S_IMODE(self.elsewhere.stat().st_mode) == self.mode

    @property
    def mode(self) -> int:
        return 0o755


def to_file(place: Place, path: Path) -> None:
    path.symlink_to(place.target)


def dangling(place: Place, path: Path) -> None:
    path.symlink_to(place.elsewhere / "new")


def to_folder(place: Place, path: Path) -> None:
    path.symlink_to(place.elsewhere)


def pipe(place: Place, path: Path) -> None:
    os.mkfifo(path, 0o600)


def device(place: Place, path: Path) -> None:
    os.mknod(path, 0o600 | stat.S_IFCHR, os.makedev(1, 3))  # as /dev/null


def hard_link(place: Place, path: Path) -> None:
    os.link(place.target, path)


PLANTS: dict[str, Callable[[Place, Path], None]] = {
    "a link to a file": to_file,
    "a dangling link": dangling,
    "a link to a folder": to_folder,
    "a pipe": pipe,
    "a device": device,
    "a hard link": hard_link,
}


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    before = os.umask(0o022)
    try:
        yield Place(tmp_path)
    finally:
        os.umask(before)


def do_everything(folder: Path, reports: list[str]) -> None:
    """Each way to write, and packing; a `JournalError` is an answer, and says which file."""
    for operation in endure.WRITES.values():
        with DefaultSessionStore(folder, durability="os", auto_compact=False) as store:
            try:
                operation(store)
            except JournalError as error:
                reports.append(str(error))
            try:
                Directory(str(folder), LogOptions()).pack(SESSION)
            except JournalError as error:
                reports.append(str(error))


@pytest.mark.parametrize(
    ("name", "plant"),
    [
        (name, plant)
        for name in [*WRITE_ANYWHERE, *SNAPSHOTS, *IN_ARCHIVE, "archive"]
        for plant in PLANTS
        if (name, plant) != ("s.jsonl", "a hard link")  # the log, whatever other name it has
    ],
)
def test_what_is_planted_is_not_followed(
    place: Place, name: str, plant: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing is written through it, nothing is made or removed where it leads to.

    Nor does anything wait for it, or fail where it stands in the place of a snapshot.
    """
    if plant == "a device" and os.geteuid() != 0:
        pytest.skip("only root can make devices")
    caplog.set_level(logging.WARNING, "journal")
    path = place.path(name)
    path.unlink(missing_ok=True)
    PLANTS[plant](place, path)
    drain = os.open(path, os.O_RDONLY | os.O_NONBLOCK) if plant == "a pipe" else None
    reports: list[str] = []
    try:
        with of_any_log():
            do_everything(place.folder, reports)
        if drain is not None:
            assert os.read(drain, 1) == b"", "nothing is written into a pipe"
    finally:
        if drain is not None:
            os.close(drain)
    place.untouched()
    told = reports + [record.getMessage() for record in caplog.records]
    if name in SNAPSHOTS:
        assert not any("snapshot" in text for text in told), told
    if not os.path.lexists(path) or path.is_file():
        return  # it was in nobody's way, or was replaced by a file of ours
    assert all(str(place.folder) in text or SESSION in text for text in told)


@pytest.mark.parametrize("name", ["s.jsonl", "archive"])
def test_a_planted_link_is_named_in_the_error(place: Place, name: str) -> None:
    path = place.path(name)
    path.unlink(missing_ok=True)
    to_folder(place, path)
    reports: list[str] = []
    do_everything(place.folder, reports)
    assert any("symbolic link" in text for text in reports), reports


@pytest.mark.parametrize("plant", PLANTS)
def test_a_planted_cursor_file_is_not_written_through(place: Place, plant: str) -> None:
    """The new cursors are written beside the file; what is planted there is not followed."""
    if plant == "a device" and os.geteuid() != 0:
        pytest.skip("only root can make devices")
    cursor = place.folder.parent / "cursor"
    PLANTS[plant](place, cursor.with_name("cursor.new"))
    args = ["log", SESSION, "-n", "2", "--cursor-file", str(cursor)]
    assert run(*args, folder=str(place.folder)).code in DOCUMENTED
    place.untouched()
    assert not cursor.is_symlink()


# Modes


class Watching(DiskStorage):
    """Notes the mode that each file and folder has right after it was opened or made."""

    def __init__(self) -> None:
        self.seen: dict[str, int] = {}

    def __getattribute__(self, name: str) -> Any:
        if name == "open":
            return self._open
        if name == "make_folder":
            return self._make_folder
        return super().__getattribute__(name)

    def _open(self, path: str, flags: int) -> int:
        fd = DiskStorage.open(path, flags)
        self.seen[path] = stat.S_IMODE(os.fstat(fd).st_mode)
        return fd

    def _make_folder(self, path: str) -> None:
        DiskStorage.make_folder(path)
        self.seen[path] = stat.S_IMODE(os.stat(path).st_mode)


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077, 0o777], ids=oct)
def test_every_file_is_ours_alone_whatever_the_umask(umask: int, tmp_path: Path) -> None:
    """From its first moment on, also those that are there for a moment only."""
    storage = Watching()
    folder = tmp_path / "new" / "sessions"
    before = os.umask(umask)
    try:
        with DefaultSessionStore(folder, storage=storage, auto_compact=False) as store:
            store.set_runtime_state(SESSION, "native", "turn-1", {"n": 1})
            store.set_runtime_state(SESSION, "native", "turn-1", {"n": 2})
            append_raw(folder / endure.LOG, TORN)
            store.set_runtime_state(SESSION, "native", "turn-1", {"n": 3})
            store.compact(SESSION)
            store.set_runtime_state(SESSION, "native", "turn-1", {"long": LONG})
        Directory(str(folder), LogOptions(storage=storage)).pack(SESSION)
        cursor = tmp_path / "cursor"
        ran = run("log", SESSION, "--cursor-file", str(cursor), folder=str(folder))
        exported = tmp_path / "exported"
        ran = run("export", SESSION, "--to", str(exported), folder=str(folder))
        assert ran.code == 0
    finally:
        os.umask(before)
    modes = {path: mode for path, mode in storage.seen.items() if not path.endswith("sessions")}
    folders = {path: mode for path, mode in modes.items() if Path(path).is_dir()}
    assert set(folders.values()) == {0o700}
    assert {mode for path, mode in modes.items() if path not in folders} == {0o600}
    made = {Path(path).name.partition(".")[2] for path in modes if path not in folders}
    parts = ["jsonl", "json", "json.lock", "json.new", "jsonl.new", "jsonl.gz.new", "torn.new"]
    parts.append("snapshot.new")
    assert all(any(name.endswith(part) for name in made) for part in parts), made
    there = [path for path in (tmp_path / "new").rglob("*") if path.is_file()]
    assert len(there) >= 6
    assert folder / f"{SESSION}.snapshot" in there
    for path in [*there, cursor]:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    assert stat.S_IMODE(exported.stat().st_mode) & 0o077 == 0


# Secrets


def spelled(secret: str) -> list[bytes]:
    """A secret as JSON and as text would have it."""
    return [json.dumps(secret)[1:-1].encode(), secret.encode()]


def provoke(store: DefaultSessionStore, state: dict[str, Any]) -> Iterator[str]:
    """The texts of errors that are about a state with secrets in it."""
    refused: list[Any] = [
        {**state, "when": object()},
        {**state, "deep": json.loads("[" * 200 + "]" * 200)},
        {**state, "text": [*state["text"], "\ud800"]},
        {**state, "number": float("nan")},
        {**state, 7: "key"},
        [state],
        {**state, "big": "x" * (17 << 20)},
    ]
    for value in refused:
        with pytest.raises((JournalError, TypeError, ValueError)) as caught:
            store.set_runtime_state(SESSION, "native", "turn-1", value)
        yield from (str(caught.value), repr(caught.value))


def leave_traces(folder: Path, state: dict[str, Any]) -> Iterator[str]:
    """Use a session in every way, with torn tails, damage and older data. Yields all texts."""
    with DefaultSessionStore(folder, durability="os", auto_compact=False) as store:
        for turn in ("turn-1", "turn-2", "turn-1"):
            store.set_runtime_state(SESSION, "native", turn, state)
        store.hand_off(SESSION, "native", "harness", reason=" ".join(state["text"]))
        yield str(store.take_over(SESSION, "harness"))
        yield from provoke(store, state)
        store.compact(SESSION)
        store.set_runtime_state(SESSION, "native", "turn-1", state)
        yield from (repr(store), str(store.verify(SESSION)), str(store.audit(SESSION)))
        for step in store.replay(SESSION):
            yield from (repr(step), str(step.state))
    log = folder / endure.LOG
    last = lines_of(log.read_bytes())[-1]
    append_raw(log, last[: len(last) // 2])
    with DefaultSessionStore(folder, durability="os", auto_compact=False) as store:
        store.set_runtime_state(SESSION, "native", "turn-3", state)
    log.write_bytes(log.read_bytes().replace(b'"turn-1"', b'"turn-!"', 1))


@pytest.mark.parametrize("importing", [False, True], ids=["new", "older session"])
def test_no_secret_is_in_any_output(
    tmp_path: Path, importing: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """Not in a file, an error, a warning, a `repr`, or what any command prints."""
    caplog.set_level(logging.DEBUG)
    secrets = [secret for _, secret in SECRETS]
    state = {"text": secrets, "password": "hunter2hunter2", "calls": [{"token": "hunter3hunter3"}]}
    secrets = [*secrets, "hunter2hunter2", "hunter3hunter3"]
    folder = tmp_path / "s"
    folder.mkdir(mode=0o700)
    if importing:
        older = {"session_id": SESSION, "runtime_state": {"older": {"turn-0": state}}}
        (folder / "s.json").write_text(json.dumps(older))
    outputs = {f"text {n}": text.encode() for n, text in enumerate(leave_traces(folder, state))}
    Directory(str(folder), LogOptions("os")).pack(SESSION)
    outputs |= {f"file {name}": data for name, data in bytes_in(folder).items()}
    assert any(name.endswith(".torn") for name in outputs)
    outputs["log messages"] = caplog.text.encode()
    given = json.dumps(state)
    for args in [*endure.COMMANDS, ["set", SESSION, "native", "turn-9", given, "-o", "json"]]:
        ran = run(*args, folder=str(folder))
        outputs[" ".join(args[:4])] = ran.out + ran.err
    assert len(outputs) > 60
    for name, data in outputs.items():
        for secret in secrets:
            assert not any(form in data for form in spelled(secret)), (name, secret[:6])
    assert sum(b"[REDACTED:" in data for data in outputs.values()) > 15


# Terminals


def test_hostile_file_names_do_not_reach_the_terminal(tmp_path: Path) -> None:
    """In the folder and in its archive: listed, doubted or passed over, never obeyed."""
    name = AS_ARGUMENT.replace("/", "")
    folder = tmp_path / f"{name}folder"
    folder.mkdir(mode=0o700)
    write_session(folder, 60, [40])
    for stray in (f"{name}.jsonl", f"{name}.json", f"s.{name}", f"{name}.jsonl.new", name):
        (folder / stray).write_bytes(b"\x1b[31mx\ny\n")
        (folder / "archive" / f"s.{stray}").write_bytes(b"\x1b[31mx\ny\n")
        (folder / "archive" / stray).write_bytes(b"\x1b[31mx\ny\n")
    (folder / "archive" / f"s.{name}.torn").write_bytes(b"\x1b[31m")
    os.mkdir(folder / f"{name}d.jsonl")
    os.symlink(name, folder / f"{name}l.jsonl")
    os.symlink(name, folder / "l.json")
    (folder / f"{name}%-x.jsonl").write_bytes(b"\x1b[31mx\n")
    count = 0
    for args in [*endure.COMMANDS, *reading("l", name, name), *reading(name, name, name)]:
        endure.command(folder, args)
        count += 1
    assert count > 90


def test_an_error_from_the_system_does_not_reach_the_terminal_raw(tmp_path: Path) -> None:
    """The folder itself may be called anything."""
    name = AS_ARGUMENT.replace("/", "")
    file = tmp_path / name
    file.write_bytes(b"x")
    for folder in (file, tmp_path / f"{name}none", file / "below"):
        for args in endure.COMMANDS:
            endure.command(folder, args)
