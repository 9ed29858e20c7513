"""Somebody changes a session's files: `verify` finds it, or nothing could.

The hashes have no key, so a forger can compute them too. What cannot be found without a
head that was noted down before:

- a tail that was cut off at the end of a line;
- everything from some line of the log on, written anew with all the hashes that follow.

What cannot be found at all, as the format is: when and by whom a file was begun or sealed
(`ts` and `writer` of headers and seals), and a header sealed anew that says the archives
were dropped, or that compaction kept other events in another order.
"""

import gzip
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from journal.codec import NEWEST
from journal.engines.files.directory import Directory
from journal.engines.files.log import LogOptions
from journal.events import Head
from journal.reports import Problem
from projections import DefaultSessionStore
from tests.faults.damage.forgery import SESSION, lines_of, rechain, reseal, write_session
from tests.faults.sizes import Figure, params

LOG = f"{SESSION}.jsonl"


class Files(NamedTuple):
    """A session in three files: an archive that is packed, one that is not, and the log."""

    folder: Path
    head: Head
    pristine: dict[str, bytes]  # by name below `folder`; what is packed, unpacked
    samples: int  # of places in a file that are looked at, where there are more

    def name(self, which: str) -> str:
        older, newer = sorted(
            (name for name in self.pristine if name != LOG),
            key=lambda name: int(name.split(".")[1]),
        )
        return {"packed archive": older, "archive": newer, "log": LOG}[which]

    def write(self, name: str, data: bytes) -> None:
        path = self.folder / name
        path.write_bytes(gzip.compress(data, 1) if path.suffix == ".gz" else data)

    def problems(self, head: Head | None = None) -> list[Problem]:
        with DefaultSessionStore(self.folder, durability="os") as store:
            return store.verify(SESSION, head).problems


