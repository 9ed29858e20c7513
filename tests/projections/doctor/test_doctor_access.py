"""The doctor where files belong to others or have odd modes: what it says, and that it helps.

With real users. The usual story: `sudo` was used once.
"""

import json
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from journal.names import paths_of
from projections.doctor.remedies import Remedy
from tests.users import ALICE, BOB, EVE, ROOT, TEAM, User, folder_of, only_root, open_place

pytestmark = only_root
READING = [
    ["show", "s"],
    ["log", "s"],
    ["history", "s", "native", "t"],
    ["diff", "s", "native/t"],
    ["blame", "s", "native", "t"],
    ["replay", "s"],
    ["handoffs", "s"],
    ["export", "s"],
    ["export", "s", "-o", "session"],
]


@pytest.fixture
def home() -> Iterator[Path]:
    with open_place() as place:
        yield folder_of(ALICE, place / "alice", 0o755)


SESSION = """
from projections import DefaultSessionStore
with DefaultSessionStore(sys.argv[1], auto_compact=False) as store:
    for n in range(4):
        store.set_runtime_state("s", "native", "t", {"n": n})
        if n == 1:
            store.compact("s")
            store._maintenance.wait(10)
"""


def begin(home: Path, user: User = ALICE) -> Path:
    """A session with an archive, and its folder."""
    folder = home / "sessions"
    user.run(SESSION, str(folder))
    return folder


def give_to_root(*paths: Path) -> None:
    for path in paths:
        os.chown(path, 0, 0)


def make(path: Path, mode: int = 0o600) -> None:
    """A file that root has made."""
    path.write_bytes(b"")
    path.chmod(mode)


# What root has done to Alice's sessions


def set_anew(home: Path) -> Path:
    folder = begin(home)
    assert ROOT.journal("set", "new", "native", "t", "{}", "--dir", str(folder)).returncode == 0
    return folder


def set_again(home: Path) -> Path:
    folder = begin(home)
    assert ROOT.journal("set", "s", "native", "t", "{}", "--dir", str(folder)).returncode == 0
    return folder


def compacted(home: Path) -> Path:
    folder = begin(home)
    assert ROOT.journal("compact", "s", "--dir", str(folder)).returncode == 0
    return folder


def made_all(home: Path) -> Path:
    """The folder is Alice's, all that is in it root's."""
    folder = folder_of(ALICE, home / "sessions")
    ROOT.run(SESSION, str(folder))
    return folder


def made_the_archive(home: Path) -> Path:
    folder = begin(home)
    give_to_root(folder / "archive", *(folder / "archive").iterdir())
    return folder


def only(*names: str) -> Callable[[Path], Path]:
    def build(home: Path) -> Path:
        folder = begin(home)
        for name in names:
            give_to_root(folder / name)
        return folder

    return build


def died(home: Path) -> Path:
    """Root's compaction, refresh and packing have died; nobody holds their locks."""
    folder = begin(home)
    for name in ("s.jsonl.new", "s.json.new", "archive/s.9.jsonl.gz.new", "archive/s.1.torn.new"):
        make(folder / name)
    return folder


def left_a_cursor(home: Path) -> Path:
    folder = begin(home)
    cursor = str(folder / "cursor")
    ROOT.journal("log", "s", "-n", "1", "--cursor-file", cursor, "--dir", str(folder))
    return folder


def made_the_folder(home: Path) -> Path:
    return begin(home, ROOT)


def made_folders_above(home: Path) -> Path:
    ROOT.run(SESSION, str(home / "deep" / "er" / "sessions"))
    return home / "deep" / "er" / "sessions"


def used_an_old_umask(home: Path) -> Path:
    """Files of PraisonAI that root's own run of it made."""
    folder = begin(home)
    make(folder / "p.json", 0o644)
    (folder / "p.json").write_text('{"session_id":"p"}')
    make(folder / "p.json.lock", 0o644)
    return folder


STORIES: dict[str, Callable[[Path], Path]] = {
    "a new session": set_anew,
    "another set": set_again,
    "a compaction": compacted,
    "everything in the folder": made_all,
    "the archive": made_the_archive,
    "the log": only("s.jsonl"),
    "the session file": only("s.json"),
    "the lock": only("s.json.lock"),
    "an archive": only("archive/s.2.jsonl.gz"),
    "log and lock": only("s.jsonl", "s.json.lock"),
    "half-done files": died,
    "a cursor": left_a_cursor,
    "the folder": made_the_folder,
    "folders above": made_folders_above,
    "PraisonAI's files": used_an_old_umask,
}


