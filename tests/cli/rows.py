"""Rows of the tables that commands print, and lines of logs to damage."""

import re
from pathlib import Path


def rows_of(text: str) -> list[list[str]]:
    """The cells of a table, its headings left out."""
    return [re.split(r" {2,}", line.strip()) for line in text.splitlines()[1:]]


def corrupt(path: Path, old: bytes, new: bytes) -> int:
    """Change a line behind the journal's back. Returns the byte at which the line begins."""
    data = path.read_bytes()
    assert data.count(old) == 1
    path.write_bytes(data.replace(old, new))
    return data.rindex(b"\n", 0, data.index(old)) + 1
