"""Recognises secrets by the name before them, in texts of any syntax.

A name, something that joins, a value: `password = "x"`, `DB_PASSWORD=x`, `"password":
"x"`, `--password x`, `<password>x</password>`, `| password | x |`. Names are searched for, and
the text after them is read in whatever language it is. Then the name and the value decide
whether the value is a secret. The time is linear: for each name a bounded number of characters
is read, or the characters are not read again.
"""

import re
from collections.abc import Iterable, Iterator

from journal.redaction.annotations import is_pseudo_class
from journal.redaction.bare import Bare, at_line_start
from journal.redaction.joins import (
    ANNOTATION,
    ATTRIBUTE,
    CALLED_WITH,
    CELL_OF_MARKUP,
    CONDITION,
    DEFAULT,
    ELEMENT,
    ELEMENT_OF_ATTRIBUTE,
    FORM_FIELD,
    JOIN,
    LOGIN_BEFORE,
    LOGINS,
    NAME_FIELD,
    PLIST,
    PREFIXED,
    STATEMENT,
    TEXT,
    TYPED,
    VALUE_BEFORE,
    VALUE_FIELD,
    VARIABLE,
)
from journal.redaction.meaning import is_code, is_name, is_secret
from journal.redaction.names import MAX_NAME, Sensitivity
from journal.redaction.naming import Name, cores, name_at
from journal.redaction.phrases import PhraseReader
from journal.redaction.spans import Span


def find_assigned(text: str) -> Iterator[Span]:
    """The values of sensitive names in a text."""
    reader, position = _AssignmentReader(text), 0
    for core in cores(text):
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
    """What the name at the end of a text says, if a value follows it, as in `"password": `."""
    tail = text[-MAX_NAME - 40 :]
    for core in cores(tail):
        name, end = name_at(tail, core)
        join = JOIN.match(tail, end) if name is not None else None
        if name is not None and join is not None and join["op"] in ("=", ":", ":="):
            if not tail[join.end() :].strip():
                return name.says
    return None


def _is_of_login(text: str, name: Name) -> bool:
    """Whether a user's name stands before an ambiguous name such as `pass`."""
    if name.says.kind != "password" or name.says.certain:
        return False
    return LOGIN_BEFORE.search(text, max(0, name.start - 80), name.start) is not None


