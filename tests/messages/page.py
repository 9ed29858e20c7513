"""The page that explains the messages: read, and brought up to date with the source.

Below a heading `## SECTION`, an entry has a heading `### TITLE`, then one line for each message,
then what it means and what to do. Only the lines of messages are generated.
"""

import difflib
import re
from collections.abc import Iterable, Iterator

from tests.messages.source import Message
from tests.support import ROOT

PAGE = ROOT / "projections/TROUBLESHOOTING.md"
UNEXPLAINED = "Not explained yet"

_ALIKE = 0.5
"""The least likeness of a message to the one that it has replaced."""


def listed(page: str) -> list[Message]:
    """The messages on the page, in its order."""
    return [message for _, message in _lines(page.splitlines()) if message is not None]


def entries(page: str) -> Iterator[tuple[str, str]]:
    """The title of each entry that has messages, and what it says about them."""
    for entry in re.split(r"(?m)^##+ ", page)[1:]:
        title, *lines = entry.splitlines()
        if any(map(_message_in, lines)):
            yield title, "\n".join(line for line in lines if not _message_in(line)).strip()


def updated(page: str, messages: Iterable[Message]) -> str:
    """The page with just these messages.

    One that was reworded takes the place of the old one. Others that are new come under the
    heading `UNEXPLAINED` at the end of their section.
    """
    wanted, had = set(messages), set(listed(page))
    reworded = _reworded(sorted(had - wanted), sorted(wanted - had))
    lines = []
    for line, message in _lines(page.splitlines()):
        message = reworded.get(message, message) if message is not None else None
        if message is None:
            lines.append(line)
        elif message in wanted:
            lines.append(_line(message))
    for message in sorted(wanted - had - set(reworded.values())):
        _add(lines, message)
    return "\n".join(lines) + "\n"


def _lines(lines: Iterable[str]) -> Iterator[tuple[str, Message | None]]:
    section = ""
    for line in lines:
        if line.startswith("## "):
            section = line[3:].strip("`")
        text = _message_in(line)
        yield line, Message(section, text) if text is not None else None


def _message_in(line: str) -> str | None:
    found = re.fullmatch(r"- (`+) ?(.+?) ?\1", line)
    return found[2] if found else None


def _line(message: Message) -> str:
    return f"- `` {message.text} ``" if "`" in message.text else f"- `{message.text}`"


def _reworded(gone: list[Message], new: list[Message]) -> dict[Message, Message]:
    """For messages that are gone, those of the same section that look most like them."""
    pairs = [(_likeness(old, one), old, one) for old in gone for one in new]
    found: dict[Message, Message] = {}
    for likeness, old, one in sorted(pairs, reverse=True):
        if likeness >= _ALIKE and old not in found and one not in found.values():
            found[old] = one
    return found


def _likeness(one: Message, other: Message) -> float:
    """From 0 to 1, by their words or their characters."""
    if one.section != other.section:
        return 0.0
    return max(
        difflib.SequenceMatcher(None, one.text.split(), other.text.split(), False).ratio(),
        difflib.SequenceMatcher(None, one.text, other.text, False).ratio(),
    )


def _add(lines: list[str], message: Message) -> None:
    """A new message, at the end of its section, under `UNEXPLAINED`."""
    headings = (f"## `{message.section}`", f"## {message.section}")
    heading = next((heading for heading in headings if heading in lines), None)
    if heading is None:
        lines += ["", heading := headings[1], ""]
    start = lines.index(heading) + 1
    end = next((n for n in range(start, len(lines)) if lines[n].startswith("## ")), len(lines))
    title = f"### {UNEXPLAINED}"
    if title not in lines[start:end]:
        lines[end:end] = [title, "", ""]
    lines.insert(lines.index(title, start) + 2, _line(message))
