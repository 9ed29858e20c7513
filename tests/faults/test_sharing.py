"""A folder of one user, or shared by a group: who can do what, with real users."""

import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from journal.engines.files.modes import open_shared
from journal.engines.files.storage import DiskStorage, create_anew
from projections import DefaultSessionStore
from tests.faults.sizes import sized
from tests.support import FaultyStorage, finish, finish_maintenance
from tests.users import ALICE, BOB, EVE, TEAM, folder_of, only_root, open_place

SHARED = 0o2770

EVERYTHING = """
import json
from projections import DefaultSessionStore
folder, session, name = sys.argv[1:]
with DefaultSessionStore(folder, auto_compact=False) as store:
    for number in range(3):
        store.set_runtime_state(session, name, "t", {"n": number})
    with open(f"{folder}/{session}.jsonl", "ab") as log:
        log.write(b'{"seq":99,"ts":"20')  # a torn tail, which is set aside
    store.hand_off(session, name, "other")
    assert store.compact(session).archive
    store._maintenance.wait(10)  # it is packed
    last = {"n": 3, "text": "x" * 10_000}
    store.set_runtime_state(session, name, "t", last)
    store.flush()  # and saves so long a log
    view = store.state_at(session)
    assert view[name] == {"t": last}
    assert len(store.history(session, name, "t")) == 4
    assert store.verify(session).ok
print(json.dumps(sorted(view)))
"""

GET = "print(projections.DefaultSessionStore(sys.argv[1]).get_runtime_state('s', 'r'))"


@pytest.fixture
def place() -> Iterator[Path]:
    with open_place() as path:
        yield path


def modes_in(folder: Path) -> dict[str, int]:
    return {
        str(path.relative_to(folder)): stat.S_IMODE(path.stat().st_mode)
        for path in folder.rglob("*")
    }


@only_root
def test_two_users_of_a_group_work_side_by_side(place: Path) -> None:
    """One after the other, with each other's log, session file, snapshot, archives and scratch."""
    folder = folder_of(ALICE, place / "s", SHARED, TEAM)
    for number, user in enumerate((ALICE, BOB, ALICE, BOB)):
        seen = user.run(EVERYTHING, str(folder), "s", f"r{number}")
        assert seen.strip() == str([f"r{n}" for n in range(number + 1)]).replace("'", '"')
    modes = modes_in(folder)
    assert modes.pop("archive") == 0o2770
    assert set(modes.values()) == {0o660}
    for suffix in (".jsonl", ".json", ".json.lock", ".snapshot", ".torn", ".gz"):
        assert any(name.endswith(suffix) for name in modes), suffix
    assert {path.stat().st_gid for path in [folder, *folder.rglob("*")]} == {TEAM}
    assert {path.stat().st_uid for path in folder.rglob("*")} == {ALICE.uid, BOB.uid}
    for user in (ALICE, BOB):
        assert "error" not in user.journal("doctor", "--dir", str(folder)).stdout
    assert BOB.journal("delete", "s", "--yes", "--dir", str(folder)).returncode == 0
    assert set(modes_in(folder)) == {"archive", "s.json.lock"}


STORM = """
import random
from journal import CompactionError
from projections import DefaultSessionStore
folder, name, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
dice = random.Random(name)
done = {}
tail = DefaultSessionStore(folder).tail(from_start=True)
for number in range(count):
    session = dice.choice("abc")
    with DefaultSessionStore(folder, durability="os") as store:
        for _ in range(5):
            store.set_runtime_state(session, name, f"t{number}", {"n": number})
            done[session] = done.get(session, 0) + 1
        if dice.random() < 0.2:
            try:
                store.compact(session)
            except CompactionError:
                pass  # the other user was quicker
            store._maintenance.wait(10)
tail.stop()
print(json.dumps(done))
"""


