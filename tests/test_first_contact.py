"""What a newcomer meets before anything works: the ways to start it, and what stands in theirs."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from journal import __version__
from tests.support import ROOT

SCRIPT = "import sys\nfrom projections.cli import main\nsys.exit(main())\n"
"""What an installer writes for the command `journal`."""

USES_STORE = "from projections import DefaultSessionStore\nprint(DefaultSessionStore.__name__)\n"


def run(
    *args: str, cwd: Path, path: tuple[Path | str, ...] = (), **env: str
) -> "subprocess.CompletedProcess[str]":
    """Python with these arguments and folders of the user's on the path, before ours."""
    return subprocess.run(
        [sys.executable, *args],
        cwd=cwd,
        env={**os.environ, **env, "PYTHONPATH": os.pathsep.join(map(str, (*path, ROOT)))},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


@pytest.fixture
def command(tmp_path: Path) -> Path:
    """The command `journal`, in a folder of its own as in an environment."""
    path = tmp_path / "bin" / "journal"
    path.parent.mkdir()
    path.write_text(SCRIPT)
    return path


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The folder in which the user works."""
    path = tmp_path / "work"
    path.mkdir()
    return path


def test_the_package_runs_as_the_command(home: Path) -> None:
    shown = run("-m", "journal", "--version", cwd=home)
    assert (shown.returncode, shown.stdout) == (0, f"journal {__version__}\n"), shown.stderr
    assert run("-m", "journal", "set", "s", "r", "t", "{}", "--dir", "d", cwd=home).returncode == 0
    assert run("-m", "journal", "show", "none", "--dir", "d", cwd=home).returncode == 3
    assert "Usage: python -m journal" in run("-m", "journal", "--help", cwd=home).stdout


def test_the_package_runs_from_a_checkout_that_is_not_installed() -> None:
    shown = run("-S", "-m", "journal", "--version", cwd=ROOT, path=dependencies())
    assert shown.stdout == f"journal {__version__}\n", shown.stderr


def dependencies() -> tuple[str, ...]:
    """The folders that installed packages are in."""
    return tuple(folder for folder in sys.path if folder.endswith("site-packages"))


@pytest.mark.parametrize("name", ["projections.py", "click.py", "rich.py"])
def test_no_file_of_the_users_folder_gets_in_the_way_of_the_package(home: Path, name: str) -> None:
    (home / name).write_text("raise SystemExit('mine')\n")
    shown = run("-m", "journal", "--version", cwd=home)
    assert shown.stdout == f"journal {__version__}\n", shown.stderr


@pytest.mark.parametrize("name", ["journal.py", "projections.py", "journal/__init__.py"])
def test_no_file_of_the_users_folder_gets_in_the_way_of_the_command(
    home: Path, command: Path, name: str
) -> None:
    (home / name).parent.mkdir(exist_ok=True)
    (home / name).write_text("raise SystemExit('mine')\n")
    shown = run(str(command), "--version", cwd=home)
    assert shown.stdout == f"journal {__version__}\n", shown.stderr


@pytest.mark.parametrize(
    ("file", "named"), [("journal.py", "journal.py"), ("journal/__init__.py", "journal")]
)
@pytest.mark.parametrize("start", ["command", "import"])
def test_what_hides_the_package_on_the_path_is_named_and_not_run(
    home: Path, command: Path, file: str, named: str, start: str
) -> None:
    shadow = home / file
    shadow.parent.mkdir(exist_ok=True)
    shadow.write_text("print('was run')\n")
    args = {
        "command": (str(command), "--version"),
        "import": ("-c", USES_STORE),
    }
    failed = run(*args[start], cwd=home, path=(home,))
    assert failed.returncode == 1
    assert failed.stdout == ""
    last = failed.stderr.splitlines()[-1]
    assert last.startswith(f"ImportError: {home / named} hides the package `journal`")
    assert "Rename it" in last


def test_what_hides_the_other_package_on_the_path_is_named_and_not_run(home: Path) -> None:
    (home / "projections.py").write_text("print('was run')\n")
    failed = run("-m", "journal", "--version", cwd=home, path=(home,))
    assert (failed.returncode, failed.stdout) == (1, "")
    (line,) = failed.stderr.splitlines()
    assert line.startswith(f"journal: {home / 'projections.py'} hides the package `projections`")


def test_a_script_that_is_called_as_the_package_is_named(home: Path) -> None:
    (home / "journal.py").write_text(USES_STORE)
    failed = run("journal.py", cwd=home)
    assert failed.stdout == ""
    last = failed.stderr.splitlines()[-1]
    assert last.startswith(f"ImportError: {home / 'journal.py'} hides the package `journal`")


def test_a_folder_without_code_hides_nothing(home: Path) -> None:
    """Such as a folder of sessions that somebody calls `journal`."""
    (home / "journal").mkdir()
    shown = run("-c", USES_STORE, cwd=home, path=(home,))
    assert shown.stdout == "DefaultSessionStore\n", shown.stderr


WINDOWS = """
import sys
sys.platform = "win32"
for name in ("fcntl", "resource", "pwd", "grp", "termios"):
    sys.modules[name] = None
"""
MACOS = """
import os, sys
sys.platform = "darwin"
del os.fdatasync
"""


@pytest.mark.parametrize("lacks", [WINDOWS, MACOS], ids=["windows", "macos"])
@pytest.mark.parametrize(
    "code",
    [
        "import journal",
        "from projections import DefaultSessionStore",
        "import projections.cli; projections.cli.main()",
    ],
)
def test_another_system_gets_one_clear_sentence(home: Path, lacks: str, code: str) -> None:
    failed = run("-c", f"{lacks}\n{code}", cwd=home)
    assert failed.returncode == 1
    last = failed.stderr.splitlines()[-1]
    assert last.startswith("ImportError: runtime-journal runs on Linux, not on ")
    assert "fcntl" not in last
    assert "WSL" in last


@pytest.mark.parametrize(
    ("room", "extra", "packages"),
    [
        ("openai_agents", "openai-agents", ["agents"]),
        ("praisonai", "praisonai", ["praisonaiagents", "wrapt"]),
        ("pydantic_ai", "pydantic-ai", ["pydantic_ai", "pydantic"]),
    ],
)
def test_a_framework_that_is_not_installed_is_named_with_its_extra(
    home: Path, room: str, extra: str, packages: list[str]
) -> None:
    for package in packages:
        code = f"import sys; sys.modules[{package!r}] = None; import projections.adapters.{room}"
        failed = run("-c", code, cwd=home)
        last = failed.stderr.splitlines()[-1]
        assert last.startswith(f"ModuleNotFoundError: No module named '{package}")
        assert last.endswith(f"install runtime-journal with its extra `{extra}`")


@pytest.mark.parametrize(
    ("which", "wanted"),
    [
        ("--fast", r"(?m)^  (export JOURNAL_DIR=.*)$(?:\n.*)*?(\n  .* handoffs support-42)$"),
        ("--storage", r"(?m)^  (.* log demo --dir .*)()$"),
    ],
)
def test_what_the_demo_says_to_try_next_can_be_typed(home: Path, which: str, wanted: str) -> None:
    """However the demo was called itself: here the command is not on the path."""
    shown = run(
        "-m", "journal", "demo", which, "--dir", "d", cwd=home, PATH="/usr/bin:/bin"
    ).stdout
    commands = "".join(re.findall(wanted, shown)[0])
    done = subprocess.run(
        ["bash", "-c", commands],
        cwd=home,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "native" in done.stdout, done.stderr
