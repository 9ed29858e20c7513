"""One word for one thing: the field's words, in the names that the products define."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from tests.support import ROOT

NOT_BUT = {
    "belongings": "files, names",
    "care": "maintain, or the command's own name",
    "complaint": "error",
    "custody": "ownership",
    "debt": "stale, unsynced",
    "intake": "encoder",
    "keeper": "tracker",
    "leftover": "deferred (work), debris (files)",
    "seam": "instrument",
    "told": "reported, raised, notified",
    "trouble": "failure, finding",
    "visit": "for each",
}
"""Words that are not the field's, in the singular, and those that stand for them."""

NO_ROOM_OR_CLASS = {
    "case",
    "following",
    "handle",
    "maker",
    "place",
    "refusal",
    "scope",
    "seed",
    "take",
    "then",
}
"""Words that may be part of a name, but say too little as the name of a module or a class."""

SAME_NAME: dict[str, str] = {}
"""Public classes of one name in several modules, each with the reason."""


def modules() -> list[Path]:
    found = [path for name in ("journal", "projections") for path in (ROOT / name).rglob("*.py")]
    assert len(found) > 100
    return found


def defined_in(tree: ast.AST) -> Iterator[str]:
    """The names that code gives to things: not those of others that it only uses."""
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield name
            case ast.ClassDef(name=name) | ast.arg(arg=name) | ast.alias(asname=str(name)):
                yield name
            case ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()):
                yield name
            case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)):
                yield name


def words_of(name: str) -> set[str]:
    """The words of a name in lower case and in the singular: `open_Logs` is open and log."""
    words = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)
    return {word.lower().removesuffix("s") for word in words} | {word.lower() for word in words}


def test_words_are_found_however_names_are_joined() -> None:
    assert words_of("_SessionKeepers") >= {"session", "keeper"}
    assert words_of("tell_debts") >= {"tell", "debt"}
    assert words_of("HTTPScope") >= {"http", "scope"}
    assert not words_of("careful") & NOT_BUT.keys()
    code = ast.parse("def a(b, *c): d = e.f; g.h = 1")
    assert set(defined_in(code)) == {"a", "b", "c", "d", "h"}


def test_names_are_made_of_the_fields_words() -> None:
    for path in modules():
        for name in [path.stem, *defined_in(ast.parse(path.read_text()))]:
            for word in words_of(name) & NOT_BUT.keys():
                raise AssertionError(f"{path}: {name} has {word!r}; say {NOT_BUT[word]}")


def test_modules_and_classes_say_what_they_are() -> None:
    for path in modules():
        classes = (n for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.ClassDef))
        for name in [path.stem, *(node.name for node in classes)]:
            assert name.strip("_").lower() not in NO_ROOM_OR_CLASS, f"{path}: {name}"


def test_no_two_public_classes_share_a_name() -> None:
    homes: dict[str, set[Path]] = defaultdict(set)
    for path in modules():
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                homes[node.name].add(path)
    shared = {name: paths for name, paths in homes.items() if len(paths) > 1}
    assert shared.keys() == SAME_NAME.keys(), shared
