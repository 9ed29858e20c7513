"""The messages in the source: which calls say something to users, and under which heading."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from journal import errors
from projections.doctor.remedies import Remedy
from tests.messages.texts import GAP, Texts, tidy
from tests.support import ROOT

OF_THE_JOURNAL = {
    name for name, found in vars(errors).items() if isinstance(found, type) and "Error" in name
}
_OF_PYTHON = {
    *("ImportError", "ModuleNotFoundError", "OSError"),
    *("RuntimeError", "TypeError", "ValueError"),
}
_LEVELS = ("debug", "info", "warning", "error", "exception")

USAGE = "Wrong usage"
NOTICES = "Notices of the command"
LOGGED = "Log messages"
PROBLEMS = "Problems of a log"
FINDINGS = "Findings of the doctor"
REMEDIES = "Remedies of the doctor"


class Message(NamedTuple):
    """A text, and the section of the page that it belongs to."""

    section: str
    text: str


class _Saying(NamedTuple):
    """Calls that say something: the argument at `place`, or of this `name`, is the text."""

    section: str
    called: str
    place: int = 0
    name: str = ""


_SAYINGS = (
    *(
        _Saying(name, name, int(name == "OSError" or issubclass(found, errors.StorageError)))
        for name in sorted(OF_THE_JOURNAL | _OF_PYTHON)
        for found in [getattr(errors, name, Exception)]
    ),
    _Saying(USAGE, "UsageError"),
    _Saying(USAGE, "BadParameter"),
    _Saying(NOTICES, "notice"),
    _Saying(NOTICES, "exit"),
    *(_Saying(LOGGED, level) for level in _LEVELS),
    _Saying(LOGGED, "log", 1),
    _Saying(FINDINGS, "Finding", 4, "what"),
    _Saying(PROBLEMS, "Problem", 4, "reason"),
    _Saying(PROBLEMS, "Damage", 4, "reason"),
)


def messages(root: Path = ROOT) -> set[Message]:
    """All messages of both packages; those without a word of their own are left out."""
    rooms = (root / package for package in ("journal", "projections"))
    texts = Texts(sorted(path for room in rooms for path in room.rglob("*.py")))
    found = {message for saying in _SAYINGS for message in _said(texts, saying)}
    return {message for message in found if _has_words(message.text)}


def remedies() -> set[Message]:
    """What the doctor advises."""
    texts = (tidy(re.sub(r"{[^}]*}", GAP, remedy.value)) for remedy in Remedy)
    return {Message(REMEDIES, text) for text in texts if _has_words(text)}


def _said(texts: Texts, saying: _Saying) -> Iterator[Message]:
    for path, call in texts.calls(saying.called):
        section = saying.section
        if section == LOGGED and not ast.unparse(call.func).startswith("logger."):
            continue
        if section == "ValueError" and "/projections/cli/" in path.as_posix():
            section = USAGE  # which click makes of it
        for text in texts.of(path, call, saying.place, saying.name):
            filled = re.sub(r"%[rsd]", GAP, text) if section == LOGGED else text
            yield Message(section, tidy(filled))


def _has_words(text: str) -> bool:
    return re.search(r"\w", text) is not None
