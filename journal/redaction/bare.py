"""Finds the end of a value without quotes. Nothing marks it.

The value may be a word of a shell, a field of a query, an item of a list, the rest of a line.
"""

from typing import NamedTuple

from journal.redaction.later import compiled_later
from journal.redaction.meaning import PROSE, is_code, is_secret
from journal.redaction.names import Sensitivity
from journal.redaction.quoting import RUNS, TextLines
from journal.redaction.values import is_placeholder
from journal.redaction.vocabulary import STATUS
from journal.redaction.words import OPERATOR, Word, is_value


class Bare(NamedTuple):
    """How a value without quotes is joined to its name, which begins at `start`."""

    spaced: bool
    colon: bool
    enclosing: str | None
    """The quote right before the name: the value ends where that string does."""
    start: int
    option: bool = False


_MAX_WORD = 4096
_SHORTEST = 6  # characters of a value of an ambiguous name
_GLANCE = 160  # characters that are read first, to find out whether it is a secret
_WORD = compiled_later(
    r"(?:[^\s\"'`<\\\x1b]|[\"'`](?![\s,;:)\]}\\]|\Z)|<(?![/a-zA-Z!])|\\(?!\\*[\"'`]|\\*[nrt](?:[A-Z\s\"]|\Z)))*+"
)
_TOKEN = compiled_later(r"[^\s\"'`<>=\x1b]*+={0,2}(?![A-Za-z])")
"""A possible value of an ambiguous name."""
_NEXT_FIELD = compiled_later(
    r"&(?:amp;)?(?=[\w.\[\]%-]{1,64}=)|&&|;(?=[ ]?[A-Za-z][\w .-]{0,40}=|\Z|[ \t])|\|\||%26(?=\w)"
    r"|,(?=[ ]?[\"']?[A-Za-z_][\w.-]{0,40}[\"']?[ ]?[=:])|\\+[\"'`]|\\+[nrt](?=\W|\w+[=:]|\Z)"
)
_TRAILING = compiled_later(r"[,;.)\]}>:|]+\Z")
_OTHER = compiled_later(
    r"[ \t]+(?:[|&;<>#-]|\d?>|[A-Za-z_][\w.-]*[ ]?[=:]|\./|/|\(|\[|\{|\"|'"
    r"|(?:\S*/)?(?:python3?|node|npm|npx|yarn|pnpm|docker|make|go|cargo|curl|psql|mysql\w*|pg_\w+"
    r"|bash|sh|sudo|env|git|java|uv|pip|pytest|redis-cli|mongo\w*|kubectl|helm|terraform|wget|php"
    r"|ruby|rails|bundle|then|and|or|to|in|for|on|from|as|if|at|with|is|was|\./\S*)\b)"
)
"""Something that follows a value, and is not part of it: an option, a command, a comment."""
_MORE_WORDS = compiled_later(r"[ \t]*[\w' -]*")
_END = compiled_later(r"\s#|\\+[nr\"]")
_END_OF_HEADER = compiled_later(r"\\*[\"'`]|\\+[nr]|</")
_NO_HEADER = compiled_later(r"\\+[nr]|'")
_UNIT = compiled_later(r"(?:Environment=|-e |--env[= ]|\b[sS][eE][tT] )\\*[\"']\Z")
"""Options that take one quoted `NAME=value`, with spaces in the value."""
_LINE_START = compiled_later(
    r"(?:^|\n|\\n)[\s>+|│*#\d:→-]{0,24}(?:(?:export|set|setx|ENV|ARG|declare\s-x|local|readonly|env|const|let"
    r"|var|final|-|\$env:)\s?)?[\s]{0,4}[\"'`]?\Z"
)


def at_line_start(text: str, start: int) -> bool:
    """Whether only things that tools and shells put there come before `start` on its line."""
    return _LINE_START.search(text, max(0, start - 48), start) is not None


def bare_value(
    lines: TextLines, start: int, bare: Bare, name: str, says: Sensitivity, *, header: bool
) -> tuple[int, bool] | None:
    """Where the value at `start` ends, and whether it is certainly a secret; None if it is none.

    Only its beginning is read at first. If it is a secret, it is read to the end.
    """
    near = _value_up_to(lines, start, start + _GLANCE, bare, name, says, header=header)
    if near is None or near[0] < start + _GLANCE - 32:
        return near
    if not near[1] and not is_secret(says, lines.text[start : near[0]]):
        return None
    return _value_up_to(lines, start, start + _MAX_WORD, bare, name, says, header=header) or near


