"""A secret in random places of a session: afterwards it is nowhere, and all else as it was.

It is written into logs as it is and behind escapes that we never write, as a value, as a key, in
JSON inside a text; it is overwritten, compacted, packed, torn, damaged, set aside and saved.
"""

import json
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec import Raw

from journal.engines.files.directory import Directory
from journal.engines.files.log import LogOptions
from journal.engines.files.restoring import restore
from journal.engines.files.storage import DiskStorage
from journal.erasing import LineEraser
from journal.errors import JournalError
from journal.events import Clear, Event, Handoff, Set
from journal.names import paths_of
from projections import DefaultSessionStore
from projections.erasing import ERASED
from tests.erasing import SECRET, Holding, holders, stands_in
from tests.faults.snapshots import of_any_log
from tests.support import bytes_in

ESCAPED = SECRET.replace("s", "\\u0073")
STATES: list[bytes] = [
    b'{"n":%d}',
    b'{"n":%d,"key":"' + SECRET.encode() + b'"}',
    b'{"n":%d,"' + SECRET.encode() + b'":1}',
    b'{"n":%d,"key":"' + ESCAPED.encode() + b'"}',
    b'{"n":%d,"arguments":"{\\"key\\": \\"' + SECRET.encode() + b'\\"}"}',
    b'{"n":%d,"arguments":"{\\"\\\\u0073k-leaked\\": 1}"}',
    b'[%d,["' + SECRET.encode() + b'"]]',
]

Step = tuple[str, int]
SETS = [("set", number) for number in range(2 * len(STATES))]
OTHERS = [
    *(("clear", 0), ("hand off", 0), ("torn", 0), ("torn", 1)),
    *[("compact", 0), ("pack", 0)] * 3,
    *(("damage", 1), ("damage", 40), ("restore", 0), ("save", 0), ("scratch", 0)),
]
STEPS = st.lists(st.sampled_from(SETS) | st.sampled_from(OTHERS), min_size=1, max_size=14)


