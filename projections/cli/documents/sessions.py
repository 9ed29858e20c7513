"""Documents of commands for whole sessions: `journal sessions`, `verify`, `erase` …"""

from msgspec import Struct

from journal.events import Cursor, Origin
from projections.cli.documents.base import Document
from projections.handoffs.findings import TurnKey


class OriginItem(Struct, frozen=True):
    """Where a fork begins: after event `seq` of another session. `cursor` is that place in it."""

    session_id: str
    seq: int
    cursor: str


def origin_item(origin: Origin | None) -> OriginItem | None:
    """None for a session that is no fork."""
    if origin is None:
        return None
    cursor = Cursor.at(origin.log_id, origin.seq, origin.hash)
    return OriginItem(origin.session_id, origin.seq, str(cursor))


class SessionItem(Document, kw_only=True):
    """A session. `events` is the last seq; `error` says why the rest could not be read.

    `owner` has the session, `turn_id` is the turn that it wrote last, and `status` what that turn
    says of itself; `agent`, `opened_at` and `waits_for` are that turn's too. `writer` wrote it,
    and `writer_gone` says whether that process has ended, null where that cannot be told or does
    not matter. `gone_turns` are [runtime, turn] of the open turns whose writers have ended, of
    those that each runtime wrote last; where there is one, `writer_gone` is true. `handed_to` is
    the runtime that the owner has handed the session to, and that has not come yet. `phase` is
    what all this comes to: running, open, gone, waiting, handed_off, completed, error, cancelled,
    interrupted, abandoned, damaged or unreadable; null if the turn says nothing that is
    understood. `first_words` begin the first message of a person.
    `findings` counts changes of runtime without a handoff, and handoffs after which the source
    went on writing. `forked_from` is where a fork begins; null for any other session.
    """

    session_id: str
    updated_at: str
    log_bytes: int
    events: int = 0
    runtimes: int = 0
    turns: int = 0
    owner: str | None = None
    turn_id: str | None = None
    status: str | None = None
    phase: str | None = None
    agent: str | None = None
    opened_at: str | None = None
    waits_for: tuple[str, ...] = ()
    handed_to: str | None = None
    writer: str | None = None
    writer_gone: bool | None = None
    gone_turns: tuple[TurnKey, ...] = ()
    first_words: str = ""
    findings: int = 0
    forked_from: OriginItem | None = None
    error: str | None = None


class SessionsDocument(Document, kw_only=True):
    """`journal sessions`, in the order that was asked for."""

    sessions: list[SessionItem]


class ProblemItem(Document, kw_only=True):
    """A problem in the file at `where`, of `length` bytes at `offset`."""

    kind: str
    where: str
    offset: int
    length: int
    seq: int | None
    reason: str


class VerifyItem(Document, kw_only=True):
    """`journal verify`: one session. Note the `head` down for `journal verify --head`.

    `erased` is how many events had a state that was erased, `relinked` how many have other hashes
    since an erasure forgot digests.
    """

    session_id: str
    ok: bool
    head: str | None
    events: int
    archived_events: int
    erased: int = 0
    relinked: int = 0
    problems: list[ProblemItem]
    encrypted: dict[str, int]
    """Lines whose state is encrypted, by the id of the key."""


class VerifyDocument(Document, kw_only=True):
    """`journal verify` of several sessions."""

    ok: bool
    sessions: list[VerifyItem]


class ForkDocument(Document, kw_only=True):
    """`journal fork`: the new session. `head` is for `journal verify --head`."""

    session_id: str
    head: str
    forked_from: OriginItem | None


class BackupDocument(Document, kw_only=True):
    """`journal backup`: the copy in `folder`, and whether it is intact.

    `older` are sessions of PraisonAI that have no log yet. `size` is in bytes.
    """

    folder: str
    ok: bool
    archives: int
    size: int
    sessions: list[VerifyItem]
    older: list[str]


class UnerasedItem(Document, kw_only=True):
    """What was found but cannot be taken out: the field or file, and the events that have it."""

    what: str
    seqs: list[int]
    reason: str


class EraseItem(Document, kw_only=True):
    """`journal erase`: one session. `blanked` damaged lines held it, `files` were rewritten."""

    session_id: str
    states: int
    blanked: int
    files: list[str]
    kept: list[UnerasedItem]


class EraseDocument(Document, kw_only=True):
    """`journal erase`: the sessions in which anything was found, of so many `searched`.

    With `dry_run` nothing was erased.
    """

    dry_run: bool
    searched: int
    states: int
    sessions: list[EraseItem]


class CompactItem(Document, kw_only=True):
    """`journal compact`: one session. Sizes are in bytes."""

    session_id: str
    events_before: int
    events_after: int
    bytes_before: int
    bytes_after: int
    archive: str | None


class CompactDocument(Document, kw_only=True):
    """`journal compact`."""

    sessions: list[CompactItem]


class PrunedItem(Document, kw_only=True):
    """`journal prune`: a session that went, or whose history went; of a dry run, that would.

    `size` is the bytes that went. `messages` counts PraisonAI's, in the session file.
    """

    session_id: str
    updated_at: str
    size: int
    archives: int
    messages: int


class KeptItem(Document, kw_only=True):
    """`journal prune`: a session that stays though it was to go.

    `why` is open_turn, handed_off, damaged, unreadable, changed, busy, forked or failed;
    `reason` says more.
    """

    session_id: str
    updated_at: str
    size: int
    why: str
    reason: str


class PruneDocument(Document, kw_only=True):
    """`journal prune`, the oldest first. `size` is what went, `left` what the others take.

    With `history_only`, the sessions stay, and only what compactions have taken out went.
    """

    dry_run: bool
    history_only: bool
    seen: int
    size: int
    left: int
    sessions: list[PrunedItem]
    kept: list[KeptItem]
