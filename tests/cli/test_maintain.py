"""`journal verify`, `compact`, `export` and `delete`, and the progress of long work."""

import fcntl
import hashlib
import json
import os
import re
import shlex
import signal
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from praisonaiagents.session.store import DefaultSessionStore as PraisonAIStore

from projections import DefaultSessionStore
from tests.cli.terminal import (
    COMMAND,
    Completed,
    Terminal,
    after,
    journal,
    shell,
)
from tests.support import ROOT, files_in


@pytest.fixture
def folder(tmp_path: Path) -> str:
    return str(tmp_path / "sessions")


@pytest.fixture
def store(folder: str) -> Iterator[DefaultSessionStore]:
    with DefaultSessionStore(folder, durability="os") as store:
        yield store


def put(store: DefaultSessionStore, count: int, session: str = "s") -> None:
    for n in range(count):
        store.set_runtime_state(session, "native", f"t-{n % 2}", {"n": n, "text": "é \u2028"})


# Verify


def test_verify_says_whether_all_is_intact(folder: str, store: DefaultSessionStore) -> None:
    put(store, 3, "good")
    put(store, 3, "bad")
    log = Path(folder, "bad.jsonl")
    text = log.read_bytes()
    log.write_bytes(text.replace(b'"n":1', b'"n":7'))
    offset = text.index(b"\n", text.index(b'"n":0')) + 1
    result = journal("verify", "--dir", folder)
    assert result.returncode == 1
    bad, *details, good = result.stdout.splitlines()
    assert bad.startswith("bad  DAMAGED  2 events")
    assert good.startswith("good  intact  3 events  head ")
    assert f"{log}, byte {offset}," in details[1]
    assert "journal doctor" in details[2]
    assert journal("verify", "good", "--dir", folder).returncode == 0
    document = json.loads(journal("verify", "--dir", folder, "-o", "json").stdout)
    assert document["ok"] is False
    assert [item["ok"] for item in document["sessions"]] == [False, True]
    assert document["sessions"][0]["problems"][0]["offset"] == offset


def test_a_head_noted_down_shows_what_was_cut_off(folder: str, store: DefaultSessionStore) -> None:
    put(store, 3)
    noted = journal("verify", "--dir", folder).stdout.split()[-1]
    assert noted == str(store.verify("s").head)
    put(store, 2)
    store.compact("s")
    assert journal("verify", "s", "--head", noted, "--dir", folder).returncode == 0
    forged = f"{noted.rpartition(':')[0]}:{'0' * 32}"
    assert journal("verify", "s", "--head", forged, "--dir", folder).returncode == 1
    put(store, 1)
    newest = str(store.verify("s").head)
    log = Path(folder, "s.jsonl")
    lines = log.read_bytes().split(b"\n")
    log.write_bytes(b"\n".join(lines[:-2]) + b"\n")
    assert journal("verify", "s", "--dir", folder).returncode == 0, "the rest is a whole chain"
    result = journal("verify", "s", "--head", newest, "--dir", folder)
    assert result.returncode == 1
    head, place, advice = result.stdout.splitlines()[1:]
    assert head.startswith("  head  ends at event")
    assert place.strip() == str(log), "no byte of it is the place"
    assert "backup" in advice
    assert "doctor" not in advice, "it has no head to compare with"
    for args in (["--head", newest], ["s", "--head", "nonsense"]):
        assert journal("verify", *args, "--dir", folder).returncode == 2


def test_a_log_that_cannot_be_read_does_not_hide_the_others(
    folder: str, store: DefaultSessionStore
) -> None:
    put(store, 1, "z-good")
    Path(folder, "a-bad.jsonl").symlink_to("a-bad.jsonl")
    Path(folder, "a-wrong.jsonl").write_bytes(Path(folder, "z-good.jsonl").read_bytes())
    result = journal("verify", "--dir", folder)
    assert result.returncode == 1
    assert re.search(r"^a-wrong  DAMAGED", result.stdout, re.MULTILINE)
    assert re.search(r"^z-good  intact", result.stdout, re.MULTILINE)
    assert "Traceback" not in result.stderr


