"""Patterns that are compiled at their first use."""

import re

import pytest

from journal.redaction.later import compiled_later
from tests.support import finish, python

PATTERNS_AFTER_IMPORT = """
import re, sys
import projections, journal.redaction.text
names = [name for name in sys.modules if name.startswith("journal.redaction.")]
assert len(names) > 20
for name in names:
    for value in vars(sys.modules[name]).values():
        for each in value if isinstance(value, list | tuple) else [value]:
            if isinstance(each, re.Pattern):
                print(name, each.pattern)
"""


def test_an_import_compiles_none_of_the_patterns() -> None:
    """There are two hundred, and a program that only reads needs none."""
    assert finish([python(PATTERNS_AFTER_IMPORT)]) == [""]


@pytest.mark.parametrize("text", ["a1b22", "", "aaa"])
def test_it_is_as_the_pattern_itself(text: str) -> None:
    later, known = compiled_later(r"(?P<n>\d)+", re.ASCII), re.compile(r"(?P<n>\d)+", re.ASCII)
    assert later.findall(text) == known.findall(text)
    assert (later.search(text) is None) == (known.search(text) is None)
    assert later.sub("-", text) == known.sub("-", text)
    assert later.split(text) == known.split(text)
    assert (later.pattern, later.flags, later.groupindex) == (
        known.pattern,
        known.flags,
        known.groupindex,
    )


def test_a_method_is_looked_up_once() -> None:
    later = compiled_later(b"x")
    assert later.match is later.match


def test_what_is_no_pattern_is_refused_when_it_is_used() -> None:
    later = compiled_later("(")
    with pytest.raises(re.error):
        later.search("")
