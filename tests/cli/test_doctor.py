"""`journal doctor` as its users meet it: exit codes, a terminal, a pipe, JSON."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result

from projections import DefaultSessionStore
from projections.cli.documents.doctor import (
    DoctorDocument,
    FindingItem,
    RestoreDocument,
    RestoreItem,
)
from projections.cli.group import cli
from tests.cli.terminal import HARMFUL, journal, run_in_terminal
from tests.projections.doctor.faults import (
    FAULTS,
    append,
    healthy,
    inventory,
    log,
    use_quiet_machine,
)
from tests.support import state_in

ORDER = ["error", "warning", "note"]


@pytest.fixture(autouse=True)
def _quiet_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    use_quiet_machine(monkeypatch)
    monkeypatch.delenv("JOURNAL_DIR", raising=False)


def doctor(folder: Path, *args: str) -> Result:
    return CliRunner().invoke(cli, ["doctor", "--dir", str(folder), *args])


@pytest.mark.parametrize("fault", FAULTS)
def test_exit_codes_and_json_tell_the_same(tmp_path: Path, fault: str) -> None:
    healthy(tmp_path)
    FAULTS[fault][0](tmp_path)
    before = inventory(tmp_path)
    result = doctor(tmp_path, "-o", "json")
    assert result.exit_code == FAULTS[fault][2], result.output
    document = msgspec.json.decode(result.stdout, type=DoctorDocument, strict=True)
    assert {(f.severity, f.kind) for f in document.findings} == FAULTS[fault][1]
    assert document.damaged is (result.exit_code == 4)
    severities = [ORDER.index(finding.severity) for finding in document.findings]
    assert severities == sorted(severities)
    lines = doctor(tmp_path, "-o", "jsonl").stdout.splitlines()
    assert [msgspec.json.decode(line, type=FindingItem) for line in lines] == document.findings
    text = doctor(tmp_path)
    assert text.exit_code == result.exit_code
    for finding in document.findings:
        assert finding.path in text.stdout
        assert finding.remedy in text.stdout
        check_commands_exist(finding.remedy)
    assert inventory(tmp_path) == before


def check_commands_exist(remedy: str) -> None:
    """Every `journal COMMAND --OPTION` in it is one of the command line's."""
    context = cli.make_context("journal", ["doctor"], resilient_parsing=True)
    for name, rest in re.findall(r"`journal ([a-z]+)([^`]*)`", remedy):
        command = cli.get_command(context, name)
        assert command is not None, name
        known = {opt for param in command.params for opt in param.opts}
        assert set(re.findall(r"(?<= )--[a-z-]+", rest)) <= known, (name, rest)


def test_the_worst_comes_first(tmp_path: Path) -> None:
    healthy(tmp_path)
    FAULTS["an edited line"][0](tmp_path)
    log(tmp_path).chmod(0o644)
    with DefaultSessionStore(tmp_path, durability="os") as store:
        store.set_runtime_state("a", "native", "big", {"x": "y" * 2000})
    marks = re.findall("(?m)^[^ \n→]", doctor(tmp_path).stdout)
    assert "".join(marks) == "✗!!·1"


def test_nothing_to_do_is_said_on_standard_error(tmp_path: Path) -> None:
    healthy(tmp_path)
    result = doctor(tmp_path)
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "journal: Nothing to do.\n")
    result = doctor(tmp_path, "s", "--quick", "-o", "json")
    assert result.exit_code == 0
    assert json.loads(result.stdout) == {
        "version": 1,
        "folder": str(tmp_path),
        "sessions": 1,
        "damaged": False,
        "findings": [],
    }
    assert doctor(tmp_path, "-o", "jsonl").stdout == ""


def test_what_does_not_exist_is_3(tmp_path: Path) -> None:
    healthy(tmp_path)
    result = journal("doctor", "--dir", str(tmp_path / "none"))
    assert (result.returncode, result.stdout) == (3, "")
    assert "there is no folder" in result.stderr
    append(tmp_path, "my-session")
    result = journal("doctor", "--dir", str(tmp_path), "s", "my-sesion")
    assert (result.returncode, result.stdout) == (3, "")
    assert "did you mean 'my-session'" in result.stderr
    assert not (tmp_path / "none").exists()


def test_half_deleted_sessions_can_be_named(tmp_path: Path) -> None:
    healthy(tmp_path)
    FAULTS["a deletion that died late"][0](tmp_path)
    result = doctor(tmp_path, "s")
    assert result.exit_code == 1
    assert "unfinished" in result.stdout


