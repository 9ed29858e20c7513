"""Every message of the source is on the page, explained, and nothing else is."""

import re
from pathlib import Path

import pytest

from journal import errors
from projections.cli.exit_codes import exit_code_of
from tests.messages.page import PAGE, UNEXPLAINED, entries, listed, updated
from tests.messages.source import OF_THE_JOURNAL, Message, messages, remedies

HINT = "run `python -m tests.messages`, then explain what is new in projections/TROUBLESHOOTING.md"


def test_the_page_lists_the_messages_of_the_source() -> None:
    there, written = set(listed(PAGE.read_text())), messages() | remedies()
    assert sorted(written - there) == [], HINT
    assert sorted(there - written) == [], HINT


def test_no_message_is_listed_twice() -> None:
    there = listed(PAGE.read_text())
    assert len(there) == len(set(there))


def test_every_entry_says_what_to_do() -> None:
    for title, meaning in entries(PAGE.read_text()):
        assert title != UNEXPLAINED, HINT
        assert len(meaning.split()) >= 5, f"{title} is not explained"


def messages_of(folder: Path, code: str) -> set[Message]:
    package = folder / "journal"
    package.mkdir()
    (package / "module.py").write_text(code)
    return messages(folder)


@pytest.mark.parametrize(
    ("code", "texts"),
    [
        ('raise ReadError(1, f"{path}: cannot be read")', {"…: cannot be read"}),
        ('raise ReadError(1, f"{a}{b} is bad: " "move it")', {"… is bad: move it"}),
        ('x = "one" if y else "two"\nraise ReadError(1, x)', {"one", "two"}),
        ('def why():\n    return "because"\nraise ReadError(1, why())', {"because"}),
        (
            'def fail(text):\n    raise ReadError(1, text)\nfail("once")\nfail(text="twice")',
            {"once", "twice"},
        ),
        ('END = "try again"\nraise ReadError(1, f"no: {END}")', {"no: try again"}),
        (
            'def where(x):\n    return f"in {x}"\nraise ReadError(1, f"{where(1)}: no")',
            {"in …: no"},
        ),
        (
            'class Part:\n    def check(self):\n        return "bad" if x else None\n'
            "raise ReadError(1, part.check())",
            {"bad"},
        ),
        (
            'def why():\n    all = []\n    all.append("one")\n    all.append(f"{x} two")\n'
            '    return "; ".join(all)\nraise ReadError(1, why())',
            {"one", "… two"},
        ),
        ("raise ReadError(1, str(error))", set()),
    ],
)
def test_a_text_is_followed_to_where_it_is_written(
    tmp_path: Path, code: str, texts: set[str]
) -> None:
    assert messages_of(tmp_path, code) == {Message("ReadError", text) for text in texts}


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ('logger.warning("%r is odd", x)', Message("Log messages", "… is odd")),
        ('logger.log(level, "%s failed", x)', Message("Log messages", "… failed")),
        ('notice("nothing")', Message("Notices of the command", "nothing")),
        ('sys.exit("too bad")', Message("Notices of the command", "too bad")),
        ('raise click.UsageError("say which")', Message("Wrong usage", "say which")),
        ('Problem(kind="x", reason="gone")', Message("Problems of a log", "gone")),
    ],
)
def test_every_way_of_saying_something_is_known(
    tmp_path: Path, code: str, message: Message
) -> None:
    assert messages_of(tmp_path, code) == {message}


OLD = Message("ReadError", "the file cannot be read at all")
NEW = Message("ReadError", "the file cannot be read now")
OTHER = Message("ReadError", "something quite different")
EXAMPLE = """# Page

## `ReadError`

### A title

- `the file cannot be read at all`

What to do.
"""


def test_a_reworded_message_takes_the_place_of_the_old_one() -> None:
    page = updated(EXAMPLE, [NEW])
    assert page == EXAMPLE.replace(OLD.text, NEW.text)


def test_a_new_message_waits_for_an_explanation_in_its_section() -> None:
    page = updated(EXAMPLE + "\n## Other\n", [OLD, OTHER])
    assert listed(page) == [OLD, OTHER]
    assert page.index(UNEXPLAINED) < page.index("## Other")


def test_a_message_that_is_gone_goes() -> None:
    assert listed(updated(EXAMPLE, [])) == []


def test_the_exit_codes_are_those_of_the_command() -> None:
    said = re.findall(r"(?m)^## `(\w+)`\n\nExit code (\d)\b", PAGE.read_text())
    assert {name for name, _ in said} == OF_THE_JOURNAL | {"OSError"}
    for name, code in said:
        kind = getattr(errors, name, OSError)
        assert exit_code_of(kind.__new__(kind)) == int(code), name