@only_root
@sized(quick=30, storm=400)
def test_two_users_begin_and_compact_logs_at_once(place: Path, size: int) -> None:
    """A file that has a name may be opened by the other: there is no moment too early for it."""
    folder = folder_of(ALICE, place / "s", SHARED, TEAM)
    users = [(ALICE, "alice"), (BOB, "bob")]
    workers = [user.start(STORM, str(folder), name, str(size)) for user, name in users]
    done = [json.loads(output) for output in finish(workers)]
    with DefaultSessionStore(folder) as store:
        for session in "abc":
            assert store.verify(session).ok
            events = list(store.replay(session))
            assert len(events) == sum(one.get(session, 0) for one in done)
    assert set(modes_in(folder).values()) == {0o660, 0o2770}


TAIL = """
from projections import DefaultSessionStore
with DefaultSessionStore(sys.argv[1]) as store, store.tail(from_start=True) as tail:
    for _, arrival in zip(range(40), tail):
        print(arrival.event.seq, flush=True)
"""

COMPACT_OFTEN = """
from projections import DefaultSessionStore
with DefaultSessionStore(sys.argv[1], auto_compact=False) as store:
    for number in range(40):
        store.set_runtime_state("s", "r", "t", {"n": number})
        if number % 10 == 5:
            store.compact("s")
            store._maintenance.wait(10)
"""


@only_root
def test_one_follows_what_the_other_writes_and_compacts(place: Path) -> None:
    folder = folder_of(ALICE, place / "s", SHARED, TEAM)
    tail = BOB.start(TAIL, str(folder))
    ALICE.run(COMPACT_OFTEN, str(folder))
    (seen,) = finish([tail])
    assert list(map(int, seen.split())) == list(range(1, 41))


@only_root
def test_somebody_outside_the_group_is_kept_out(place: Path) -> None:
    folder = folder_of(ALICE, place / "s", SHARED, TEAM)
    ALICE.run(EVERYTHING, str(folder), "s", "r")
    process = EVE.start(GET, str(folder))
    _, error = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "Permission denied" in error


@only_root
@pytest.mark.parametrize("mode", [0o700, 0o770, 0o2750, 0o2700, 0o777], ids=oct)
def test_elsewhere_everything_is_its_owners_alone(place: Path, mode: int) -> None:
    """Group-writable alone, or setgid alone, shares nothing."""
    folder = folder_of(ALICE, place / "s", mode, TEAM)
    ALICE.run(EVERYTHING, str(folder), "s", "r")
    modes = modes_in(folder)
    assert modes.pop("archive") & 0o777 == 0o700
    assert set(modes.values()) == {0o600}


@only_root
def test_a_sessions_folder_made_in_a_shared_one_is_shared(place: Path) -> None:
    folder_of(ALICE, place / "team", SHARED, TEAM)
    folder = place / "team" / "deep" / "sessions"
    BOB.run(EVERYTHING, str(folder), "s", "r")
    ALICE.run(EVERYTHING, str(folder), "s", "q")
    assert {stat.S_IMODE(path.stat().st_mode) for path in (folder, folder.parent)} == {0o2770}


@pytest.mark.parametrize("umask", [0o000, 0o077, 0o777], ids=oct)
def test_a_new_file_of_a_group_is_never_seen_with_another_mode(tmp_path: Path, umask: int) -> None:
    """It has its mode as soon as it has its name: looked for at each call of the storage."""
    folder = tmp_path / "s"
    folder.mkdir()
    folder.chmod(SHARED)
    seen: dict[str, set[int]] = {}

    def look(call: str, args: tuple[object, ...]) -> None:
        for name, mode in modes_in(folder).items():
            seen.setdefault(name, set()).add(mode)

    before = os.umask(umask)
    try:
        with DefaultSessionStore(folder, storage=FaultyStorage(look)) as store:
            for number in range(2):
                store.set_runtime_state("s", "r", "t", {"n": number})
            store.compact("s")
            finish_maintenance(store)
    finally:
        os.umask(before)
    assert len(seen) >= 5
    assert seen.pop("archive") == {0o2770}
    assert {mode for modes in seen.values() for mode in modes} == {0o660}


