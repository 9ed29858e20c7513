"""The whole examination of a folder at once."""

from collections.abc import Sequence
from typing import Any

from projections.doctor import Examination, Finding


def examine(
    folder: str, session_ids: Sequence[str] | None = None, **options: Any
) -> list[Finding]:
    """All findings about a folder, or about the named sessions; `options` as `Examination`."""
    examination = Examination(folder, session_ids, **options)
    found = [finding for stem in examination.stems for finding in examination.session(stem)]
    return [*found, *examination.surroundings()]
