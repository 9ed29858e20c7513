"""Secrets that are known by the name before them, in texts of whatever syntax.

A name, something that joins, a value: `password = "x"`, `DB_PASSWORD=x`, `"password":
"x"`, `--password x`, `<password>x</password>`, `| password | x |`. The names are searched
for, and what follows is read whatever language it is; the name and the value then say
whether the value is a secret. The time is linear: a name reads at most so many
characters after it, or what it reads is not read again.
"""

import re
from collections.abc import Iterable, Iterator

from journal.redaction.bare import Bare, at_line_start
from journal.redaction.joins import (
    ANNOTATION,
    ATTRIBUTE,
    CALL,
    CALLED_WITH,
    DECLARED,
    DEFAULT,
    ELEMENT,
    ELEMENT_OF_ATTRIBUTE,
    IS,
    JOIN,
    LOGIN_BEFORE,
    MIXED,
    NAME_FIELD,
    PLIST,
    PREFIXED,
    SAID,
    SPACE,
    SPACED_NAMES,
    SPACES,
    TYPED,
    VALUE_BEFORE,
    VALUE_FIELD,
)
from journal.redaction.names import MAX_NAME, Sensitivity, sensitivity
from journal.redaction.naming import CORE, Name, name_at
from journal.redaction.reading import ValueReader
from journal.redaction.spans import Span
from journal.redaction.values import is_random
from journal.redaction.words import is_code, is_secret


def find_assigned(text: str) -> Iterator[Span]:
    """The values of sensitive names in a text."""
    reader, position = _Reader(text), 0
    for core in CORE.finditer(text):
        if core.start() < position:
            continue
        name, end = name_at(text, core)
        position = end
        if name is None:
            continue
        for span in reader.values(name):
            yield span
            position = max(position, span.end)


def assigned_at_end(text: str) -> Sensitivity | None:
    """What the name says that the end of a text gives a value to, such as `"password": `."""
    tail = text[-MAX_NAME - 40 :]
    for core in CORE.finditer(tail):
        name, end = name_at(tail, core)
        join = JOIN.match(tail, end) if name is not None else None
        if name is not None and join is not None and join["op"] in ("=", ":", ":="):
            if not tail[join.end() :].strip():
                return name.says
    return None


def _is_set(before: str) -> bool:
    """Whether the words before a name say that the word after it is its value."""
    if not before[-1:].isspace():
        return False
    *earlier, last = before.split()[-3:] or [""]
    second = earlier[-1].lower() if earlier else ""
    return (
        last == "ENV"
        or last in ("setx", "setenv", "config")
        or (last == "set" and second.endswith(("config", "configure")))
        or (last == "/m" and second == "setx")
        or (last.startswith("-") and second == "set")
        or second in ("login", "account", "machine", "username")
    )


def _is_of_login(text: str, name: Name) -> bool:
    """Whether a user's name stands before an ambiguous name such as `pass`."""
    if name.says.kind != "password" or name.says.certain:
        return False
    return LOGIN_BEFORE.search(text, max(0, name.start - 80), name.start) is not None