class _AssignmentReader(PhraseReader):
    """Reads what follows the names in one text. Skips syntaxes of which the text has no sign."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        lower = text.lower()
        self._has_tags = "<" in text or ">" in text
        self._has_fields = "val" in lower or "content" in lower
        self._has_logins = any(map(lower.__contains__, LOGINS))

    def values(self, name: Name) -> Iterator[Span]:
        """The secrets that are values of this name."""
        text, before = self._text, self._text[max(0, name.start - 40) : name.start]
        marked = self._marked_up(name, before)
        if marked is not None:
            yield from marked
            return
        if self._has_logins and _is_of_login(text, name):
            name = name._replace(says=name.says._replace(certain=True))
        called = CALLED_WITH.match(text, name.end)
        quote = self._lines.opening(called.end()) if called is not None else None
        if quote is not None:
            yield from self._called(name, quote)
            return
        default = TYPED.match(text, name.end) or DEFAULT.match(text, name.end)
        if default is not None:
            yield from self._value(name, default.end(), "=", None)
            return
        start = self._start_of_paired(name, before)
        if start is not None:
            yield from self._value(name, start, "=", None)
            return
        join = JOIN.match(text, name.end)
        if join is None:
            yield from self._after_space(name)
        else:
            yield from self._joined(name, join, before)

    def _marked_up(self, name: Name, before: str) -> Iterable[Span] | None:
        """The values of a name in an element, an attribute or a `name` field; else None."""
        text = self._text
        if self._has_tags and text[name.start - 1 : name.start] in ("<", ":"):
            element = self._element(name)
            if element is not None:
                return element
        if self._has_fields:
            found = self._of_field(name, before)
            if found is not None:
                return found
        field = FORM_FIELD.match(text, name.end)
        if field is not None and NAME_FIELD.search(before):
            whole = is_secret(name.says, field["value"])
            return (Span(*field.span("value"), name.says.kind),) if whole else ()
        return self._tagged(name, before) if self._has_tags else None

    def _of_field(self, name: Name, before: str) -> Iterable[Span] | None:
        text = self._text
        field = VALUE_FIELD.match(text, name.end)
        is_item = field is not None and before.strip("\\\"' ")[-1:] in ("", ":", "=")
        if is_item or NAME_FIELD.search(before):
            if field is not None:
                return self._value(name, field.end(), "=", None)
            earlier = VALUE_BEFORE.search(text, max(0, name.start - 600), name.start)
            if earlier is not None and is_secret(name.says, earlier["value"]):
                return (Span(*earlier.span("value"), name.says.kind),)
        return None

    def _tagged(self, name: Name, before: str) -> Iterable[Span] | None:
        text = self._text
        plist = PLIST.match(text, name.end)
        if plist is not None and before.endswith("<key>"):
            return self._of_text(name, plist.end())
        cell = CELL_OF_MARKUP.match(text, name.end) if before.endswith(">") else None
        if cell is not None:
            return self._word_of_line(name, *cell.span(1))
        attribute = ELEMENT_OF_ATTRIBUTE.match(text, name.end)
        if attribute is not None and ATTRIBUTE.search(text, max(0, name.start - 240), name.start):
            if "<string name=" in before and self._is_label(attribute.end()):
                return ()
            return self._of_text(name, attribute.end())
        return None

    def _is_label(self, start: int) -> bool:
        """Whether an element holds a label for a screen, which only names a secret."""
        content = TEXT.match(self._text, start)
        return content is not None and content[0].isalpha() and is_name(content[0])

    def _joined(self, name: Name, join: re.Match[str], before: str) -> Iterator[Span]:
        text, op = self._text, join["op"]
        match op:
            case "|" | "│" | "—" | "–" | "→" | "->" | "⇒" | "~>":
                yield from self._cell(name, join)
            case "=>" | "==>" if join["quote"] is None and (
                line := self._rest_of_line(name, join.end())
            ):
                yield from self._word_of_line(name, *line)
            case ",":
                yield from self._listed(name, join.end(), before if join["quote"] else "")
            case "||" | "??" | "?:" | "or" | "==" | "===" | "!=" | "!==" | "=>" | "<-" | "<<-":
                quote = self._lines.opening(join.end())
                if quote and not is_name(text[quote.end() : self._lines.closing(quote)[0]]):
                    yield from self._value(name, join.end(), op, None)
            case ":" if self._is_other_colon(name, join, before):
                return
            case "=" if before[-1:] == ":" and self._is_bound(join.end()):
                return
            case ":" | "=" if before.endswith("::") and join["quote"] is not None:
                return
            case "=" if self._is_empty(name, join):
                return
            case _:
                yield from self._assigned(name, join, before)

    def _is_other_colon(self, name: Name, join: re.Match[str], before: str) -> bool:
        """Whether a colon does not assign: in a path of names, an expansion, a style sheet."""
        after = self._text[join.end() : join.end() + 32]
        if STATEMENT.match(after) and CONDITION.search(before):
            return True  # `if not password: return`
        if join["after"]:
            return False
        if before[-1:] == ":" or (before.endswith("${") and after[:1] in ("?", "+")):
            return True  # `arn:aws:secretsmanager:eu-west-1:1:secret:db`, `${NAME:?message}`
        if join["before"]:  # `PASSWORD :'name'`, a variable of psql
            return name.text.isupper() and after[:1] in ("'", '"')
        selects = before[-1:] in ("#", ".", "=") or "." in name.text or join["quote"] is not None
        return selects and is_pseudo_class(after)

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
        if join["quote"] is not None and name.says.kind == "authorization":
            if VARIABLE.match(text, start):
                return  # `headers['Authorization'] = signature`
        bare = Bare(
            spaced=bool(join["before"] or join["after"]),
            colon=op in (":", "：", "%3A", "%3a"),
            enclosing=enclosing,
            start=name.start,
        )
        yield from self._value(name, start, op, bare)

    def _is_bound(self, start: int) -> bool:
        """Whether an attribute is bound to an expression: `:password="form.password"`."""
        quote = self._lines.opening(start)
        return quote is not None and is_code(
            self._text[quote.end() : self._lines.closing(quote)[0]], ""
        )

    def _is_empty(self, name: Name, join: re.Match[str]) -> bool:
        """Whether NAME is empty, as in a shell: `NAME= word` and `'a=b&NAME=' word`."""
        text, start = self._text, join.end()
        if join["before"]:
            return False
        if not join["after"]:
            return text[start : start + 1] in ("'", '"') and text[start + 1 : start + 2].isspace()
        line = text[start : min(self._lines.end(start), start + 200)].strip()
        is_word = " " not in line and at_line_start(text, name.start)
        return line[:1] not in "\\\"'`" and not is_word

    def _element(self, name: Name) -> tuple[Span, ...] | None:
        """The secret in an element of this name; None if the name is not that of an element."""
        text = self._text
        if text[name.start - 1] == ":":
            if PREFIXED.search(text, max(0, name.start - 42), name.start) is None:
                return None
        tag = ELEMENT.match(text, name.end)
        found = tuple(self._of_text(name, tag.end())) if tag else ()
        return found if tag and (found or "=" in tag[0]) else None  # attributes are read later
