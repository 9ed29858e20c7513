"""Secrets that are known by the name before them, in texts of whatever syntax.

A name, something that joins, a value: `password = "x"`, `DB_PASSWORD=x`, `"password":
"x"`, `--password x`, `<password>x</password>`, `| password | x |`. The names are searched
for, and what follows is read whatever language it is; the name and the value then say
whether the value is a secret. The time is linear: a name reads at most so many
characters after it, or what it reads is not read again.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from journal.redaction.bare import Bare, at_line_start, bare_value, is_code, is_secret
from journal.redaction.names import MAX_NAME, Sensitivity, sensitivity
from journal.redaction.quoting import OPEN, Lines
from journal.redaction.spans import Span
from journal.redaction.values import is_placeholder, is_random

CORE = re.compile(
    r"pass(?!age|enge|ive|ion|ing\b)|passw|pwd|pswd|secret|credential|creds\b|token|authori[sz]ation"
    r"|auth(?!or)|cookie|key|senha|kennwort|contrase|masterauth|bindpw|rootpw|pw\b|\botp\b|mnemonic"
    r"|seed.phrase|recovery.phrase|sig(?:nature)?=|sessid|_pat\b|парол|密|パスワード|비밀번호",
    re.IGNORECASE,
)
_NAME = re.compile(r"[\w.$-]{0,256}+")
_NAME_CHARACTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.$-ñáéíóúç"
_WORD_BEFORE = re.compile(r"([A-Za-z][A-Za-z0-9]{0,19})[ ]\Z")

_ANSI = r"\x1b\[[\d;]*m"
_TAGS = r"</?(?:b|i|em|strong|code|td|th|dt|dd|span)>"
_DECORATION = rf"(?:{_ANSI}|\\+(?:u001b|x1b|033)\[[\d;]*m|\*{{1,3}}|__|{_TAGS})"
_CLOSE = rf"(?:(?P<quote>{OPEN}|[”’»])|[\])]|{_DECORATION}){{0,6}}"
_JOIN = re.compile(
    rf"{_CLOSE}[?!]?(?:[ \t](?:is|for[ ][\w.@-]{{1,40}}|\[[^\]\n]{{0,40}}\]|\([^)\n]{{0,40}}\))(?=[ ]?:))?(?P<before>[ \t]{{0,64}})"
    rf"(?P<op>[:?+]=|=>|\|\||\?\?|\?:|or(?=[ \t])|—|–|→|│|===?|!==?|[:=：](?!:)|[|,]|%3[dDaA])(?P<after>[ \t]{{0,64}})"
    rf"(?:(?:{_ANSI}|\\+(?:u001b|x1b|033)\[[\d;]*m|\*\*(?=[ \w])|{_TAGS})[ \t]{{0,8}}){{0,4}}"
)
_ANNOTATION = re.compile(
    r"[&*]{0,2}(?:mut )?(?:[\w.:]{1,60}+(?:\[[\w., |]{0,60}\])?(?:[ ]?\|[ ]?\w{1,40}){0,3}[?!]?)[ \t]{0,8}=[ \t]{0,8}(?=[bBrRuUfF]?[\"'`])"
)
_VALUE_FIELD = re.compile(
    rf"{_CLOSE}\s{{0,80}}(?:[,;]\s{{0,80}})?(?:[\w-]{{1,20}}=\"[^\"<>]{{0,80}}\"\s{{1,9}}){{0,4}}"
    rf"(?:{OPEN})?(?:value|val|content|secretvalue|string_?value)(?:{OPEN})?\s{{0,9}}[:=]\s{{0,80}}",
    re.IGNORECASE,
)
_NAME_FIELD = re.compile(
    r"(?:name|key|header|variable|var|env|param|parameter|field|property|id)"
    r"(?:\\*[\"'`])?\s*[:=]\s*(?:\\*[\"'`])?\Z",
    re.IGNORECASE,
)
_ATTRIBUTE = re.compile(
    r"<(?!input\b|label\b|meta\b|img\b|a\b|button\b|select\b|option\b)[\w:.-]+\s[^<>]{0,200}\b(?:name|key)=[\"']?\Z"
)
_ELEMENT = re.compile(r"(?:\s[^<>]{0,300})?>(?P<cdata><!\[CDATA\[)?")
_ELEMENT_OF_ATTRIBUTE = re.compile(r"[\"'][^<>]{0,200}>(?:\s{0,80}<value>)?")
_VALUE_BEFORE = re.compile(
    r"\bvalue(?:\\*[\"'`])?\s{0,9}[:=]\s{0,9}(?:\\*[\"'`])?(?P<value>[^\s\"'`\\,{}]{1,512})(?:\\*[\"'`])?"
    r"\s{0,80}[,;]?\s{0,80}(?:\\*[\"'`])?(?:name|key)(?:\\*[\"'`])?\s{0,9}[:=]\s{0,9}(?:\\*[\"'`])?\Z",
    re.IGNORECASE,
)
_CALLED_WITH = re.compile(r"(?P<verb>\(|\{)\s{0,20}(?=[bBrRuUfF@]?[\"'`])")
_TYPED = re.compile(
    r"\\*[\"'`]\s?\)\.(?:type|fill|send_?keys|send|setValue|set_text|val|input|press_sequentially)\(\s{0,20}",
    re.IGNORECASE,
)
_DECLARED = re.compile(r"[ \t]{1,8}\*?[\w.\[\]]{1,30}[ \t]{0,8}=[ \t]{0,8}(?=[\"'`])")
_DEFAULT = re.compile(r"[\"'][ \t]{0,8}\{[^{}]{0,300}?\bdefault[ \t]{0,8}=[ \t]{0,8}(?=[\"'])")
_LOGIN_BEFORE = re.compile(
    r"\b(?:user(?:[_ -]?name)?|login|host|uid|usr|e-?mail)[\"']?\s{0,4}[:=]", re.IGNORECASE
)
_SPACED_NAMES = frozenset(("requirepass", "masterauth", "bindpw", "rootpw"))
_PLIST = re.compile(r"</key>\s{0,80}<string>")
_TEXT = re.compile(r"[^<]{1,4096}(?=</|$)")
_CELL = re.compile(r"[ \t]*[*_`]{0,3}([^|\n`*│]{1,512}?)[*_`]{0,3}[ \t]*(?=[|│]|\r?\n|\Z)")
_SPACE = re.compile(r"[ \t]{1,16}")
_CALL = re.compile(
    r"(?:getenv|environ\.get|env\.get|setenv|putenv|SetEnvironmentVariable|setdefault|setItem|setProperty"
    r"|addHeader|setRequestHeader|setHeader|\.header|\.headers\.set|\.append|\.define|define|headers?\.add"
    r"|config\.get|env|Secret|\.put|\.set|add_secret|set_key)\(\s{0,20}[\"'`]\Z",
    re.IGNORECASE,
)
_IS = re.compile(
    r"[ \t]{1,4}(?:is|was|are|to|=)[ \t]{1,4}[\"'`]?(?=(?P<value>[^\s\"'`<>]{6,200}))"
)
_BLOCK = re.compile(r"[|>][+-]?\d?[+-]?[ \t]*(?:#[^\n]{0,200})?\r?\n(?P<indent>[ \t]{1,64})(?=\S)")
_NEXT_LINE = re.compile(r"[ \t]*\r?\n[ \t]*(?=(?:-[ \t]+)?[^\s-])")
_ITEM = re.compile(r"[ \t]*-[ \t]+(?=\S)")
_LIST = re.compile(r"\s{0,80}[\[({]\s{0,80}(?=[\"'`\\])|\s{0,80}[\[(]\s{0,80}(?=[\w])")
_COMMA = re.compile(r"\s{0,80},\s{0,80}")
_CONCATENATION = re.compile(r"\s{0,40}(?:[+.]|->)\s{0,40}(?=[\"'`])")
_WRAPPER = re.compile(
    r"(?:new\s+)?(?:[\w.:]{0,40}?(?:SecretStr|SecretString|SecureString|Secret|String::from|Some|Buffer\.from|bytes|btoa"
    r"|quote|quote_plus|encodeURIComponent|secret|secretValue|fromString|unsafePlainText|base64encode|b64encode"
    r"|str|String|Password|Sensitive|literal|Just)(?:::new)?\(|ConvertTo-SecureString[ ]+(?:-String[ ]+)?)\s{0,20}(?=[bBrRuUf@]?[\"'`])"
)
_SCHEME = re.compile(
    r"(?:bearer|basic|token|digest|apikey|api-key|negotiate|ntlm|bot|key|hmac|hawk|aws4-hmac-sha256|splunk"
    r"|genieKey|sso-key|discogs)\b[ \t:=]{1,4}(?=\S)",
    re.IGNORECASE,
)
_MIXED = re.compile(r"[A-Za-z][^\s]*\d|\d[^\s]*[A-Za-z]")


class _Name(NamedTuple):
    text: str
    start: int
    end: int
    says: Sensitivity


def find_assigned(text: str) -> Iterator[Span]:
    """The values of sensitive names in a text."""
    reader, position = _Reader(text), 0
    for core in CORE.finditer(text):
        if core.start() < position:
            continue
        name, end = _name_at(text, core)
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
        name, end = _name_at(tail, core)
        if name is not None:
            join = _JOIN.match(tail, end)
            if (
                join
                and join["op"] in ("=", ":", ":=", "=>")
                and join.end() == len(tail.rstrip("\n ")) + (len(tail) - len(tail.rstrip("\n ")))
            ):
                return name.says
    return None


def _name_at(text: str, core: re.Match[str]) -> tuple[_Name | None, int]:
    """The name around its middle, and where it ends."""
    reach = max(0, core.start() - MAX_NAME)
    before = text[reach : core.start()]
    start = reach + len(before.rstrip(_NAME_CHARACTERS))
    start = min(core.start(), start + _escape_at(text, start))
    found = _NAME.match(text, core.end() - (text[core.end() - 1] == "="))
    end = min(found.end() if found else core.end(), start + 2 * MAX_NAME)
    name = text[start:end].rstrip(".-")
    end = max(start + len(name), core.start() + 1)
    says = sensitivity(name)
    if (says is None or not says.certain) and start and text[start - 1] == " ":
        word = _WORD_BEFORE.search(text, max(0, start - 21), start)
        if word is not None:
            both = sensitivity(f"{word[1]} {name}")
            if both is not None and both.certain:
                says = both
    return (_Name(name, start, end, says) if says else None), end


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


def _escape_at(text: str, start: int) -> int:
    """How much of a name is the end of an escape before it: of a line, a colour, a URL."""
    match text[start - 1 : start]:
        case "\\":
            return 1 if text[start] in "nrt" else 0
        case "[":
            colour = re.compile(r"[\d;]*m").match(text, start)
            return len(colour[0]) if colour else 0
        case "%":
            return 2
    return 0


def _is_mixed(value: str) -> bool:
    """Whether a value is more than a word, be it short."""
    if len(value) < 6 or " " in value or is_code(value, "") or sensitivity(value):
        return False
    return _MIXED.search(value) is not None or is_random(value, 6)


class _Reader:
    """Reads what follows a name in one text."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._lines = Lines(text)

    def values(self, name: _Name) -> Iterator[Span]:
        """The secrets that are values of this name."""
        text = self._text
        if text[name.start - 1 : name.start] in ("<", ":") and (span := self._element(name)):
            yield span
            return
        field = _VALUE_FIELD.match(text, name.end)
        before = text[max(0, name.start - 40) : name.start]
        is_item = field is not None and before.strip("\\\"' ")[-1:] in ("", ":", "=")
        if is_item or _NAME_FIELD.search(before):
            if field is not None:
                yield from self._value(name, field.end(), "=", None)
                return
            earlier = _VALUE_BEFORE.search(text, max(0, name.start - 600), name.start)
            if earlier is not None and is_secret(name.says, earlier["value"]):
                yield Span(*earlier.span("value"), name.says.kind)
                return
        plist = _PLIST.match(text, name.end)
        if plist is not None and before.endswith("<key>"):
            yield from self._of_text(name, plist.end())
            return
        attribute = _ELEMENT_OF_ATTRIBUTE.match(text, name.end)
        if attribute is not None and _ATTRIBUTE.search(text, max(0, name.start - 240), name.start):
            yield from self._of_text(name, attribute.end())
            return
        if (
            name.says.kind == "password"
            and not name.says.certain
            and _LOGIN_BEFORE.search(text, max(0, name.start - 80), name.start)
        ):
            name = name._replace(says=name.says._replace(certain=True))
        called = _CALLED_WITH.match(text, name.end)
        if called is not None:
            yield from self._called(name, called.end())
            return
        default = _TYPED.match(text, name.end) or _DEFAULT.match(text, name.end)
        if default is not None:
            yield from self._value(name, default.end(), "=", None)
            return
        join = _JOIN.match(text, name.end)
        if join is None:
            yield from self._after_space(name, before)
            return
        yield from self._joined(name, join, before)

    def _joined(self, name: _Name, join: re.Match[str], before: str) -> Iterator[Span]:
        text, op = self._text, join["op"]
        is_quoted = join["quote"] is not None
        match op:
            case "|" | "│" | "—" | "–" | "→":
                yield from self._cell(name, join.end("op"))
            case ",":
                yield from self._listed(name, join.end(), before if is_quoted else "")
            case "||" | "??" | "?:" | "or" | "==" | "===" | "!=" | "!==" | "=>":
                quote = self._lines.opening(join.end())
                if quote and not sensitivity(text[quote.end() : self._lines.closing(quote)[0]]):
                    yield from self._value(name, join.end(), op, None)
            case ":" if before[-1:] == ":" and not join["after"]:
                return  # a path of names: `arn:aws:secretsmanager:eu-west-1:1:secret:db`
            case _:
                start = join.end()
                if op == "=" and self._is_empty(name, join):
                    return
                annotation = _ANNOTATION.match(text, start) if op == ":" else None
                if annotation is not None:
                    start = annotation.end()
                enclosing = None
                if not is_quoted and before[-1:] and before[-1] in "\"'`":
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

    def _is_empty(self, name: _Name, join: re.Match[str]) -> bool:
        """Of `NAME= word` and `'a=b&NAME=' word` whether NAME is empty, as it is in a shell."""
        text, start = self._text, join.end()
        if join["before"]:
            return False
        if not join["after"]:
            return text[start : start + 1] in ("'", '"') and text[start + 1 : start + 2].isspace()
        line = text[start : min(self._lines.end(start), start + 200)].strip()
        is_word = " " not in line and at_line_start(text, name.start)
        return line[:1] not in "\\\"'`" and not is_word

    def _value(self, name: _Name, start: int, op: str, bare: Bare | None) -> Iterator[Span]:
        """The value at `start`: between quotes, in a list, on the next lines, or bare."""
        text = self._text
        wrapper = _WRAPPER.match(text, start)
        if wrapper is not None:
            start = wrapper.end()
        quote = self._lines.opening(start)
        if quote is not None:
            yield from self._quoted(name, quote)
            return
        if (
            bare is not None
            and op in (":", "=", ":=", "?=", "+=")
            and (found := _LIST.match(text, start))
        ):
            yield from self._items(name, found.end())
            return
        block = _BLOCK.match(text, start)
        if block is not None and name.says.certain:
            yield from self._block(name, block)
            return
        following = _NEXT_LINE.match(text, start)
        if following is not None and op == ":":
            yield from self._on_next_line(name, following)
            return
        if bare is None:
            bare = Bare(spaced=True, colon=True, enclosing=None, start=name.start)
        yield from self._bare(name, start, bare)

    def _quoted(self, name: _Name, quote: re.Match[str]) -> Iterator[Span]:
        while True:
            end, after = self._lines.closing(quote)
            start = self._after_scheme(name, quote.end(), end)
            if self._is_secret(name, self._text[start:end]):
                yield Span(start, end, name.says.kind)
            more = _CONCATENATION.match(self._text, after)
            following = self._lines.opening(more.end()) if more else None
            if following is None:
                return
            quote = following

    def _after_scheme(self, name: _Name, start: int, end: int) -> int:
        """Of `Basic …` the value begins after the scheme."""
        if name.says.kind != "authorization":
            return start
        scheme = _SCHEME.match(self._text, start, end)
        return scheme.end() if scheme else start

    def _is_secret(self, name: _Name, value: str) -> bool:
        return is_secret(name.says, value)

    def _bare(self, name: _Name, start: int, bare: Bare) -> Iterator[Span]:
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

    def _items(self, name: _Name, start: int) -> Iterator[Span]:
        """The strings of a list, up to anything that is none."""
        text = self._text
        while True:
            quote = self._lines.opening(start)
            if quote is None:
                item = re.compile(r"[^\s,\"'`\[\]{}()]{1,512}").match(text, start)
                if item is None:
                    return
                if self._is_secret(name, item[0]) and not is_code(item[0], name.text):
                    if is_random(item[0], 6):
                        yield Span(*item.span(), name.says.kind)
                after = item.end()
            else:
                end, after = self._lines.closing(quote)
                value = text[quote.end() : end]
                is_name = sensitivity(value) is not None and name.says.kind != "password"
                if self._is_secret(name, value) and not is_name and text[after : after + 1] != ":":
                    yield Span(quote.end(), end, name.says.kind)
            comma = _COMMA.match(text, after)
            if comma is None:
                return
            start = comma.end()

    def _block(self, name: _Name, block: re.Match[str]) -> Iterator[Span]:
        """A block of YAML: all lines that are indented at least as far."""
        start, indent = block.end(), block["indent"]
        end = self._lines.end(start)
        line = re.compile(rf"\r?\n(?:{indent}[^\n]*|[ \t]*(?=\r?\n))")
        while following := line.match(self._text, end):
            end = following.end()
        if not is_placeholder(self._text[start:end]):
            yield Span(start, end, name.says.kind)

    def _on_next_line(self, name: _Name, following: re.Match[str]) -> Iterator[Span]:
        text, start = self._text, following.end()
        quote = self._lines.opening(start)
        if quote is not None and quote["triple"]:
            return  # what documents a function
        if quote is not None and not text.startswith(":", self._lines.closing(quote)[1]):
            yield from self._quoted(name, quote)
            return
        line = text[start : min(self._lines.end(start), start + 512)].strip()
        if (
            line
            and name.says.certain
            and not line.startswith("-")
            and _is_mixed(line.strip("\"'"))
        ):
            yield Span(start, start + len(line), name.says.kind)
            return
        line_start = following.end()
        line_start -= len(text[following.start() : line_start].rpartition("\n")[2])
        while item := _ITEM.match(text, line_start):
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

    def _called(self, name: _Name, start: int) -> Iterator[Span]:
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

    def _cell(self, name: _Name, start: int) -> Iterator[Span]:
        """A cell of a table, to the right of a cell that holds the name."""
        cell = _CELL.match(self._text, start)
        if cell is not None and _is_mixed(cell[1]) and self._is_secret(name, cell[1]):
            yield Span(*cell.span(1), name.says.kind)

    def _listed(self, name: _Name, start: int, before: str) -> Iterator[Span]:
        """The string after a name in a list or a call: `["--password", "x"]`."""
        quote = self._lines.opening(re.compile(r"\s{0,80}").match(self._text, start).end())  # type: ignore[union-attr]
        if quote is None:
            return
        end, _ = self._lines.closing(quote)
        begin = self._after_scheme(name, quote.end(), end)
        value = self._text[begin:end]
        sure = name.text.startswith("-") or begin > quote.end() or _CALL.search(before)
        if name.says.kind == "cookie" or (name.says.certain and "-" in name.text.strip("-")):
            sure = sure or is_random(value, 6)
        if (sure and self._is_secret(name, value)) or is_random(value, 6, strict=name.says.strict):
            yield Span(begin, end, name.says.kind)

    def _after_space(self, name: _Name, before: str) -> Iterator[Span]:
        """The word after an option, a setter's name, or `password is`."""
        text = self._text
        space = _SPACE.match(text, name.end)
        if space is None:
            return
        is_option = name.text.startswith("-") or name.text in _SPACED_NAMES
        declared = _DECLARED.match(text, name.end)
        if declared is not None:
            yield from self._value(name, declared.end(), "=", None)
            return
        if is_option or _is_set(text[max(0, name.start - 96) : name.start]):
            if text[space.end() : space.end() + 1] in ("-", "|", ">", "&", ";"):
                return
            bare = Bare(spaced=False, colon=False, enclosing=None, start=name.start, option=True)
            yield from self._value(name, space.end(), " ", bare)
            return
        quote = self._lines.opening(space.end())
        if (
            quote is not None
            and quote["char"]
            and name.says.kind == "password"
            and name.says.certain
        ):
            end, _ = self._lines.closing(quote, one_line=True)
            value = text[quote.end() : end]
            if " " not in value and self._is_secret(name, value) and not sensitivity(value):
                yield Span(quote.end(), end, name.says.kind)
            return
        verb = _IS.match(text, name.end)
        if verb and verb[0][-1] in "\"'`" and name.says.kind == "password" and name.says.certain:
            quote = self._lines.opening(verb.end() - 1)
            if quote is not None and " " not in text[quote.end() : self._lines.closing(quote)[0]]:
                yield from self._quoted(name, quote)
            return
        start = verb.end() if verb else space.end()
        word = re.compile(r"[^\s\"'`<>,;()]{6,200}").match(text, start)
        if word is None:
            return
        value = word[0].rstrip(".:!?")
        mixed = verb and name.says.certain and re.search(r"[A-Za-z].*\d|\d.*[A-Za-z]", value)
        if (mixed or is_random(value, 6, strict=not name.says.certain)) and not is_code(
            value, name.text
        ):
            yield Span(start, start + len(value), name.says.kind)

    def _element(self, name: _Name) -> Span | None:
        text = self._text
        if text[name.start - 1] == ":" and not re.search(
            r"<\w{1,40}:\Z", text[max(0, name.start - 42) : name.start]
        ):
            return None
        tag = _ELEMENT.match(text, name.end)
        return next(self._of_text(name, tag.end(), bool(tag["cdata"])), None) if tag else None

    def _of_text(self, name: _Name, start: int, cdata: bool = False) -> Iterator[Span]:
        content = _TEXT.match(self._text, start)
        if content is None:
            return
        value = content[0].strip()
        if content.end() == len(self._text) and not is_random(value, 6):
            return
        begin = start + content[0].index(value) if value else start
        end = begin + len(value) - (3 if value.endswith("]]>") else 0)
        if value and self._is_secret(name, self._text[begin:end]):
            yield Span(begin, end, name.says.kind)