class Story:
    """A session to which steps happen."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.engine = Directory(str(folder), LogOptions(durability="os"))
        self.log = folder / "s.jsonl"
        self._count = 0

    def take(self, step: Step) -> None:
        name, number = step
        steps: dict[str, Callable[[int], object]] = {
            "set": self._set,
            "clear": lambda _: self._append(Clear(runtime_id="native")),
            "hand off": lambda _: self._append(Handoff(source="native", target="other")),
            "compact": lambda _: self.engine.compact("s"),
            "pack": lambda _: (self.engine.compact("s"), self.engine.pack("s")),
            "torn": self._tear,
            "damage": self._damage,
            "restore": self._restore,
            "save": lambda _: self._save(),
            "scratch": lambda _: (self.folder / "s.jsonl.new").write_bytes(STATES[1]),
        }
        steps[name](number)

    def _append(self, event: Event) -> None:
        with DefaultSessionStore(self.folder, durability="os", auto_compact=False) as store:
            store._sessions.get("s").log.append([event])

    def _set(self, number: int) -> None:
        self._count += 1
        which, turn = number % len(STATES), f"turn-{number % 3}"
        state = Raw(STATES[which] % self._count)
        self._append(Set(runtime_id="native", turn_id=turn, state=state))

    def _tear(self, number: int) -> None:
        if self.log.exists():
            with self.log.open("ab") as file:
                file.write(b'{"seq":9,"state":' + STATES[number] % 9)

    def _damage(self, place: int) -> None:
        """Change a byte of the second line of the log, so many bytes before its end."""
        lines = self.log.read_bytes().split(b"\n") if self.log.exists() else []
        if len(lines) > 3 and len(lines[1]) > place:
            at = len(lines[1]) - place
            lines[1] = lines[1][:at] + b"#" + lines[1][at + 1 :]
            self.log.write_bytes(b"\n".join(lines))

    def _restore(self, _: int) -> None:
        """Damage the log, and put back what was lost from a copy."""
        copy = self.folder.parent / "copy"
        if self.log.exists():
            copy.write_bytes(self.log.read_bytes())
            self._damage(40)
            restore(DiskStorage(), paths_of(str(self.folder), "s"), [str(copy)])

    def _save(self) -> None:
        with of_any_log(), DefaultSessionStore(self.folder, durability="os") as store:
            store.flush()
            store._sessions.get("s").log.save()

    # What is there

    def events(self) -> list[Event]:
        past = self.engine.history("s")
        return [entry.event for entry in past.in_order()] if past is not None else []

    def problems(self) -> list[tuple[str, str, int, int | None]]:
        found = self.engine.verify("s").problems
        return [(p.kind, p.where, p.length, p.seq) for p in found if p.kind != "torn"]


def without_state(event: Event) -> tuple[Any, ...]:
    whose = (event.op, event.runtime_id, event.turn_id, event.writer)
    return (*whose, event.seq, event.ts, event.prev, event.hash)


def is_leaking(event: Event) -> bool:
    return isinstance(event, Set) and stands_in(SECRET, bytes(event.state))


def view(story: Story) -> dict[str, Any]:
    """What the session shows of native, without what is to be erased."""
    with DefaultSessionStore(story.folder, durability="os") as store:
        turns = store.get_runtime_state("s", "native")
    leaks = {
        turn for turn, state in turns.items() if stands_in(SECRET, json.dumps(state).encode())
    }
    return {turn: {} if turn in leaks else state for turn, state in turns.items()}


@given(STEPS)
@example([("set", 1), ("set", 1), ("compact", 0), ("pack", 0), ("torn", 1), ("save", 0)])
@example([("set", 1), ("set", 2), ("set", 3), ("restore", 0), ("damage", 40)])
@example([("scratch", 0)])
@example([("set", 3), ("set", 4), ("set", 5), ("damage", 1), ("compact", 0), ("set", 6)])
def test_afterwards_it_is_nowhere_and_all_else_as_it_was(steps: list[Step]) -> None:
    with TemporaryDirectory() as home:
        folder = Path(home) / "sessions"
        folder.mkdir()
        story = Story(folder)
        messages = [{"content": f"say {SECRET}"}, {"content": "nothing"}]
        document = {"session_id": "s", "messages": messages, "mine": 1.0}
        (folder / "s.json").write_text(json.dumps(document))
        for step in steps:
            try:
                story.take(step)
            except JournalError:
                pass  # damaged too much for this step
        check_erasing(story)


def check_erasing(story: Story) -> None:
    before, problems, shown = story.events(), story.problems(), view(story)
    with DefaultSessionStore(story.folder, durability="os", redact=None) as store:
        done = store.erase(SECRET)
        assert done.is_complete, done.sessions
    assert holders(bytes_in(story.folder)) == set()
    after = story.events()
    assert [*map(without_state, after)] == [*map(without_state, before)]
    for old, new in zip(before, after, strict=True):
        assert new == old if not is_leaking(old) else getattr(new, "erased", None), old
    assert story.problems() == problems
    assert story.engine.verify("s").erased == sum(map(is_leaking, before))
    with DefaultSessionStore(story.folder, durability="os") as store:
        assert store.get_runtime_state("s", "native") == shown
        store.refresh_session_file("s")
    file = json.loads((story.folder / "s.json").read_bytes())
    assert file["messages"] == [{"content": f"say {ERASED}"}, {"content": "nothing"}]
    assert file["mine"] == 1.0
    assert holders(bytes_in(story.folder)) == set()
    with DefaultSessionStore(story.folder, durability="os", redact=None) as store:
        assert store.erase(SECRET).sessions == []


@pytest.mark.parametrize("place", range(len(SECRET) + 1))
def test_a_line_longer_than_any_may_be_is_searched_where_it_is_cut(place: int) -> None:
    """It is damage, and read in parts."""
    piece = b'"' + b"x" * (1 << 20)
    end = b'"' + SECRET.encode()[:place]
    pieces = [piece] * 15 + [piece[: -len(end)] + end, SECRET.encode()[place:] + b'"\n']
    eraser = LineEraser(Holding())
    assert eraser.changes(pieces, "")
    erased = b"".join(eraser.erased(pieces, ""))
    assert not stands_in(SECRET, erased)
    assert len(erased) == sum(map(len, pieces))