def examined(user: User, folder: Path) -> tuple[int, list[dict[str, Any]]]:
    """The exit code of the doctor, and its findings; the machine's own are left out."""
    done = user.journal("doctor", "-o", "json", "--dir", str(folder))
    assert done.returncode in (0, 1), (done.stdout, done.stderr)
    found = json.loads(done.stdout)["findings"]
    return done.returncode, [f for f in found if f["kind"] not in ("disk", "file-system")]


def strangers(folder: Path, owner: User) -> list[Path]:
    return [path for path in [folder, *folder.rglob("*")] if path.stat().st_uid != owner.uid]


def obey(user: User, found: list[dict[str, Any]]) -> None:
    """Run every command in every remedy, as the user, or as root where it says so."""
    for finding in found:
        for before, command in re.findall("([^`]*)`([^`]+)`", finding["remedy"]):
            (ROOT if before.endswith("as root: ") else user).shell(command)


@pytest.mark.parametrize("story", STORIES)
def test_after_sudo_all_is_named_and_what_is_advised_mends_it(home: Path, story: str) -> None:
    folder = STORIES[story](home)
    code, found = examined(ALICE, folder)
    assert code == 1
    assert "damaged" not in str([finding["kind"] for finding in found])
    assert not any("chmod 600" in finding["remedy"] for finding in found if is_roots(finding))
    said = " ".join(f"{finding['path']} {finding['what']}" for finding in found)
    for path in strangers(folder, ALICE):
        places = [path, *path.parents]
        places = places[: places.index(home)]  # or a folder that it is in
        assert any(place.name in said.replace(str(home), "") for place in places), path
    obey(ALICE, found)
    code, found = examined(ALICE, folder)
    assert [finding for finding in found if finding["severity"] != "note"] == []
    assert code == 0
    assert strangers(folder, ALICE) == []
    everything_works(ALICE, folder)


def is_roots(finding: dict[str, Any]) -> bool:
    return "belongs to root" in finding["what"]


WORK = """
import logging
from projections import DefaultSessionStore
warnings = []
logging.getLogger("journal").addHandler(logging.Handler())
logging.getLogger("journal").handle = lambda record: warnings.append(record.getMessage())
with DefaultSessionStore(sys.argv[1], auto_compact=False) as store:
    store.set_runtime_state("s", "native", "t", {"n": 7})
    store.flush()
    store.set_runtime_state("s", "native", "t", {"n": 8})
    assert store.compact("s").archive
    store._maintenance.wait(10)
    assert store.history("s", "native", "t")[-1].state == {"n": 8}
    assert all(store.verify(info["session_id"]).ok for info in store.list_sessions())
    assert store.delete_session("s")
assert not warnings, warnings
"""


def everything_works(user: User, folder: Path) -> None:
    user.run(WORK, str(folder))


@pytest.mark.parametrize("story", ["the log", "everything in the folder"])
def test_what_cannot_be_read_is_never_called_damaged(home: Path, story: str) -> None:
    folder = STORIES[story](home)
    for args in [
        *READING,
        ["sessions"],
        ["verify"],
        ["verify", "s"],
        ["set", "s", "native", "t", "{}"],
    ]:
        done = ALICE.journal(*args, "--dir", str(folder))
        assert done.returncode == 1, (args, done.stdout, done.stderr)
        said = done.stdout + done.stderr
        assert "Permission denied" in said, (args, said)
        assert "damage" not in said.lower(), (args, said)
    report = json.loads(ALICE.journal("verify", "-o", "json", "--dir", str(folder)).stdout)
    assert report["ok"] is False
    assert {p["kind"] for s in report["sessions"] for p in s["problems"]} == {"unreadable"}
    assert "UNREADABLE" in ALICE.journal("verify", "--dir", str(folder)).stdout


