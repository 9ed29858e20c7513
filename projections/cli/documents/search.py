"""Documents of `journal grep`."""

from msgspec.structs import asdict

from journal.events import Event
from projections.cli.documents.base import Document
from projections.cli.documents.events import EventItem, event_item


class FoundItem(EventItem, kw_only=True):
    """An event that matches, as `journal log` gives it; `places` says where in it.

    A place is that of a value in the state, such as `tool_calls[0].result`, or the name of a
    field such as `reason`. It is empty for events that were looked for because they do not match.
    """

    places: list[str]


class FoundCount(Document, kw_only=True):
    """How many events of a session match: `journal grep -c`; with `-l`, 1 stands for any."""

    session_id: str
    count: int


class GrepDocument(Document, kw_only=True):
    """`journal grep`: the events that match, session by session; or with `-c` and `-l` none.

    `sessions` has those in which there are any.
    """

    pattern: str
    events: list[FoundItem]
    sessions: list[FoundCount]


def found_item(session_id: str, log_id: str, event: Event, places: list[str]) -> FoundItem:
    item = event_item(session_id, log_id, event, 0)
    return FoundItem(**asdict(item), places=places)
