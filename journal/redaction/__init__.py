"""Secrets out of states, before anything touches the disk."""

from collections.abc import Callable
from typing import Any, TypeAlias

from journal.redaction.markers import may_hold_secrets, search_by_marker
from journal.redaction.text import redact, redact_text

Redactor: TypeAlias = Callable[[dict[str, Any]], dict[str, Any]]
"""Takes a state that is its own to change and returns what is to be saved instead."""

__all__ = ["Redactor", "may_hold_secrets", "redact", "redact_text", "search_by_marker"]