def make(folder: Path, events: int, samples: int) -> Files:
    """Compacted after a half and again after that many more; the first archive is packed."""
    folder.mkdir()
    write_session(folder, events, [events // 2])
    engine = Directory(str(folder), LogOptions("os"))
    assert engine.pack(SESSION) == 1
    write_more(folder, events)
    pristine = {}
    for path in folder.rglob(f"{SESSION}.*jsonl*"):
        data = path.read_bytes()
        name = str(path.relative_to(folder))
        pristine[name] = gzip.decompress(data) if path.suffix == ".gz" else data
    report = engine.verify(SESSION)
    assert report.ok, report.problems
    assert report.head is not None
    assert len(pristine) == 3
    return Files(folder, report.head, pristine, samples)


def write_more(folder: Path, events: int) -> None:
    with DefaultSessionStore(folder, durability="os", auto_compact=False) as store:
        engine = Directory(str(folder), LogOptions("os"))
        engine.compact(SESSION)
        state = {"text": "ü" * 90}
        more = [("native", f"turn-{n % 29}", {**state, "n": n}) for n in range(events // 2)]
        store.set_many(SESSION, more)


class Size(NamedTuple):
    events: int
    samples: int


_SIZES = params(quick=Size(80, 30), storm=Size(240, 200), long=Size(1_000, 2_000))


@pytest.fixture(scope="module", params=_SIZES)
def files(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Files:
    return make(tmp_path_factory.mktemp("session") / "s", *request.param)


def spread(places: range, most: int) -> range:
    """No more than so many of them, evenly."""
    return places[:: -(-len(places) // most)]


Edit = Callable[[list[bytes], int], list[bytes] | None]
"""The lines with something done to the one of that number; None where it cannot be."""


def delete(lines: list[bytes], at: int) -> list[bytes]:
    return lines[:at] + lines[at + 1 :]


def swap(lines: list[bytes], at: int) -> list[bytes] | None:
    if at + 1 == len(lines):
        return None
    return [*lines[:at], lines[at + 1], lines[at], *lines[at + 2 :]]


def repeat(lines: list[bytes], at: int) -> list[bytes]:
    return lines[: at + 1] + lines[at:]


def move(lines: list[bytes], at: int) -> list[bytes]:
    """To another place, as far away as there is one."""
    others = delete(lines, at)
    to = 0 if at >= len(lines) // 2 else len(others)
    return [*others[:to], lines[at], *others[to:]]


def edit(lines: list[bytes], at: int) -> list[bytes]:
    """One digit of its time is another."""
    return [*lines[:at], one_digit_on(lines[at]), *lines[at + 1 :]]


def edit_and_seal(lines: list[bytes], at: int) -> list[bytes] | None:
    """As `edit`, with a hash that fits again: only its neighbours can tell."""
    if b'"op":"open"' in lines[at] or b'"op":"sealed"' in lines[at]:
        return None  # whose times nothing else depends on
    return [*lines[:at], reseal(one_digit_on(lines[at])), *lines[at + 1 :]]


def one_digit_on(line: bytes) -> bytes:
    at = line.index(b'Z"', line.index(b'"ts":"')) - 1
    return line[:at] + b"%d" % ((int(line[at : at + 1]) + 1) % 10) + line[at + 1 :]


EDITS: dict[str, Edit] = {
    "deleted": delete,
    "swapped with the next": swap,
    "repeated": repeat,
    "moved": move,
    "edited": edit,
    "edited and sealed": edit_and_seal,
}


def tampered(files: Files, name: str, kind: Edit) -> Iterator[tuple[int, int]]:
    """Each line of a file in turn, of how many, the file having that done to it."""
    lines = lines_of(files.pristine[name])
    try:
        for at in range(len(lines)):
            changed = kind(lines, at)
            if changed is not None:
                assert changed != lines
                files.write(name, b"".join(changed))
                yield at, len(lines)
    finally:
        files.write(name, files.pristine[name])


@pytest.mark.parametrize("which", ["packed archive", "archive", "log"])
@pytest.mark.parametrize("kind", EDITS)
def test_every_line_is_guarded(files: Files, kind: str, which: str, figure: Figure) -> None:
    """Whatever is done to whichever line of whichever file is found.

    But for the last line of the log: that one was deleted, or sealed anew, only a head tells.
    """
    name = files.name(which)
    where = str(files.folder / name.removesuffix(".gz"))
    count = 0
    for at, lines in tampered(files, name, EDITS[kind]):
        if which == "log" and at == lines - 1 and kind in ("deleted", "edited and sealed"):
            assert not files.problems()
            assert {found.kind for found in files.problems(files.head)} == {"head"}
        else:
            found = files.problems()
            assert found, (kind, at)
            assert any(problem.where.startswith(where) for problem in found), (kind, at)
        count += 1
    assert count >= len(lines_of(files.pristine[name])) - 2
    assert not files.problems(files.head), "and whole again nothing is found"
    figure(f"{count:,} lines of the {which} {kind}: each found")


def test_a_tail_cut_off_is_found_with_a_head(files: Files, figure: Figure) -> None:
    """However many events are missing at the end, and whatever was written in their place."""
    lines = lines_of(files.pristine[LOG])
    kept = json.loads(lines[0])["kept"]
    count = 0
    for end in spread(range(kept + 1, len(lines)), files.samples):
        files.write(LOG, b"".join(lines[:end]))
        assert not files.problems()
        assert {found.kind for found in files.problems(files.head)} == {"head"}
        count += 1
    files.write(LOG, files.pristine[LOG])
    assert count > 5
    figure(f"{count:,} tails cut off: each found with the head noted before")


def test_a_rewriting_that_fits_is_found_with_a_head(files: Files, figure: Figure) -> None:
    """From any line to the end, hashes and chain anew: as good as real, but for the head."""
    lines = lines_of(files.pristine[LOG])
    kept = json.loads(lines[0])["kept"]
    count = 0
    for at in spread(range(kept + 1, len(lines)), files.samples):
        changed = [*lines[:at], reseal(one_digit_on(lines[at])), *lines[at + 1 :]]
        files.write(LOG, b"".join(rechain(changed, at + 1)))
        assert not files.problems()
        assert {found.kind for found in files.problems(files.head)} == {"head"}
        count += 1
    files.write(LOG, files.pristine[LOG])
    assert count > 5
    figure(f"{count:,} rewritings to the end: each found with the head noted before")


def test_a_rewriting_of_an_archive_is_found_without_a_head(files: Files) -> None:
    """However well its lines fit each other, the next file knows how it ended."""
    for which in ("packed archive", "archive"):
        name = files.name(which)
        lines = lines_of(files.pristine[name])
        first = json.loads(lines[0])["kept"] + 1
        for at in (first, (first + len(lines)) // 2, len(lines) - 2):
            changed = [*lines[:at], reseal(one_digit_on(lines[at])), *lines[at + 1 :]]
            chained = rechain(changed[:-1], at + 1)
            end = json.loads(chained[-1])["hash"].encode()
            old_end = json.loads(lines[-1])["last_hash"].encode()
            seal = reseal(lines[-1].replace(old_end, end))
            files.write(name, b"".join([*chained, seal]))
            assert {"base", "archive"} & {found.kind for found in files.problems()}
        files.write(name, files.pristine[name])


HEADER = {
    "session_id": '"t"',
    "log_id": '"0123456789abcdef"',
    "base_seq": "1",
    "base_hash": f'"{"1" * 32}"',
    "kept": "3",
    "kept_digest": f'"{"1" * 32}"',
    "archive": '"s.77.jsonl"',
    "format": str(NEWEST + 1),
}
"""Another value for each field of a header that something else depends on."""


def with_field(line: bytes, field: str, value: str) -> bytes:
    """A line with another value, given as JSON, for one of its fields."""
    before = json.dumps(json.loads(line)[field])
    changed = line.replace(f'"{field}":{before}'.encode(), f'"{field}":{value}'.encode())
    assert changed != line
    return changed


@pytest.mark.parametrize("sealed", [False, True], ids=["as it is", "sealed anew"])
@pytest.mark.parametrize("which", ["archive", "log"])
@pytest.mark.parametrize("field", HEADER)
def test_an_edited_header_is_found(files: Files, field: str, which: str, sealed: bool) -> None:
    name = files.name(which)
    lines = lines_of(files.pristine[name])
    before = json.dumps(json.loads(lines[0])[field])
    header = lines[0].replace(
        f'"{field}":{before}'.encode(), f'"{field}":{HEADER[field]}'.encode()
    )
    assert header != lines[0]
    files.write(name, b"".join([reseal(header) if sealed else header, *lines[1:]]))
    found = files.problems()
    files.write(name, files.pristine[name])
    assert found, "of the log itself or of what it leads to"


SEAL = {"last_seq": "1", "last_hash": f'"{"1" * 32}"', "reason": '"deleted"'}


@pytest.mark.parametrize("which", ["packed archive", "archive"])
@pytest.mark.parametrize("field", SEAL)
def test_an_edited_seal_is_found(files: Files, field: str, which: str) -> None:
    """Sealed anew: an archive ends where its seal says, and is no deleted log."""
    name = files.name(which)
    lines = lines_of(files.pristine[name])
    seal = reseal(with_field(lines[-1], field, SEAL[field]))
    files.write(name, b"".join([*lines[:-1], seal]))
    found = files.problems()
    files.write(name, files.pristine[name])
    assert found


def test_what_no_head_can_tell(files: Files) -> None:
    """The limits that the head of this module states: once one is found, it must say so."""
    lines = lines_of(files.pristine[LOG])
    header = json.loads(lines[0])
    for old, new in (
        (f'"writer":"{header["writer"]}"', '"writer":"forger:1"'),
        (header["ts"], "1999-01-01T00:00:00.000000Z"),
        (f'"archive":"{header["archive"]}"', '"archive":null'),
    ):
        forged = reseal(lines[0].replace(old.encode(), new.encode()))
        assert forged != lines[0]
        files.write(LOG, b"".join([forged, *lines[1:]]))
        assert not files.problems(files.head)
    files.write(LOG, files.pristine[LOG])


@pytest.mark.parametrize("which", ["packed archive", "archive"])
def test_a_missing_archive_is_found(files: Files, which: str) -> None:
    name = files.name(which)
    (files.folder / name).unlink()
    found = files.problems()
    files.write(name, files.pristine[name])
    assert [problem.kind for problem in found if problem.where.endswith(".jsonl")]


def test_archives_in_each_others_place_are_found(files: Files) -> None:
    older, newer = files.name("packed archive"), files.name("archive")
    files.write(older, files.pristine[newer])
    files.write(newer, files.pristine[older])
    found = files.problems()
    files.write(older, files.pristine[older])
    files.write(newer, files.pristine[newer])
    assert found


@pytest.mark.parametrize("which", ["packed archive", "archive"])
def test_a_cut_archive_is_found(files: Files, which: str, figure: Figure) -> None:
    """Cut at places all over it, and within its last bytes, where little is missing."""
    path = files.folder / files.name(which)
    whole = path.read_bytes()
    whole_line = len(whole) - (which == "archive")  # a last newline is nothing that was lost
    places = [*spread(range(whole_line), files.samples), *range(whole_line - 20, whole_line)]
    for place in places:
        path.write_bytes(whole[:place])
        assert files.problems(), place
    path.write_bytes(whole)
    assert len(places) > 20
    figure(f"{len(places):,} cuts of the {which}: each found")


def test_a_damaged_packed_archive_is_found_or_unpacks_to_the_same(
    files: Files, figure: Figure
) -> None:
    """Some bits of gzip's header mean nothing, and some references go to an equal text."""
    name = files.name("packed archive")
    path = files.folder / name
    whole = path.read_bytes()
    bits = [*range(80), *spread(range(80, 8 * len(whole)), 10 * files.samples)]
    harmless = 0
    for bit in bits:
        flipped = bytearray(whole)
        flipped[bit // 8] ^= 1 << bit % 8
        path.write_bytes(flipped)
        if not files.problems():
            assert gzip.decompress(flipped) == files.pristine[name]
            harmless += 1
    path.write_bytes(whole)
    assert len(bits) > 200
    assert harmless - 80 < len(bits) // 10
    figure(f"{len(bits):,} bits of a packed archive flipped, {harmless} of them meaningless")


@pytest.mark.parametrize(
    "junk", [b"x", b"\n", b'{"seq":1}\n' * 9, gzip.compress(b"more")], ids=range(4)
)
def test_bytes_after_the_end_of_a_packed_archive_are_found(files: Files, junk: bytes) -> None:
    """Whoever unpacks it by other means would see them."""
    path = files.folder / files.name("packed archive")
    whole = path.read_bytes()
    path.write_bytes(whole + junk)
    found = files.problems()
    path.write_bytes(whole)
    assert [problem.kind for problem in found] == ["archive"]


def test_a_packed_archive_beside_the_unpacked_hides_nothing(files: Files) -> None:
    """An interrupted packing leaves both; the one that is read is the one that is judged."""
    name = files.name("packed archive")
    beside = files.folder / name.removesuffix(".gz")
    beside.write_bytes(files.pristine[name].replace(b"native", b"naturE"))
    found = files.problems()
    beside.unlink()
    assert found


def test_the_files_of_another_session_are_found(files: Files, tmp_path: Path) -> None:
    """A whole session, intact in itself, copied over this one's."""
    other = make(tmp_path / "other", 80, 1)
    mine = tmp_path / "mine"
    shutil.copytree(files.folder, mine)
    shutil.copy(other.folder / LOG, mine / LOG)
    with DefaultSessionStore(mine, durability="os") as store:
        assert not store.verify(SESSION, files.head).ok