def test_commands_name_the_folder_only_if_the_user_had_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    healthy(tmp_path)
    FAULTS["an edited line"][0](tmp_path)
    assert f"`journal compact s --dir {tmp_path}`" in doctor(tmp_path).stdout
    monkeypatch.setenv("JOURNAL_DIR", str(tmp_path))
    assert "`journal compact s`" in CliRunner().invoke(cli, ["doctor"]).stdout


def test_quick_does_not_read_every_line(tmp_path: Path) -> None:
    healthy(tmp_path)
    FAULTS["an edited line"][0](tmp_path)
    assert doctor(tmp_path).exit_code == 4
    quick = doctor(tmp_path, "--quick")
    assert quick.exit_code == 0
    assert quick.stderr == (
        "journal: Nothing to do, as far as can be seen without reading the lines.\n"
    )


@pytest.mark.parametrize(
    "args", [("--restore", "--secrets"), ("--restore", "--quick"), ("--secrets", "--quick")]
)
def test_what_does_not_go_together_is_a_usage_error(tmp_path: Path, args: tuple[str, str]) -> None:
    healthy(tmp_path)
    result = journal("doctor", "s", *args, "--dir", str(tmp_path))
    assert (result.returncode, result.stdout) == (2, "")
    assert f"{args[0]} and {args[1]} do not go together" in result.stderr


def test_a_link_that_leads_to_nothing_is_to_be_removed(tmp_path: Path) -> None:
    healthy(tmp_path)
    link = tmp_path / "d.jsonl"
    link.symlink_to("nowhere")
    result = doctor(tmp_path)
    assert result.exit_code == 1
    assert "a symbolic link that leads to nothing" in result.stdout
    command = re.search("`([^`]*)`", result.stdout)
    assert command is not None
    subprocess.run(["bash", "-c", command[1]], check=True)
    assert doctor(tmp_path).exit_code == 0
    assert not link.is_symlink()


@pytest.mark.parametrize("mode", [0o1777, 0o755])
def test_the_mode_of_a_folder_that_is_not_only_ours_is_left_alone(
    tmp_path: Path, mode: int
) -> None:
    folder = tmp_path / "f"
    folder.mkdir()
    (folder / "notes.txt").write_text("x")
    folder.chmod(mode)
    assert "chmod" not in doctor(folder).stdout, "no session is in it"
    append(folder, "s")
    folder.chmod(mode)
    assert ("chmod" in doctor(folder).stdout) is not bool(mode & 0o1000)


def test_what_compaction_does_not_mend_is_said_with_the_command_that_does(tmp_path: Path) -> None:
    healthy(tmp_path)
    FAULTS["an edited line"][0](tmp_path)
    said = doctor(tmp_path).stdout
    compact, drop = re.findall("`(journal compact [^`]*)`", said)
    assert journal(*compact.split()[1:]).returncode == 0
    assert doctor(tmp_path).exit_code == 4
    assert journal(*drop.split()[1:]).returncode == 0
    assert doctor(tmp_path).exit_code == 0


def test_a_terminal_gets_blocks_of_80_columns_in_colour(tmp_path: Path) -> None:
    healthy(tmp_path)
    FAULTS["an edited line"][0](tmp_path)
    log(tmp_path).chmod(0o644)
    code, shown = run_in_terminal("doctor", "--dir", str(tmp_path))
    assert code == 4
    assert "\x1b[1;31m✗" in shown
    assert "\x1b[33m!" in shown
    lines = re.sub(r"\x1b\[[0-9;]*[mK]", "", shown).splitlines()
    for line in lines:
        assert len(line) <= 80 or str(tmp_path) in line, "paths and commands are copied"
    where = next(number for number, line in enumerate(lines) if line.startswith("✗ s  corrupt"))
    assert lines[where + 1] == "  event 11: not an intact event"
    assert lines[where + 2].startswith(f"  {log(tmp_path)}:")
    assert lines[where + 3].startswith("  → with a backup of the log,")
    assert lines[where + 4].startswith("    ")
    assert any(f"`journal compact s --dir {tmp_path}`" in line for line in lines)
    assert re.fullmatch(r"1 error, \d warnings in 1 session\.", lines[-1])


def test_a_pipe_gets_plain_text_a_field_a_line(tmp_path: Path) -> None:
    healthy(tmp_path)
    FAULTS["an edited line"][0](tmp_path)
    result = doctor(tmp_path)
    assert "\x1b" not in result.output
    blocks = result.stdout.split("\n\n")
    assert [len(block.splitlines()) for block in blocks] == [4, 4, 1]
    assert blocks[-1] == "1 error, 1 warning in 1 session.\n"
    assert result.stderr == ""


