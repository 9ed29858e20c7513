"""Reads the values that follow names in a text: quoted, in lists and blocks, or bare."""

import re
from collections.abc import Iterator

from journal.redaction.bare import Bare, bare_value
from journal.redaction.joins import (
    BARE_ITEM,
    BLOCK,
    BRACED,
    COMMA,
    CONCATENATION,
    ITEM,
    LIST,
    NEXT_LINE,
    SCHEME,
    TEXT,
    WRAPPER,
)
from journal.redaction.meaning import IDENTIFIER, is_code, is_name
from journal.redaction.naming import Name
from journal.redaction.rows import RowReader, is_mixed
from journal.redaction.spans import Span
from journal.redaction.values import is_placeholder, is_random


class ValueReader(RowReader):
    """Reads the values of one text, from left to right."""

    def _value(self, name: Name, start: int, op: str, bare: Bare | None) -> Iterator[Span]:
        """The value at `start`: quoted, in a list, on the next lines, or bare."""
        text = self._text
        wrapper = WRAPPER.match(text, start) if self._has_wrappers else None
        if wrapper is not None:
            start = wrapper.end()
        quote = self._lines.opening(start)
        if quote is not None:
            yield from self._quoted(name, quote)
            return
        braced = BRACED.match(text, start) if op == "=" and name.says.kind == "password" else None
        is_plain = braced is not None and (
            text[name.start - 1] == ";" or IDENTIFIER.fullmatch(braced[1]) is None
        )
        if braced is not None and is_plain and not is_code(braced[1], name.text):
            if self._is_secret(name, braced[1]):
                yield Span(*braced.span(1), name.says.kind)
                return
        if (
            bare is not None
            and op in (":", "=", ":=", "?=", "+=")
            and (found := LIST.match(text, start))
        ):
            yield from self._items(name, found.end())
            return
        block = BLOCK.match(text, start)
        if block is not None and name.says.certain:
            yield from self._block(name, block)
            return
        next_one = NEXT_LINE.match(text, start)
        if next_one is not None and op == ":":
            yield from self._on_next_line(name, next_one)
            return
        if bare is None:
            bare = Bare(spaced=True, colon=True, enclosing=None, start=name.start)
        yield from self._bare(name, start, bare)

    def _quoted(self, name: Name, quote: re.Match[str]) -> Iterator[Span]:
        while True:
            end, after = self._lines.closing(quote)
            start = self._after_scheme(name, quote.end(), end)
            if quote["char"] == "`" and self._is_command(quote.start(), start, end):
                return
            if self._is_secret(name, self._text[start:end]):
                yield Span(start, end, name.says.kind)
            more = CONCATENATION.match(self._text, after)
            next_one = self._lines.opening(more.end()) if more else None
            if next_one is None:
                return
            quote = next_one

    def _is_command(self, opening: int, start: int, end: int) -> bool:
        """Whether a string in backticks is a command that prints the value: NAME=`pass db`."""
        value = self._text[start:end].strip()
        return self._text[opening - 1 : opening] == "=" and (" " in value or is_name(value))

    def _after_scheme(self, name: Name, start: int, end: int) -> int:
        """Where the value begins: after the scheme, as in `Basic …`, if there is one."""
        if name.says.kind != "authorization":
            return start
        scheme = SCHEME.match(self._text, start, end)
        return scheme.end() if scheme else start

    def _bare(self, name: Name, start: int, bare: Bare) -> Iterator[Span]:
        begin = start
        if name.says.kind == "authorization":
            begin = self._after_scheme(name, start, self._lines.end(start))
            if begin == start and not name.says.certain:
                pass
        header = name.says.kind in ("authorization", "cookie") and bare.colon
        found = bare_value(self._lines, begin, bare, name.text, name.says, header=header)
        if found is None:
            return
        end, certain = found
        value = self._text[begin:end]
        if certain or self._is_secret(name, value):
            yield Span(begin, end, name.says.kind)

    def _items(self, name: Name, start: int) -> Iterator[Span]:
        """The strings of a list, up to the first item of another kind. Names are not secrets."""
        text = self._text
        while True:
            quote = self._lines.opening(start)
            if quote is None:
                item = BARE_ITEM.match(text, start)
                if item is None:
                    return
                begin, end, after = item.start(), item.end(), item.end()
                is_value = not is_code(item[0], name.text) and is_random(item[0], 6)
            else:
                begin, (end, after) = quote.end(), self._lines.closing(quote)
                is_value = name.says.kind == "password" or not is_name(text[begin:end])
            is_key = text.startswith(":", after)
            if is_value and not is_key and self._is_secret(name, text[begin:end]):
                yield Span(begin, end, name.says.kind)
            comma = COMMA.match(text, after)
            if comma is None:
                return
            start = comma.end()

    def _block(self, name: Name, block: re.Match[str]) -> Iterator[Span]:
        """A block of YAML: all lines with at least the indentation of the first."""
        start, indent = block.end(), block["indent"]
        end = self._lines.end(start)
        line = re.compile(rf"\r?\n(?:{indent}[^\n]*|[ \t]*(?=\r?\n))")
        while next_one := line.match(self._text, end):
            end = next_one.end()
        if not is_placeholder(self._text[start:end]):
            yield Span(start, end, name.says.kind)

    def _on_next_line(self, name: Name, next_one: re.Match[str]) -> Iterator[Span]:
        text, start = self._text, next_one.end()
        quote = self._lines.opening(start)
        if quote is not None and quote["triple"]:
            return  # the documentation of a function
        if quote is not None and not text.startswith(":", self._lines.closing(quote)[1]):
            yield from self._quoted(name, quote)
            return
        line = text[start : min(self._lines.end(start), start + 512)].strip()
        if line and name.says.certain and not line.startswith("-") and is_mixed(line.strip("\"'")):
            yield Span(start, start + len(line), name.says.kind)
            return
        line_start = next_one.end()
        line_start -= len(text[next_one.start() : line_start].rpartition("\n")[2])
        while item := ITEM.match(text, line_start):
            quote = self._lines.opening(item.end())
            if quote is not None:
                yield from self._quoted(name, quote)
            else:
                bare = Bare(spaced=True, colon=True, enclosing=None, start=item.start())
                line = text[item.end() : min(self._lines.end(item.end()), item.end() + 256)]
                if ": " in f"{line} ":
                    return
                if name.says.kind == "password" or is_random(line):
                    yield from self._bare(name, item.end(), bare)
            line_start = self._lines.end(item.end()) + 1
            if text[line_start - 1 : line_start] == "\r":
                line_start += 1

    def _of_text(self, name: Name, start: int) -> Iterator[Span]:
        content = TEXT.match(self._text, start)
        if content is None:
            return
        value = content[0].strip()
        if content.end() == len(self._text) and not is_random(value, 6):
            return
        begin = start + content[0].index(value) if value else start
        end = begin + len(value) - (3 if value.endswith("]]>") else 0)
        if value and self._is_secret(name, self._text[begin:end]):
            yield Span(begin, end, name.says.kind)
