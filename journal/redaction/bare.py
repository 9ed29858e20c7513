"""Where a value without quotes ends, and whether it is one at all.

Nothing marks the end of such a value: it may be the word of a shell, a field of a query,
the rest of a line. And much that follows a name is no value: code, types, prose.
"""

import re
from typing import NamedTuple

from journal.redaction.cookies import holds_session
from journal.redaction.names import Sensitivity, sensitivity
from journal.redaction.quoting import RUNS, Lines
from journal.redaction.values import is_path, is_placeholder, is_random, is_uuid


class Bare(NamedTuple):
    """How a value without quotes is joined to its name, which begins at `start`."""

    spaced: bool
    colon: bool
    enclosing: str | None
    """The quote right before the name: the value ends where that string does."""
    start: int
    option: bool = False


_MAX_WORD = 4096
_GLANCE = 160  # characters of a value that are looked at to find out whether it is one
_WORD = re.compile(
    r"(?:[^\s\"'`<\\\x1b]|[\"'`](?![\s,;:)\]}\\]|\Z)|<(?![/a-zA-Z!])|\\(?!\\*[\"'`]|\\*[nrt](?:[A-Z\s\"]|\Z)))*+"
)
_ESCAPED_WORD = re.compile(r"(?:[^\s\"'`<\\]|<(?![/a-zA-Z!])|\\(?!\\*[\"'`nrt]))*+")
_TOKEN = re.compile(r"[^\s\"'`<>=\x1b]*+={0,2}(?![A-Za-z])")
"""What an ambiguous name can have for a value."""
_NEXT_FIELD = re.compile(
    r"&(?:amp;)?(?=[\w.\[\]%-]{1,64}=)|&&|;(?=[ ]?[A-Za-z][\w .-]{0,40}=|\Z|[ \t])|\|\||%26(?=\w)"
    r"|,(?=[ ]?[\"']?[A-Za-z_][\w.-]{0,40}[\"']?[ ]?[=:])|\\+[\"'`]|\\+[nrt](?=\W|\w+[=:]|\Z)"
)
_TRAILING = re.compile(r"[,;.)\]}>:|]+\Z")
_REST_IS_OTHER = re.compile(
    r"[ \t]+(?:[|&;<>#-]|\d?>|[A-Za-z_][\w.-]*[ ]?[=:]|(?:\S*/)?(?:python3?|node|npm|npx|yarn|pnpm|docker|make|go|cargo|curl|psql"
    r"|mysql\w*|pg_\w+|bash|sh|sudo|env|git|java|uv|pip|pytest|redis-cli|mongo\w*|kubectl|helm|terraform|wget|php|ruby|rails|bundle"
    r"|then|and|or|to|in|for|on|from|as|if|at|with|is|was|\./\S*)\b|\./|/|\(|\[|\{|\"|'|\S+\s*$(?<=\)))"
)
_PROSE = re.compile(
    r"\b(?:the|an?|is|are|must|should|may|can|be|of|for|your|and|or|with|from|used|will|not|if|this|that|when"
    r"|which|to|in|on|by|as|it|we|you|no|at|has|have|was|using|see|please|only|need|needs"
    r"|keys?|tokens?|passwords?|credentials?|secrets?|object|string|authentication)\b",
    re.IGNORECASE,
)
STATUS = frozenset(
    """required optional invalid incorrect missing expired changed updated reset
    failed mismatch pass inherit ok yes no not see must should may can will is are was the a an and or""".split()
)
_TYPE = re.compile(r"_?[A-Z][a-z0-9]+(?:[A-Z][a-z0-9]*)+")
_AFTER_TYPE = re.compile(r"\s*(?:[,)|=\]?]|\Z)")
_OPERATOR = re.compile(r"\s+(?:or|and|if|else|\|\||\?\?|\+|\?)\s")
_GENERIC = frozenset(
    """value val data arg args input result response x v new await function async lambda self this
    get req request config cfg env process os kwargs params field column""".split()
)
_ROOTS = frozenset(
    """self this os process req request config cfg settings env args opts options params props state
    ctx context data body user form event app st secrets cls kwargs var local module each values
    conf conn client session creds credentials account auth input output response result item obj
    values""".split()
)
_END_OF_HEADER = re.compile(r"\\*[\"'`]|\\+[nr]|</")
_NO_HEADER = re.compile(r"\\+[nr]|'")
_CALLED = re.compile(r"[&*!@]*[A-Za-z_$][\w$.:>?-]*!?\(")
_MEMBER = re.compile(
    r"[&*!@$]*([A-Za-z_$][\w$]*)((?:(?:\.|->|::|\?\.)[A-Za-z_$][\w$]*)+)(?:\[.*)?[;,)]*"
)
_INDEXED = re.compile(r"[A-Za-z_$][\w$.]*[\[<].*")
_IDENTIFIER = re.compile(r"[&*!@$]*([A-Za-z_$][\w$]*)")
_LINE_START = re.compile(
    r"(?:^|\n|\\n)[\s>+|│*#\d:→-]{0,24}(?:(?:export|set|setx|ENV|ARG|declare\s-x|local|readonly|env|const|let"
    r"|var|final|-|\$env:)\s?)?[\s]{0,4}[\"'`]?\Z"
)


