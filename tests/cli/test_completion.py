"""Completion in real shells: keys are typed at a terminal, and the words that come are read."""

import os
import pty
import re
import select
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import pytest
from hypothesis import given
from hypothesis import strategies as st

from projections import DefaultSessionStore
from projections.cli.completion.shells import bash_reply, typed
from tests.cli.terminal import STYLE, shell, with_journal
from tests.support import needs

_PATIENCE = 30.0  # seconds; only a failing test waits so long
_HOSTILE = 'o\'neil "$(touch pwned)" `x` & *'
_BREAKS = " \t\n\"'@><=;|&(:"  # as bash has them
_START = {
    "bash": (
        ["bash", "--norc", "--noprofile", "-i"],
        "shown() { printf '<%s>' \"$@\"; printf '!\\n'; }; PS1='% '; bind 'set bell-style none'; "
        "bind 'set enable-bracketed-paste off'; eval \"$(journal completion bash)\"; echo rea''dy",
    ),
    "zsh": (
        ["zsh", "-f", "-i"],
        "shown() { printf '<%s>' \"$@\"; printf '!\\n' }; PS1='% '; unsetopt beep; bindkey -e; "
        "autoload -U compinit; compinit -u -D; eval \"$(journal completion zsh)\"; echo rea''dy",
    ),
    "fish": (
        ["fish", "--no-config", "-i"],
        "function shown; printf '<%s>' $argv; printf '!\\n'; end; "
        "journal completion fish | source; echo rea''dy",
    ),
}


class Shell:
    """A shell at a terminal of its own, which completes for `journal`."""

    def __init__(self, name: str, folder: str, home: Path, columns: int = 80) -> None:
        self._command, self._start = _START[name]
        self._home = home
        self._environment = {
            **with_journal(),
            "JOURNAL_DIR": folder,
            "HOME": str(home),
            "TERM": "dumb" if name == "fish" else "xterm",
            "COLUMNS": str(columns),
        }
        self._data = b""

    def __enter__(self) -> Self:
        self._ours, theirs = pty.openpty()
        self._process = subprocess.Popen(
            ["setsid", "--ctty", *self._command],  # fish wants the terminal to be its own
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            cwd=self._home,
            env=self._environment,
        )
        os.close(theirs)
        try:
            self.type(self._start + "\n")
            self.until("ready\r?\n")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        os.killpg(self._process.pid, signal.SIGKILL)  # a session of its own
        self._process.wait()
        os.close(self._ours)

    def type(self, keys: str) -> None:
        os.write(self._ours, keys.encode())

    def until(self, pattern: str) -> re.Match[str]:
        """Read until the pattern comes, and forget what was read."""
        deadline = time.monotonic() + _PATIENCE
        while not (found := re.search(pattern, self.shown)):
            left = deadline - time.monotonic()
            assert left > 0, f"nothing more came after {self.shown[-2000:]!r}"
            if select.select([self._ours], [], [], left)[0]:
                self._data += os.read(self._ours, 65536)
        self._data = b""
        return found

    @property
    def shown(self) -> str:
        return STYLE.sub("", self._data.decode(errors="replace"))

    def words(self, line: str) -> list[str]:
        """What the words of a line are after a TAB at its end; the line is not run."""
        self.type(f"{line}\t\x01shown \n")
        return re.findall(r"<([^<>]*)>", self.until(r"(<[^<>]*>)+!")[0])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("completed")
    with DefaultSessionStore(path, durability="os") as store:
        for session in ("claude-code:8f2e", "my trip", _HOSTILE, "plain"):
            store.set_runtime_state(session, "native", "turn-1", {"status": "completed"})
        store.set_runtime_state("plain", "a/b c", "the turn", {"status": "open"})
    return str(path)


@pytest.fixture(params=["bash", "zsh", "fish"])
def in_shell(request: pytest.FixtureRequest, folder: str, tmp_path: Path) -> Iterator[Shell]:
    needs(request.param)
    with Shell(request.param, folder, tmp_path) as shell:
        yield shell


def test_ids_are_quoted_so_that_they_are_one_word(in_shell: Shell) -> None:
    for line, last in {
        "journal show my": "my trip",
        "journal show cl": "claude-code:8f2e",
        "journal show claude-code:8": "claude-code:8f2e",
        "journal log o": _HOSTILE,
        "journal log 'my": "my trip",
        'journal log "my tr': "my trip",
        "journal log my\\ t": "my trip",
        "journal show plain nat": "native",
        "journal show plain 'a/b c' th": "the turn",
    }.items():
        assert in_shell.words(line)[-1] == last, line