@pytest.mark.parametrize("story", ["an archive", "the archive"])
def test_an_archive_that_cannot_be_read_is_not_called_damaged(home: Path, story: str) -> None:
    folder = STORIES[story](home)
    done = ALICE.journal("verify", "--dir", str(folder))
    assert (done.returncode, "DAMAGED" in done.stdout) == (1, False)
    assert str(folder / "archive" / "s.2.jsonl") in done.stdout
    for args in (["log", "s"], ["replay", "s"], ["history", "s", "native", "t"]):
        done = ALICE.journal(*args, "--dir", str(folder))
        assert (done.returncode, "archive" in done.stderr) == (1, True), (args, done.stderr)
    assert ALICE.journal("show", "s", "--dir", str(folder)).returncode == 0, "it needs no archive"


@pytest.mark.parametrize("story", ["the folder", "folders above"])
def test_a_folder_that_cannot_be_read_is_not_called_missing(home: Path, story: str) -> None:
    folder = STORIES[story](home)
    for args in (["sessions"], ["show", "s"], ["verify"], ["delete", "s", "--yes"]):
        done = ALICE.journal(*args, "--dir", str(folder))
        assert done.returncode == 1, (args, done.stderr)
        assert "Permission denied" in done.stderr


def test_root_is_told_the_same(home: Path) -> None:
    folder = set_again(home)
    _, found = examined(ROOT, folder)
    assert {finding["kind"] for finding in found} == {"owner"}
    obey(ROOT, found)
    assert examined(ALICE, folder) == (0, [])


def test_of_the_sessions_named_only_their_files_are_given_back(home: Path) -> None:
    folder = made_all(home)
    ROOT.journal("set", "other", "native", "t", "{}", "--dir", str(folder))
    done = ALICE.journal("doctor", "other", "-o", "json", "--dir", str(folder))
    found = json.loads(done.stdout)["findings"]
    obey(ALICE, [finding for finding in found if finding["kind"] == "owner"])
    left = {path.name for path in strangers(folder, ALICE)}
    assert left == {"s.jsonl", "s.json", "s.json.lock", "s.2.jsonl.gz"} - (
        {"s.2.jsonl.gz"} if (folder / "archive").stat().st_uid == ALICE.uid else set()
    )


