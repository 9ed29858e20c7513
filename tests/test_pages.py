"""The pages of the documentation: short enough, linked to each other, and true of the tree."""

import re
from pathlib import Path

import pytest

from projections.cli.group import COMMANDS
from tests.pages import FRONT, PAGES, name_of
from tests.support import ROOT


def test_the_front_page_is_a_front_page() -> None:
    text = FRONT.read_text()
    assert len(text.splitlines()) < 200
    assert 6_000 <= len(text.encode()) <= 8_192


def anchors(page: Path) -> set[str]:
    """Where links into a page may lead, by GitHub's rules."""
    text = re.sub(r"(?ms)^```.*?^```", "", page.read_text())
    titles = re.findall(r"(?m)^#+ (.*)$", text)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if target.startswith(("http:", "https:")):
            continue
        path, _, anchor = target.partition("#")
        linked = (page.parent / path).resolve() if path else page
        assert linked.exists(), target
        assert not anchor or anchor in anchors(linked), target


def test_the_front_page_leads_to_every_other() -> None:
    linked = {FRONT}
    linked |= {ROOT / path for path in re.findall(r"\]\(([^)#\s]+\.md)", FRONT.read_text())}
    assert linked == set(PAGES)


def rooms_of(package: str) -> set[str]:
    return {name_of(path.parent) for path in (ROOT / package).glob("*/__init__.py")}


@pytest.mark.parametrize("package", ["journal", "projections"])
def test_every_module_is_on_the_map_of_its_package(package: str) -> None:
    """Modules by name, rooms with a slash after theirs; and nothing else."""
    page = (ROOT / package / "README.md").read_text()
    _, _, rooms = page.partition("\n## Rooms\n")
    rows = re.findall(r"(?m)^\| (`[^|]+) \|", rooms.partition("\n### ")[0])
    listed = {name for row in rows for name in re.findall(r"`([\w/]+)`", row)}
    modules = {path.stem for path in (ROOT / package).glob("[!_]*.py")}
    assert listed == modules | {f"{Path(room).name}/" for room in rooms_of(package)}


def test_every_command_is_on_the_page() -> None:
    page = (ROOT / "projections/README.md").read_text()
    rows = re.findall(r"(?m)^\| ((?:`\w+` ?)+) \|", page)
    listed = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    commands = {name for section in COMMANDS.values() for name in section}
    assert commands <= listed
    assert f"Each of the [{len(commands)} commands]" in FRONT.read_text()


def test_the_table_of_faults_names_tests_that_exist() -> None:
    text = (ROOT / "tests" / "README.md").read_text()
    modules = {path.stem for path in (ROOT / "tests").rglob("test_*.py")}
    named = set(re.findall(r"\btest_\w+", text))
    assert len(named) > 30
    assert named <= modules
    rooms = set(re.findall(r"`faults/(\w+)/`", text))
    assert rooms == {path.parent.name for path in (ROOT / "tests/faults").glob("*/__init__.py")}
