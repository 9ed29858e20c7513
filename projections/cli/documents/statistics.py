"""The document of `journal stat`."""

from projections.cli.documents.base import Document
from projections.statistics.figures import RuntimeFigures, ToolFigures


class StatDocument(Document, kw_only=True):
    """`journal stat`: what the turns of a session took, per runtime and per tool and in all.

    Durations are in seconds. Of the history up to event `floor`, only what compaction kept is
    counted. `first_at` and `last_at` are the times of the first and the last event. In `total`
    and in `all_tools`, the name is null. `models` counts the turns of each model.
    """

    session_id: str
    floor: int
    events: int
    first_at: str | None
    last_at: str | None
    seconds: float | None
    runtimes: tuple[RuntimeFigures, ...]
    total: RuntimeFigures
    tools: tuple[ToolFigures, ...]
    all_tools: ToolFigures
    models: dict[str, int]