def test_a_new_file_of_a_group_has_its_mode_before_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tmp_path.chmod(SHARED)
    there: list[list[str]] = []
    fchmod = os.fchmod

    def look(fd: int, mode: int) -> None:
        there.append(os.listdir(tmp_path))
        fchmod(fd, mode)

    monkeypatch.setattr(os, "fchmod", look)
    os.close(open_shared(str(tmp_path / "new"), os.O_RDWR | os.O_CREAT))
    assert there == [[]]
    assert modes_in(tmp_path) == {"new": 0o660}


@pytest.mark.parametrize("missing", ["O_TMPFILE", "link"])
def test_a_file_system_without_nameless_files_shares_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    folder = tmp_path / "s"
    folder.mkdir()
    folder.chmod(SHARED)
    real, linked = os.open, []

    def refuse(path: str, flags: int, *args: int) -> int:
        if missing == "O_TMPFILE" and flags & os.O_TMPFILE == os.O_TMPFILE:
            raise OSError(95, "Operation not supported")
        return real(path, flags, *args)

    def link(*args: object, **options: object) -> None:
        linked.append(args)
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr(os, "open", refuse)
    if missing == "link":
        monkeypatch.setattr(os, "link", link)
    fd = DiskStorage.open(str(folder / "x"), os.O_RDWR | os.O_CREAT)
    os.close(fd)
    assert stat.S_IMODE((folder / "x").stat().st_mode) == 0o660
    assert bool(linked) is (missing == "link")


def test_who_makes_a_file_second_opens_that_of_the_first(tmp_path: Path) -> None:
    """Also in the moment between the look and the making."""
    folder = tmp_path / "s"
    folder.mkdir()
    folder.chmod(SHARED)
    first = folder / "x"
    with pytest.MonkeyPatch.context() as patch:
        real = os.link

        def link(source: str, target: str, **options: int) -> None:
            first.write_bytes(b"first")
            real(source, target, **options)  # type: ignore[arg-type]

        patch.setattr(os, "link", link)
        fd = DiskStorage.open(str(first), os.O_RDWR | os.O_CREAT)
    assert os.pread(fd, 9, 0) == b"first"
    os.close(fd)


@pytest.mark.parametrize("mode", [0o700, SHARED], ids=oct)
def test_what_is_made_anew_is_written_into_no_file_that_is_there(
    tmp_path: Path, mode: int
) -> None:
    """Its name may be a hard link to any other file."""
    folder = tmp_path / "s"
    folder.mkdir()
    folder.chmod(mode)
    victim, target = folder / "victim", folder / "x"
    victim.write_bytes(b"of somebody")
    target.hardlink_to(victim)
    fd = create_anew(DiskStorage(), str(target))
    os.write(fd, b"new")
    os.close(fd)
    assert (victim.read_bytes(), target.read_bytes()) == (b"of somebody", b"new")
    assert modes_in(folder)["x"] == (0o660 if mode == SHARED else 0o600)
    with pytest.raises(FileExistsError):
        DiskStorage.open(str(target), os.O_WRONLY | os.O_CREAT | os.O_EXCL)


def test_two_that_make_a_shared_folder_at_once_share_it(tmp_path: Path) -> None:
    parent = tmp_path / "s"
    parent.mkdir()
    parent.chmod(SHARED)
    target = parent / "archive"
    with pytest.MonkeyPatch.context() as patch:
        real = os.rename

        def rename(source: str, to: str) -> None:
            target.mkdir()
            (target / "file").touch()
            real(source, to)

        patch.setattr(os, "rename", rename)
        DiskStorage.make_folder(str(target))
    assert [path.name for path in parent.iterdir()] == ["archive"]
    assert (target / "file").exists()


def test_a_link_in_place_of_a_shared_folder_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(SHARED)
    (tmp_path / "archive").symlink_to("/")
    with pytest.raises(OSError, match="symbolic link"):
        DiskStorage.make_folder(str(tmp_path / "archive"))
