"""Secrets out of states, before anything touches the disk.

From the outside in: `markers` finds out cheaply whether there may be any (`anywhere` searches
for many words at once), `walk` goes through data by the `names` of its members, `text` through texts. In a text, `json_text`
reads what is JSON, `kinds` knows secrets by their own looks, `assignments` by the name
before them (`quoting` and `bare` say where a value ends, `rows` what stands beside a name, `words`,
`meaning`, `annotations` and `values` whether it is one), and
`forms` by their place in an address, a header or a command. `locate` lists what is found.

Only string values change. What matched becomes `[REDACTED:<kind>]` and is never echoed.
Redacting twice is the same as once. The time is linear in the length of the data.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

from journal.redaction.locate import Located, locate, secrets_in_name
from journal.redaction.markers import may_hold_secrets, search_by_marker
from journal.redaction.text import redact, redact_text

Redactor: TypeAlias = Callable[[dict[str, Any]], dict[str, Any]]
"""Takes a state that is its own to change and returns what is to be saved instead."""

__all__ = [
    "Located",
    "Redactor",
    "locate",
    "may_hold_secrets",
    "redact",
    "redact_text",
    "search_by_marker",
    "secrets_in_name",
]