# Compact


def test_compact_takes_out_what_is_dead(folder: str, store: DefaultSessionStore) -> None:
    for session in ("a", "b", "c"):
        put(store, 10, session)
    result = journal("compact", "a", "b", "--dir", folder)
    assert result.returncode == 0
    assert re.findall(r"^(.)  10 → 2 events, ", result.stdout, re.MULTILINE) == ["a", "b"]
    again = journal("compact", "--all", "--dir", folder).stdout.splitlines()
    assert [line[0] for line in again] == ["a", "b", "c"]
    assert ["nothing to take out" in line for line in again] == [True, True, False]
    assert len(store.history("a", "native", "t-0")) == 5, "it is in the archive"
    put(store, 2, "a")
    assert journal("compact", "a", "--drop-history", "--dir", folder).returncode == 0
    assert [version.event.seq for version in store.history("a", "native", "t-0")] == [11]
    assert not any(name.startswith("archive/a.") for name in files_in(Path(folder)))
    assert store.get_runtime_state("a", "native", "t-0")["n"] == 0
    document = json.loads(journal("compact", "b", "--dir", folder, "-o", "json").stdout)
    assert document["sessions"][0]["events_after"] == 2
    for args in ([], ["a", "--all"]):
        assert journal("compact", *args, "--dir", folder).returncode == 2


def test_of_several_sessions_all_are_looked_for_first(
    folder: str, store: DefaultSessionStore
) -> None:
    put(store, 4, "a")
    Path(folder, "older.json").write_text('{"session_id": "older", "messages": []}')
    before = Path(folder, "a.jsonl").read_bytes()
    for other in ("missing", "older"):
        result = journal("compact", "a", other, "--dir", folder)
        assert (result.returncode, result.stdout) == (3, "")
        assert other in result.stderr
        assert Path(folder, "a.jsonl").read_bytes() == before


def test_another_compaction_under_way_is_reported_and_the_others_are_done(
    folder: str, store: DefaultSessionStore
) -> None:
    put(store, 4, "a")
    put(store, 4, "b")
    with open(Path(folder, "a.jsonl.new"), "wb") as scratch:
        fcntl.flock(scratch, fcntl.LOCK_EX)
        result = journal("compact", "--all", "--dir", folder)
        assert result.returncode == 1
        assert "b  4 → 2 events" in result.stdout
        assert "'a'" in result.stderr
        assert result.stderr.count("\n") == 1
    assert journal("compact", "a", "--dir", folder).returncode == 0


# Export


def hash_of(line: bytes) -> str:
    """As journal/README.md says, in other words."""
    text = line[: line.rindex(b',"hash":')]
    event = json.loads(line)
    if "state" in event:
        begin = text.index(b',"state":') + len(b',"state":')
        end = text.rindex(b',"prev":')
        digest = hashlib.sha256(text[begin:end]).hexdigest().encode()
        text = text[:begin] + digest + text[end:]
    return hashlib.sha256(text).hexdigest()[:32]


def test_an_export_has_every_line_and_its_hashes_verify(
    folder: str, store: DefaultSessionStore, tmp_path: Path
) -> None:
    put(store, 6)
    store.compact("s")
    store.hand_off("s", "native", "harness", reason="\x9b \u202e")
    put(store, 6)
    store.compact("s")
    store.clear_runtime_state("s")
    to = tmp_path / "out.jsonl"
    result = journal("export", "s", "--to", str(to), "--dir", folder)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    assert stat.S_IMODE(to.stat().st_mode) == 0o600
    data = to.read_bytes()
    assert journal("export", "s", "--dir", folder).stdout.encode() == data
    before = "0" * 32
    for number, line in enumerate(data.split(b"\n")[:-1], 1):
        event = json.loads(line)
        assert (event["seq"], event["prev"]) == (number, before)
        assert event["hash"] == hash_of(line)
        before = event["hash"]
    assert before == journal("verify", "s", "--dir", folder).stdout.split()[-1].split(":")[2]
    assert number == 14


