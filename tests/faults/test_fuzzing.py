"""Files with any damage at all: read, written, verified and shown without a surprise.

A surprise is an exception that is no `JournalError`, an exit code that is not documented, a
byte on the terminal that steers it, a call that never ends, or an intact event that is lost.
"""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from journal.engines.files.directory import Directory
from journal.engines.files.log import LogOptions
from journal.events import Event
from journal.scan import Scanner
from projections import DefaultSessionStore
from tests.faults.damage import endure
from tests.faults.damage.commands import DOCUMENTED, run
from tests.faults.damage.forgery import SESSION, lines_of, write_session
from tests.faults.damage.mangling import Junk, Mutation, apply, mutations, overwritings
from tests.faults.damage.scanning import parse, scan
from tests.faults.sizes import Figure, sized

_EVENTS = 60


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The files of a session: log, session file and its lock, a packed archive and one not."""
    folder = tmp_path_factory.mktemp("whole") / "s"
    folder.mkdir()
    write_session(folder, _EVENTS, [_EVENTS // 2 + 12])
    engine = Directory(str(folder), LogOptions("os"))
    assert engine.pack(SESSION) == 1
    with DefaultSessionStore(folder, durability="os", auto_compact=False) as store:
        store.set_runtime_state(SESSION, "native", "turn-1", {"tool_calls": ["c-1"], "n": 1})
        assert store.verify(SESSION).ok
    engine.compact(SESSION)
    with DefaultSessionStore(folder, durability="os", auto_compact=False) as store:
        store.take_over(SESSION, "harness")
        store.set_many(SESSION, [("harness", f"turn-{n}", {"n": n}) for n in range(9)])
        assert store.verify(SESSION).ok
    files = endure.contents(folder)
    assert len(files) == 6
    return files


def check_fuzzed(examples: int, check: Callable[..., None], *given_: st.SearchStrategy) -> None:
    """Run `check` on so many examples; a failing one is shrunk before it is reported."""
    fast = settings(
        max_examples=examples,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink],
    )
    fast(given(*given_)(check))()


def in_pieces(data: bytes, length: int) -> tuple[Scanner, list[Event]]:
    scanner = Scanner()
    pieces = (data[start : start + length] for start in range(0, len(data), length))
    events = list(scanner.read(pieces))
    scanner.finish()
    return scanner, events


@sized(quick=30, storm=2_000, long=20_000)
def test_the_scanner_judges_any_bytes(whole: dict[str, bytes], size: int, figure: Figure) -> None:
    """It never raises, says the same however it is fed, and speaks of bytes that are there."""
    count = found = 0

    def check(changes: list[Mutation], length: int) -> None:
        nonlocal count, found
        data = apply(changes, whole[endure.LOG])
        scanner, events = scan(data)
        again, same = in_pieces(data, length)
        assert same == events
        assert again.damage == scanner.damage
        assert (again.end, again.seq, again.hash) == (scanner.end, scanner.seq, scanner.hash)
        assert 0 <= scanner.end <= len(data)
        assert all(0 <= d.offset <= d.offset + d.length <= len(data) for d in scanner.damage)
        count += 1
        found += bool(scanner.damage)

    check_fuzzed(size, check, mutations, st.integers(50, 5000))
    assert count >= size
    assert found > size / 4, "what is fuzzed must be damaged"
    figure(f"{count:,} damaged logs judged, {found:,} of them with damage in the middle")


@sized(quick=60, storm=2_000, long=20_000)
def test_damage_costs_only_what_it_hits(
    whole: dict[str, bytes], size: int, figure: Figure
) -> None:
    """Every line that still stands as it was is read, whatever is around it."""
    intact = parse(whole[endure.LOG])
    events = dict(zip(lines_of(intact.data), intact.events, strict=True))
    count = 0

    def check(changes: list[Mutation]) -> None:
        nonlocal count
        data = apply(changes, intact.data)
        _, found = scan(data)
        standing = [events.get(line) for line in lines_of(data)]
        hashes = {event.hash for event in found}
        assert all(event.hash in hashes for event in standing if event is not None)
        count += 1

    check_fuzzed(size, check, overwritings)
    assert count >= size
    figure(f"{count:,} damaged logs: every line that was whole was read")


@pytest.fixture
def room(tmp_path: Path) -> Callable[[dict[str, bytes]], Path]:
    """Makes a folder of files, each time the same one anew."""
    folder = tmp_path / "s"

    def make(files: dict[str, bytes]) -> Path:
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "archive").mkdir(mode=0o700, parents=True)
        for name, data in files.items():
            (folder / name).write_bytes(data)
        return folder

    return make


_NAMES = [endure.LOG, endure.LOG, endure.LOG, "s.json", "s.snapshot", "packed", "archive"]
_commands = st.lists(st.sampled_from(endure.COMMANDS), min_size=2, max_size=2)


def resolve(name: str, files: dict[str, bytes]) -> str:
    """Which file is meant by the packed archive and by the one that is not."""
    ends = {"packed": ".jsonl.gz", "archive": ".jsonl"}
    if name not in ends:
        return name
    return next(path for path in files if "/" in path and path.endswith(ends[name]))


@sized(quick=10, storm=350, long=3_000)
def test_a_damaged_session_is_endured(
    whole: dict[str, bytes],
    size: int,
    room: Callable[[dict[str, bytes]], Path],
    figure: Figure,
) -> None:
    """Each of its files: read in every way, shown, written to, compacted, deleted."""
    count = reads = writes = 0

    def check(name: str, changes: list[Mutation], commands: list[list[str]]) -> None:
        nonlocal count, reads, writes
        name = resolve(name, whole)
        folder = room({**whole, name: apply(changes, whole[name])})
        reads += endure.read_all(folder)
        for args in commands:
            endure.command(folder, args)
        writes += endure.write_all(folder)
        count += 1

    check_fuzzed(size, check, st.sampled_from(_NAMES), mutations, _commands)
    assert count >= size
    assert reads > 3 * count, "most of what is damaged can still be read"
    assert writes > count
    figure(
        f"{count:,} damaged sessions, {2 * count:,} commands; {reads:,} reads and {writes:,} "
        "writes worked, all others said why not"
    )


BAD_CURSORS = [
    *(Junk(b'{"a":' * 50_000), Junk(b"x:" + b"9" * 5000), b'{"s":5}', b'{"s":"x"}', b"{", b"\xff"),
    *(b"x", b"x:", b":7", b"x:-1", b"x:7:8", b'{"s":["x:7"]}'),
]
_cursors = (
    st.binary(max_size=60)
    | st.sampled_from(BAD_CURSORS)
    | st.sampled_from([b"0123456789abcdef:7", b'{"s":"0123456789abcdef:7"}', b"a:1\n"]).flatmap(
        lambda text: mutations.map(lambda changes: apply(changes, text))
    )
)


@sized(quick=20, storm=200, long=2_000)
def test_any_cursor_file_is_endured(
    whole: dict[str, bytes],
    size: int,
    room: Callable[[dict[str, bytes]], Path],
    figure: Figure,
    tmp_path: Path,
) -> None:
    """Used, replaced, or refused as a usage error; never overwritten when it was refused."""
    folder = room(whole)
    path = tmp_path / "cursor"
    used = count = 0

    def check(content: bytes) -> None:
        nonlocal used, count
        path.write_bytes(content)
        args = ["log", SESSION, "-n", "5", "--cursor-file", str(path)]
        ran = run(*args, folder=str(folder))
        assert ran.code in DOCUMENTED
        assert ran.code == 0 or path.read_bytes() == content
        used += ran.code == 0
        count += 1

    check_fuzzed(size, check, _cursors)
    assert 0 < used < count
    figure(f"{count:,} cursor files, {used:,} of them of use")


@pytest.mark.parametrize("content", BAD_CURSORS, ids=repr)
def test_what_is_no_cursor_file_is_refused(
    whole: dict[str, bytes],
    room: Callable[[dict[str, bytes]], Path],
    tmp_path: Path,
    content: bytes,
) -> None:
    path = tmp_path / "cursor"
    path.write_bytes(content)
    ran = run("log", SESSION, "--cursor-file", str(path), folder=str(room(whole)))
    assert ran.code == 2
    assert b"cursor" in ran.err
    assert path.read_bytes() == content


_words = st.text(max_size=12) | st.sampled_from(
    ["", " ", "/dev/null", "~nobody/x", "~", "..", "\x1b[2J", "é", "x" * 5000, "-", "--", "%"]
)
_VARIABLES = ["JOURNAL_DIR", "PRAISONAI_HOME", "HOME", "COLUMNS", "TERM", "NO_COLOR", "LC_ALL"]


@sized(quick=15, storm=200, long=2_000)
def test_any_environment_is_endured(
    whole: dict[str, bytes],
    size: int,
    room: Callable[[dict[str, bytes]], Path],
    figure: Figure,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """Whatever the variables hold that are read, nothing is made where nothing was asked for."""
    folder = room(whole)
    before = endure.contents(tmp_path)
    monkeypatch.chdir(tmp_path)
    count = 0

    def check(name: str, value: str, args: list[str]) -> None:
        nonlocal count
        with monkeypatch.context() as context:
            if "\0" not in value:
                context.setenv(name, value.encode("utf-8", "replace").decode())
            named = ["--dir", str(folder)] if name != "JOURNAL_DIR" else []
            ran = run(*args, *named, folder=None if name == "JOURNAL_DIR" else str(folder))
        assert ran.code in DOCUMENTED
        assert endure.contents(tmp_path) == before
        count += 1

    check_fuzzed(
        size, check, st.sampled_from(_VARIABLES), _words, st.sampled_from(endure.COMMANDS)
    )
    figure(f"{count:,} commands in odd environments")
