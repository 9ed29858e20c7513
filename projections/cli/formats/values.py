"""Values as text on one line, safe to print: whole, as they are cut elsewhere."""

import re
from typing import Any

from projections.cli.terminal.output import plain
from projections.compare.encoding import compact_json

_BLANKS = re.compile(r"\s*[\n\r]\s*")


def clean(text: str) -> str:
    """A text on one line: line ends and the blanks around them become one blank."""
    return plain(_BLANKS.sub(" ", text.strip()))


def value_text(value: Any) -> str:
    """A text in quotes, anything else as JSON."""
    return f'"{clean(value)}"' if isinstance(value, str) else plain(compact_json(value))


def error_text(error: Any) -> str:
    return clean(error) if isinstance(error, str) else value_text(error)


def arguments_text(arguments: Any) -> str:
    """`order=17, note="please"`."""
    if isinstance(arguments, dict):
        return ", ".join(f"{clean(key)}={value_text(item)}" for key, item in arguments.items())
    return error_text(arguments)
