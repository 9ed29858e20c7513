"""Passwords in commands and statements, at the place where each of them takes one."""

import re
from collections.abc import Iterator

from journal.redaction.cookies import holds_session
from journal.redaction.later import compiled_later
from journal.redaction.meaning import is_code
from journal.redaction.spans import Span
from journal.redaction.values import is_placeholder

_COMMANDS = (
    compiled_later(
        r"\bcurl\b[^\n|;&]{0,400}?\s(?:-u|--user|-U|--proxy-user|-a|--auth)[ =]?(?:\\*[\"'])?"
        r"[^\s:\"'\\]{0,128}:(?P<secret>[^\s\"'\\]+)"
    ),
    compiled_later(
        r"\b(?:mysql|mysqldump|mysqladmin|mariadb|mariadb-dump|mysqlimport|mycli)\b[^\n|;&]{0,200}?\s-p(?P<q>\\*[\"']?)(?P<secret>[^\s\"'\\-][^\s\"'\\]*)"
    ),
    compiled_later(
        r"\b(?:nmcli|wpa_passphrase|iwctl)\b[^\n|;&]{0,200}?\s(?:password|\S{0,40}psk|--passphrase)[ =](?:\\*[\"'])?(?P<secret>[^\s\"'\\]+)"
    ),
    compiled_later(
        r"\b(?:sqlcmd|bcp|mosquitto_[ps]ub)\b[^\n|;&]{0,200}?\s(?:-P|--pw)[ ]?(?:\\*[\"'])?(?P<secret>[^\s\"'\\-][^\s\"'\\]*)"
    ),
    compiled_later(
        r"(?:jdbc:oracle:\w+:|\bsqlplus\s+(?:-\w+\s+)?)[\w$.]{1,64}/(?P<secret>[^\s@/\"'\\]+)@"
    ),
    compiled_later(
        r"\bnet\s+use\s[^\n]{1,200}?\s(?P<secret>[^\s\"'\\/:*]+)\s+/user:", re.IGNORECASE
    ),
    compiled_later(r"\bsshpass\s+-p[ ]?(?:\\*[\"'])?(?P<secret>[^\s\"'\\]+)"),
    compiled_later(r"\bredis-cli\b[^\n|;&]{0,200}?\s-a[ ](?:\\*[\"'])?(?P<secret>[^\s\"'\\]+)"),
    compiled_later(
        r"\b(?:docker|podman|helm|nerdctl|az|oc|skopeo|argocd|vault|heroku|doctl|buildah)\b[^\n|;&]{0,60}?\blogin\b[^\n|;&]{0,200}?\s-p[ =]?(?:\\*[\"'])?(?P<secret>[^\s\"'\\-][^\s\"'\\]*)"
    ),
    compiled_later(
        r"\bldap\w+\b[^\n|;&]{0,300}?\s-w[ ]?(?:\\*[\"'])?(?P<secret>[^\s\"'\\-][^\s\"'\\]*)"
    ),
    compiled_later(
        r"\b(?:smbclient)\b[^\n|;&]{0,200}?\s(?:-U|--user)[ =](?:\\*[\"'])?[^\s%\"'\\]{1,128}%(?P<secret>[^\s\"'\\]+)"
    ),
    compiled_later(
        r"\bhtpasswd\s+-\w*b\w*\s+(?:\S+\s+){1,2}?(?P<secret>[^\s\"'\\/]+)\s*(?=$|[\n\"'\\;&|])"
    ),
    compiled_later(
        r"(?:-passin|-passout|-pass|-password|-k)[ ]+(?:\\*[\"'])?pass:(?P<secret>[^\s\"'\\]+)"
    ),
    compiled_later(
        r"\b(?:unzip|zip|7z[ar]?)\b(?:\s[^\n|;&]{0,100}?)?\s-(?:P[ ]?|p|hp)(?:\\*[\"'])?(?P<secret>[^\s\"'\\-][^\s\"'\\]{3,})"
    ),
    compiled_later(
        r"\bnet\s+use\b[^\n]{0,200}?\s/user:\S{1,128}\s+(?P<secret>[^\s\"'\\/]+)", re.IGNORECASE
    ),
    compiled_later(
        r"\b(?:rabbitmqctl\s+(?:add_user|change_password)|vault\s+login)\s+(?:(?<=login )|(?:[^\s-]\S*\s+))(?P<secret>[^\s\"'\\-][^\s\"'\\]*)"
    ),
    compiled_later(
        r"\becho\s+(?:-n\s+)?(?:\\*[\"'])?(?:[\w.-]{1,64}:)?(?P<secret>[^\s\"'\\|]+)(?:\\*[\"'])?\s*\|\s*(?:sudo\s+-S|sudo\s+chpasswd|chpasswd|[^\n]{0,120}--(?:password|with-token|token)-?(?:stdin)?|passwd\s+--stdin)"
    ),
    compiled_later(
        r"\bidentified\s+(?:with\s+\S+\s+)?(?:by|as)\s+(?:password\s+)?\\*[\"'](?P<secret>(?:[^\"'\\]|'')++)",
        re.IGNORECASE,
    ),
    compiled_later(r"SECRET(?<!\w.{6})\s+(?:TYPE\s+\w+\s+)?\\*'(?P<secret>[^'\\]+)\\*'", 0),
    compiled_later(
        r"auth(?<!\w.{4})\s*=\s*\(\s*\\*[\"'][^\"'\\]{0,128}\\*[\"']\s*,\s*\\*[\"'](?P<secret>[^\"'\\]+)"
    ),
    compiled_later(
        r"\b(?:HTTPBasicAuth|BasicAuth|login|authenticate|set_password|setPassword|check_password|basic_auth|basicAuth|SetBasicAuth|httpauth)\(\s*(?:\\*[\"'][^\"'\\]{0,128}\\*[\"']\s*,\s*)\\*[\"'](?P<secret>[^\"'\\]+)"
    ),
    compiled_later(
        r"\b(?:SET\s+PASSWORD[^\n;]{0,80}=\s*PASSWORD|set_password|setPassword)\(\s*\\*[\"'](?P<secret>[^\"'\\]+)"
    ),
    compiled_later(
        r"\benable\s+secret\s+(?:\d\s+)?(?P<secret>\S+)|\b(?:password|secret)[ ]+[0-9][ ]+(?P<other>\S{4,})[ \t]*$",
        re.IGNORECASE | re.MULTILINE,
    ),
)
_COOKIES = compiled_later(
    r"\bcurl\b[^\n|;&]{0,400}?\s(?:-b|--cookie)[ =]?\\*[\"'](?P<cookies>[^\"'\\\n]{1,4096}=[^\"'\\\n]{1,4096})"
)
_COOKIE_FILE = compiled_later(
    r"\t(?:TRUE|FALSE)\t[^\t\n]{1,256}\t(?:TRUE|FALSE)\t\d{1,12}\t(?P<name>[^\t\n]{1,128})\t(?P<value>[^\s\"'\\]{1,4096})"
)
_NEEDED = (
    *(("curl",), ("mysql", "mariadb", "mycli"), ("nmcli", "wpa_passphrase", "iwctl")),
    *(("sqlcmd", "bcp", "mosquitto_"), ("jdbc:oracle", "sqlplus"), ("/user:",), ("sshpass",)),
    *(("redis-cli",), ("login",), ("ldap",), ("smbclient",), ("htpasswd",), ("pass:",)),
    *(("zip", "7z"), ("/user:",), ("rabbitmqctl", "vault"), ("echo",), ("identified",)),
    *(("secret",), ("auth",), ("auth(", "login(", "authenticate(", "password(")),
    *(("password(",), ("enable", "password ", "secret ")),
)
"""For each of the commands, words in lower case; every match contains one of them."""
_SEARCHES = tuple(zip(_NEEDED, _COMMANDS, strict=True))
_PROGRAMS = frozenset(
    (
        "curl",
        "mysql",
        "mysqldump",
        "mysqladmin",
        "mariadb",
        "sshpass",
        "redis-cli",
        "docker",
        "podman",
    )
)


def find_in_commands(text: str) -> Iterator[Span]:
    """The passwords in commands and statements."""
    lower = text.lower()
    if "curl" in lower or "\t" in text:
        yield from _find_cookies(text)
    for words, command in _SEARCHES:
        for word in words:
            if word in lower:
                for match in command.finditer(text):
                    group = "secret" if match.groupdict().get("secret") is not None else "other"
                    yield from given(match, group)
                break


def _find_cookies(text: str) -> Iterator[Span]:
    """Cookies in `curl` commands and in cookie files, if they hold a session."""
    for match in _COOKIES.finditer(text):
        if holds_session(match["cookies"]):
            yield Span(*match.span("cookies"), "cookie")
    for match in _COOKIE_FILE.finditer(text):
        if holds_session(f"{match['name']}={match['value']}"):
            yield Span(*match.span("value"), "cookie")


def is_program(name: str) -> bool:
    """Whether a program's options are known here."""
    return name.rpartition("/")[2] in _PROGRAMS


def given(match: re.Match[str], group: str) -> Iterator[Span]:
    """The password in a match, if it is one."""
    value = match[group]
    if value[0] != "`" and not is_placeholder(value) and not is_code(value, ""):
        yield Span(*match.span(group), "password")
