"""The messages in the source: found in its syntax trees, with `…` for what is filled in.

A text is followed to where it is written: through variables, conditional expressions, helpers
that return it, and parameters that the callers of a helper give.
"""

import ast
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import cached_property
from itertools import product
from pathlib import Path
from typing import NamedTuple, TypeAlias

from journal import errors
from projections.doctor.remedies import Remedy
from tests.support import ROOT

LOGGED = {"debug", "info", "warning", "error", "exception", "log"}
BUILT_IN = {
    *("ImportError", "ModuleNotFoundError", "OSError"),
    *("RuntimeError", "TypeError", "ValueError"),
}
OF_THE_JOURNAL = {
    name for name, found in vars(errors).items() if isinstance(found, type) and "Error" in name
}
GAP = "…"


class Message(NamedTuple):
    """A text, and the section of the page that it belongs to."""

    section: str
    text: str


class _Argument(NamedTuple):
    """Which argument of a call has the text: by its place and by its name."""

    place: int
    name: str = ""


Function = ast.FunctionDef | ast.AsyncFunctionDef
Placed: TypeAlias = tuple[Path, ast.expr]


class Source:
    """The trees of both packages."""

    def __init__(self, root: Path = ROOT) -> None:
        self._trees = {
            path: ast.parse(path.read_text())
            for package in ("journal", "projections")
            for path in sorted((root / package).rglob("*.py"))
        }
        self._calls: dict[str, list[tuple[Path, ast.Call]]] = defaultdict(list)
        self._within: dict[ast.AST, Function] = {}
        for path, tree in self._trees.items():
            for node in ast.walk(tree):
                if isinstance(node, ast.Call):
                    self._calls[_called(node)].append((path, node))
                elif isinstance(node, Function):
                    self._within |= dict.fromkeys(ast.walk(node), node)

    @cached_property
    def messages(self) -> set[Message]:
        """All of them; those without a word of their own are left out."""
        found = {*self._raised(), *self._logged(), *self._noticed(), *self._found(), *_remedies()}
        return {message for message in found if re.search(r"\w", message.text)}

    def _raised(self) -> Iterator[Message]:
        for name in sorted(OF_THE_JOURNAL | BUILT_IN):
            is_storage = _is_storage(name)
            for path, call in self._calls[name]:
                in_command = name == "ValueError" and path.parent.name == "cli"
                section = "Wrong usage" if in_command else name
                yield from self._texts(path, call, _Argument(int(is_storage)), section)
        for name in ("UsageError", "BadParameter"):
            for path, call in self._calls[name]:
                yield from self._texts(path, call, _Argument(0), "Wrong usage")

    def _logged(self) -> Iterator[Message]:
        for level in sorted(LOGGED):
            for path, call in self._calls[level]:
                if ast.unparse(call.func).startswith("logger."):
                    place = _Argument(int(level == "log"))
                    for message in self._texts(path, call, place, "Log messages"):
                        text = re.sub(r"%[rsd]", GAP, message.text)
                        yield message._replace(text=_tidy(text))

    def _noticed(self) -> Iterator[Message]:
        for name in ("notice", "exit"):
            for path, call in self._calls[name]:
                yield from self._texts(path, call, _Argument(0), "Notices of the command")

    def _found(self) -> Iterator[Message]:
        for path, call in self._calls["Finding"]:
            yield from self._texts(path, call, _Argument(4, "what"), "Findings of the doctor")
        for name in ("Problem", "Damage"):
            for path, call in self._calls[name]:
                yield from self._texts(path, call, _Argument(4, "reason"), "Problems of a log")

    def _texts(
        self, path: Path, call: ast.Call, argument: _Argument, section: str
    ) -> Iterator[Message]:
        node = _argument_of(call, argument)
        if node is not None:
            for text in self._resolve(path, node, ()):
                yield Message(section, _tidy(text))

    def _resolve(self, path: Path, node: ast.expr, above: tuple[ast.AST, ...]) -> set[str]:
        """The texts that an expression may have."""
        if node in above:
            return {GAP}
        above = (*above, node)
        match node:
            case ast.Constant(value=str(text)):
                return {text}
            case ast.JoinedStr(values=parts):
                return {"".join(texts) for texts in product(*map(self._part(path), parts))}
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                halves = (self._resolve(path, half, above) for half in (left, right))
                return {"".join(both) for both in product(*halves)}
            case ast.IfExp(body=body, orelse=otherwise):
                return self._any_of([(path, body), (path, otherwise)], above)
            case ast.Name():
                return self._any_of(self._given(path, node), above)
            case ast.Call(func=ast.Name(id=name)):
                return self._any_of(self._returned(path, name), above)
        return {GAP}

    def _part(self, path: Path) -> Callable[[ast.expr], set[str]]:
        """The texts of a part of an f-string: with a variable's, if it only has fixed ones."""

        def texts(part: ast.expr) -> set[str]:
            match part:
                case ast.Constant(value=text):
                    return {str(text)}
                case ast.FormattedValue(value=ast.Name() as node):
                    given = self._given(path, node, callers=False)
                    if all(isinstance(value, ast.Constant | ast.JoinedStr) for _, value in given):
                        return {_flat(value) for _, value in given} or {GAP}
            return {GAP}

        return texts

    def _any_of(self, found: list[Placed], above: tuple[ast.AST, ...]) -> set[str]:
        texts = {text for path, node in found for text in self._resolve(path, node, above)}
        return texts or {GAP}

    def _given(self, path: Path, node: ast.Name, callers: bool = True) -> list[Placed]:
        """What a variable is assigned, where it is used; for a parameter, what callers give."""
        name = node.id
        function = self._within.get(node)
        scope: ast.AST = self._trees[path] if function is None else function
        values = [(path, value) for value in _assigned(scope, name)]
        if values or function is None:
            return values
        names = [a.arg for a in (*function.args.posonlyargs, *function.args.args)]
        if name not in (*names, *(a.arg for a in function.args.kwonlyargs)):
            return [(path, value) for value in _assigned(self._trees[path], name)]
        place = names.index(name) - (names[:1] == ["self"]) if name in names else 99
        calls = self._calls[function.name] if callers else []
        arguments = [(where, _argument_of(call, _Argument(place, name))) for where, call in calls]
        return [(where, argument) for where, argument in arguments if argument is not None]

    def _returned(self, path: Path, name: str) -> list[Placed]:
        return [
            (path, node.value)
            for function in ast.walk(self._trees[path])
            if isinstance(function, Function) and function.name == name
            for node in ast.walk(function)
            if isinstance(node, ast.Return) and node.value is not None
        ]


