"""The structure that DESIGN.md fixes: which way imports go, what stands at the top."""

import ast
import re
import subprocess
import sys
from collections import defaultdict
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from tests.support import ROOT, finish, python

ALLOWED_AT_THE_TOP = {
    *("pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md"),
    *("journal", "projections", "tests", "findings"),
}


def imports_of(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            found.add(node.module or "")
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            found |= {str(name.value) for name in node.args if isinstance(name, ast.Constant)}
    return found


COMMAND = (ROOT / "journal/__main__.py", "projections.cli")
"""`python -m journal` is the command, which reads. Nothing imports this module."""


def test_the_write_side_never_imports_the_read_side() -> None:
    modules = list((ROOT / "journal").rglob("*.py"))
    assert len(modules) > 10
    for path in modules:
        for name in imports_of(path):
            allowed = name.split(".")[0] not in ("projections", "tests")
            assert allowed or (path, name) == COMMAND, f"{path} imports {name}"


def test_no_engine_is_known_to_what_engines_share() -> None:
    """So that a second engine can use it."""
    for path in (ROOT / "journal").glob("*.py"):
        assert not any(name.startswith("journal.engines") for name in imports_of(path)), path


def test_products_never_import_tests() -> None:
    for path in (ROOT / "projections").rglob("*.py"):
        assert not any(name.split(".")[0] == "tests" for name in imports_of(path)), path


CLI = ROOT / "projections" / "cli"
CLI_PACKAGE = ["projections", "cli"]


def _rooms_of_the_command() -> dict[str, set[str]]:
    """What each room of the command imports of the others, also later and for types only.

    A module outside the rooms counts as a room.
    """
    rooms: dict[str, set[str]] = defaultdict(set)
    for path in CLI.rglob("*.py"):
        room = path.relative_to(CLI).with_suffix("").parts[0]
        names = [name.split(".") for name in imports_of(path)]
        rooms[room] |= {name[2] for name in names if name[:2] == CLI_PACKAGE and name[2:]}
        rooms[room].discard(room)
    return rooms


def test_rooms_of_the_command_do_not_import_each_other_in_a_circle() -> None:
    rooms = _rooms_of_the_command()
    assert len(rooms) > 10
    TopologicalSorter(rooms).prepare()  # raises CycleError, which names the circle


def test_rooms_of_the_command_import_only_from_those_below_them_in_the_readme() -> None:
    _, _, page = (
        (ROOT / "projections/README.md").read_text().partition("\n### Rooms of the command")
    )
    rows = re.findall(r"(?m)^\| (`.*?) \|", page.partition("\n## ")[0])
    order = [room for row in rows for room in re.findall(r"`(\w+)/`", row)]
    assert sorted(order) == sorted(path.name for path in CLI.iterdir() if any(path.glob("*.py")))
    for room, others in _rooms_of_the_command().items():
        for other in {*others}.intersection(order) if room in order else ():
            assert order.index(other) > order.index(room), f"{room} imports {other}"


def test_commands_do_not_import_each_other() -> None:
    """What two of them need is in a room."""
    for path in (CLI / "commands").glob("*.py"):
        names = {name for name in imports_of(path) if name.startswith("projections.cli.commands")}
        assert not names, path


def test_nothing_but_the_table_of_commands_knows_the_commands() -> None:
    """So that only the one that is asked for is imported."""
    importing = {room for room, others in _rooms_of_the_command().items() if "commands" in others}
    assert not importing, "the table has their names, and imports by them"


def test_rooms_of_the_command_say_what_is_in_them() -> None:
    rooms = [path for path in CLI.iterdir() if any(path.glob("*.py"))]
    assert rooms
    for room in rooms:
        assert ast.get_docstring(ast.parse((room / "__init__.py").read_text())), room


def products() -> list[Path]:
    """The modules of both packages."""
    return [
        path for package in ("journal", "projections") for path in (ROOT / package).rglob("*.py")
    ]


SUFFIX = re.compile(r"\.(jsonl|json|new|lock|gz|torn|damaged|orphan)$")


def test_names_of_files_are_made_and_known_in_one_module() -> None:
    """In `journal.names`. Docstrings and texts for people, with blanks, may have examples."""
    for path in set(products()) - {ROOT / "journal" / "names.py"}:
        for node in ast.walk(ast.parse(path.read_text())):
            where = f"{path}:{getattr(node, 'lineno', 0)}"
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                assert " " in node.value or not SUFFIX.search(node.value), where
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "os.path.join":
                assert "'archive'" not in map(ast.unparse, node.args), where


def test_errors_of_the_system_are_named() -> None:
    """Their numbers are not the same everywhere, and say nothing to a reader."""
    for path in products():
        for node in ast.walk(ast.parse(path.read_text())):
            assert not any(isinstance(value, int) for value in _error_numbers(node)), (
                f"{path}:{getattr(node, 'lineno', 0)}: use the name from `errno`"
            )


def _error_numbers(node: ast.AST) -> list[object]:
    """The constants that `node` uses as numbers of errors."""
    compared: list[ast.expr] = []
    match node:
        case ast.Compare() if any(
            isinstance(side, ast.Attribute) and side.attr == "errno"
            for side in (node.left, *node.comparators)
        ):
            compared = [node.left, *node.comparators]
        case ast.Call(func=ast.Name(id=name), args=[first, *_]) if name.endswith("Error"):
            compared = [first]
        case ast.Assign(targets=[ast.Name(id=name)]) if re.search("ERRNO|^_?E[A-Z]{3,}$", name):
            compared = [node.value]
    parts = [part for one in compared for part in (getattr(one, "elts", None) or [one])]
    return [part.value for part in parts if isinstance(part, ast.Constant)]


def test_tests_share_only_what_the_support_modules_offer() -> None:
    """So that a test module can be moved, run or deleted without another."""
    modules = list((ROOT / "tests").rglob("*.py"))
    assert len(modules) > 100
    for path in modules:
        for name in imports_of(path):
            shared = name.startswith("tests.") and name.rpartition(".")[2].startswith("test_")
            assert not shared, f"{path} imports {name}"


def test_nothing_else_stands_at_the_top() -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("no checkout: whatever an unpacked archive holds besides is not ours")
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split("\n")
    tops = {name.split("/")[0] for name in listed if name}
    assert "journal" in tops
    assert {name for name in tops if not name.startswith(".")} <= ALLOWED_AT_THE_TOP


FINDINGS = sorted((ROOT / "findings").glob("*.sh"))


def test_findings_are_scripts_that_the_readme_lists() -> None:
    """Nothing else is among them: no code of the product, none of the tests."""
    listed = re.findall(r"(?m)^\| `(\w+)` \|", (ROOT / "findings/README.md").read_text())
    assert listed
    there = {path.name for path in (ROOT / "findings").iterdir()}
    assert there == {"README.md", *(f"{name}.sh" for name in listed)}


@pytest.mark.parametrize("path", FINDINGS, ids=lambda path: path.stem)
def test_a_finding_has_the_form_that_the_readme_says(path: Path) -> None:
    """Its versions are pinned, and are those that its first lines and the README name."""
    text = path.read_text()
    assert text.startswith("#!/usr/bin/env bash\n# Software: ")
    for part in ("\n# What it does: ", "\n# Why it matters: ", "\nset -euo pipefail\n"):
        assert part in text
    assert "trap 'rm -rf \"$folder\"' EXIT" in text
    (install,) = re.findall(r"install .*?(?<!\\)\n", text, re.DOTALL)
    pinned = re.findall(r"([\w-]+)==([\d.]+)", install)
    assert pinned
    assert "--no-deps" in install
    about = " ".join(text.partition("\nset ")[0].replace("#", " ").split())
    for name, version in pinned:
        assert f"{name} {version}" in about
    name, version = pinned[0]
    assert f"| `{path.stem}` | {name} {version} |" in (ROOT / "findings/README.md").read_text()
    assert text.rstrip().endswith('diff "$folder/expected" "$folder/seen" && echo "as found"')
    assert not re.search(r"(?m)^(from|import) (journal|projections|tests)\b", text)


def test_package_roots_only_re_export() -> None:
    for package in ("journal", "projections"):
        tree = ast.parse((ROOT / package / "__init__.py").read_text())
        own = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
        assert own <= {"__getattr__"}, "which imports what not everybody pays for"
        kinds = {type(node) for node in tree.body}
        assert kinds <= {ast.Expr, ast.ImportFrom, ast.Assign, ast.If, ast.FunctionDef}


_HEAVY = ["rich", "click", "watchfiles", "ctypes", "asyncio", "praisonaiagents", "json", "gzip"]
_LATER = [  # for what few programs call
    "journal.engines.memory",
    "journal.redaction.text",
    "projections.compare",
    "projections.doctor",
    "projections.handoffs.audit",
    "projections.replay",
    "projections.tail",
]
_MOST_MODULES = 130
"""Just those that there are: what a set or a get needs, and nothing else, may add to them."""


def _imported(code: str) -> set[str]:
    (output,) = finish([python(f"{code}; import sys; print(*sys.modules)")])
    return set(output.split())


_STORE = "from projections import DefaultSessionStore"


def test_importing_the_store_loads_nothing_that_most_do_without() -> None:
    assert _imported(_STORE).isdisjoint([*_HEAVY, *_LATER])


def test_importing_the_packages_root_loads_next_to_nothing() -> None:
    """The command imports it first, and cannot be interrupted in silence until then."""
    own = {name for name in _imported("import projections.cli") if name.startswith("projections")}
    assert own == {"projections", "projections.shadowing", "projections.cli"}
    assert _imported("import projections.cli").isdisjoint(["enum", "re", "typing", "journal"])


def test_who_does_not_encrypt_loads_no_cryptography() -> None:
    ciphers = ("cryptography", "journal.encryption")
    assert not [name for name in _imported(_STORE) if name.startswith(ciphers)]
    opening = "import projections.cli.sessions.opening"
    assert not [name for name in _imported(opening) if name.startswith(ciphers)]
    used = _imported("from journal.encryption import Encryption")
    assert "cryptography" not in used, "only a store that is made with it needs it"


def test_importing_the_store_loads_few_modules() -> None:
    """Each takes 0.1 ms and more to find and to run, beside the 20 ms of msgspec."""
    assert len(_imported(_STORE) - _imported("import msgspec")) <= _MOST_MODULES


def test_setting_and_getting_imports_nothing(tmp_path: Path) -> None:
    """Where the program ends, a thread may be stopped inside an import that nobody can finish."""
    code = (
        "import sys; from projections import DefaultSessionStore;"
        "store = DefaultSessionStore(sys.argv[1], durability='os');"
        "store.set_runtime_state('s', 'r', 't', {});"
        "before = {*sys.modules};"
        "store.set_runtime_state('s', 'r', 't', {'password': 'swordfish-17', 'a': 'x' * 99});"
        "store.get_runtime_state('s', 'r', 't');"
        "print(*({*sys.modules} - before))"
    )
    (output,) = finish([python(code, str(tmp_path))])
    assert output.split() == []


@pytest.mark.parametrize("reading", [True, False])
def test_commands_that_read_do_not_wait_for_redaction(tmp_path: Path, reading: bool) -> None:
    """Its thirty modules take as long as all else that they need. A command that writes has it."""
    code = (
        "import sys; from projections.cli.sessions.opening import opened;"
        f"store = opened(sys.argv[1], reading={reading}).__enter__();"
        "print('journal.redaction.text' in sys.modules)"
    )
    assert finish([python(code, str(tmp_path))]) == [f"{not reading}\n"]


@pytest.mark.parametrize("module", ["journal", "projections"])
def test_packages_are_typed(module: str) -> None:
    assert (ROOT / module / "py.typed").exists()
    assert sys.version_info >= (3, 11)
