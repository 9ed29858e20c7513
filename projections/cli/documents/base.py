"""The base of every JSON document and of every line of JSONL."""

from msgspec import Struct

VERSION = 1
"""Of every kind of document that has no other."""


class Document(Struct, kw_only=True):
    """Every JSON document, and every line of JSONL, begins with the version of its schema."""

    version: int = VERSION
