"""Run all parts or some, and print what they found."""

import argparse
import logging
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from time import monotonic

import msgspec

from tests.benchmarks.machine import describe
from tests.benchmarks.measure import settle
from tests.benchmarks.parts import PARTS
from tests.benchmarks.report import as_markdown, as_text
from tests.benchmarks.results import Results, Row, read
from tests.benchmarks.shared import Shared
from tests.benchmarks.sizes import QUICK, WHOLE, Sizes

_ABOUT = """
How fast the journal is, beside its peers and beside what the machine can do at all.
README.md of this folder has the method and the results.
"""


def main(arguments: Sequence[str]) -> int:
    """What the command does; returns its exit status. Wrong usage raises SystemExit(2)."""
    parser = _parser()
    options = parser.parse_args(arguments)
    _check(parser, options)
    if options.write:
        from tests.benchmarks import publishing  # matplotlib is missed now, not after the run

        try:
            publishing.check()
        except (OSError, ValueError) as error:
            parser.error(str(error))
    results = (
        _earlier(parser, options.earlier, options.write) if options.earlier else _measured(options)
    )
    if options.write:
        publishing.publish(results)
    _show(_rendered(options.output, results))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=_ABOUT)
    parser.add_argument("parts", nargs="*", metavar="part", help=f"only these: {', '.join(PARTS)}")
    parser.add_argument("--quick", action="store_true", help="small sizes, to see that it works")
    parser.add_argument("-o", "--output", choices=("text", "json", "markdown"), default="text")
    parser.add_argument(
        "--folder", help="where to save; decides the file system (default: TMPDIR)"
    )
    parser.add_argument(
        "--from", dest="earlier", metavar="FILE", help="measure nothing: take this earlier JSON"
    )
    parser.add_argument(
        "--write", action="store_true", help="put the results into README.md, with the plot"
    )
    return parser


def _check(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    unknown = [name for name in options.parts if name not in PARTS]
    if unknown:
        parser.error(f"there is no part {unknown[0]!r}; there are {', '.join(PARTS)}")
    if options.earlier and (options.quick or options.parts or options.folder):
        parser.error("--from measures nothing: it goes without parts, --quick and --folder")
    if options.write and (options.quick or options.parts):
        parser.error("--write is for a whole run: it goes without parts and --quick")
    if options.folder and not os.path.isdir(options.folder):
        parser.error(f"there is no folder {options.folder!r}")


def _earlier(parser: argparse.ArgumentParser, path: str, whole: bool) -> Results:
    try:
        results = read(path)
    except (OSError, msgspec.DecodeError) as error:
        parser.error(f"{path!r} holds no results of this suite: {error}")
    if whole and (results.quick or set(results.parts) != set(PARTS)):
        parser.error(f"--write is for a whole run; {path!r} is of some parts, or quick")
    return results


def _measured(options: argparse.Namespace) -> Results:
    logging.getLogger("journal").setLevel(logging.ERROR)
    folder = tempfile.mkdtemp(prefix="journal-benchmarks-", dir=options.folder)
    sizes = QUICK if options.quick else WHOLE
    chosen = [name for name in PARTS if name in (options.parts or PARTS)]
    try:
        machine = describe(folder)
        shared = Shared(sizes, f"{folder}/shared")
        parts = {name: _run(name, sizes, folder, shared) for name in chosen}
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return Results(options.quick, machine, parts)


def _run(name: str, sizes: Sizes, folder: str, shared: Shared) -> list[Row]:
    where = f"{folder}/{name}"
    os.mkdir(where)
    start = monotonic()
    print(f"{name} …", end=" ", file=sys.stderr, flush=True)
    settle()
    try:
        return PARTS[name](sizes, where, shared)
    finally:
        shutil.rmtree(where, ignore_errors=True)
        print(f"{monotonic() - start:.1f} s", file=sys.stderr, flush=True)


def _show(text: str) -> None:
    try:
        print(text, flush=True)
    except BrokenPipeError:  # `| head` has seen enough; Python would say so once more at its exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _rendered(output: str, results: Results) -> str:
    if output == "json":
        return results.as_json().decode().rstrip("\n")
    return (as_markdown if output == "markdown" else as_text)(results)
