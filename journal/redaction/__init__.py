"""Takes secrets out of states, before anything touches the disk.

From the outside in:

- `markers` finds out cheaply whether there may be any secret; `anywhere` searches for many
  words at once.
- `walk` goes through data by the `names` of its members, `text` through texts.
- In a text, `json_text` reads the JSON; `kinds` recognises secrets by their own form;
  `assignments` by the name before them; `forms` by their place in an address, a header or a
  command.
- For a value after a name, `quoting` and `bare` find its end; `rows` reads values beside a
  name; `words`, `meaning`, `annotations` and `values` decide whether it is a secret.
- `entry` is what others call; `locate` lists what is found.
- `later` compiles patterns when they are first used.

Only string values change. A match becomes `[REDACTED:<kind>]` and is never echoed. Redacting
twice is the same as once. The time is linear in the length of the data.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

from journal.redaction.entry import redact, redact_text, secrets_in_name
from journal.redaction.markers import Plain, may_hold_secrets, search_by_marker

Redactor: TypeAlias = Callable[[dict[str, Any]], dict[str, Any]]
"""Takes a state that is its own to change and returns what is to be saved instead."""

__all__ = [
    "Plain",
    "Redactor",
    "may_hold_secrets",
    "redact",
    "redact_text",
    "search_by_marker",
    "secrets_in_name",
]