def _value_up_to(
    lines: TextLines,
    start: int,
    reach: int,
    bare: Bare,
    name: str,
    says: Sensitivity,
    *,
    header: bool,
) -> tuple[int, bool] | None:
    text = lines.text
    limit = min(lines.end(start), reach)
    if bare.enclosing is not None:
        close = _close_of(text, start, limit, bare.enclosing)
        if close is not None:
            limit = close
    if header:
        return _rest_of_header(lines, start, limit)
    line = limit
    if not says.certain:
        short = _TOKEN.match(text, start, limit)
        limit = short.end() if short else limit
        if limit - start < _SHORTEST:
            return None
    word_end = _word_end(text, start, limit, line, bare)
    word = text[start:word_end]
    if not word:
        return None
    if not says.certain:
        return None if is_code(word, name) else (word_end, False)
    return _certain(lines, start, word_end, limit, bare, name, says)


def _close_of(text: str, start: int, limit: int, enclosing: str) -> int | None:
    """Where a string ends whose opening quote is before the name."""
    depth, char = len(enclosing) - 1, enclosing[-1]
    for match in RUNS[char].finditer(text, start, limit):
        escapes = len(match[1])
        if escapes < depth or (escapes - depth) // (depth + 1) % 2 == 0:
            return match.end() - 1 - min(depth, escapes)
    return None


def _word_end(text: str, start: int, limit: int, line: int, bare: Bare) -> int:
    """Where a word ends, at `limit` at most. The `=` of the next field may be beyond that."""
    pattern = _WORD
    word = pattern.match(text, start, limit)
    end = word.end() if word else start
    field = _NEXT_FIELD.search(text, start, min(line, end + 64))
    if field is not None:
        end = min(end, field.start())
    if is_placeholder(text[start:end]):
        return end
    if bare.enclosing is None or end < limit:
        while trailing := _TRAILING.search(text, start, end):
            cut = trailing.start()
            if _balanced(text[start:end]):
                break
            end = max(cut, end - 1)
    return end


def _balanced(value: str) -> bool:
    """Whether the last character closes a bracket that the value itself opened."""
    pairs = {")": "(", "]": "[", "}": "{"}
    opened = pairs.get(value[-1])
    return opened is not None and value.count(opened) >= value.count(value[-1])


def _rest_of_header(lines: TextLines, start: int, limit: int) -> tuple[int, bool] | None:
    """The value of a header: the rest of its line, or of the string around it."""
    text = lines.text
    is_digest = text[start - 8 : start].lower().endswith(("digest ", "digest\t"))
    stop = (_NO_HEADER if is_digest else _END_OF_HEADER).search(text, start, limit)
    end = stop.start() if stop is not None else limit
    value = text[start:end].rstrip()
    if not value or is_placeholder(value):
        return None
    first = value.split(None, 1)[0].strip(",;")
    if " " in value and "=" not in value and "," not in value:
        if first.isalpha() and PROSE.search(value[len(first) :]):
            return None
        value = first
    if OPERATOR.search(value) or is_placeholder(first.strip("[]()|")):
        return None
    if is_code(value, "") or first.lower() in STATUS or PROSE.fullmatch(first):
        return None
    return start + len(value), False


def _certain(
    lines: TextLines, start: int, end: int, limit: int, bare: Bare, name: str, says: Sensitivity
) -> tuple[int, bool] | None:
    text, rest = lines.text, lines.text[end:limit].partition("\x1b")[0]
    word = Word(
        text=text[start:end],
        rest=rest if rest.strip(" \t*/#-") else "",
        name=name,
        says=says,
        spaced=bare.spaced,
        colon=bare.colon,
        option=bare.option,
        enclosed=bare.enclosing is not None,
        is_first=at_line_start(text, bare.start),
        after_comma=text[max(0, bare.start - 2) : bare.start] == ", ",
    )
    if not is_value(word):
        return None
    if bare.enclosing is not None and _UNIT.search(text, max(0, bare.start - 24), bare.start):
        word = word._replace(is_first=True)
    if bare.option or not (word.is_first or word.enclosed):
        return end, True
    return end + _length_of_more(word, text[end:limit]), True


def _length_of_more(word: Word, rest: str) -> int:
    """How many more characters belong to the value; it may be a phrase that fills the line."""
    if word.enclosed and not word.spaced and not word.colon and word.is_first:
        is_all = rest[:1] == " " and "=" not in rest and not PROSE.search(rest[:80])
        return len(rest.rstrip()) if is_all else 0
    if word.text.isalpha():
        more = _MORE_WORDS.match(rest)
        is_all = more is not None and more[0].strip() == rest.strip() != ""
        return len(rest.rstrip()) if is_all and word.spaced and word.is_first else 0
    if not rest.strip() or rest[0] not in " \t" or _OTHER.match(rest) or PROSE.search(rest[:80]):
        return 0
    comment = _END.search(rest)
    return comment.start() if comment else len(rest.rstrip())
