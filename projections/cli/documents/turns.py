"""The document of `journal turn`."""

from typing import Any

from projections.cli.documents.base import Document
from projections.turns.parents import Parent
from projections.turns.story import StoryEntry


class TurnDocument(Document, kw_only=True):
    """`journal turn`: what happened in a turn up to event `seq`, and its `state` then.

    `seq` is null, and `entries` have no times, if the session has no log. `at` is the moment
    that was asked for, null for now. `seconds` is how long the turn took, if that is known.
    `omitted` counts what the state leaves out; what earlier versions had of it is in `entries`.
    `erased` says that the state was erased: nothing else is known of it.
    """

    session_id: str
    runtime_id: str
    turn_id: str
    at: int | str | None
    seq: int | None
    erased: bool = False
    status: str | None
    stop_reason: str | None
    agent: str | None
    model: str | None
    opened_at: str | None
    closed_at: str | None
    seconds: float | None
    usage: dict[str, float]
    error: Any
    parent: Parent | None
    omitted: dict[str, int]
    entries: list[StoryEntry]
    state: Any
