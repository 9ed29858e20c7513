"""How one text became another: properties of any two texts, and a few that people read."""

import shutil
import subprocess
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from projections.compare import subsequence
from projections.compare.texts import Piece, hunks, lines_of, words

TEXTS = st.text(st.sampled_from("ab \n.ä日\r\u2028"), max_size=60) | st.text(max_size=30)
"""Few characters, so that much is alike; and any."""


def texts_of(pieces: list[Piece]) -> tuple[str, str]:
    """The old and the new text that the pieces tell of."""
    old = "".join(text for mark, text in pieces if mark != "+")
    return old, "".join(text for mark, text in pieces if mark != "-")


def applied(old: str, new: str) -> str:
    """The old text with the hunks applied, as `patch` does it: lines must fit where they are."""
    lines = lines_of(old)
    found: list[str] = []
    at = 0
    for hunk in hunks(old, new):
        found += lines[at : hunk.old_start]
        assert len(found) == hunk.new_start
        was = [text for mark, text in hunk.lines if mark != "+"]
        assert lines[hunk.old_start : hunk.old_start + len(was)] == was
        found += [text for mark, text in hunk.lines if mark != "-"]
        at = hunk.old_start + len(was)
    return "".join(found + lines[at:])


@given(TEXTS, TEXTS)
@example("a b", "c d")
def test_the_words_tell_both_texts_and_nothing_twice(old: str, new: str) -> None:
    pieces = words(old, new)
    assert texts_of(pieces) == (old, new)
    assert all(text for _, text in pieces)
    for (mark, _), (following, _) in pairwise(pieces):
        assert mark + following in ("=-", "=+", "-+", "-=", "+="), "neighbours are joined"


@given(TEXTS, TEXTS, st.integers(0, 4))
def test_the_hunks_applied_to_the_old_text_give_the_new_one(
    old: str, new: str, context: int
) -> None:
    assert applied(old, new) == new
    found = list(hunks(old, new, context))
    assert bool(found) == (old != new)
    for hunk in found:
        marks = "".join(mark for mark, _ in hunk.lines)
        assert 0 <= len(marks) - len(marks.lstrip("=")) <= context
        assert 0 <= len(marks) - len(marks.rstrip("=")) <= context
        assert "=" * (2 * context + 1) not in marks.strip("=")


@pytest.mark.parametrize(
    ("old", "new", "shown"),
    [
        ("the sky is blue", "the sky is red", "the sky is [-blue-]{+red+}"),
        ("a b c", "a c", "a [-b -]c"),
        ("see foo.bar now", "see baz.qux now", "see [-foo.bar-]{+baz.qux+} now"),
        ("blue", "blue today", "blue{+ today+}"),
        ("one two three", "one 2 drei", "one [-two three-]{+2 drei+}"),
        ("same", "same", "same"),
        ("", "all new", "{+all new+}"),
        ("今日は晴れ", "今日は雨", "今日は[-晴れ-]{+雨+}"),
        ("x = foo(1)", "x = foo(1, 2)", "x = foo(1{+, 2+})"),
    ],
)
def test_words_as_people_read_them(old: str, new: str, shown: str) -> None:
    form: dict[str, Callable[[str], str]] = {
        "=": str,
        "-": lambda text: f"[-{text}-]",
        "+": lambda text: f"{{+{text}+}}",
    }
    assert "".join(form[mark](text) for mark, text in words(old, new)) == shown


@pytest.mark.skipif(not shutil.which("diff"), reason="only as a second opinion")
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("a\nb\nc\n", "a\nB\nc\n"),
        ("", "a\nb\n"),
        ("a\n", ""),
        ("".join(f"{n}\n" for n in range(40)), "".join(f"{n}\n" for n in range(40) if n % 13)),
        ("x\n" * 3 + "y\n", "x\n" * 4 + "y\n" + "z\n"),
    ],
)
def test_headings_are_those_of_diff(old: str, new: str, tmp_path: Path) -> None:
    for name, text in (("old", old), ("new", new)):
        (tmp_path / name).write_text(text)
    theirs = subprocess.run(
        ["diff", "-U3", "old", "new"], cwd=tmp_path, capture_output=True, text=True, check=False
    ).stdout
    wanted = [line for line in theirs.splitlines() if line.startswith("@@")]
    assert [hunk.heading for hunk in hunks(old, new)] == wanted


@pytest.mark.parametrize("way", [words, lambda old, new: list(hunks(old, new))])
def test_twice_the_text_costs_about_twice_as_much(
    monkeypatch: pytest.MonkeyPatch, way: Callable[[str, str], object]
) -> None:
    """Counted in pairs of equal words or lines, for texts in which each occurs often."""
    looked_at = 0
    rising = subsequence._rising

    def counting(pairs: object) -> object:
        nonlocal looked_at
        listed = list(pairs)  # type: ignore[call-overload]
        looked_at += len(listed)
        return rising(listed)

    monkeypatch.setattr(subsequence, "_rising", counting)
    counts = []
    for n in (40, 80):
        looked_at = 0
        once = [f"{number}\n" for number in range(n)]
        way("".join(once) * 8 + "x\n", "y\n" + "".join(reversed(once)) * 8)
        counts.append(looked_at)
    assert 0 < counts[1] <= 2.1 * counts[0]