def test_a_live_compaction_of_root_is_left_alone(home: Path) -> None:
    """The command that removes its scratch file looks at its lock first."""
    folder = begin(home)
    scratch = paths_of(str(folder), "s").scratch
    make(Path(scratch))
    holder = ROOT.start(
        "import fcntl\nfile = open(sys.argv[1])\nfcntl.flock(file, fcntl.LOCK_EX)\n"
        "print('held', flush=True)\ntime.sleep(100)",
        scratch,
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        (finding,) = [f for f in examined(ALICE, folder)[1] if f["kind"] == "leftover"]
        with pytest.raises(AssertionError):
            obey(ALICE, [finding])
        assert os.path.exists(scratch)
    finally:
        holder.kill()
        holder.communicate()
    obey(ALICE, [finding])
    assert not os.path.exists(scratch)


# Others


def test_the_folder_of_another_is_for_its_owner(home: Path) -> None:
    folder = begin(home)
    code, found = examined(EVE, folder)
    (finding,) = found
    assert (code, finding["severity"], finding["kind"]) == (1, "error", "owner")
    assert finding["remedy"] == f"run the journal as {ALICE.uid}"
    assert examined(ALICE, folder) == (0, [])


def shared(home: Path) -> Path:
    folder = folder_of(ALICE, home / "sessions", 0o2770, TEAM)
    for user in (ALICE, BOB):
        user.run(SESSION, str(folder))
    return folder


def test_a_folder_shared_by_a_group_is_healthy_for_all_of_it(home: Path) -> None:
    folder = shared(home)
    for user in (ALICE, BOB, ROOT):
        assert examined(user, folder) == (0, []), user
    code, (finding,) = examined(EVE, folder)
    assert (code, finding["severity"], finding["kind"]) == (1, "error", "owner")
    assert finding["remedy"] == f"run the journal as a member of the group {TEAM}"


def take_from_group(folder: Path) -> None:
    for path in folder.rglob("*"):
        os.chown(path, ALICE.uid, ALICE.uid)


def make_private(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            path.chmod(0o600)


OUT_OF_STEP: dict[str, Callable[[Path], object]] = {
    "a private log": lambda folder: (folder / "s.jsonl").chmod(0o600),
    "an open log": lambda folder: (folder / "s.jsonl").chmod(0o664),
    "a private lock": lambda folder: (folder / "s.json.lock").chmod(0o644),
    "an archive without the bit": lambda folder: (folder / "archive").chmod(0o770),
    "a folder others may list": lambda folder: folder.chmod(0o2775),
    "another group": lambda folder: os.chown(folder / "s.jsonl", ALICE.uid, ALICE.uid),
    "another group, many": take_from_group,
    "many private files": make_private,
}


@pytest.mark.parametrize("user", [ALICE, BOB], ids=["owner", "member"])
@pytest.mark.parametrize("fault", OUT_OF_STEP)
def test_what_the_group_cannot_use_is_found_and_mended(home: Path, fault: str, user: User) -> None:
    folder = shared(home)
    OUT_OF_STEP[fault](folder)
    code, found = examined(user, folder)
    assert code == 1
    assert {finding["kind"] for finding in found} <= {"mode", "owner"}
    obey(user, found)
    code, found = examined(user, folder)
    if found:  # a change of group takes the bit from folders
        obey(user, found)
        code, found = examined(user, folder)
    assert (code, found) == (0, [])
    for one in (ALICE, BOB):
        one.run(SESSION, str(folder))


UNUSABLE: dict[str, Callable[[Path], object]] = {
    "a log of mode 0": lambda folder: (folder / "s.jsonl").chmod(0),
    "a log that is read-only": lambda folder: (folder / "s.jsonl").chmod(0o400),
    "a lock of mode 0": lambda folder: (folder / "s.json.lock").chmod(0),
    "an archive folder of mode 0": lambda folder: (folder / "archive").chmod(0),
    "a folder of mode 0": lambda folder: folder.chmod(0),
    "a folder that cannot be listed": lambda folder: folder.chmod(0o300),
    "a home of mode 0": lambda folder: folder.parent.chmod(0),
}


@pytest.mark.parametrize("fault", UNUSABLE)
def test_what_the_owner_has_no_right_to_gets_its_mode_back(home: Path, fault: str) -> None:
    folder = begin(home)
    UNUSABLE[fault](folder)
    code, found = examined(ALICE, folder)
    assert code == 1
    assert {finding["kind"] for finding in found} == {"mode"}
    obey(ALICE, found)
    home.chmod(0o755)
    assert examined(ALICE, folder) == (0, [])
    everything_works(ALICE, folder)


ABOUT_ACCESS = {
    Remedy.CHOWN: (set_again, ALICE),
    Remedy.CHMOD_AS_ROOT: (used_an_old_umask, ALICE),
    Remedy.REMOVE_UNLESS_LOCKED: (died, ALICE),
    Remedy.RUN_AS_OWNER: (begin, EVE),
    Remedy.RUN_AS_MEMBER: (shared, EVE),
    Remedy.CHGRP: (lambda home: changed(shared(home), OUT_OF_STEP["another group"]), BOB),
}


def changed(folder: Path, fault: Callable[[Path], object]) -> Path:
    fault(folder)
    return folder


@pytest.mark.parametrize("remedy", ABOUT_ACCESS, ids=lambda remedy: remedy.name)
def test_each_remedy_about_access_comes_out_of_a_story_here(home: Path, remedy: Remedy) -> None:
    """All of which the tests above carry out; who is to be another user becomes one here."""
    story, user = ABOUT_ACCESS[remedy]
    folder = story(home)
    pattern = re.escape(remedy.value).replace(r"\{", "{")
    pattern = re.sub(r"{\w+\\?}", "(.+)", pattern)
    found = [finding["remedy"] for finding in examined(user, folder)[1]]
    (wanted,) = {match[1] for text in found if (match := re.fullmatch(pattern, text))}
    if remedy is Remedy.RUN_AS_OWNER:
        assert examined(User(int(wanted)), folder) == (0, [])
    elif remedy is Remedy.RUN_AS_MEMBER:
        assert examined(User(EVE.uid, (int(wanted),)), folder) == (0, [])


def test_many_files_are_mended_by_one_short_command(home: Path) -> None:
    folder = begin(home)
    for number in range(60):
        make(folder / f"n{number}.json.lock")
    _, (finding,) = examined(ALICE, folder)
    assert "n1.json.lock" in finding["what"]
    assert "and 39 more" in finding["what"]
    assert finding["remedy"] == f"as root: `chown -R {ALICE.uid} -- {folder}`"
