"""Shows what the library logs as notices on standard error."""

import logging
import os
import re

from projections.cli.group import COMMANDS, cli
from projections.cli.terminal.output import notice

_FAIL_ON_DAMAGE = frozenset((*COMMANDS["Look"], *COMMANDS["Understand"], "export"))
"""Commands that end with `EXIT_DAMAGED` if damage may have left something out."""

_LIST_DAMAGE = frozenset(("verify", "doctor"))
"""Commands that list or repair all damage themselves, so that notices of it are left out."""

_DISORDER = re.compile(r".*: order at byte ", re.DOTALL)
"""A notice of lines that do not belong where they are. No event is missing because of them."""

_AT_BYTE = re.compile(r".*? at byte \d+", re.DOTALL)


class Notices(logging.Handler):
    """A handler that prints what is logged; damage at one place is printed only once."""

    def __init__(self) -> None:
        super().__init__()
        self._damage: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage()
        found = _AT_BYTE.match(message)
        if record.levelno >= logging.ERROR and found is not None:
            if found.group() in self._damage:
                return
            self._damage.add(found.group())
            if cli.invoked in _LIST_DAMAGE:
                return
        notice(message)

    def damage_met(self) -> str | None:
        """What to say at the end of a command whose output lacks something, or may lack it."""
        if not self._damage or cli.invoked not in _FAIL_ON_DAMAGE:
            return None
        if all(map(_DISORDER.match, self._damage)):
            return "the log is damaged, though no event is missing"
        return "not all could be read"


def is_completing() -> bool:
    """Whether a shell asks what may be typed next."""
    return "_JOURNAL_COMPLETE" in os.environ


def print_log() -> Notices:
    """Have what is logged printed from now on, unless a shell asks for completions."""
    notices = Notices()
    logger = logging.getLogger("journal")
    if is_completing():  # somebody is typing: a notice would be in the way
        logger.addHandler(logging.NullHandler())
    else:
        logger.addHandler(notices)
    logger.propagate = False
    return notices
