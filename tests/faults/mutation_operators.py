"""What a mutant may be: mutmut's operators, and what matters most here, a statement left out.

A sync, a lock, a check that raises. Texts with a space in them are for people and stay as they
are.
"""

from collections.abc import Iterator
from typing import Any

import libcst as cst
from libcst.matchers import Name, matches
from mutmut.mutation.file_mutation import MutationVisitor
from mutmut.mutation.mutators import mutation_operators, operator_string


def left_out(node: cst.Expr | cst.Raise | cst.Return) -> Iterator[cst.CSTNode]:
    """A call, a `yield` or a `raise` becomes nothing, a result becomes None."""
    if isinstance(node, cst.Return):
        if node.value is not None and not matches(node.value, Name("None")):
            yield node.with_changes(value=cst.Name("None"))
    elif isinstance(node, cst.Raise) or not isinstance(node.value, cst.BaseString):
        yield cst.Pass()


def negated(node: cst.If | cst.While) -> Iterator[cst.CSTNode]:
    """A condition becomes its contrary, unless an operator of mutmut's does that."""
    if not isinstance(node.test, cst.Comparison | cst.UnaryOperation):
        inside = node.test.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
        yield node.with_changes(test=cst.UnaryOperation(cst.Not(), inside))


def other_string(node: cst.BaseString) -> Iterator[cst.BaseString]:
    """A string that programs read becomes another."""
    if isinstance(node, cst.SimpleString) and " " not in node.value:
        yield from list(operator_string(node))[:1]


def is_left_alone(node: cst.CSTNode) -> bool:
    """A protocol: a mutant in it is one more member. And what hides its own annotation."""
    if isinstance(node, cst.ClassDef):
        return any(matches(base.value, Name("Protocol")) for base in node.bases)
    return isinstance(node, cst.FunctionDef) and matches(node.name, Name("list"))


def leave_some_alone() -> None:
    skips = MutationVisitor._skip_node_and_children

    def skips_too(visitor: MutationVisitor, node: cst.CSTNode) -> bool:
        return is_left_alone(node) or bool(skips(visitor, node))

    MutationVisitor._skip_node_and_children = skips_too


def use_our_operators() -> None:
    operators: Any = mutation_operators
    operators.remove((cst.BaseString, operator_string))
    operators.append((cst.BaseString, other_string))
    operators.extend((kind, left_out) for kind in (cst.Expr, cst.Raise, cst.Return))
    operators.extend((kind, negated) for kind in (cst.If, cst.While))
    leave_some_alone()
