"""The tests of faults notice when what they protect is taken out of the code.

Each mutation is made in a copy of the source, where the tests named beside it must fail.
"""

import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.faults.sizes import sized
from tests.support import ROOT

FAULTS, ENGINES = "tests/faults", "tests/journal/engines"
SNAPSHOT, SAVING = (f"journal/engines/files/{name}.py" for name in ("snapshot", "saving"))


class Mutation(NamedTuple):
    """Replace `old`, which stands once in `module`, by `new`; then `tests` fail."""

    module: str
    old: str
    new: str
    tests: str


MUTATIONS = {
    "a writer does not look for a seal": Mutation(
        "journal/engines/files/locked_end.py",
        "    if seal is None:",
        "    if True or seal is None:",
        f"{ENGINES}/test_append_only.py {ENGINES}/log",
    ),
    "an append does not look where the path leads": Mutation(
        "journal/engines/files/locked_end.py",
        "            and file.is_current()\n        ) or _settle",
        "        ) or _settle",
        f"{ENGINES}/changed",
    ),
    "a usual append does not look where the path leads": Mutation(
        "journal/engines/files/log.py",
        " and file.is_current()):",
        "):",
        f"{ENGINES}/changed {ENGINES}/test_interference.py",
    ),
    "a usual append does not look how the file ends": Mutation(
        "journal/engines/files/log.py",
        "        is_at_end = storage.read(file.fd, LAST_BYTES + 1, place) == last",
        "        is_at_end = True",
        f"{ENGINES}/changed {ENGINES}/test_interference.py",
    ),
    "a writer does not compare the number of lines with that of events": Mutation(
        "journal/engines/files/skimming.py",
        "        is_whole = lines == last.seq - start.seq and follows",
        "        is_whole = follows",
        f"{ENGINES}/test_skimming.py",
    ),
    "a writer does not look for its last event in a compacted log": Mutation(
        "journal/engines/files/skimming.py",
        "    return None if missing else",
        "    return",
        f"{ENGINES}/changed",
    ),
    "a writer counts on in a log whose last line is not where it was": Mutation(
        "journal/engines/files/skimming.py",
        "header.format > NEWEST or not segment.is_at_tip()",
        "header.format > NEWEST",
        f"{ENGINES}/changed",
    ),
    "nobody looks where the path leads after a sync": Mutation(
        "journal/engines/files/logfile.py",
        "        return self._in_place >= ticket",
        "        return True",
        f"{ENGINES}/changed",
    ),
    "a compaction does not ask for a way back": Mutation(
        "journal/engines/files/replacing.py",
        "        self._check_can_go_back()\n",
        "",
        f"{ENGINES}/test_append_only.py",
    ),
    "nobody looks whether the path still leads to the file": Mutation(
        "journal/engines/files/logfile.py",
        "            return self.storage.find(self.path) == self.id",
        "            return True",
        f"{FAULTS}/test_many_writers.py {ENGINES}/test_interference.py",
    ),
    "compaction does not sync the new file before the swap": Mutation(
        "journal/engines/files/replacing.py",
        "        storage.sync(self._new.fd)\n        seal(",
        "        seal(",
        f"{FAULTS}/test_crash_states.py",
    ),
    "compaction does not sync the folder": Mutation(
        "journal/engines/files/replacing.py",
        "            self._storage.sync_folder(paths.folder)\n",
        "",
        f"{FAULTS}/test_crash_states.py",
    ),
    "an append does not sync": Mutation(
        "journal/engines/files/logfile.py",
        "            self.storage.sync(self.fd)",
        "            pass",
        f"{FAULTS}/test_crash_states.py",
    ),
    "a new log's folder is not synced": Mutation(
        "journal/engines/files/logfile.py",
        "                self.storage.sync_folder(os.path.dirname(self.path))",
        "                pass",
        f"{FAULTS}/test_crash_states.py",
    ),
    "no lock between processes": Mutation(
        "journal/engines/files/storage.py",
        "            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)",
        "            pass",
        f"{FAULTS}/test_many_writers.py",
    ),
    "no lock between threads": Mutation(
        "journal/engines/files/reader.py",
        "        self.lock = threading.RLock()\n",
        "        from contextlib import nullcontext\n\n        self.lock = nullcontext()\n",
        f"{FAULTS}/test_many_writers.py -k threads",
    ),
    "a forked child keeps what it inherited": Mutation(
        "journal/forking.py",
        "os.register_at_fork(after_in_child=_after_fork_in_child)",
        "",
        f"{FAULTS}/test_many_writers.py -k 'fork or signs' --timeout 10",
    ),
    "a torn tail is not repaired before the append": Mutation(
        "journal/engines/files/locked_end.py",
        "    if segment.file.size() > segment.scanner.end:",
        "    if False:",
        f"{ENGINES}/test_recovery.py",
    ),
    "what a failed write left is not cut back": Mutation(
        "journal/engines/files/appending.py",
        "    if written != len(data):\n        _take_back(segment)",
        "    if written != len(data):",
        f"{ENGINES}/log",
    ),
    "a failed sync is forgotten": Mutation(
        "journal/engines/files/logfile.py",
        "            self.sync_error = error",
        "            pass",
        f"{ENGINES}/log {FAULTS}/test_failed_sync.py",
    ),
    "a batch cut back under a reader is not noticed": Mutation(
        "journal/engines/files/catchup.py",
        "        if size < segment.tip.end or not segment.is_in_step():",
        "        if size < segment.tip.end:",
        f"{ENGINES}/test_interference.py {ENGINES}/log",
    ),
    "the new file is not proven to fold to the same": Mutation(
        "journal/engines/files/compaction.py",
        "        if check.scanner.damage or found.outcome() != living.outcome() or not others:",
        "        if False:",
        f"{ENGINES}/compaction",
    ),
    "what is put back is not proven": Mutation(
        "journal/engines/files/restoring.py",
        "        if not (found <= seen and same_end) or (whole and check.gaps):",
        "        if False:",
        f"{ENGINES}/test_restoring.py -k other_bytes",
    ),
    "a store goes on from a damaged log in the one that takes its place": Mutation(
        "journal/engines/files/catchup.py",
        "        if self.segment is not None and self.segment.scanner.damage_count:",
        "        if False:",
        f"{ENGINES}/test_restoring.py -k open_store",
    ),
    "a file of a group has its name before its mode": Mutation(
        "journal/engines/files/modes.py",
        "            return _make_shared(path, flags)",
        "            raise OSError",
        f"{FAULTS}/test_sharing.py -k 'before_its_name or two_users_begin'",
    ),
    "the hash of a line is not checked": Mutation(
        "journal/codec.py",
        "        if sha256(covered).hexdigest()[:HASH_DIGITS] == record.hash:",
        "        if True:",
        f"{ENGINES}/test_recovery.py tests/journal/test_codec.py",
    ),
    "what is written while a flush is under way is taken for flushed": Mutation(
        "projections/store/dirty.py",
        "            if found is not None and found != mark:",
        "            if False:",
        "tests/projections/store/test_flush.py",
    ),
    "nothing is marked after an append": Mutation(
        "projections/store/session.py",
        "        finally:\n            self._marks[self.session_id] = "
        "self._more_marks[self.session_id] = new_mark()\n        if refresh:",
        "        finally:\n            pass\n        if refresh:",
        "tests/projections/store/test_flush.py",
    ),
    "a compaction that was told to stop goes on": Mutation(
        "journal/engines/files/compaction.py",
        "        if self._stop():",
        "        if False:",
        f"{ENGINES}/compaction",
    ),
    "a backup copies a newer log than the archives are of": Mutation(
        "journal/engines/files/backup.py",
        "            self._copy_log(log)\n",
        "            self._copy_log(self._storage.open(self._paths.log, os.O_RDONLY))\n",
        f"{ENGINES}/test_backup.py",
    ),
    "a backup takes a missing archive for damage": Mutation(
        "journal/engines/files/backup.py",
        "            raise _ChangedError\n",
        "            pass\n",
        f"{ENGINES}/test_backup.py",
    ),
    "a snapshot is used whatever its log begins with": Mutation(
        SNAPSHOT,
        "            and header.hash == place.opened\n",
        "",
        f"{FAULTS}/test_snapshots.py",
    ),
    "a snapshot is used where its line is no longer": Mutation(
        SNAPSHOT,
        "            and place.is_after(_last_line(storage, log, place.end), header)\n",
        "",
        f"{FAULTS}/test_crash_states.py -k snapshot",
    ),
    "what is read of a snapshot is not checked": Mutation(
        SNAPSHOT,
        "                if crc32(state) != packed & _CRC:",
        "                if False:",
        f"{FAULTS}/test_snapshots.py",
    ),
    "a log is opened from its snapshot where an event is looked for in it": Mutation(
        "journal/engines/files/catchup.py",
        " or self.losses.looks or ",
        " or ",
        f"{FAULTS}/test_snapshots.py",
    ),
    "a writer begins at the snapshot where an event is looked for": Mutation(
        "journal/engines/files/locked_end.py",
        "    if not reader.catchup.losses.looks:",
        "    if True:",
        f"{FAULTS}/test_snapshots.py",
    ),
    "a damaged log is saved": Mutation(
        SAVING,
        "        or scanner.damage_count\n",
        "",
        f"{FAULTS}/test_snapshots.py",
    ),
    "a snapshot of a log that is gone stays": Mutation(
        SAVING,
        "        _remove_if_gone(frozen[0])\n",
        "        pass\n",
        f"{FAULTS}/test_snapshots.py",
    ),
    "what is saved was folded from a file that was replaced": Mutation(
        SAVING,
        "        if reader.catchup.is_carried:\n            _save_anew",
        "        if False:\n            _save_anew",
        f"{FAULTS}/test_snapshots.py",
    ),
    "links are followed": Mutation(
        "journal/engines/files/storage.py",
        "flags |= os.O_NOFOLLOW | os.O_CLOEXEC",
        "flags |= os.O_CLOEXEC",
        f"{ENGINES}/log {ENGINES}/test_interference.py {FAULTS}/test_security.py",
    ),
}


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for name in ("journal", "projections", "tests"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def run_tests(copy: Path, tests: str) -> "subprocess.CompletedProcess[str]":
    options = ["-q", "-x", "-p", "no:cacheprovider", "--timeout", "60"]
    return subprocess.run(
        [sys.executable, "-m", "pytest", *options, *shlex.split(tests)],
        cwd=copy,
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize("name", MUTATIONS)
def test_what_is_to_be_mutated_stands_once_in_its_module(name: str) -> None:
    mutation = MUTATIONS[name]
    assert (ROOT / mutation.module).read_text().count(mutation.old) == 1, "mend the table"


@sized(storm=MUTATIONS)
@pytest.mark.parametrize("name", MUTATIONS)
def test_a_test_fails(copy: Path, size: dict[str, Mutation], name: str) -> None:
    mutation = size[name]
    path = copy / mutation.module
    source = path.read_text()
    assert mutation.old in source
    path.write_text(source.replace(mutation.old, mutation.new))
    result = run_tests(copy, mutation.tests)
    assert result.returncode == 1, f"no test noticed:\n{result.stdout}"
    assert "FAILED" in result.stdout


@sized(storm=f"{ENGINES}/test_recovery.py {ENGINES}/log")
def test_without_a_mutation_they_pass(copy: Path, size: str) -> None:
    result = run_tests(copy, size)
    assert result.returncode == 0, result.stdout
