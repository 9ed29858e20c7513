"""The structure that DESIGN.md fixes: which way imports go, what stands at the top."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import ROOT, finish, python

ALLOWED_AT_THE_TOP = {
    *("pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md"),
    *("journal", "projections", "tests"),
}


def imports_of(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            found.add(node.module or "")
    return found


def test_the_write_side_never_imports_the_read_side() -> None:
    modules = list((ROOT / "journal").rglob("*.py"))
    assert len(modules) > 10
    for path in modules:
        for name in imports_of(path):
            assert name.split(".")[0] not in ("projections", "tests"), f"{path} imports {name}"


def test_products_never_import_tests() -> None:
    for path in (ROOT / "projections").rglob("*.py"):
        assert not any(name.split(".")[0] == "tests" for name in imports_of(path)), path


def test_nothing_else_stands_at_the_top() -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("no checkout: whatever an unpacked archive holds besides is not ours")
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split("\n")
    tops = {name.split("/")[0] for name in listed if name}
    assert "journal" in tops
    assert {name for name in tops if not name.startswith(".")} <= ALLOWED_AT_THE_TOP


def test_package_roots_only_re_export() -> None:
    for package in ("journal", "projections"):
        tree = ast.parse((ROOT / package / "__init__.py").read_text())
        own = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
        assert own <= {"__getattr__"}, "which imports what not everybody pays for"
        kinds = {type(node) for node in tree.body}
        assert kinds <= {ast.Expr, ast.ImportFrom, ast.Assign, ast.If, ast.FunctionDef}


def test_importing_the_store_loads_nothing_heavy() -> None:
    heavy = ("rich", "click", "watchfiles", "asyncio", "praisonaiagents")
    code = (
        "import sys, projections; print(*[name for name in sys.argv[1:] if name in sys.modules])"
    )
    (output,) = finish([python(code, *heavy)])
    assert output.split() == []


@pytest.mark.parametrize("module", ["journal", "projections"])
def test_packages_are_typed(module: str) -> None:
    assert (ROOT / module / "py.typed").exists()
    assert sys.version_info >= (3, 11)
