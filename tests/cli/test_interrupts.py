"""Ctrl-C: silent at every moment from when Python starts our first module to the very end."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from projections import DefaultSessionStore
from tests.cli.terminal import Terminal, environment, side_by_side

_MARK = b"here\n"
_AT_IMPORT = """
import os, signal, sys
sys.path.pop(0)
place, count = int(sys.argv.pop(1)), 0
def heard(event, args):
    global count
    if event == "import":
        count += 1
        if count == place:
            os.kill(os.getpid(), signal.SIGINT)
sys.addaudithook(heard)
from projections.cli import main
try:
    main()
finally:
    if not place:
        print(count, file=sys.stderr)
"""
_MARKED = f"""
import os
os.write(1, {_MARK!r})
from projections.cli import main
main()
"""
_ROOT_IMPORTS = 8
"""At most so many modules does `import projections.cli` import, each a fraction of a millisecond.

Until the last of them runs, nothing of ours can have an effect on Ctrl-C.
"""


def _started(code: str, *args: str) -> "subprocess.Popen[bytes]":
    """A fresh interpreter, which has to import everything."""
    return subprocess.Popen(
        [sys.executable, "-c", code, *args],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
    )


def _is_interrupted(code: int) -> bool:
    """Either way a shell says 130."""
    return code in (130, -signal.SIGINT)


@pytest.fixture
def session(tmp_path: Path) -> str:
    with DefaultSessionStore(tmp_path, durability="os") as store:
        store.set_runtime_state("s", "native", "turn-1", {})
    return str(tmp_path)


def test_ctrl_c_is_silent_whatever_module_is_being_imported(session: str) -> None:
    args = ["--dir", session, "log", "s"]
    _, err = _started(_AT_IMPORT, "0", *args).communicate()
    count = int(err)
    assert count > 100, "the command imports its modules, and we look at each place"
    first = range(_ROOT_IMPORTS, _ROOT_IMPORTS + 12)
    places = [*first, *range(first.stop, count, max((count - first.stop) // 24, 1))]

    def interrupted(place: int) -> tuple[int, bytes]:
        process = _started(_AT_IMPORT, str(place), *args)
        _, err = process.communicate()
        return process.returncode, err

    for place, (code, err) in zip(places, side_by_side(interrupted, places), strict=True):
        assert _is_interrupted(code), (place, code)
        assert err == b"", place


def test_ctrl_c_is_silent_at_any_time_of_a_short_command(session: str) -> None:
    """By the clock, so at other places too; the later ones meet the end of the interpreter."""
    lasts = _lasts(session)

    def interrupted(part: int) -> tuple[int, bytes]:
        process = _started(_MARKED, "--dir", session, "log", "s")
        assert process.stdout is not None
        assert process.stdout.read(len(_MARK)) == _MARK
        time.sleep(0.03 + lasts * part / 24)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate()
        return process.returncode, err

    codes = set()
    for code, err in side_by_side(interrupted, range(28)):
        assert code == 0 or _is_interrupted(code)
        assert err == b""
        codes.add(code)
    assert codes - {0}, "some came before the end"


def _lasts(session: str) -> float:
    """Seconds from the first line of our code to the end."""
    process = _started(_MARKED, "--dir", session, "log", "s")
    assert process.stdout is not None
    process.stdout.read(len(_MARK))
    began = time.monotonic()
    process.communicate()
    return time.monotonic() - began


def test_ctrl_c_while_an_object_is_deleted_ends_the_command_too(session: str) -> None:
    """Where Python drops the exception, and says so in five lines."""
    code = (
        "import os, signal\n"
        "class Deleted:\n"
        "    def __del__(self):\n"
        "        os.kill(os.getpid(), signal.SIGINT)\n"
        "        os.getpid()  # here the interrupt is noticed\n"
        "import projections.cli.sessions.opening as opening\n"
        "require = opening.require_log\n"
        "opening.require_log = lambda *args: (Deleted(), require(*args))\n"
    )
    process = _started(f"{code}{_MARKED}", "--dir", session, "log", "s")
    out, err = process.communicate()
    assert _is_interrupted(process.returncode)
    assert (out, err) == (_MARK, b"")


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_ctrl_c_typed_at_a_follower_ends_it_without_a_word(session: str, columns: int) -> None:
    with Terminal("--dir", session, "tail", columns=columns) as terminal:
        terminal.until_shown("turn-1")
        shown = len(terminal.lines)
        terminal.interrupt()
        assert terminal.end() == 130
        assert [line.strip("^C") for line in terminal.lines[shown:]] in ([], [""])


def test_who_has_interrupts_ignored_keeps_them_ignored(session: str) -> None:
    """As `nohup` and the `&` of a script do."""
    code = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\n" + _MARKED
    process = _started(code, "--dir", session, "log", "s")
    assert process.stdout is not None
    process.stdout.read(len(_MARK))
    for _ in range(20):
        if process.poll() is None:
            os.kill(process.pid, signal.SIGINT)
    out, err = process.communicate()
    assert (process.returncode, err) == (0, b"")
    assert b"turn-1" in out
