"""The pages of the documentation, and the blocks in them."""

import re
from pathlib import Path

from tests.support import ROOT

FRONT = ROOT / "README.md"
ROOMS = ("journal", "projections", "tests", "findings")
PAGES = sorted([*ROOT.glob("*.md"), *(p for room in ROOMS for p in (ROOT / room).rglob("*.md"))])


def name_of(page: Path) -> str:
    """Its path from the root."""
    return page.relative_to(ROOT).as_posix()


def blocks(page: Path, language: str) -> list[str]:
    """What stands in its fenced blocks of this language."""
    return re.findall(rf"(?m)^```{language}\n((?:.*\n)*?)```$", page.read_text())
