"""The texts that an argument of a call may have, read from the syntax trees of the source.

A text is followed to where it is written: through variables, conditional expressions, helpers
that return it, and parameters that the callers of a helper give. `…` stands for what is filled in.
"""

import ast
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import TypeAlias

GAP = "…"

_SHOWS = frozenset({"plain"})
"""Functions that make what they are given fit to be shown: that is no text of theirs."""

Function = ast.FunctionDef | ast.AsyncFunctionDef
Placed: TypeAlias = tuple[Path, ast.expr]
"""An expression, and the file that it stands in."""


class Texts:
    """The trees of some files."""

    def __init__(self, paths: list[Path]) -> None:
        self._trees = {path: ast.parse(path.read_text()) for path in paths}
        self._calls: dict[str, list[tuple[Path, ast.Call]]] = defaultdict(list)
        self._functions: dict[str, list[tuple[Path, Function]]] = defaultdict(list)
        self._within: dict[ast.AST, Function] = {}
        for path, tree in self._trees.items():
            for node in ast.walk(tree):
                if isinstance(node, ast.Call):
                    self._calls[_called(node)].append((path, node))
                elif isinstance(node, Function):
                    self._functions[node.name].append((path, node))
                    self._within |= dict.fromkeys(ast.walk(node), node)

    def calls(self, name: str) -> list[tuple[Path, ast.Call]]:
        """All calls of a function, class or method of this name."""
        return self._calls[name]

    def of(self, path: Path, call: ast.Call, place: int, name: str = "") -> Iterator[str]:
        """The texts of the argument of a call at this place, or of this name."""
        argument = _argument(call, place, name)
        if argument is not None:
            yield from map(tidy, self._resolve(path, argument, ()))

    def _resolve(self, path: Path, node: ast.expr, above: tuple[ast.AST, ...]) -> set[str]:
        """The texts of an expression, which is part of those `above`."""
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
            case ast.Call(
                func=ast.Attribute(value=ast.Constant(), attr="join"), args=[ast.Name()]
            ):
                return self._any_of(self._joined(path, node), above)
            case ast.Call():
                return self._any_of(self._returned(path, _called(node)), above)
        return {GAP}

    def _any_of(self, found: list[Placed], above: tuple[ast.AST, ...]) -> set[str]:
        texts = {text for path, node in found for text in self._resolve(path, node, above)}
        return texts or {GAP}

    def _part(self, path: Path) -> Callable[[ast.expr], set[str]]:
        """The texts of a part of an f-string: with a variable's or helper's, if they are fixed."""

        def texts(part: ast.expr) -> set[str]:
            match part:
                case ast.Constant(value=text):
                    return {str(text)}
                case ast.FormattedValue(value=ast.Name() as node):
                    return _flat(self._given(path, node, callers=False))
                case ast.FormattedValue(value=ast.Call(func=ast.Name(id=name))):
                    return _flat(self._returned(path, name))
            return {GAP}

        return texts

    def _given(self, path: Path, node: ast.Name, callers: bool = True) -> list[Placed]:
        """What a variable is assigned, where it is used; for a parameter, what callers give."""
        function = self._within.get(node)
        if function is not None:
            assigned = _assigned(ast.walk(function), node.id)
            if assigned:
                return [(path, value) for value in assigned]
            if _is_parameter(function, node.id):
                return self._arguments(function, node.id) if callers else []
        top = ast.iter_child_nodes(self._trees[path])
        return [(path, value) for value in _assigned(top, node.id)]

    def _arguments(self, function: Function, name: str) -> list[Placed]:
        """What callers give for a parameter."""
        names = [argument.arg for argument in (*function.args.posonlyargs, *function.args.args)]
        names = [other for other in names if other != "self"]
        place = names.index(name) if name in names else len(names)
        calls = self._calls[function.name]
        arguments = [(path, _argument(call, place, name)) for path, call in calls]
        return [(path, argument) for path, argument in arguments if argument is not None]

    def _returned(self, path: Path, name: str) -> list[Placed]:
        """What a function of this name returns: one of this file, else of any."""
        if name in _SHOWS:
            return []
        functions = self._functions[name]
        here = [placed for placed in functions if placed[0] == path]
        return [
            (where, node.value)
            for where, function in here or functions
            for node in ast.walk(function)
            if isinstance(node, ast.Return) and node.value is not None
        ]

    def _joined(self, path: Path, join: ast.Call) -> list[Placed]:
        """What the function has appended to the list that it joins: each is a text of its own."""
        function = self._within.get(join)
        nodes = ast.walk(function) if function is not None else ()
        adding = f"{ast.unparse(join.args[0])}.append"
        return [
            (path, call.args[0])
            for call in nodes
            if isinstance(call, ast.Call) and ast.unparse(call.func) == adding
        ]


def tidy(text: str) -> str:
    """On one line, with one `…` for gaps that stand side by side."""
    return re.sub(f"{GAP}{GAP}+", GAP, " ".join(text.split()))


def _called(call: ast.Call) -> str:
    match call.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


def _argument(call: ast.Call, place: int, name: str) -> ast.expr | None:
    for keyword in call.keywords:
        if keyword.arg == name:
            return keyword.value
    if place < len(call.args) and not isinstance(call.args[place], ast.Starred):
        return call.args[place]
    return None


def _is_parameter(function: Function, name: str) -> bool:
    given = function.args
    return name in (a.arg for a in (*given.posonlyargs, *given.args, *given.kwonlyargs))


def _assigned(nodes: Iterator[ast.AST], name: str) -> list[ast.expr]:
    return [
        node.value
        for node in nodes
        if isinstance(node, ast.Assign)
        and any(isinstance(target, ast.Name) and target.id == name for target in node.targets)
    ]


def _flat(found: list[Placed]) -> set[str]:
    """The texts of expressions if all are fixed, or f-strings, with nothing filled in."""
    if not all(isinstance(text, ast.Constant | ast.JoinedStr) for _, text in found):
        return {GAP}
    return {_unfilled(text) for _, text in found} or {GAP}


def _unfilled(text: ast.expr) -> str:
    if isinstance(text, ast.JoinedStr):
        return "".join(map(_unfilled, text.values))
    return str(text.value) if isinstance(text, ast.Constant) else GAP