def at_line_start(text: str, start: int) -> bool:
    """Whether nothing but what tools and shells put there is before `start` on its line."""
    return _LINE_START.search(text, max(0, start - 48), start) is not None


def is_code(word: str, name: str) -> bool:
    """Whether a word without quotes is an expression of a program rather than a value."""
    if _CALLED.match(word) or (_INDEXED.fullmatch(word) and not is_random(word)):
        return True
    member = _MEMBER.fullmatch(word)
    if member is not None:
        parts = re.split(r"\W+", member[0])
        return member[1].lower() in _ROOTS or any(map(sensitivity, parts)) or word[0] in "&*@$"
    identifier = _IDENTIFIER.fullmatch(word)
    if identifier is None:
        return False
    bare = identifier[1]
    return (
        bare in _GENERIC or bare == name or (sensitivity(bare) is not None and not _is_word(bare))
    )


def _is_variable(
    text: str, bare: Bare, name: str, word: str, rest: str, says: Sensitivity
) -> bool:
    """Whether a word is a variable or a type: `self.password = given`, `key=given_key,`."""
    if _IDENTIFIER.fullmatch(word) is None or is_random(word, 6):
        return False
    if word.isupper() and "_" in word and says.kind != "password":
        return True
    if bare.colon and re.match(r"\s=\s", rest):
        return True
    if bare.colon:
        is_type = _TYPE.fullmatch(word) is not None
        return is_type and (says.kind != "password" or _AFTER_TYPE.match(rest) is not None)
    if not bare.spaced:
        is_snake = "_" in word.strip("_") and word.islower() and word.replace("_", "").isalpha()
        return is_snake and (says.kind != "password" or rest[:1] in (",", ")"))
    root, dot, _ = name.partition(".")
    if dot and (root in _ROOTS or (sensitivity(word) and _is_word(word))):
        return True
    is_one_of_many = text[bare.start - 2 : bare.start] == ", "
    return is_one_of_many or rest[:1] == "," or _OPERATOR.match(rest) is not None


def _is_word(text: str) -> bool:
    return text.isalpha() and (text.islower() or text.isupper())


def bare_value(
    lines: Lines, start: int, bare: Bare, name: str, says: Sensitivity, *, header: bool
) -> tuple[int, bool] | None:
    """Where the value at `start` ends and whether it is a secret for certain; None if it is none.

    First it is looked at a little way; only of a secret is the whole read.
    """
    near = _value_up_to(lines, start, start + _GLANCE, bare, name, says, header=header)
    if near is None or near[0] < start + _GLANCE - 32:
        return near
    if not near[1] and not is_secret(says, lines.text[start : near[0]]):
        return None
    return _value_up_to(lines, start, start + _MAX_WORD, bare, name, says, header=header) or near


def _value_up_to(
    lines: Lines, start: int, reach: int, bare: Bare, name: str, says: Sensitivity, *, header: bool
) -> tuple[int, bool] | None:
    text = lines.text
    limit = min(lines.end(start), reach)
    if bare.enclosing is not None:
        close = _close_of(text, start, limit, bare.enclosing)
        if close is not None:
            limit = close
    if header:
        return _rest_of_header(lines, start, limit)
    if not says.certain:
        short = _TOKEN.match(text, start, limit)
        limit = short.end() if short else limit
    word_end = _word_end(text, start, limit, bare)
    word = text[start:word_end]
    if not word:
        return None
    if not says.certain:
        return None if is_code(word, name) else (word_end, False)
    return _certain(lines, start, word_end, limit, bare, name, says)


def _close_of(text: str, start: int, limit: int, enclosing: str) -> int | None:
    """Where the string ends that a quote opened before the name."""
    depth, char = len(enclosing) - 1, enclosing[-1]
    for match in RUNS[char].finditer(text, start, limit):
        escapes = len(match[1])
        if escapes < depth or (escapes - depth) // (depth + 1) % 2 == 0:
            return match.end() - 1 - min(depth, escapes)
    return None


def _word_end(text: str, start: int, limit: int, bare: Bare) -> int:
    pattern = _WORD
    word = pattern.match(text, start, limit)
    end = word.end() if word else start
    field = _NEXT_FIELD.search(text, start, end)
    if field is not None:
        end = field.start()
    if bare.enclosing is None or end < limit:
        while trailing := _TRAILING.search(text, start, end):
            cut = trailing.start()
            if _balanced(text[start:end]):
                break
            end = max(cut, end - 1)
    return end


def _balanced(value: str) -> bool:
    """Whether the last character belongs to the value: a bracket that it opened itself."""
    pairs = {")": "(", "]": "[", "}": "{"}
    opened = pairs.get(value[-1])
    return opened is not None and value.count(opened) >= value.count(value[-1])


