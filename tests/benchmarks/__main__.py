"""`python -m tests.benchmarks`: run all parts or some, and print what they found."""

import argparse
import logging
import os
import shutil
import sys
import tempfile
from time import monotonic

import msgspec

try:
    from tests.benchmarks.machine import describe
    from tests.benchmarks.parts import PARTS
except ModuleNotFoundError as missing:
    sys.exit(f"{missing}: the peers are an extra; pip install -e '.[benchmarks]'")
from tests.benchmarks.measure import settle
from tests.benchmarks.report import as_markdown, as_text
from tests.benchmarks.results import Row
from tests.benchmarks.sizes import QUICK, WHOLE, Sizes


def main() -> None:
    """Command line entry."""
    options = _options()
    logging.getLogger("journal").setLevel(logging.ERROR)
    folder = tempfile.mkdtemp(prefix="journal-benchmarks-", dir=options.folder)
    try:
        machine = describe(folder)
        sizes = QUICK if options.quick else WHOLE
        found = {name: _run(name, sizes, folder) for name in options.parts or PARTS}
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(_rendered(options.output, machine, found))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[[], *PARTS], metavar="part", help=", ".join(PARTS))
    parser.add_argument("--quick", action="store_true", help="small sizes, to see that it works")
    parser.add_argument("-o", "--output", choices=("text", "json", "markdown"), default="text")
    parser.add_argument("--folder", help="where to write; decides the file system (default: TMPDIR)")
    return parser.parse_args()


def _run(name: str, sizes: Sizes, folder: str) -> list[Row]:
    where = f"{folder}/{name}"
    os.mkdir(where)
    start = monotonic()
    print(f"{name} …", end=" ", file=sys.stderr, flush=True)
    settle()
    try:
        return PARTS[name](sizes, where)
    finally:
        shutil.rmtree(where, ignore_errors=True)
        print(f"{monotonic() - start:.1f} s", file=sys.stderr, flush=True)


def _rendered(output: str, machine: dict[str, str], found: dict[str, list[Row]]) -> str:
    if output == "json":
        document = {"machine": machine, "parts": found}
        return msgspec.json.format(msgspec.json.encode(document)).decode()
    return (as_markdown if output == "markdown" else as_text)(machine, found)


if __name__ == "__main__":
    main()