def test_an_export_is_whole_or_not_there(
    folder: str, store: DefaultSessionStore, tmp_path: Path
) -> None:
    put(store, 2)
    to = tmp_path / "out.jsonl"
    to.write_text("mine")
    result = journal("export", "s", "--to", str(to), "--dir", folder)
    assert result.returncode == 2
    assert "--force" in result.stderr
    assert to.read_text() == "mine"
    assert journal("export", "s", "--to", str(to), "--force", "--dir", folder).returncode == 0
    assert to.read_text().count("\n") == 2
    kill = (
        "import os, signal, sys\nfrom journal.engines.files.history import _Gathering\n"
        "read = _Gathering._read_forward\n"
        "def stops(self, *args):\n"
        "    for number, entry in enumerate(read(self, *args)):\n"
        "        if number: os.kill(os.getpid(), int(os.environ['NUMBER']))\n"
        "        yield entry\n"
        "_Gathering._read_forward = stops\n"
    )
    for number in (signal.SIGINT, signal.SIGKILL):
        other = tmp_path / f"other-{number}.jsonl"
        args = ("export", "s", "--to", str(other), "--dir", folder)
        result = journal(*args, code=after(kill), NUMBER=str(int(number)))
        assert result.returncode == (130 if number == signal.SIGINT else -number)
        assert not other.exists()
        left = [path.stat().st_mode & 0o777 for path in tmp_path.glob("*.new")]
        assert left == ([] if number == signal.SIGINT else [0o600])
        assert journal("export", "s", "--to", str(other), "--dir", folder).returncode == 0
        assert other.read_bytes() == to.read_bytes()
    for nowhere in (tmp_path / "no" / "x", tmp_path):
        assert journal("export", "s", "--to", str(nowhere), "--dir", folder).returncode in (1, 2)


