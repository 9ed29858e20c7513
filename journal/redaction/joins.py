"""The patterns for what joins a name and its value, and for what stands around them.

Each reads a bounded piece of text before or after a name, so its time does not depend on the
length of the text.
"""

import re

from journal.redaction.later import compiled_later
from journal.redaction.quoting import OPEN

ANSI = r"\x1b\[[\d;]*m"
TAGS = r"</?(?:b|i|em|strong|code|td|th|dt|dd|span)>"
DECORATION = rf"(?:{ANSI}|\\+(?:u001b|x1b|033)\[[\d;]*m|\*{{1,3}}|__|{TAGS})"
CLOSE = rf"(?:(?P<quote>{OPEN}|[”’»])|[\])]|{DECORATION}){{0,6}}"
JOIN = compiled_later(
    rf"(?:\[\d{{0,6}}\](?=[ ]?=))?{CLOSE}[?!]?(?:[ \t](?:is|for[ ][\w.@-]{{1,40}}|\[[^\]\n]{{0,40}}\]|\([^)\n]{{0,40}}\))(?=[ ]?:))?(?P<before>[ \t]{{0,64}}(?:\.{{3,80}}[ \t]{{0,8}}(?=[:=]))?)"
    rf"(?P<op>[:?+]=|(?:::|\+:)(?=[ ][\"'])|==?>|\|\||\?\?|\?:|or(?=[ \t])|—|–|→|⇒|~>(?=[ \t])|<-(?=[ \t]{{0,8}}[\"'])|<<-(?=[ ][\"'](?![A-Z_]{{1,20}}[\"']))|->(?=[ \t])|│|===?|!==?|[:=：](?!:)|[|,]|%3[dDaA])(?P<after>[ \t]{{0,64}})"
    rf"(?:(?:{ANSI}|\\+(?:u001b|x1b|033)\[[\d;]*m|\*\*(?=[ \w])|{TAGS})[ \t]{{0,8}}){{0,4}}"
)
ANNOTATION = compiled_later(
    r"[&*]{0,2}(?:mut )?(?:[\w.:]{1,60}+(?:\[[\w., |]{0,60}\])?(?:[ ]?\|[ ]?\w{1,40}){0,3}[?!]?)[ \t]{0,8}=[ \t]{0,8}(?=[bBrRuUfF]?[\"'`])"
)
VALUE_FIELD = compiled_later(
    rf"{CLOSE}\s{{0,80}}(?:[,;]\s{{0,80}})?(?:[\w-]{{1,20}}=\"[^\"<>]{{0,80}}\"\s{{1,9}}){{0,4}}"
    rf"(?:{OPEN})?(?:value|val|content|secretvalue|string_?value)(?:{OPEN})?\s{{0,9}}[:=]\s{{0,80}}",
    re.IGNORECASE,
)
NAME_FIELD = compiled_later(
    r"(?:name|key|header|variable|var|env|param|parameter|field|property|id)"
    r"(?:\\*[\"'`])?\s*[:=]\s*(?:\\*[\"'`])?\Z",
    re.IGNORECASE,
)
ATTRIBUTE = compiled_later(
    r"<(?!input\b|label\b|meta\b|img\b|a\b|button\b|select\b|option\b)[\w:.-]+\s[^<>]{0,200}\b(?:name|key)=[\"']?\Z"
)
ELEMENT = compiled_later(r"(?:\s[^<>]{0,300})?>(?P<cdata><!\[CDATA\[)?")
ELEMENT_OF_ATTRIBUTE = compiled_later(r"[\"'][^<>]{0,200}>(?:\s{0,80}<value>)?")
VALUE_BEFORE = compiled_later(
    r"\bvalue(?:\\*[\"'`])?\s{0,9}[:=]\s{0,9}(?:\\*[\"'`])?(?P<value>[^\s\"'`\\,{}]{1,512})(?:\\*[\"'`])?"
    r"\s{0,80}[,;]?\s{0,80}(?:\\*[\"'`])?(?:name|key)(?:\\*[\"'`])?\s{0,9}[:=]\s{0,9}(?:\\*[\"'`])?\Z",
    re.IGNORECASE,
)
CALLED_WITH = compiled_later(r"(?P<verb>\(|\{)\s{0,20}(?=[bBrRuUfF@]?[\"'`])")
TYPED = compiled_later(
    r"(?:\\*[\"'`]\s?\]|\])?[\w.:= >-]{0,40}\\*[\"'`](?:,\s?\w{1,20}\s?[:=]\s?\w{1,20})?\s?\}?\s?\)"
    r"(?:\.(?:first|last|nth)(?:\(\d{0,3}\))?)?"
    r"\.(?:type|fill|send_?keys|send|setValue|set_text|val|input|press_?sequentially)\(\s{0,20}",
    re.IGNORECASE,
)
DECLARED = compiled_later(r"[ \t]{1,8}(?:As[ ])?\*?[\w.\[\]]{1,30}[ \t]{0,8}=[ \t]{0,8}(?=[\"'`])")
DEFAULT = compiled_later(
    r"[\"']?[ \t]{0,8}=?[ \t]{0,8}\{[^{}]{0,300}?\b(?:default|value)[\"']?[ \t]{0,8}=[ \t]{0,8}(?=[\"'])"
    r"|\\*[\"']\]=>\s{0,40}string\(\d{1,6}\)\s"
    r"|[ ](?:-[vV]alue|--value|--body)[ =](?=[\"'])"
)
LOGIN_BEFORE = compiled_later(
    r"\b(?:user(?:[_ -]?name)?|login|host|uid|usr|e-?mail)[\"']?\s{0,4}[:=]", re.IGNORECASE
)
LOGIN_LINE = compiled_later(
    r"\s{0,16}(?:user|username|login|host|server|port|account|auth|from|machine|tls|email|protocol|database)"
    r"[ \t]{1,16}\S{1,128}\s{0,8}\Z",
    re.IGNORECASE,
)
LOGINS = ("user", "login", "host", "uid", "usr", "mail")
"""Every match of `LOGIN_BEFORE` contains one of these."""
SPACED_NAMES = frozenset(("requirepass", "masterauth", "bindpw", "rootpw"))
PLIST = compiled_later(r"</key>\s{0,80}<string>")
TEXT = compiled_later(r"[^<]{1,4096}(?=</|$)")
CELL = compiled_later(
    r"[ \t]*+[*_`]{0,3}([^|\s`*│][^|\n`*│]{0,511}?)[*_`]{0,3}[ \t]*(?=[|│]|\r?\n|\Z)"
)
FIRST_WORD = compiled_later(r"(?:\A|\n)[\s>+│|#\d:→-]{0,24}[*`\[:\"']{0,3}\Z")
LAST_WORD = compiled_later(
    r"[*_`│|]{0,3}([^\s|`\"'│]{1,256})[*_`]{0,3}[ \t]{0,64}[|│]?[ \t]{0,8}\r?(?=\n|\Z)"
)
RULE = compiled_later(
    r"[^\n]{0,80}\r?\n[ \t|│+]{0,8}[:+]?[-─=┼├╞]{2}[^\n]{0,200}\n[^\n]{0,200}?[|│]"
)
BRACED = compiled_later(r"\{([^{}\n\"':=]{1,256}+)\}(?=;|\s*(?:[\"'\n]|\Z))")
FORM_FIELD = compiled_later(
    r"\\*[\"'](?:;[^\r\n\\]{0,200})?(?:\r?\n|\\+r\\+n)(?:[A-Z][\w-]{1,40}:[^\r\n\\]{0,200}(?:\r?\n|\\+r\\+n)){0,4}"
    r"(?:\r?\n|\\+r\\+n)(?P<value>[^\r\n\\]{1,512})(?:(?=\r?\n|\\+r\\+n)|\Z)"
)
OPTION = compiled_later(r"--[a-z][a-z-]{1,30}(?:=|(?=[\"'`\\]|\Z))|-[A-Za-z](?=[\"'`\\]|\Z)")
"""The next option of a command; then the one before it takes no value."""
VARIABLE = compiled_later(r"[A-Za-z_]\w{0,60}[ \t]{0,4}(?:[,;)}\]]|\r?\n|\Z)")
CELL_OF_MARKUP = compiled_later(
    r"\s{0,9}:?\s{0,9}</(?:td|th|dt)>\s{0,80}<(?:td|dd)(?:\s[^<>]{0,80})?>\s{0,80}(?:<code>)?([^\s<>]{1,256})\s{0,80}</"
)
FIELD_OF_CALL = compiled_later(
    r"\.(?:fill|type|press_sequentially|fill_in|setValue|set_value)\(\s{0,9}[\"'`][^\"'`]{0,24}[#.=\[][\"'`]?\Z"
)
SPACES = compiled_later(r"\s{0,80}(?:<<)?")
SAID = compiled_later(r"[^\s\"'`<>,;()]{6,200}")
PREFIXED = compiled_later(r"<\w{1,40}:\Z")
BARE_ITEM = compiled_later(r"[^\s,\"'`\[\]{}()]{1,512}")
SPACE = compiled_later(r"[ \t]{1,16}")
CALL = compiled_later(
    r"(?:getenv|environ\.get|env\.get|setenv|putenv|SetEnvironmentVariable|setdefault|setItem|setProperty"
    r"|addHeader|setRequestHeader|setHeader|\.header|\.headers\.set|\.append|\.define|define|headers?\.add"
    r"|config\.get|env|Secret|fill|type|fill_in|press_sequentially|set_value|setValue|\.put|\.set|add_secret|set_key)\(\s{0,20}[\"'`]\Z",
    re.IGNORECASE,
)
TUPLE = compiled_later(r"(?:\A|[^\w)\]])\([\"']\Z")
IS = compiled_later(
    r"[ \t]{1,4}(?:is|was|are|to|=)[ \t]{1,4}[\"'`]?(?=(?P<value>[^\s\"'`<>]{6,200}))"
)
BLOCK = compiled_later(
    r"[|>][+-]?\d?[+-]?[ \t]*(?:#[^\n]{0,200})?\r?\n(?P<indent>[ \t]{1,64})(?=\S)"
)
NEXT_LINE = compiled_later(r"[ \t]*\r?\n[ \t]*(?=(?:-[ \t]+)?[^\s-])")
ITEM = compiled_later(r"[ \t]*-[ \t]+(?=\S)")
LIST = compiled_later(r"\s{0,80}[\[({]\s{0,80}(?=[\"'`\\])|\s{0,80}[\[(]\s{0,80}(?=[\w])")
COMMA = compiled_later(r"\s{0,80},\s{0,80}")
CONCATENATION = compiled_later(r"\s{0,40}(?:[+.]|->)\s{0,40}(?=[\"'`])")
WRAPPER = compiled_later(
    r"(?:new\s+)?(?:[\w.:]{0,40}?(?:SecretStr|SecretString|SecureString|Secret|String::from|Some|Buffer\.from|bytes|btoa"
    r"|quote|quote_plus|encodeURIComponent|secret|secretValue|fromString|unsafePlainText|base64encode|b64encode"
    r"|str|String|Password|Sensitive|literal|Just)(?:::new)?\(|ConvertTo-SecureString[ ]+(?:-String[ ]+)?)\s{0,20}(?=[bBrRuUf@]?[\"'`])"
)
SCHEME = compiled_later(
    r"(?:bearer|basic|token|digest|apikey|api-key|negotiate|ntlm|bot|key|hmac|hawk|aws4-hmac-sha256|splunk"
    r"|genieKey|sso-key|discogs)\b[ \t:=]{1,4}(?=\S)",
    re.IGNORECASE,
)
BEFORE_KEY_OF_MAP = compiled_later(r"[(,]\s{0,30}\\*\"\Z")
KEY_OF_MAP = compiled_later(r"\\*\"[ ]{0,8}(?:->|to)[ ]{0,8}(?=\\*\")")
BEFORE_DEFINED = compiled_later(
    r"(?:\((?:def|defvar|defparameter|defconstant|defconst|defonce|defcustom|define|setq|setf|set!)\s{1,9}\*?"
    r"|[{(\s]:)\Z"
)
DEFINED = compiled_later(r"\*?\s{1,40}(?=\\*\")")
"""What joins a name of Lisp and its value: `(defvar *name* "x")`, `{:name "x"}`."""
CONDITION = compiled_later(
    r"\b(?:if|elif|while|not|and|or|in|except|case|with|unless|when)[ (]{1,3}\\*[\"']?\Z"
)
STATEMENT = compiled_later(
    r"(?:return|raise|break|continue|pass|throw|yield|exit|assert|del|goto)(?![\w!@#$%^*=+.-])"
)
MIXED = compiled_later(r"[A-Za-z][^\s]*\d|\d[^\s]*[A-Za-z]")