def _rest_of_header(lines: Lines, start: int, limit: int) -> tuple[int, bool] | None:
    """The value of a header is the rest of its line, or of the string that it stands in."""
    text = lines.text
    is_digest = text[start - 8 : start].lower().endswith(("digest ", "digest\t"))
    stop = (_NO_HEADER if is_digest else _END_OF_HEADER).search(text, start, limit)
    end = stop.start() if stop is not None else limit
    value = text[start:end].rstrip()
    if not value or is_placeholder(value):
        return None
    first = value.split(None, 1)[0].strip(",;")
    if " " in value and "=" not in value and "," not in value:
        value = first
    if _OPERATOR.search(value) or is_placeholder(first.strip("[]()|")):
        return None
    if is_code(value, "") or first.lower() in STATUS or _PROSE.fullmatch(first):
        return None
    return start + len(value), False


def _certain(
    lines: Lines, start: int, end: int, limit: int, bare: Bare, name: str, says: Sensitivity
) -> tuple[int, bool] | None:
    text = lines.text
    word, rest = text[start:end], text[end:limit].partition("\x1b")[0]
    if not rest.strip(" \t*/#-"):
        rest = ""
    is_variable = not bare.spaced and not bare.colon and name.isupper()
    is_first = at_line_start(text, bare.start)
    if (
        is_placeholder(word)
        or is_placeholder(word.strip("()[]{};,`'\""))
        or word[0] == "<"
        or (word[0] in "{[(" and not is_random(word, 6))
    ):
        return None
    if not (is_variable and is_first) and is_code(word, name):
        return None
    if is_code(word, name) and not _IDENTIFIER.fullmatch(word):
        return None
    if bare.option and (
        (word.isupper() and sensitivity(word)) or (says.plural and word.isalpha())
    ):
        return None  # what the help of a command calls the value
    if not (is_variable and is_first) and _is_variable(text, bare, name, word, rest, says):
        return None
    if bare.option and word.lower() in STATUS:
        return None
    if bare.option or bare.enclosing is not None and not bare.spaced and not rest.strip():
        return end, True
    if word.lower() in STATUS and bare.colon:
        return None
    is_argument = not bare.spaced and _IDENTIFIER.fullmatch(word) is not None
    is_argument = is_argument and (rest[:1] == ")" or (rest[:1] == "," and name.islower()))
    if is_argument and says.kind != "password" and not is_random(word, 6):
        return None
    if word.isalpha():
        return _of_word(word, rest, start, end, limit, bare, is_first, says)
    if word.isdigit() and len(word) < (6 if says.plural else 3):
        return None
    if not any(map(str.isalnum, word)) and len(word) < 4:
        return None
    if rest.strip() and bare.colon and _PROSE.search(rest[:80]) and not is_random(word, 6):
        if re.search(r"\d|[^\w\s'-]", word) is None:
            return None
    return _with_rest(text, end, limit, bare, is_first), True


def _of_word(
    word: str,
    rest: str,
    start: int,
    end: int,
    limit: int,
    bare: Bare,
    is_first: bool,
    says: Sensitivity,
) -> tuple[int, bool] | None:
    """A value of letters only: a password that is a word, or prose."""
    if says.kind not in ("password", "secret") and len(word) < 4:
        return None
    if rest.strip() and bare.spaced and not is_first and bare.colon and bare.enclosing is None:
        if re.match(r"\s*[,;})\]\\\"'&]", rest) is None:
            return None
    if rest.strip() and bare.spaced and (_PROSE.search(f"{word}{rest[:120]}")):
        return None
    if (
        rest.strip()
        and bare.spaced
        and not bare.colon
        and re.match(r"\s+[-+*/%|&?:<>=(]|\(", rest)
    ):
        return None
    more = rest[: re.match(r"[ \t]*[\w' -]*", rest).end()]  # type: ignore[union-attr]
    if bare.spaced and more.strip() and more.strip() == rest.strip() and is_first:
        return start + len(word) + len(more.rstrip()), True
    return end, True


def _with_rest(text: str, end: int, limit: int, bare: Bare, is_first: bool) -> int:
    """The end of a value with spaces in it, where nothing else can follow on its line."""
    rest = text[end:limit]
    if not rest.strip() or not (is_first or bare.enclosing is not None):
        return end
    if _REST_IS_OTHER.match(rest) or rest[0] not in " \t" or _PROSE.search(rest[:80]):
        return end
    comment = re.search(r"\s#|\\+[nr\"]", rest)
    stop = end + (comment.start() if comment else len(rest.rstrip()))
    return max(end, stop)


def is_secret(says: Sensitivity, value: str) -> bool:
    """Whether a value of a name is a secret: what stands between the quotes, unescaped or not."""
    if is_placeholder(value) or is_placeholder(value.strip("\\\"'` ")):
        return False
    if says.certain:
        if says.kind == "private-key" and is_path(value):
            return False
        if says.kind == "secret" and value in ("include", "same-origin", "omit", "inherit"):
            return False
        return not (says.plural and says.kind != "password" and value.isdigit() and len(value) < 6)
    if says.kind == "cookie":
        return holds_session(value)
    if says.kind == "api-key" and is_uuid(value):
        return False
    shortest = 6 if says.kind == "password" else 8
    return is_random(value, shortest, strict=says.strict)
