"""The runtimes, turns and kinds of events that options name: lists of them, and wrong ones."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, TypeAlias

import click

from journal.errors import JournalError, NotFoundError
from journal.events import Event, Handoff
from projections.cli.names.naming import close_to, in_words, instead_of, split_names
from projections.cli.terminal.output import notice
from projections.store.store import DefaultSessionStore

EVENTS = ("set", "clear", "handoff", "takeover")
_MOST_SESSIONS = 10  # whose names are compared with those that a tail of all sessions waits for

_Kind: TypeAlias = Literal["runtimes", "turns"]
"""An option that names things of a session, as its argument is called."""
_KINDS: tuple[_Kind, ...] = ("runtimes", "turns")
_FIELDS: dict[_Kind, tuple[str, ...]] = {
    "runtimes": ("runtime_id", "runtime", "source", "target"),
    "turns": ("turn_id", "turn"),
}


def event_kinds(
    ctx: click.Context, param: click.Parameter, given: Sequence[str]
) -> tuple[str, ...]:
    """The callback of `-e`: `-e set,handoff` as two kinds. Raises click.BadParameter."""
    found = [kind for text in given for kind in text.split(",")]
    for kind in found:
        if kind not in EVENTS:
            close = close_to(kind, EVENTS)
            hint = f"; did you mean {in_words(close, 'or')}?" if close else ""
            raise click.BadParameter(
                f"{kind!r} is no kind of event; there are {in_words(EVENTS)}{hint} "
                "(op=KIND finds those of other versions)"
            )
    return tuple(found)


class ChosenNames:
    """The runtimes and turns that were chosen, and which of them the events shown have.

    `choice` is the options, with `-u a,b` as two runtimes; an id that has a comma, and that one
    of the sessions has, is one name. Conditions such as `turn_id=turn-3` name things as well.
    No session is read unless there is a comma, or a name that no event shown has.
    """

    def __init__(
        self,
        store: DefaultSessionStore,
        session_ids: Sequence[str],
        choice: Mapping[str, Any],
        matches: Iterable[str] = (),
    ) -> None:
        """Without sessions, the names are those of any."""
        self._store = store
        self._session_ids = session_ids
        self.choice = dict(choice)
        for kind in _KINDS:
            self.choice[kind] = tuple(split_names(choice[kind], self._names_there(kind)))
        self._unmet = {kind: {*self.choice[kind], *_valued(matches, kind)} for kind in _KINDS}
        self._unmet_statuses = set(_values(matches, "state.status"))

    def __bool__(self) -> bool:
        return any(self._unmet.values()) or bool(self._unmet_statuses)

    def _names_there(self, kind: _Kind) -> "_NamesThere":
        return _NamesThere(self._store, self._session_ids, kind)

    def meet(self, event: Event) -> bool:
        """An event that is shown. True: this is no condition."""
        self._unmet_statuses.clear()  # one of them at least there is
        for kind, unmet in self._unmet.items():
            if unmet:
                unmet.difference_update(_names_of(event, kind))
        return True

    def require(self) -> None:
        """Raises `NotFoundError` if the one session never had a runtime or turn that was chosen.

        Of a status that no turn has, says so only. To be called when all events were shown.
        Reads the whole history if the session does not have a name now.
        """
        (session_id,) = self._session_ids
        wrong = []
        for kind in _KINDS:
            missing = self._unmet[kind] and self._unmet[kind] - self._names_there(kind)()
            ever = self._ever(session_id, kind) if missing else set()
            for name in sorted(missing - ever):
                hint = instead_of(name, sorted(ever), "`journal show` lists those of today")
                wrong.append(f"session {session_id!r} has no {kind[:-1]} {name!r}; {hint}")
        if wrong:
            raise NotFoundError("; ".join(wrong))
        self._notice_statuses(session_id)

    def _notice_statuses(self, session_id: str) -> None:
        """Say so if no event is shown, and no turn has the status that was asked for."""
        if not self._unmet_statuses:
            return
        view = self._store.state_at(session_id)
        states = (state for turns in view.values() for state in turns.values())
        known = {state["status"] for state in states if isinstance(state.get("status"), str)}
        for status in sorted(self._unmet_statuses - known):
            hint = instead_of(status, sorted(known), "`journal show` has all")
            hint = hint if known else "none has any"
            notice(f"no turn has the status {status!r} now; {hint}")

    def _ever(self, session_id: str, kind: _Kind) -> set[str]:
        past = self._store.past(session_id)
        entries = past.in_order() if past is not None else iter(())
        return {name for entry in entries for name in _names_of(entry.event, kind)}

    def notice(self) -> None:
        """Say so if named sessions do not have yet what is waited for.

        Of all sessions, only if one that changed lately has a name like it: it may be new.
        """
        for kind in _KINDS:
            known = self._names_there(kind)() if self._unmet[kind] else set()
            for name in sorted(self._unmet[kind] - known):
                if self._session_ids or close_to(name, known):
                    hint = instead_of(name, sorted(known), "`journal show` lists them")
                    notice(f"there is no {kind[:-1]} {name!r} yet; {hint}")


class _NamesThere:
    """Finds the names that sessions have now, or those that changed lately if none is named."""

    def __init__(
        self, store: DefaultSessionStore, session_ids: Sequence[str], kind: _Kind
    ) -> None:
        self._store = store
        self._session_ids = session_ids
        self._kind = kind

    def __call__(self) -> set[str]:
        lately = None if self._session_ids else self._store.list_sessions(_MOST_SESSIONS)
        found: set[str] = set()
        for session_id in self._session_ids or [info["session_id"] for info in lately or ()]:
            try:
                view = self._store.state_at(session_id)
            except (JournalError, OSError):
                continue  # whoever reads its events says what is wrong with it
            found.update(view if self._kind == "runtimes" else _turns_of(view.values()))
        return found


def _valued(matches: Iterable[str], kind: _Kind) -> Iterator[str]:
    return (value for field in _FIELDS[kind] for value in _values(matches, field))


def _values(matches: Iterable[str], field: str) -> Iterator[str]:
    """The values that `FIELD=VALUE` names for a field."""
    return (match.partition("=")[2] for match in matches if match.startswith(f"{field}="))


def _turns_of(runtimes: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    return (turn_id for turns in runtimes for turn_id in turns)


def _names_of(event: Event, kind: _Kind) -> Iterator[str]:
    target = event.target if kind == "runtimes" and isinstance(event, Handoff) else None
    name = event.runtime_id if kind == "runtimes" else event.turn_id
    return (each for each in (name, target) if each is not None)