@pytest.mark.parametrize("output", ["table", "json", "jsonl"])
def test_what_could_steer_a_terminal_is_shown_as_an_escape(tmp_path: Path, output: str) -> None:
    evil = "\x1b[31m\u202e\n"
    with DefaultSessionStore(tmp_path, durability="os") as store:
        store.set_runtime_state(evil, evil, evil, {"x": "y" * 2000})
    (tmp_path / "\x1b]0;x\x07.jsonl").write_text("x")
    result = doctor(tmp_path, "-o", output)
    assert result.exit_code == 1
    assert not HARMFUL.search(result.stdout)
    if output == "json":
        document = msgspec.json.decode(result.stdout, type=DoctorDocument)
        assert evil in {finding.session_id for finding in document.findings}
    elif output == "table":
        assert "\\x1b[31m\\u202e\\x0a" in result.stdout


def test_bytes_that_are_no_text_do_not_break_any_output(tmp_path: Path) -> None:
    os.close(os.open(os.fsencode(tmp_path) + b"/\xff.jsonl", os.O_CREAT, 0o600))
    for output in ("table", "json", "jsonl"):
        result = doctor(tmp_path, "-o", output)
        assert result.exit_code == 1, result.output
        assert "\\xff.jsonl" in result.stdout


def test_help_says_the_exit_codes_and_has_examples() -> None:
    shown = CliRunner().invoke(cli, ["doctor", "--help"]).stdout
    for part in ("0 nothing but notes", "4 data is damaged", "3 no such session", "Examples:"):
        assert part in " ".join(shown.split())
    assert max(map(len, shown.splitlines())) <= 80


# --restore


def test_restoring_says_what_came_from_where_and_leaves_a_healthy_session(tmp_path: Path) -> None:
    healthy(tmp_path)
    before = log(tmp_path).read_bytes()
    FAULTS["a kept line damaged"][0](tmp_path)
    result = doctor(tmp_path, "--restore", "s")
    assert result.exit_code == 0, result.output
    assert re.match(r"s  put back: event \d from archive/s\.9\.jsonl\.gz\n", result.stdout)
    assert f"the log as it was: {tmp_path}/archive/s.13.damaged" in result.stdout
    assert log(tmp_path).read_bytes() == before
    assert doctor(tmp_path).exit_code == 0
    again = doctor(tmp_path, "--restore", "s")
    assert (again.exit_code, again.stdout) == (0, "s  nothing to put back\n")


def test_restoring_from_a_copy_and_what_stays_lost(tmp_path: Path) -> None:
    folder, copy = tmp_path / "s", tmp_path / "copy"
    healthy(folder)
    copy.write_bytes(log(folder).read_bytes())
    FAULTS["an edited line"][0](folder)
    result = doctor(folder, "--restore", "s")
    assert result.exit_code == 4
    assert "lost  event 11 stays lost: no file has it whole" in result.stdout
    assert "nothing to put back" in result.stdout
    result = doctor(folder, "--restore", "s", "--from", str(copy))
    assert result.exit_code == 0
    assert f"event 11 from {copy}" in result.stdout
    assert log(folder).read_bytes() == copy.read_bytes()
    assert state_in(folder / "s.json")["native"]["t1"] == {"n": 9}


def spoil_header(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b"log_id", b"lXg_id", 1))


def spoil_last(path: Path) -> None:
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:-1], lines[-1].replace(b'"n"', b'"m"')]))


def cut_off(path: Path) -> None:
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-2]))


def empty(path: Path) -> None:
    path.write_bytes(b"")


LOST_WHOLE: dict[str, tuple[Callable[[Path], object], str]] = {
    "the header": (spoil_header, "the header: whole in "),
    "the last event": (spoil_last, "event 13: whole in "),
    "the end": (cut_off, "events 12 to 13: whole in "),
    "everything": (empty, "its log is gone or empty"),
    "the file": (Path.unlink, "its log is gone or empty"),
}


@pytest.mark.parametrize("lost", LOST_WHOLE)
@pytest.mark.parametrize("has_session_file", [True, False])
def test_what_only_the_whole_copy_brings_back_is_said_with_the_command(
    tmp_path: Path, lost: str, has_session_file: bool
) -> None:
    folder, copy = tmp_path / "s", tmp_path / "a copy"
    healthy(folder)
    shutil.copy2(log(folder), copy)
    LOST_WHOLE[lost][0](log(folder))
    if not has_session_file:
        (folder / "s.json").unlink()
    process = journal("doctor", "--restore", "s", "--from", str(copy), "--dir", str(folder))
    assert process.returncode == 4, process.stderr
    said = process.stdout + process.stderr
    assert LOST_WHOLE[lost][1] in said
    assert "no other file has it" not in said
    command = re.search("`(cp [^`]*)`", said)
    assert command is not None
    subprocess.run(["bash", "-c", command[1]], check=True)
    assert log(folder).read_bytes() == copy.read_bytes()
    assert doctor(folder, "--restore", "s", "--from", str(copy)).exit_code == 0
    assert doctor(folder).exit_code == 0


