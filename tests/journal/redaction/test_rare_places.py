"""Secrets in places that few texts have, and what stands in the same places and is none."""

import sys

import pytest

from journal.redaction import markers, redact, redact_text, search_by_marker
from journal.redaction import text as texts
from journal.redaction.spans import Span
from tests.journal.redaction.secrets import SECRET

TOKEN = "kX9fQ2mZ7v" + "Lp4TnB8sWd"
LONG = "a1B2c3D4e5F6" * 20
"""Longer than what is looked at first."""

COOKIE_FILE = "# Netscape HTTP Cookie File\nexample.com\tFALSE\t/\tTRUE\t1735689600"

LEAKS = [
    # values longer than what is looked at first
    ("password=§\nnext", LONG),
    ("Authorization: Token §", LONG),
    # headers
    ("X-API-Key: § then more", TOKEN),
    ("Authorization: § plain more", "12345abc"),
    # strings around the name, which end later than the line or have quotes of their own
    ('"token: §\nmore', TOKEN),
    ("password='§'", "ab\\'cd9"),
    ('\\"password: §\\\\\\"cd9\\"', "ab"),
    # cookies
    (f"{COOKIE_FILE}\tsessionid\t§", TOKEN),
    ("curl -b '§' https://example.com", f"x={TOKEN}"),
    # JSON that is broken behind, or before, the secret; and too deep to be read as JSON
    ('{"password": "§" "x": 1}', SECRET),
    ('{"password": "§",}', SECRET),
    ('{"a": :, "password": "§"}', SECRET),
    ('{"a": "\\q", "password": "§"}', SECRET),
    ('{"a":' * 150 + '{"password": "§"}' + "}" * 150, SECRET),
    ('password: § {"a": "letters"}', SECRET),
    # commands given as lists in JSON: an item is said to be a secret twice, and replaced once
    ('["mysql", "--password=§", "db"]', f"{SECRET} x"),
    ('["docker", "login", "DB_PASSWORD=§"]', f"{SECRET} -p {SECRET}"),
    ('["docker", "-password", "§"]', f"pass:{SECRET}"),
    # lists, blocks and lines of settings
    ("passwords=['§', [1]]", SECRET),
    ("passwords: ['§', (x)]", SECRET),
    ("password: |\n  §\nnext: 1", f"{SECRET}\n  second-{SECRET}"),
    ('password:\n  "§"', SECRET),
    ('passwords:\n  - "§"\nx: 1', SECRET),
    ("tokens:\n  - words\n  - §\n", TOKEN),
    ("tokens:\r\n  - words\r\n  - §\r\n", TOKEN),
    ("a]password=§", SECRET),
    # a cell of a table, between others
    ("a | password | § | b", SECRET),
    # what looks like a placeholder, but is too long for one, or too short for a word
    ("password='§'", "<" + "x" * 600),
    ("password: §", "!!!!"),
    ("enter password: §", "letmein2"),
]

HARMLESS = [
    # longer than what is looked at first, and no secret
    "token: " + "a" * 200 + " b",
    # headers in sentences and in code
    "Authorization: token or other",
    "Authorization: a, b or c",
    "Authorization: x=abc ? y : z",
    # cookies that hold no session
    f"{COOKIE_FILE}\ttheme\tdark-mode",
    "Cookie: sessionid=${SESSION}; a=<session>",
    # addresses, schemes and ends of keys without a secret
    "https://example.com/?key=aaaaaaaaaaaaaaaaaaaa&code=plain-words-are-here",
    "use basic auth-thing, basic words/are-here",
    "Basic abcdefghi",
    "basic a~bcdefghi",
    "Basic abc:def%x",
    "what?-----END RSA PRIVATE KEY-----",
    # code, types and arguments
    "connect(password=my_value, host=h)",
    "login(x, token=my_token, y)",
    "call(api_key=MY_OTHER_NAME)",
    "api_key=MY_OTHER_NAME)",
    "name password: given = None",
    "x, token: given = y",
    "f(x, password: field = 1)",
    'page.locator("#password").fill(value)',
    'password:\n  """Docs here."""',
    # fields and lists of nothing
    "tokens = [,",
    "x;PWD={***};Server=a",
    "PASSWORD '<password>'",
    '{"password": 12}',
    "token: abc",
    "api_key=abc x",
    "IDENTIFIED BY PASSWORD '***'",
    'the password is "<password>"',
    # sentences
    "seed phrase: abandon ability able about",
    '{"seed_phrase": "abandon ability able"}',
    "the password: letmein for now",
    "secret = something you know",
]


@pytest.mark.parametrize(("template", "secret"), LEAKS)
def test_of_a_text_only_the_secret_goes(template: str, secret: str) -> None:
    before, after = template.split("§")
    clean = redact_text(before + secret + after)
    assert clean.startswith(f"{before}[REDACTED:")
    assert clean.endswith(f"]{after}")
    assert secret not in clean


@pytest.mark.parametrize("text", HARMLESS)
def test_what_is_no_secret_stays(text: str) -> None:
    assert redact_text(text) == text


@pytest.mark.parametrize("value", ["<db password>", "$(pass db)", "{{ db password }}"])
def test_a_placeholder_in_a_list_of_variables_stays(value: str) -> None:
    assert redact(["x", f"DB_PASSWORD={value}"]) == ["x", f"DB_PASSWORD={value}"]


def test_of_a_command_given_as_a_list_only_the_password_goes() -> None:
    command = ["docker", "run", "-e", "x", "sshpass", f"-p{SECRET}", "ssh"]
    assert redact(command) == [*command[:5], "-p[REDACTED:password]", "ssh"]


@pytest.mark.parametrize("value", [1234, 1.5, True, False, None])
def test_in_data_what_is_no_text_stays_under_the_name_of_a_secret(value: object) -> None:
    assert redact({"password": value, "passwords": [value]}) == {
        "password": value,
        "passwords": [value],
    }


def test_redaction_ends_even_if_its_own_markers_were_taken_for_secrets(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(texts, "find", lambda text: [Span(0, len(text), "token")])
    assert redact_text(f"token={TOKEN}") == "[REDACTED:token]"


def test_without_hyperscan_the_markers_are_searched_for_by_ourselves(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "hyperscan", None)
    assert markers._make_search() is search_by_marker
