"""Mutants as mutmut makes them, with our operators, and which of them mypy refuses."""

import os
from fractions import Fraction
from pathlib import Path
from zlib import crc32

from mutmut import __main__ as mutmut
from mutmut.configuration import config
from mutmut.mutation.data import MutantLineSpans, SourceFileMutationData
from mutmut.mutation.diff_apply import get_diff_for_mutant
from mutmut.type_checking import run_type_checker
from mutmut.utils.file_utils import change_cwd
from mutmut.utils.format_utils import get_mutant_name, mangled_name_from_mutant_name

from tests.faults.mutation_operators import use_our_operators

KILLED, TIMEOUT, SURVIVED, NO_TESTS, BAD_TYPES = 1, 36, 0, 33, 37  # as mutmut has them


class Mutant:
    def __init__(self, file: SourceFileMutationData, name: str) -> None:
        self.file = file
        self.name = name
        self.function = mangled_name_from_mutant_name(name)

    @property
    def outcome(self) -> int | None:
        code: int | None = self.file.exit_code_by_key[self.name]
        return code

    @outcome.setter
    def outcome(self, code: int) -> None:
        self.file.exit_code_by_key[self.name] = code

    def is_in(self, sample: Fraction) -> bool:
        """By its name, so that each run of one sample takes the same mutants."""
        return crc32(self.name.encode()) < sample * (1 << 32)

    def diff(self) -> str:
        lines = get_diff_for_mutant(self.name, path=self.file.path).splitlines()
        changes = [line for line in lines[2:] if line.startswith(("+", "-"))]
        return "\n".join([self.name, *changes, ""])


def refused_by_mypy() -> set[str]:
    """The mutants in whose lines mypy finds an error. RuntimeError for one anywhere else.

    mutmut's own search parses all files once more, which takes longer than mypy.
    """
    with change_cwd(Path("mutants")):
        errors = run_type_checker(config().type_check_command)
        files = {error.file_path: error.file_path.relative_to(Path.cwd()) for error in errors}
    refused = set()
    for absolute, path in files.items():
        wrong = {error.line_number for error in errors if error.file_path == absolute}
        found = MutantLineSpans.load(path)
        for name, span in found.span_by_function_name.items() if found else ():
            here = wrong.intersection(range(span.start, span.end + 1))
            if here and not name.endswith("__mutmut_orig"):
                refused.add(get_mutant_name(path, name))
                wrong -= here
        if wrong:
            raise RuntimeError(f"{path}: wrong types outside of mutants, in lines {wrong}")
    return refused


def make_mutants(names: list[str], sample: Fraction) -> list[Mutant]:
    """In `mutants/` of the current folder. Those of bad types count as noticed, by mypy."""
    use_our_operators()
    os.makedirs("mutants")
    mutmut.copy_src_dir()
    mutmut.copy_also_copy_files()
    mutmut.setup_source_paths()
    mutmut.create_mutants(os.cpu_count() or 1)
    refused = refused_by_mypy()
    found, _ = mutmut.collect_source_file_mutation_data(mutant_names=names)
    made = [Mutant(file, name) for file, name, _ in found]
    mutants = [mutant for mutant in made if mutant.is_in(sample)]
    for mutant in mutants:
        mutant.file.meta_path = mutant.file.meta_path.absolute()  # we go elsewhere
    for mutant in mutants:
        if mutant.name in refused:
            mutant.outcome = BAD_TYPES
    return mutants