class _Reader(ValueReader):
    """Reads what follows a name in one text."""

    def values(self, name: Name) -> Iterator[Span]:
        """The secrets that are values of this name."""
        text, before = self._text, self._text[max(0, name.start - 40) : name.start]
        marked = self._marked_up(name, before)
        if marked is not None:
            yield from marked
            return
        if _is_of_login(text, name):
            name = name._replace(says=name.says._replace(certain=True))
        called = CALLED_WITH.match(text, name.end)
        if called is not None:
            yield from self._called(name, called.end())
            return
        default = TYPED.match(text, name.end) or DEFAULT.match(text, name.end)
        if default is not None:
            yield from self._value(name, default.end(), "=", None)
            return
        join = JOIN.match(text, name.end)
        if join is None:
            yield from self._after_space(name)
        else:
            yield from self._joined(name, join, before)

    def _marked_up(self, name: Name, before: str) -> Iterable[Span] | None:
        """Of a name in an element, an attribute, a `name` field; None if it is in none."""
        text = self._text
        if text[name.start - 1 : name.start] in ("<", ":") and (span := self._element(name)):
            return (span,)
        field = VALUE_FIELD.match(text, name.end)
        is_item = field is not None and before.strip("\\\"' ")[-1:] in ("", ":", "=")
        if is_item or NAME_FIELD.search(before):
            if field is not None:
                return self._value(name, field.end(), "=", None)
            earlier = VALUE_BEFORE.search(text, max(0, name.start - 600), name.start)
            if earlier is not None and is_secret(name.says, earlier["value"]):
                return (Span(*earlier.span("value"), name.says.kind),)
        plist = PLIST.match(text, name.end)
        if plist is not None and before.endswith("<key>"):
            return self._of_text(name, plist.end())
        attribute = ELEMENT_OF_ATTRIBUTE.match(text, name.end)
        if attribute is not None and ATTRIBUTE.search(text, max(0, name.start - 240), name.start):
            return self._of_text(name, attribute.end())
        return None

    def _joined(self, name: Name, join: re.Match[str], before: str) -> Iterator[Span]:
        text, op = self._text, join["op"]
        match op:
            case "|" | "│" | "—" | "–" | "→":
                yield from self._cell(name, join.end("op"))
            case ",":
                yield from self._listed(name, join.end(), before if join["quote"] else "")
            case "||" | "??" | "?:" | "or" | "==" | "===" | "!=" | "!==" | "=>":
                quote = self._lines.opening(join.end())
                if quote and not sensitivity(text[quote.end() : self._lines.closing(quote)[0]]):
                    yield from self._value(name, join.end(), op, None)
            case ":" if before[-1:] == ":" and not join["after"]:
                return  # a path of names: `arn:aws:secretsmanager:eu-west-1:1:secret:db`
            case "=" if self._is_empty(name, join):
                return
            case _:
                yield from self._assigned(name, join, before)

    def _assigned(self, name: Name, join: re.Match[str], before: str) -> Iterator[Span]:
        text, start, op = self._text, join.end(), join["op"]
        annotation = ANNOTATION.match(text, start) if op == ":" else None
        if annotation is not None:
            start = annotation.end()
        enclosing = None
        if join["quote"] is None and before[-1:] and before[-1] in "\"'`":
            enclosing = before[len(before[:-1].rstrip("\\")) :]
            if text.startswith(enclosing, start):
                return  # the string ends here: `input("Password: ")`
        bare = Bare(
            spaced=bool(join["before"] or join["after"]),
            colon=op in (":", "：", "%3A", "%3a"),
            enclosing=enclosing,
            start=name.start,
        )
        yield from self._value(name, start, op, bare)

    def _is_empty(self, name: Name, join: re.Match[str]) -> bool:
        """Of `NAME= word` and `'a=b&NAME=' word` whether NAME is empty, as it is in a shell."""
        text, start = self._text, join.end()
        if join["before"]:
            return False
        if not join["after"]:
            return text[start : start + 1] in ("'", '"') and text[start + 1 : start + 2].isspace()
        line = text[start : min(self._lines.end(start), start + 200)].strip()
        is_word = " " not in line and at_line_start(text, name.start)
        return line[:1] not in "\\\"'`" and not is_word

    def _called(self, name: Name, start: int) -> Iterator[Span]:
        """What a function of this name is called with: `set_password("x")`."""
        quote = self._lines.opening(start)
        if quote is None:
            return
        end, _ = self._lines.closing(quote, one_line=True)
        value = self._text[quote.end() : end]
        is_word = " " not in value and not sensitivity(value) and ":" not in value[-1:]
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
        end, _ = self._lines.closing(quote)
        begin = self._after_scheme(name, quote.end(), end)
        value = self._text[begin:end]
        has_scheme = begin > quote.end()
        sure = name.text.startswith("-") or has_scheme or CALL.search(before) is not None
        if (sure and self._is_secret(name, value)) or is_random(value, 6, strict=name.says.strict):
            yield Span(begin, end, name.says.kind)

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
        yield from self._said(name, space.end())

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
            if is_password and " " not in value and not sensitivity(value):
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

    def _element(self, name: Name) -> Span | None:
        text = self._text
        if text[name.start - 1] == ":":
            if PREFIXED.search(text, max(0, name.start - 42), name.start) is None:
                return None
        tag = ELEMENT.match(text, name.end)
        return next(self._of_text(name, tag.end()), None) if tag else None