class TestExportTarget:
    """Only the target changes, it is whole, and nobody else may read it."""

    @pytest.fixture
    def whole(self, folder: str, store: DefaultSessionStore) -> str:
        put(store, 3)
        return journal("export", "s", "--dir", folder).stdout

    def export(self, folder: str, to: str | Path, *args: str) -> Completed:
        return journal("export", "s", "--dir", folder, "--to", str(to), *args)

    def test_no_neighbour_is_written_over(self, folder: str, whole: str, tmp_path: Path) -> None:
        to = tmp_path / "out"
        neighbours = [tmp_path / f"out{suffix}" for suffix in (".new", ".tmp", "~", ".bak")]
        for path in neighbours:
            path.write_text("mine")
        assert self.export(folder, to).returncode == 0
        assert to.read_text() == whole
        assert [path.read_text() for path in neighbours] == ["mine"] * 4

    @pytest.mark.parametrize("before", [None, 0o666, 0o400])
    def test_its_mode_is_0600_whatever_was_there(
        self, folder: str, whole: str, tmp_path: Path, before: int | None
    ) -> None:
        to = tmp_path / "out"
        for umask in ("000", "777"):
            if before is not None:
                to.write_text("old")
                to.chmod(before)
            command = f"journal export s --dir '{folder}' --to '{to}' --force"
            assert shell(f"umask {umask}; {command}").returncode == 0
            assert stat.S_IMODE(to.stat().st_mode) == 0o600
            assert to.read_text() == whole
            to.unlink()

    def test_a_link_is_replaced_and_not_followed(
        self, folder: str, whole: str, tmp_path: Path
    ) -> None:
        other, to = tmp_path / "other", tmp_path / "out"
        other.write_text("mine")
        for link in (to.symlink_to, to.hardlink_to):
            link(other)
            assert self.export(folder, to).returncode == 2
            assert self.export(folder, to, "--force").returncode == 0
            assert (other.read_text(), to.read_text()) == ("mine", whole)
            to.unlink()

    def test_standard_output_and_its_other_names(
        self, folder: str, whole: str, tmp_path: Path
    ) -> None:
        for name in ("-", "/dev/stdout", "/dev/fd/1"):
            assert self.export(folder, name).stdout == whole
            script = f"journal export s --dir '{folder}' --to {name} > '{tmp_path}/out'"
            assert shell(f"cd '{tmp_path}'; {script}").returncode == 0
            assert (tmp_path / "out").read_text() == whole
        result = self.export(folder, "/dev/stderr")
        assert (result.stdout, result.stderr) == ("", whole)
        assert self.export(folder, "/dev/null").returncode == 0
        assert stat.S_ISCHR(os.stat("/dev/null").st_mode)
        assert os.path.islink("/dev/stdout")
        assert not (tmp_path / "-").exists()

    def test_a_pipe_is_written_into(self, folder: str, whole: str, tmp_path: Path) -> None:
        pipe = tmp_path / "pipe"
        os.mkfifo(pipe)
        result = shell(f"journal export s --dir '{folder}' --to '{pipe}' & cat '{pipe}'; wait")
        assert result.stdout == whole
        assert stat.S_ISFIFO(pipe.stat().st_mode)

    def test_what_is_no_file_is_not_replaced(
        self, folder: str, whole: str, tmp_path: Path
    ) -> None:
        place = tmp_path / "socket"
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(place))
            result = self.export(folder, place, "--force")
        assert result.returncode == 2
        assert "is not a regular file" in result.stderr
        assert stat.S_ISSOCK(place.stat().st_mode)

    def test_with_no_room_for_it_the_old_file_stays_and_no_other(
        self, folder: str, store: DefaultSessionStore, tmp_path: Path
    ) -> None:
        put(store, 20)
        to = tmp_path / "out"
        to.write_text("old")
        command = shlex.join([*COMMAND, "export", "s", "--dir", folder, "--to", f"{to}", "-f"])
        result = shell(f"ulimit -f 2; {command}", PYTHONPATH=str(ROOT))  # KiB
        assert result.returncode == 1
        assert f"{to}: File too large" in result.stderr
        assert to.read_text() == "old"
        assert not list(tmp_path.glob(".*"))

    @pytest.mark.parametrize("call", ["fsync", "replace"])
    def test_a_disk_that_fails_at_the_end_is_reported_and_the_old_file_stays(
        self, folder: str, whole: str, tmp_path: Path, call: str
    ) -> None:
        to = tmp_path / "out"
        to.write_text("old")
        code = (
            "import errno, os\n"
            "def fails(*_): raise OSError(errno.EIO, os.strerror(errno.EIO))\n"
            f"os.{call} = fails\n"
        )
        args = ("export", "s", "--to", str(to), "--force", "--dir", folder)
        result = journal(*args, code=after(code))
        assert result.returncode == 1
        assert f"{to}: Input/output error" in result.stderr
        assert to.read_text() == "old"
        assert not list(tmp_path.glob(".*"))


def test_an_export_of_a_damaged_session_is_written_and_the_code_tells(
    folder: str, store: DefaultSessionStore, tmp_path: Path
) -> None:
    put(store, 4)
    log = Path(folder, "s.jsonl")
    log.write_bytes(log.read_bytes().replace(b'"n":1', b'"n":7'))
    to = tmp_path / "out.jsonl"
    assert journal("export", "s", "--to", str(to), "--dir", folder).returncode == 4
    assert [json.loads(line)["seq"] for line in to.read_bytes().splitlines()] == [1, 3, 4]


