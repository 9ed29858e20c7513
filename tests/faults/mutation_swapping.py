"""Mutants at the speed of what they stand for: the function itself takes over their code.

mutmut puts a trampoline in the place of each function, which looks up at every call which mutant
is to run; that makes tests take two to five times as long. It is needed only in processes that
tests start, which find the mutant's name in their environment.
"""

import builtins
from collections.abc import Callable
from inspect import signature
from types import CodeType, FunctionType
from typing import Any

from mutmut.mutation import trampoline
from mutmut.utils.format_utils import mangled_name_from_mutant_name

_FIRST_CALL = "_first_call_of"


def _stub(*args: Any, **named: Any) -> Any:
    return _first_call_of("number")(*args, **named)  # type: ignore[name-defined]  # noqa: F821


class Functions:
    """Those of the process that have mutants."""

    def __init__(self) -> None:
        self._mutants: list[tuple[FunctionType, dict[str, Any]]] = []
        self._code: list[CodeType] = []
        self._called: set[int] = set()

    def replace_trampolines(self) -> None:
        """Before the modules with the mutants are imported."""
        trampoline.wrap_in_trampoline = self._decorator

    def _decorator(
        self, mutants: dict[str, Any], is_classmethod: bool = False
    ) -> Callable[[FunctionType], FunctionType]:
        def note(function: FunctionType) -> FunctionType:
            self._mutants.append((function, mutants))
            return function

        return note

    def become(self, mutant: str) -> None:
        """From now on, this mutant is what runs in its function's place."""
        module, _, name = mutant.rpartition(".")
        for function, mutants in self._mutants:
            if function.__module__ == module and name in mutants:
                other = getattr(mutants[name], "__func__", mutants[name])
                free = function.__code__.co_freevars  # a call of `super` may be what is left out
                function.__code__ = other.__code__.replace(co_freevars=free)
                function.__defaults__ = other.__defaults__
                function.__kwdefaults__ = other.__kwdefaults__

    def begin_recording(self) -> None:
        setattr(builtins, _FIRST_CALL, self._first_call)
        self._code = [function.__code__ for function, _ in self._mutants]
        for function, _ in self._mutants:
            vars(function)["__signature__"] = signature(function)
        self._called = set(range(len(self._mutants)))
        self.called()

    def called(self) -> set[str]:
        """The functions called since this was asked last, by mangled name."""
        called, self._called = self._called, set()
        for number in called:
            code = self._code[number]
            consts = tuple(number if x == "number" else x for x in _stub.__code__.co_consts)
            self._mutants[number][0].__code__ = _stub.__code__.replace(
                co_consts=consts, co_freevars=code.co_freevars
            )
        return {self._name(number) for number in called}

    def _first_call(self, number: int) -> FunctionType:
        function, _ = self._mutants[number]
        function.__code__ = self._code[number]
        self._called.add(number)
        return function

    def _name(self, number: int) -> str:
        function, mutants = self._mutants[number]
        original = mutants["_mutmut_orig"].__name__
        return f"{function.__module__}.{mangled_name_from_mutant_name(original)}"

    def end_recording(self) -> None:
        for (function, _), code in zip(self._mutants, self._code, strict=True):
            function.__code__ = code
            del vars(function)["__signature__"]
