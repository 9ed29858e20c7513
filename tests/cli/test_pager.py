"""Long output in a pager: a real `less`, and programs that show what a pager gets."""

import re
import signal
from collections.abc import Mapping
from pathlib import Path

import pytest
from rich.cells import cell_len

from projections import DefaultSessionStore
from tests.cli.terminal import STYLE, Terminal, after, journal, run_in_terminal

LESS = {"JOURNAL_PAGER": "less"}
MARK = "paged: "
MARKING = {"JOURNAL_PAGER": f"sed -u 's/^/{MARK}/'"}
"""A pager that marks each line that goes through it."""

MANY = 3000
"""Events whose lines are more than a pipe holds, so that not all are written before one reads."""


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A folder with a session of many events."""
    folder = tmp_path_factory.mktemp("long")
    with DefaultSessionStore(folder, durability="os", auto_compact=False) as store:
        store.set_many("s", [("native", f"t-{n}", {"n": n}) for n in range(MANY)])
    return str(folder)


COLOUR = re.compile(r"\x1b\[38;5;\d+m")
STEERING = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[=>]|[\r\x07]")


def shown_by_less(terminal: Terminal) -> str:
    """What stands on the screen in the end: less has not scrolled, and its prompt is gone."""
    return STEERING.sub("", terminal.raw)


def interrupt(terminal: Terminal) -> None:
    """Ctrl-C, of which less says by a bell that it is done with it."""
    bells = terminal.raw.count("\x07")
    terminal.interrupt()
    terminal.until(lambda lines: terminal.raw.count("\x07") > bells)


def run(*args: str, env: Mapping[str, str]) -> tuple[int, str]:
    """The exit code of a command, and what a terminal shows of it."""
    with Terminal(*args, env=env) as terminal:
        return terminal.end(), terminal.raw


def unpaged(*args: str, columns: int = 80) -> str:
    code, shown = run_in_terminal(*args, columns=columns)
    assert code == 0
    return shown


def marked(*args: str, env: dict[str, str] | None = None) -> list[bool]:
    """For each line that a terminal shows of a command, whether a pager has had it."""
    _, shown = run(*args, env={**MARKING, **(env or {})})
    assert shown, args
    return [line.startswith(MARK) for line in shown.splitlines()]


# A real less


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_what_fits_on_the_screen_is_shown_as_without_a_pager(prepared: str, columns: int) -> None:
    args = ["log", "my-session", "-n", "10", "--dir", prepared]
    with Terminal(*args, columns=columns, env=LESS) as terminal:
        assert terminal.end() == 0, "nobody has pressed a key"
    wanted = unpaged(*args, columns=columns)
    assert shown_by_less(terminal) == STYLE.sub("", wanted)
    assert COLOUR.findall(terminal.raw) == COLOUR.findall(wanted)
    assert max(map(cell_len, shown_by_less(terminal).splitlines())) <= columns


def test_less_is_the_pager_if_nothing_else_is_said(long: str) -> None:
    code = after("import os; os.environ.pop('JOURNAL_PAGER'); os.environ.pop('PAGER', None)")
    with Terminal("log", "s", "--dir", long, code=code) as terminal:
        terminal.until_shown("t-20 ")
        terminal.until_it_waits()
        terminal.type("q")
        assert terminal.end() == 0


def test_the_first_page_is_there_before_all_is_read_and_leaving_it_is_silent(long: str) -> None:
    with Terminal("log", "s", "--dir", long, env=LESS) as terminal:
        terminal.until_shown("t-20 ")
        terminal.until_it_waits()  # less takes no more until somebody turns the page
        assert not any(f"t-{MANY // 2} " in line for line in terminal.lines)
        terminal.type("q")
        assert terminal.end() == 0
    assert "journal:" not in terminal.raw
    assert "Traceback" not in terminal.raw


def test_ctrl_c_is_for_the_pager_which_goes_on_and_leaves_the_terminal_as_it_was(
    long: str,
) -> None:
    with Terminal("log", "s", "--dir", long, env=LESS) as terminal:
        before = terminal.settings
        terminal.until_shown("t-20 ")
        terminal.until_it_waits()
        interrupt(terminal)
        terminal.type(" ")
        terminal.until_shown("t-40 ")
        interrupt(terminal)
        terminal.type("G")
        terminal.until_shown(f"t-{MANY - 1} ")  # nothing is missing after an interrupt
        terminal.type("q")
        assert terminal.end() == 0
        assert terminal.settings == before
    assert "Traceback" not in terminal.raw


def test_the_exit_code_is_that_of_the_command(prepared: str) -> None:
    args = ["diff", "my-session", "@3", "--dir", prepared]
    code, shown = run(*args, env=LESS)
    assert (code, "tool_calls" in shown) == (1, True)
    with Terminal(*args, env={**LESS, "LESS": "R"}) as terminal:  # it waits at the end
        terminal.until(lambda lines: "tool_calls" in terminal.raw)
        terminal.until_it_waits()
        interrupt(terminal)  # all is written: this changes nothing any more
        terminal.type("q")
        assert terminal.end() == 1


# Which pager


def test_the_own_variable_goes_before_the_general_one(prepared: str) -> None:
    args = ["log", "my-session", "--dir", prepared]
    assert all(marked(*args))
    assert all(marked(*args, env={"PAGER": "false"}))
    code = after("import os; os.environ.pop('JOURNAL_PAGER')")
    with Terminal(*args, code=code, env={"PAGER": MARKING["JOURNAL_PAGER"]}) as terminal:
        terminal.end()
    assert all(line.startswith(MARK) for line in terminal.lines)


@pytest.mark.parametrize(
    "env",
    [
        {"JOURNAL_PAGER": ""},
        {"JOURNAL_PAGER": "cat"},
        {"JOURNAL_PAGER": " "},
        {"TERM": "dumb"},
    ],
    ids=str,
)
def test_there_is_none_where_none_is_wanted(prepared: str, env: dict[str, str]) -> None:
    general = {"PAGER": MARKING["JOURNAL_PAGER"]}
    assert not any(marked("log", "my-session", "--dir", prepared, env={**general, **env}))


@pytest.mark.parametrize(
    "args", [["--no-pager", "log", "my-session"], ["log", "my-session", "--no-pager"]], ids=str
)
def test_no_pager_stands_before_the_command_or_after_it(prepared: str, args: list[str]) -> None:
    assert not any(marked(*args, "--dir", prepared))


def test_where_less_is_not_installed_there_is_none_and_nothing_is_said(
    prepared: str, tmp_path: Path
) -> None:
    args = ["log", "my-session", "--dir", prepared]
    code = after("import os; os.environ.pop('JOURNAL_PAGER'); os.environ.pop('PAGER', None)")
    with Terminal(*args, code=code, env={"PATH": str(tmp_path)}) as terminal:
        assert terminal.end() == 0
    assert terminal.raw == unpaged(*args)


def test_a_pager_that_is_not_there_is_named_and_the_output_shown(
    prepared: str, tmp_path: Path
) -> None:
    broken = tmp_path / "broken"
    broken.write_bytes(b"\x7fELF, but not really")
    broken.chmod(0o700)
    args = ["log", "my-session", "--dir", prepared]
    for pager, named in (("nowhere -R", "'nowhere'"), (str(broken), str(broken))):
        code, shown = run_in_terminal(*args, JOURNAL_PAGER=pager)
        assert code == 0
        notice = re.search(r"^journal: .*$\n", shown, re.MULTILINE)
        assert notice is not None
        assert named in notice[0]
        assert shown.replace(notice[0], "") == unpaged(*args)


def test_less_and_lv_get_the_options_of_git_unless_the_user_has_some(prepared: str) -> None:
    args = ["log", "my-session", "--dir", prepared]
    pager = 'echo "less $LESS lv $LV"; cat'
    code = after("import os; os.environ.pop('LESS', None); os.environ.pop('LV', None)")
    with Terminal(*args, code=code, env={"JOURNAL_PAGER": pager}) as terminal:
        terminal.end()
    assert terminal.lines[0] == "less FRX lv -c"
    _, shown = run_in_terminal(*args, JOURNAL_PAGER=pager, LESS="S", LV="")
    assert shown.splitlines()[0] == "less S lv "


# What goes through it


PAGED = [
    ["log", "my-session"],
    ["log", "my-session", "-o", "json"],
    ["log", "my-session", "-o", "jsonl", "-n", "3"],
    ["show", "my-session"],
    ["show", "my-session", "native", "turn-3"],
    ["sessions"],
    ["turn", "my-session", "native/turn-3"],
    ["stat", "my-session"],
    ["handoffs", "my-session"],
    ["handoffs", "--all"],
    ["history", "my-session", "native", "turn-3"],
    ["diff", "my-session", "@3"],
    ["blame", "my-session", "native", "turn-3"],
]


@pytest.mark.parametrize("args", PAGED, ids=" ".join)
def test_what_has_an_end_is_paged(prepared: str, args: list[str]) -> None:
    assert all(marked(*args, "--dir", prepared))


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_lines_are_fitted_to_the_terminal_behind_the_pager(prepared: str, columns: int) -> None:
    args = ["show", "my-session", "--dir", prepared]
    with Terminal(*args, columns=columns, env={"JOURNAL_PAGER": "cat -u"}) as terminal:
        terminal.end()
    assert terminal.raw == unpaged(*args, columns=columns)
    assert terminal.widest <= columns


def test_what_goes_on_or_is_no_reading_is_not_paged(prepared: str) -> None:
    for args in (["verify"], ["replay", "my-session", "--speed", "max"], ["log", "--help"]):
        assert not any(marked(*args, "--dir", prepared)), args
    for args in (["log", "my-session", "-f"], ["tail", "-n", "3"]):
        with Terminal(*args, "--dir", prepared, env=MARKING) as terminal:
            terminal.until_shown("turn-")
            assert MARK not in terminal.raw
            terminal.interrupt()
            assert terminal.end() == 130


def test_in_a_pipe_there_is_no_pager(prepared: str) -> None:
    assert MARK not in journal("log", "my-session", "--dir", prepared, **MARKING).stdout


def test_a_command_that_only_fails_has_no_pager(prepared: str) -> None:
    assert marked("log", "nowhere", "--dir", prepared) == [False]
    assert not any(marked("log", "my-session", "--nonsense", "--dir", prepared))


def test_no_progress_is_drawn_while_the_pager_has_the_terminal(prepared: str) -> None:
    """After the first line it would be due at each read, and go on with the next session."""
    code = after("import projections.cli.terminal.progress as p; p._PATIENCE = p._EVERY = 0.0")
    args = ["handoffs", "--all", "--dir", prepared]
    with Terminal(*args, code=code, env=MARKING) as terminal:
        terminal.end()
    begun = terminal.raw.index(MARK)
    assert "%" in terminal.raw[:begun]
    assert "%" not in terminal.raw[begun:]


def test_notices_stand_where_they_were_made_and_the_last_word_comes_after_the_pager(
    folder: str, store: DefaultSessionStore
) -> None:
    store.set_many("s", [("native", f"t-{n}", {"text": f"state {n}"}) for n in range(3)])
    store.close()
    log = Path(folder, "s.jsonl")
    log.write_bytes(log.read_bytes().replace(b"state 1", b"STATE 1"))
    code, shown = run("log", "s", "--dir", folder, env=MARKING)
    assert code == 4
    *paged, last = shown.splitlines()
    events = [line for line in paged if line.startswith(MARK)]
    assert any("t-0" in line for line in events)
    assert any("t-2" in line for line in events)
    assert "corrupt at byte" in shown
    assert last.startswith("journal: not all could be read")


# Its end


def test_a_pager_that_ends_ends_the_command_even_if_that_has_nothing_to_write(long: str) -> None:
    code = after(
        "import time, projections.cli.lines.printing as p\n"
        "line = p.LineWriter.line\n"
        "def slow(self, segments):\n"
        "    line(self, segments)\n"
        "    if 't-2' in str(segments): time.sleep(3600)\n"
        "p.LineWriter.line = slow"
    )
    with Terminal(
        "log", "s", "--dir", long, code=code, env={"JOURNAL_PAGER": "head -n 3"}
    ) as terminal:
        assert terminal.end() == 0
    assert len(terminal.lines) == 3


def test_a_pager_that_an_interrupt_kills_is_an_interrupt(long: str) -> None:
    pager = "echo begun; exec sleep 3600"
    with Terminal("log", "s", "--dir", long, env={"JOURNAL_PAGER": pager}) as terminal:
        terminal.until_shown("begun")
        terminal.interrupt()
        assert terminal.end() == 128 + signal.SIGINT
    assert "Traceback" not in terminal.raw


def test_after_a_failure_what_was_found_can_be_read_and_then_comes_the_message(long: str) -> None:
    code = after(
        "import projections.cli.lines.printing as p\n"
        "from journal.errors import DamagedError\n"
        "line = p.LineWriter.line\n"
        "def failing(self, segments):\n"
        "    if 't-50' in str(segments): raise DamagedError('it broke here')\n"
        "    line(self, segments)\n"
        "p.LineWriter.line = failing"
    )
    with Terminal("log", "s", "--dir", long, code=code, env=LESS) as terminal:
        before = terminal.settings
        terminal.until_shown("t-20 ")
        terminal.until_it_waits()
        interrupt(terminal)
        terminal.type(" ")
        terminal.until_shown("t-40 ")
        assert "it broke here" not in terminal.raw
        terminal.type("q")
        assert terminal.end() == 4
        assert terminal.settings == before
    assert terminal.lines[-1].endswith("journal: it broke here")


def test_who_is_told_to_end_waits_for_the_pager(long: str) -> None:
    with Terminal("log", "s", "--dir", long, env=LESS) as terminal:
        before = terminal.settings
        terminal.until_shown("t-20 ")
        terminal.until_it_waits()
        terminal.signal(signal.SIGTERM)
        terminal.type(" ")
        terminal.until_shown("t-40 ")
        terminal.type("q")
        assert terminal.end() == 128 + signal.SIGTERM
        assert terminal.settings == before


def test_leaving_the_pager_while_the_command_is_being_ended_changes_nothing(long: str) -> None:
    code = after(
        "import os, projections.store.store as s\n"
        "close = s.DefaultSessionStore.close\n"
        "def slow(self):\n"
        "    os.write(2, b'closing')\n"
        "    while open('/proc/thread-self/children').read(): pass\n"
        "    close(self)\n"
        "s.DefaultSessionStore.close = slow"
    )
    with Terminal("log", "s", "--dir", long, code=code, env=LESS) as terminal:
        terminal.until_shown("t-20 ")
        terminal.until_it_waits()
        terminal.signal(signal.SIGTERM)
        terminal.until(lambda lines: "closing" in terminal.raw)
        terminal.type("q")
        assert terminal.end() == 128 + signal.SIGTERM


def test_a_pager_that_has_ended_before_it_is_known_is_noticed(long: str) -> None:
    code = after(
        "import os\n"
        "spawn = os.posix_spawn\n"
        "def slow(*args, **more):\n"
        "    pid = spawn(*args, **more)\n"
        "    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)\n"
        "    return pid\n"
        "os.posix_spawn = slow"
    )
    env = {"JOURNAL_PAGER": "kill -INT $$"}
    with Terminal("log", "s", "--dir", long, code=code, env=env) as terminal:
        assert terminal.end() == 128 + signal.SIGINT
