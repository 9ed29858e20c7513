"""Values in calls, lists, commands and sentences, which no sign assigns to their names."""

import re
from collections.abc import Iterator

from journal.redaction.bare import Bare
from journal.redaction.joins import (
    BEFORE_DEFINED,
    BEFORE_KEY_OF_MAP,
    CALL,
    DECLARED,
    DEFINED,
    FIELD_OF_CALL,
    IS,
    KEY_OF_MAP,
    LOGIN_LINE,
    MIXED,
    OPTION,
    SAID,
    SPACE,
    SPACED_NAMES,
    SPACES,
    TUPLE,
)
from journal.redaction.meaning import is_code, is_name
from journal.redaction.naming import Name
from journal.redaction.reading import ValueReader
from journal.redaction.spans import Span
from journal.redaction.values import is_random


def _is_set(before: str) -> bool:
    """Whether, by the words before a name, the word after it is its value."""
    if not before[-1:].isspace():
        return False
    *earlier, last = before.split()[-3:] or [""]
    second = earlier[-1].lower() if earlier else ""
    return (
        last == "ENV"
        or last.lower() in ("setx", "setenv", "config", "fastcgi_param", "proxy_set_header")
        or (last == "set" and second.endswith(("config", "configure")))
        or (last == "/m" and second == "setx")
        or (last.startswith("-") and second == "set")
        or second in ("login", "account", "machine", "username")
    )


class PhraseReader(ValueReader):
    """Reads the values that are not assigned to their names by a sign."""

    def _called(self, name: Name, quote: re.Match[str]) -> Iterator[Span]:
        """The argument of a function with this name: `set_password("x")`."""
        end, _ = self._lines.closing(quote, one_line=True)
        value = self._text[quote.end() : end]
        is_word = " " not in value and not is_name(value) and ":" not in value[-1:]
        is_initial = self._text[name.end] == "{"
        sure = name.says.certain and is_word and (is_initial or name.says.kind == "password")
        if (sure and self._is_secret(name, value)) or is_random(value, 6, strict=name.says.strict):
            yield Span(quote.end(), end, name.says.kind)

    def _listed(self, name: Name, start: int, before: str) -> Iterator[Span]:
        """The string after a name in a list or a call: `["--password", "x"]`."""
        space = SPACES.match(self._text, start)
        quote = self._lines.opening(space.end() if space else start)
        if quote is None:
            return
        end, after = self._lines.closing(quote)
        if self._text.startswith((":", " =>"), after) or OPTION.match(
            self._text, quote.end(), end
        ):
            return
        begin = self._after_scheme(name, quote.end(), end)
        value = self._text[begin:end]
        has_scheme = begin > quote.end()
        sure = name.text.startswith("-") or has_scheme or CALL.search(before) is not None
        sure = sure or (FIELD_OF_CALL.search(before) is not None and name.says.kind == "password")
        if not sure:
            sure = self._is_pair(name, before, after)
        if (sure and self._is_secret(name, value)) or is_random(value, 6, strict=name.says.strict):
            yield Span(begin, end, name.says.kind)

    def _is_pair(self, name: Name, before: str, after: int) -> bool:
        """Whether a name and a string are a pair: `('DB_PASSWORD', "x")`, `{password, "x"}`."""
        if name.text.isupper() and TUPLE.search(before):
            return self._text.startswith(")", after)
        opens = self._text[name.start - 1 : name.start] == "{"
        return opens and name.says.certain and self._text.startswith(("}", ">>}"), after)

    def _start_of_paired(self, name: Name, before: str) -> int | None:
        """Where the string that a map or a Lisp form pairs with a name begins; None if none."""
        text = self._text
        for joined, opens in ((KEY_OF_MAP, BEFORE_KEY_OF_MAP), (DEFINED, BEFORE_DEFINED)):
            match = joined.match(text, name.end)
            quote = self._lines.opening(match.end()) if match else None
            if match is not None and quote is not None and opens.search(before):
                value = text[quote.end() : self._lines.closing(quote, one_line=True)[0]]
                return None if " " in value or is_name(value) else match.end()
        return None

    def _after_space(self, name: Name) -> Iterator[Span]:
        """The word after an option, a setter's name, or `password is`."""
        text = self._text
        space = SPACE.match(text, name.end)
        if space is None:
            return
        declared = DECLARED.match(text, name.end)
        if declared is not None:
            yield from self._value(name, declared.end(), "=", None)
            return
        is_option = name.text.startswith("-") or name.text in SPACED_NAMES
        if is_option or _is_set(text[max(0, name.start - 96) : name.start]):
            if text[space.end() : space.end() + 1] not in ("-", "|", ">", "&", ";"):
                bare = Bare(
                    spaced=False, colon=False, enclosing=None, start=name.start, option=True
                )
                yield from self._value(name, space.end(), " ", bare)
            return
        line = self._rest_of_line(name, space.end())
        if line is not None and self._is_setting(name, space):
            sure = name._replace(says=name.says._replace(certain=True))
            yield from self._word_of_line(sure, *line)
            return
        yield from self._said(name, space.end())

    def _is_setting(self, name: Name, space: re.Match[str]) -> bool:
        """Whether a line of two words belongs to a table or to a file of settings."""
        if len(space[0]) > 1 or "\t" in space[0]:
            return True
        text = self._text
        around = text[max(0, name.start - 80) : name.start].split("\n")[-2:-1]
        around += text[space.end() : space.end() + 256].split("\n")[1:2]
        return any(LOGIN_LINE.match(line) for line in around)

    def _said(self, name: Name, start: int) -> Iterator[Span]:
        """A value in a sentence: `the password is "x"`, `PASSWORD 'x'`, `token x`."""
        text = self._text
        verb = IS.match(text, name.end)
        if verb is not None:
            start = verb.end() - (verb[0][-1] in "\"'`")
        quote = self._lines.opening(start)
        if quote is not None and quote["char"]:
            end, _ = self._lines.closing(quote, one_line=True)
            value = text[quote.end() : end]
            is_password = name.says.kind == "password" and name.says.certain
            is_sql = verb is None and (name.text.isupper() or text[name.start - 1] == ":")
            if is_password and (is_sql or " " not in value) and not is_name(value):
                if self._is_secret(name, value):
                    yield Span(quote.end(), end, name.says.kind)
            return
        word = SAID.match(text, start)
        if word is None:
            return
        value = word[0].rstrip(".:!?")
        is_mixed = verb and name.says.certain and MIXED.search(value)
        if is_code(value, name.text):
            return
        if is_mixed or is_random(value, 6, strict=not name.says.certain):
            yield Span(start, start + len(value), name.says.kind)
