"""The command line as its users meet it: a real process, a terminal or a pipe."""

import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from journal import __version__
from tests.cli.terminal import after, in_terminal, journal, journal_into, shell
from tests.support import needs


def test_the_storage_demo_shows_log_view_session_file_clear_compaction_and_verification(
    tmp_path: Path,
) -> None:
    result = journal("demo", "--storage", "--dir", str(tmp_path / "demo"))
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    out = result.stdout
    for part in ("The log", "the view", "session file", "A clear", "Compaction", "Verification"):
        assert part in out
    assert re.search(r"outcome +passed", out)
    assert re.search(r"events +5 → 2", out)
    assert "[REDACTED:api-key]" in out
    assert "sk-demo" not in out
    assert "Try next" in out


def test_piped_output_is_plain_and_eighty_columns_wide(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    lines = journal("demo", "--storage", "--dir", str(folder), COLUMNS="80").stdout.splitlines()
    for line in lines:
        assert "\x1b" not in line
        assert line == line.rstrip()
        assert len(line) <= 80 or str(folder) in line, "only a path may be longer: it is copied"


def test_a_terminal_gets_colours_and_nothing_wider_than_it(tmp_path: Path) -> None:
    shown = in_terminal("demo", "--storage", "--dir", str(tmp_path / "demo"))
    assert "\x1b[" in shown
    for line in re.sub(r"\x1b\[[0-9;]*m", "", shown).splitlines():
        assert len(line) <= 80 or str(tmp_path) in line
    plain = in_terminal("demo", "--storage", "--dir", str(tmp_path / "again"), columns=60)
    assert (
        max(
            len(line)
            for line in re.sub(r"\x1b\[[0-9;]*m", "", plain).splitlines()
            if line.startswith("  ") and str(tmp_path) not in line
        )
        <= 60
    )


def test_no_color_is_obeyed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    shown = in_terminal("demo", "--storage", "--dir", str(tmp_path / "demo"))
    assert not re.search(r"\x1b\[[0-9;]*3[1-7]m", shown)


def test_the_storage_demo_does_not_overwrite_and_says_what_to_do(tmp_path: Path) -> None:
    assert journal("demo", "--storage", "--dir", str(tmp_path)).returncode == 0
    before = (tmp_path / "demo.jsonl").read_bytes()
    again = journal("demo", "--storage", "--dir", str(tmp_path))
    assert again.returncode == 1
    assert again.stdout == ""
    assert "--dir" in again.stderr
    assert "Traceback" not in again.stderr
    assert (tmp_path / "demo.jsonl").read_bytes() == before


@pytest.mark.parametrize("which", [[], ["--storage"]])
def test_a_folder_that_cannot_be_made_is_a_plain_error(tmp_path: Path, which: list[str]) -> None:
    (tmp_path / "file").write_text("")
    result = journal("demo", *which, "--dir", str(tmp_path / "file" / "below"))
    assert result.returncode == 1
    assert result.stderr.startswith("journal: ")
    assert str(tmp_path) in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("command", [["demo"], ["demo", "--storage"], ["--version"]])
def test_a_full_disk_behind_the_pipe_is_a_plain_error(command: list[str], tmp_path: Path) -> None:
    with open("/dev/full", "w") as full:
        result = journal_into(full.fileno(), *command, TMPDIR=str(tmp_path))
    assert result.returncode == 1
    assert "Traceback" not in result.stderr
    assert "No space left" in result.stderr


def test_a_terminal_that_knows_only_ascii_gets_what_it_can_show(tmp_path: Path) -> None:
    result = journal("demo", "--storage", "--dir", str(tmp_path), PYTHONIOENCODING="ascii")
    assert result.returncode == 0, result.stderr
    assert "Verification" in result.stdout


@pytest.mark.parametrize("command", ["demo", "demo --storage"])
def test_a_closed_pipe_is_silent(command: str, tmp_path: Path) -> None:
    assert shell(f"journal {command} | true", TMPDIR=str(tmp_path)).stderr == ""


def test_the_storage_demos_log_is_jsonl_for_other_tools(tmp_path: Path) -> None:
    needs("jq")
    journal("demo", "--storage", "--dir", str(tmp_path))
    jq = subprocess.run(
        ["jq", "-c", "[.op, .seq]", str(tmp_path / "demo.jsonl")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert jq.stdout.splitlines() == ['["open",null]', '["set",2]', '["set",3]']


def test_the_version_is_the_packages() -> None:
    assert journal("--version").stdout == f"journal {__version__}\n"


def test_help_leads_to_the_demo_and_has_an_example() -> None:
    assert "journal demo" in journal("--help").stdout
    assert "Examples:" in journal("demo", "-h").stdout


def test_nonsense_is_a_usage_error() -> None:
    result = journal("no-such-command")
    assert result.returncode == 2
    assert "there is no command" in result.stderr


def test_an_interrupt_ends_quietly_with_130(tmp_path: Path) -> None:
    code = (
        "import signal, os, projections.cli.demo.storage as d\n"
        "d._show_log = lambda *a: os.kill(os.getpid(), signal.SIGINT)"
    )
    result = journal("demo", "--storage", "--dir", str(tmp_path / "demo"), code=after(code))
    assert result.returncode == 128 + signal.SIGINT
    assert "Traceback" not in result.stderr


def test_start_up_imports_only_what_it_needs() -> None:
    code = (
        "import sys; sys.argv = ['journal', '--version']\n"
        "from projections.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print(*[name for name in ('rich', 'watchfiles', 'asyncio') if name in sys.modules])"
    )
    out = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    assert out.splitlines()[1:] == [""]