def _called(call: ast.Call) -> str:
    match call.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


def _is_storage(name: str) -> bool:
    found = getattr(errors, name, None)
    return name == "OSError" or (
        isinstance(found, type) and issubclass(found, errors.StorageError)
    )


def _argument_of(call: ast.Call, argument: _Argument) -> ast.expr | None:
    for keyword in call.keywords:
        if keyword.arg == argument.name:
            return keyword.value
    if argument.place < len(call.args):
        found = call.args[argument.place]
        return None if isinstance(found, ast.Starred) else found
    return None


def _assigned(scope: ast.AST, name: str) -> list[ast.expr]:
    return [
        node.value
        for node in (
            ast.walk(scope) if isinstance(scope, Function) else ast.iter_child_nodes(scope)
        )
        if isinstance(node, ast.Assign)
        and any(isinstance(target, ast.Name) and target.id == name for target in node.targets)
    ]


def _flat(text: ast.expr) -> str:
    """A fixed text, or an f-string with nothing filled in."""
    if isinstance(text, ast.JoinedStr):
        return "".join(map(_flat, text.values))
    return str(text.value) if isinstance(text, ast.Constant) else GAP


def _remedies() -> Iterator[Message]:
    for remedy in Remedy:
        yield Message("Remedies of the doctor", _tidy(re.sub(r"{[^}]*}", GAP, remedy.value)))


def _tidy(text: str) -> str:
    """On one line, with one `…` for gaps that stand side by side."""
    return re.sub(r"…(…)+", GAP, " ".join(text.split()))