def test_a_copy_that_the_log_has_left_behind_is_not_to_take_its_place(tmp_path: Path) -> None:
    folder, copy = tmp_path / "s", tmp_path / "copy"
    healthy(folder)
    copy.write_bytes(log(folder).read_bytes())
    append(folder)
    spoil_header(log(folder))
    result = doctor(folder, "--restore", "s", "--from", str(copy))
    assert result.exit_code == 4
    assert "the header is not intact" in result.stdout
    assert "cp -p" not in result.stdout


def test_blank_lines_before_the_header_do_not_make_it_lost(tmp_path: Path) -> None:
    folder, copy = tmp_path / "s", tmp_path / "copy"
    healthy(folder)
    shutil.copy2(log(folder), copy)
    log(folder).write_bytes(b"\n\n" + log(folder).read_bytes())
    result = doctor(folder, "--restore", "s", "--from", str(copy))
    assert (result.exit_code, result.stdout) == (0, "s  nothing to put back\n")


def test_a_file_that_is_no_copy_of_the_log_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "s"
    healthy(folder)
    append(folder, "other")
    FAULTS["an edited line"][0](folder)
    before = inventory(folder)
    (tmp_path / "link").hardlink_to(log(folder))
    for path in ("/dev/null", folder / "s.json", folder / "other.jsonl"):
        result = journal("doctor", "--restore", "s", "--from", str(path), "--dir", str(folder))
        assert (result.returncode, result.stdout) == (2, "")
        assert f"--from {path} is not a copy of this log" in result.stderr
    for path in (log(folder), tmp_path / "link"):
        result = journal("doctor", "--restore", "s", "--from", str(path), "--dir", str(folder))
        assert result.returncode == 2
        assert f"--from {path} is the log itself" in result.stderr
    (tmp_path / "link").unlink()
    assert inventory(folder).keys() == before.keys()
    assert log(folder).read_bytes() == before[str(log(folder))][0]


@pytest.mark.parametrize("fault", ["missing", "cut", "edited"])
def test_a_damaged_archive_is_left_and_said(tmp_path: Path, fault: str) -> None:
    healthy(tmp_path)
    FAULTS[f"an archive is {fault}"][0](tmp_path)
    result = doctor(tmp_path, "--restore", "s")
    assert result.exit_code == 4
    assert re.search(r"lost  archive/s\.\d+\.jsonl", result.stdout)
    assert "--restore repairs logs only" in result.stdout
    result = doctor(tmp_path, "--restore", "s", "-o", "json")
    (item,) = msgspec.json.decode(result.stdout, type=RestoreDocument, strict=True).sessions
    assert (len(item.left), item.evidence) == (1, None)


def test_restoring_as_json(tmp_path: Path) -> None:
    healthy(tmp_path)
    FAULTS["a kept line damaged"][0](tmp_path)
    before = log(tmp_path).read_bytes()
    output = doctor(tmp_path, "--restore", "s", "-o", "json").stdout
    (item,) = msgspec.json.decode(output, type=RestoreDocument, strict=True).sessions
    assert (item.session_id, item.left) == ("s", [])
    assert [one.where for one in item.restored] == [f"{tmp_path}/archive/s.9.jsonl.gz"]
    assert item.evidence is not None
    assert Path(item.evidence).read_bytes().startswith(before)
    output = doctor(tmp_path, "--restore", "s", "-o", "jsonl").stdout
    assert msgspec.json.decode(output, type=RestoreItem, strict=True).evidence is None


@pytest.mark.parametrize(
    ("args", "code"),
    [
        (["--restore"], 2),
        (["s", "--from", "/dev/null"], 2),
        (["--restore", "s", "e", "--from", "{dir}/s.jsonl"], 2),
        (["--restore", "s", "--from", "{dir}/nowhere"], 2),
        (["--restore", "nobody"], 3),
    ],
)
def test_restoring_needs_sessions_and_files_that_are_there(
    tmp_path: Path, args: list[str], code: int
) -> None:
    healthy(tmp_path)
    append(tmp_path, "e")
    before = inventory(tmp_path)
    done = journal("doctor", "--dir", str(tmp_path), *(a.format(dir=tmp_path) for a in args))
    assert done.returncode == code, done.stderr
    assert done.stderr
    assert inventory(tmp_path) == before