def test_the_session_file_is_what_praisonai_would_read(
    folder: str, store: DefaultSessionStore, tmp_path: Path
) -> None:
    theirs = PraisonAIStore(session_dir=folder)
    assert theirs.add_user_message("s", "hello")
    assert theirs.set_runtime_state("s", "native", "t", {"n": 1})
    assert theirs.add_user_message("older", "hello")
    store.set_runtime_state("s", "harness", "t", {"n": 2})
    other = tmp_path / "other"
    for session in ("s", "older"):
        to = other / f"{session}.json"
        other.mkdir(exist_ok=True)
        command = ("export", session, "-o", "session", "--to", str(to), "--dir", folder)
        assert journal(*command).returncode == 0
        moved = PraisonAIStore(session_dir=str(other))
        assert moved.get_chat_history(session)[0]["content"] == "hello"
        if session == "s":
            assert moved.get_runtime_state("s", "native", "t") == {"n": 1}
            assert moved.get_runtime_state("s", "harness", "t") == {"n": 2}


# Delete


def test_delete_asks_first(folder: str, store: DefaultSessionStore) -> None:
    put(store, 2, "a \x1b[31m\u202eb")
    args = ("delete", "a \x1b[31m\u202eb", "--dir", folder)
    for answer, code in (("n\n", 1), ("\n", 1), ("\x03", 130), ("y\n", 0)):
        assert store.session_exists("a \x1b[31m\u202eb")
        with Terminal(*args) as terminal:
            terminal.until(lambda _: "[y/N]" in terminal.raw)
            terminal.until_it_waits()
            terminal.type(answer)
            assert terminal.end() == code, answer
            assert "\x1b[31m" not in terminal.raw
            assert "\u202e" not in terminal.raw
            assert "Traceback" not in terminal.raw
    assert not store.session_exists("a \x1b[31m\u202eb")
    assert "is deleted" in terminal.raw


def test_without_a_terminal_delete_wants_a_yes(folder: str, store: DefaultSessionStore) -> None:
    put(store, 4, "s")
    store.compact("s")
    put(store, 1, "s-2")
    for script in (
        "yes | journal delete s",
        "journal delete s <&-",
        "journal delete s </dev/null",
    ):
        result = shell(script, JOURNAL_DIR=folder)
        assert result.returncode == 2
        assert "--yes" in result.stderr
    assert store.session_exists("s")
    result = journal("delete", "s", "--yes", "--dir", folder)
    assert (result.returncode, result.stdout) == (0, "")
    assert {name.partition(".")[0] for name in files_in(Path(folder))} == {"s-2"}
    assert journal("delete", "s", "-y", "--dir", folder).returncode == 3


# Progress


@pytest.mark.parametrize("output", ["jsonl", "session"])
@pytest.mark.parametrize("name", ["s.jsonl", "new.jsonl", "archive/s.9.jsonl", "s.json"])
def test_nothing_is_exported_into_the_folder_of_the_sessions(
    name: str, output: str, folder: str, tmp_path: Path
) -> None:
    """There it would be, or pass for, a log or an archive; nor by another way in."""
    with DefaultSessionStore(folder) as store:
        store.set_runtime_state("s", "native", "t", {"n": 1})
    Path(folder, "archive").mkdir(exist_ok=True)
    (tmp_path / "link").symlink_to(folder)
    (tmp_path / "out").symlink_to(folder + "/s.jsonl")
    before = {one: Path(folder, one).read_bytes() for one in files_in(Path(folder))}
    for way in (folder, f"{tmp_path}/link"):
        args = ("export", "s", "-o", output, "-f", "--to", f"{way}/{name}", "--dir", folder)
        result = journal(*args)
        assert (result.returncode, result.stdout) == (2, "")
        assert "must be outside the folder of the sessions" in result.stderr
    replaced = journal("export", "s", "-f", "--to", f"{tmp_path}/out", "--dir", folder)
    assert replaced.returncode == 0, "a link outside is replaced, not followed"
    assert {one: Path(folder, one).read_bytes() for one in files_in(Path(folder))} == before
