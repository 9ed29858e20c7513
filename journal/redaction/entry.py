"""Redaction as others call it. The search itself is another thirty modules, imported late.

They take as long to import as all else that a store needs. Whoever makes a store calls
`load`, so that no set has to import anything: where the program ends, a thread may be stopped
inside an import, and no other thread could finish that.
"""

from typing import Any

from journal.redaction.markers import may_hold


def load() -> None:
    """Import the search. 6 ms, once."""
    import journal.redaction.text  # noqa: F401 - for those who call what is below


def redact(value: Any) -> Any:
    """A copy of JSON data with the secrets in its strings replaced."""
    from journal.redaction.text import redact

    return redact(value)


def redact_text(text: str) -> str:
    """A text with the secrets in it replaced."""
    from journal.redaction.text import redact_text

    return redact_text(text)


def secrets_in_name(name: str) -> list[str]:
    """The kinds of secrets that a key or an id holds."""
    if not may_hold(name):
        return []
    from journal.redaction.text import find

    return sorted({span.kind for span in find(name)})
