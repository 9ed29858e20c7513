"""`AsyncSessionStore`: the store for code that runs in an event loop."""

from asyncio import Future
from collections.abc import Callable, Iterable, Iterator, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from msgspec.structs import replace

from journal.backend import History
from journal.config import Prune
from journal.events import Head, Set
from journal.reports import CompactionReport
from journal.reprs import repr_of_parts
from journal.state import encode_text
from projections.store.async_store.calls import AsyncCalls
from projections.store.async_store.looking_back import AsyncLookingBack
from projections.store.async_store.writer import AsyncWriter
from projections.store.settings import check_count
from projections.store.store import DefaultSessionStore, writer_of

if TYPE_CHECKING:
    from projections.store.erasing import ErasureSummary
    from projections.store.forks import ForkAt
    from projections.store.pruning.planning import PrunePlan
    from projections.store.pruning.pruner import PruneReport
    from projections.tail.choice import Patterns


class AsyncSessionStore(AsyncLookingBack):
    """A `DefaultSessionStore` that never makes the event loop wait for a sync or a lock.

    Its methods are those of `DefaultSessionStore`, which say what they do, cost, return and
    raise; here each returns at once a future to be awaited. A call counts from when it is made,
    not from when it is awaited: states are taken as they are then, what was called for in a
    session is written in that order, and a read sees the writes called for before it. Sets
    of one session that wait together share a write and a sync. Other sessions go on meanwhile,
    as long as no more than `queues.WRITERS` of them wait.

    What waits is held in memory: 1.2 times the bytes of the states, and the futures. Once
    `max_waiting` bytes of states wait, a call does not take its state at once, but holds on to
    it, and takes it when its turn comes. So whoever sets `max_waiting` must not change a state
    before the call is answered. What is wrong with a state is raised where the call is awaited
    then, and a call that is cancelled before its turn writes nothing.

    A write that has been called for is carried out, even if nobody awaits it, or the task that
    does is cancelled. An error that nobody awaits is reported by asyncio, and logged where that
    cannot: when the task was cancelled, or the loop is closed. Safe for several event loops in
    several threads; not for finalizers and signal handlers, which may get `ReentryError`.
    `close`, or `async with`, waits for everything and closes the store underneath, which is
    the attribute `store`. Once it is closed, methods raise `ClosedError`; outside of an event
    loop, RuntimeError.

    With durability "os" a set is a write into memory of the operating system. It is made in
    the event loop, unless it had to wait for something: a thread takes four times as long.
    """

    def __init__(self, store: DefaultSessionStore, *, max_waiting: int | None = None) -> None:
        """Starts no thread until one is needed. `max_waiting` is in bytes; None: any number.

        Raises TypeError and ValueError for a `max_waiting` that makes no sense.
        """
        if max_waiting is not None:
            check_count("max_waiting", max_waiting)
        self.store = store
        self._store_writer = writer_of(store)
        self._writer = AsyncWriter(self._store_writer, max_waiting)
        self._calls = AsyncCalls(self._writer.queues)

    @repr_of_parts
    def __repr__(self) -> Iterator[str]:
        yield repr(self.store)

    # PraisonAI's three methods

    def set_runtime_state(
        self,
        session_id: str,
        runtime_id: str,
        turn_id: str,
        state: dict[str, Any],
        mirror_enabled: bool = True,
        *,
        expect: Head | str | None = None,
    ) -> "Future[bool]":
        """Save a turn's state, as it is now. True when it is saved.

        The state is checked and encoded here, O(size of the state), and errors of that are
        raised at once; those of writing where it is awaited.
        """
        if not (mirror_enabled and self._store_writer.mirrors):
            return self._writer.append(session_id, ())
        encode = self._store_writer.encoder.event
        if expect is not None:
            return self._append_if(
                session_id, [encode(session_id, runtime_id, turn_id, state)], expect
            )
        return self._append(session_id, lambda: [encode(session_id, runtime_id, turn_id, state)])

    def append_once(
        self,
        key: str,
        session_id: str,
        runtime_id: str,
        turn_id: str,
        state: dict[str, Any],
        mirror_enabled: bool = True,
    ) -> "Future[bool]":
        """As `set_runtime_state`, unless it was done before under this key: False then."""
        encode_text(key, "key")
        if not (mirror_enabled and self._store_writer.mirrors):
            return self._writer.append(session_id, ())
        event = self._store_writer.encoder.event(session_id, runtime_id, turn_id, state)
        return self._append_if(session_id, [replace(event, once=key)], once=key)

    def head(self, session_id: str) -> "Future[Head]":
        """The end of the session's log; `NO_HEAD` where there is none."""
        return self._calls.read(session_id, lambda: self.store.head(session_id))

    def get_runtime_state(
        self, session_id: str, runtime_id: str, turn_id: str | None = None
    ) -> "Future[dict[str, Any]]":
        """A turn's state, or `{turn_id: state}` of all turns in order. A copy of your own."""
        return self._calls.read(
            session_id, lambda: self.store.get_runtime_state(session_id, runtime_id, turn_id)
        )

    def clear_runtime_state(
        self, session_id: str, runtime_id: str | None = None
    ) -> "Future[bool]":
        """Drop a runtime's state, or all of it. True: there is none now."""
        return self._calls.write(
            session_id, lambda: self.store.clear_runtime_state(session_id, runtime_id)
        )

    # What changes a session

    def set_many(
        self,
        session_id: str,
        items: Iterable[tuple[str, str, dict[str, Any]]],
        mirror_enabled: bool = True,
        *,
        expect: Head | str | None = None,
    ) -> "Future[bool]":
        """Save many turns, `(runtime_id, turn_id, state)` each, as they are now.

        One write and one sync. Checked and encoded here, as by `set_runtime_state`.
        """
        if not (mirror_enabled and self._store_writer.mirrors):
            return self._writer.append(session_id, ())
        encode, taken = self._store_writer.encoder.events, list(items)
        if expect is not None:
            return self._append_if(session_id, encode(session_id, taken), expect)
        return self._append(session_id, lambda: encode(session_id, taken))

    def hand_off(
        self,
        session_id: str,
        source: str,
        target: str,
        turn_id: str | None = None,
        reason: str | None = None,
        *,
        expect: Head | str | None = None,
    ) -> "Future[bool]":
        """Record that a runtime gives the session, or one turn, to another. True."""
        return self._calls.write(
            session_id,
            lambda: self.store.hand_off(
                session_id, source, target, turn_id, reason, expect=expect
            ),
        )

    def take_over(self, session_id: str, runtime_id: str) -> "Future[dict[str, dict[str, Any]]]":
        """Record that a runtime takes the session over; the view that it inherits.

        `{runtime_id: {turn_id: state}}`.
        """
        return self._calls.write(session_id, lambda: self.store.take_over(session_id, runtime_id))

    def fork(self, session_id: str, *, to: str, at: "ForkAt | None" = None) -> "Future[Head]":
        """Begin the session `to` with the events of another up to `at`, or all.

        With what was called for in the session before; writes to `to` that are called for later
        may come before it, unless this is awaited first.
        """
        return self._calls.write(session_id, lambda: self.store.fork(session_id, to=to, at=at))

    def delete_session(self, session_id: str, *, force: bool = False) -> "Future[bool]":
        """Delete a session: log, history and session file. False when there was none."""
        return self._calls.write(
            session_id, lambda: self.store.delete_session(session_id, force=force)
        )

    def prune(
        self,
        rule: Prune,
        sessions: str | Iterable[str] | None = None,
        *,
        matching: "Patterns | None" = None,
        force: bool = False,
        dry_run: bool = False,
    ) -> "Future[PruneReport]":
        """Delete the sessions that a rule wants to go, or their history; the oldest first.

        Waits for the writes of all sessions.
        """
        return self._calls.after_all(
            lambda: self.store.prune(
                rule, sessions, matching=matching, force=force, dry_run=dry_run
            )
        )

    def plan_prune(
        self,
        rule: Prune,
        sessions: str | Iterable[str] | None = None,
        *,
        matching: "Patterns | None" = None,
        force: bool = False,
    ) -> "Future[PrunePlan]":
        """What `prune` would do, for `carry_out`. Waits for the writes of all sessions."""
        return self._calls.after_all(
            lambda: self.store.plan_prune(rule, sessions, matching=matching, force=force)
        )

    def carry_out(self, plan: "PrunePlan") -> "Future[PruneReport]":
        """Do what a plan says, where nothing has changed. Waits for the writes of all sessions."""
        return self._calls.after_all(lambda: self.store.carry_out(plan))

    def refresh_session_file(self, session_id: str) -> "Future[None]":
        """Write the session file if it is not what the log says."""
        return self._calls.write(session_id, lambda: self.store.refresh_session_file(session_id))

    def compact(
        self, session_id: str, history: History | None = None
    ) -> "Future[CompactionReport | None]":
        """Rewrite a session's log with only what lives. Writes go on meanwhile.

        Events and bytes before and after; None when there is no log.
        """
        return self._calls.read(session_id, lambda: self.store.compact(session_id, history))

    def _append_if(
        self,
        session_id: str,
        events: Sequence[Set],
        expect: Head | str | None = None,
        once: str | None = None,
    ) -> "Future[bool]":
        """As `StoreWriter.append_if`, in a thread, in its place among the writes."""
        append = self._store_writer.append_if
        return self._calls.write(session_id, lambda: append(session_id, events, expect, once))

    def erase(
        self,
        pattern: str | None = None,
        sessions: str | Iterable[str] | None = None,
        *,
        runtime_id: str | None = None,
        turn_id: str | None = None,
        seqs: Iterable[int] | None = None,
        fixed: bool = False,
        ignore_case: bool = False,
        forget_digest: bool = False,
        dry_run: bool = False,
        on_session: Callable[[str], object] | None = None,
    ) -> "Future[ErasureSummary]":
        """Take out every state in which `pattern` matches, in these sessions or in all.

        Waits for the writes of all sessions. `on_session` is called in a thread.
        """
        return self._calls.after_all(
            lambda: self.store.erase(
                pattern,
                sessions,
                runtime_id=runtime_id,
                turn_id=turn_id,
                seqs=seqs,
                fixed=fixed,
                ignore_case=ignore_case,
                forget_digest=forget_digest,
                dry_run=dry_run,
                on_session=on_session,
            )
        )

    def erase_secrets(
        self,
        sessions: str | Iterable[str] | None = None,
        *,
        forget_digest: bool = False,
        dry_run: bool = False,
        on_session: Callable[[str], object] | None = None,
    ) -> "Future[ErasureSummary]":
        """Take out every state with what today's redaction takes for a secret."""
        return self._calls.after_all(
            lambda: self.store.erase_secrets(
                sessions, forget_digest=forget_digest, dry_run=dry_run, on_session=on_session
            )
        )

    def _append(self, session_id: str, make: Callable[[], Sequence[Set]]) -> "Future[bool]":
        if self._writer.is_full:
            return self._writer.append_late(session_id, make)
        return self._writer.append(session_id, make())

    # The end

    def flush(self) -> "Future[None]":
        """Make all that was saved durable and bring the session files up to date.

        Waits for the writes of all sessions.
        """
        return self._calls.after_all(self.store.flush)

    def close(self) -> "Future[None]":
        """Wait for all that was called for, then close the store. Can be called twice."""
        return self._calls.close(self.store.close)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()