def test_what_is_in_the_folder_is_completed_wherever_it_goes(in_shell: Shell) -> None:
    for line, words in {
        "journal handof": ["journal", "handoff"],
        "journal help verif": ["journal", "help", "verify"],
        "journal log plain -u nat": ["journal", "log", "plain", "-u", "native"],
        "journal log plain -t tur": ["journal", "log", "plain", "-t", "turn-1"],
        "journal log plain -e hand": ["journal", "log", "plain", "-e", "handoff"],
        "journal log plain -e set,hand": ["journal", "log", "plain", "-e", "set,handoff"],
        "journal log plain turn_id=tur": ["journal", "log", "plain", "turn_id=turn-1"],
        "journal log plain state.status=comp": [
            "journal",
            "log",
            "plain",
            "state.status=completed",
        ],
        "journal log plain wri": ["journal", "log", "plain", "writer="],
        "journal diff plain nat": ["journal", "diff", "plain", "native/"],
        "journal diff plain native/": ["journal", "diff", "plain", "native/turn-1"],
        "journal diff plain native/turn-1@": ["journal", "diff", "plain", "native/turn-1@1"],
        "journal diff plain a": ["journal", "diff", "plain", "a%2Fb c/"],
        "journal tail -u nat": ["journal", "tail", "-u", "native"],
        "journal tail pla": ["journal", "tail", "plain"],
        "journal tail plain turn_id=tur": ["journal", "tail", "plain", "turn_id=turn-1"],
        "journal tail wri": ["journal", "tail", "writer="],
        "journal replay plain op=take": ["journal", "replay", "plain", "op=takeover"],
        "journal handoffs plain -t the": ["journal", "handoffs", "plain", "-t", "the turn"],
        "journal log plain -o js": ["journal", "log", "plain", "-o", "json"],
    }.items():
        assert in_shell.words(line)[: len(words)] == words, line


def test_a_folder_before_or_after_the_command_is_looked_into(
    in_shell: Shell, tmp_path: Path
) -> None:
    with DefaultSessionStore(tmp_path / "else where", durability="os") as store:
        store.set_runtime_state("another", "native", "turn-1", {})
    assert in_shell.words("journal --dir 'else where' show ano")[-1] == "another"
    assert in_shell.words("journal show --dir 'else where' ano")[-1] == "another"


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_bash_shows_what_there_is_to_choose_from(
    folder: str, tmp_path: Path, columns: int
) -> None:
    with Shell("bash", folder, tmp_path, columns) as shell:
        shell.type("journal show p\t")
        shell.until("plain")
        shell.type("\t\t")
        shell.until(r"a/b\\ c +native|native +a/b\\ c")


# The quotes of bash, for any text


_IDS = st.text(st.characters(exclude_categories=["C"]), min_size=1, max_size=12)


@given(_IDS, st.integers(0, 12), st.sampled_from(["", "'", '"']))
def test_what_bash_is_told_means_the_id(value: str, place: int, quote: str) -> None:
    """Whatever was typed of it, in whatever quotes."""
    begun = value[:place]
    if quote == "'" and "'" in begun:
        return
    written = quote + (
        bash_reply(begun, typed("", "")[-1]) if not quote else _inside(begun, quote)
    )
    word = typed(f"journal show {written}", _BREAKS)[-1]
    assert (word.value, word.quote) == (begun, quote)
    reply = bash_reply(value, word)
    kept = written[: len(written) - len(_completed_by_bash(written, quote))]
    assert typed(f"x {kept}{reply}{quote}", "")[-1].value == value


def _inside(text: str, quote: str) -> str:
    return text if quote == "'" else re.sub(r'["\\$`]', r"\\\g<0>", text)


def _completed_by_bash(written: str, quote: str) -> str:
    """The part of a word that bash puts the reply in place of."""
    if quote:
        return written[1:]
    start = 0
    for found in re.finditer(r"\\.|.", written, re.DOTALL):
        if found[0] in _BREAKS:
            start = found.start() if found[0] == "@" else found.end()
    return written[start:]


def test_bash_agrees_about_the_words_of_a_line() -> None:
    lines = ["a b", r"my\ trip x", "'o n'e \"t $w\"", r'"a\"b\$c\d" e', "x:y=z", r"\~ \'"]
    for line in lines:
        seen = shell(f"printf '<%s>' {line}", w="$w").stdout
        assert [word.value for word in typed(line, _BREAKS)] == re.findall("<([^<>]*)>", seen)
