"""Texts and states that are made of what secrets, and what looks like them, are made of."""

import json

from hypothesis import strategies as st

from journal.redaction.kinds import SHAPES
from tests.journal.redaction.credentials import SECRETS

NAMES = (
    *("pass", "password", "pwd", "dbpw", "secret", "token", "api_key", "auth", "authorization"),
    *("cookie", "key", "max_tokens", "passed", "author", "auth_status", "keyboard", "tokens"),
    *("token_count", "bypassPermissions", "authenticate", "credentials", "Bearer", "Basic"),
)
GOES_ON = ("", "s", "ed", "es", "ing", "_count", "Usage", "or", "Status", "board", "_2", "Prod")
JOINS = ("=", ": ", '": "', '":', "('", " ", " is ", "://u:", "\n", "|", ">", "-p")
VALUES = ("hunter2", "Zq9x7Wp2Lm4Kt8", "1234", "${X}", "[REDACTED:token]", "@host", "é")
ENDS = ("", '"', "')", "\n", "@h", "</", "Z", ".117Z")
COMMANDS = ("curl -u a:", "mysql -p", "7z a -p", "unzip -P ", "identified by '", "h:6432:d:u:")
PIECES = st.sampled_from(
    [*NAMES, *GOES_ON, *JOINS, *VALUES, *ENDS, *COMMANDS]
    + [secret for _, secret in SECRETS]
    + [marker for shape in SHAPES for marker in shape.markers]
)
ASSIGNED = st.tuples(*map(st.sampled_from, (NAMES, GOES_ON, JOINS, VALUES, ENDS))).map("".join)
TEXTS = st.lists(PIECES | ASSIGNED | st.text(max_size=3), max_size=6).map("".join)
NESTED = TEXTS | TEXTS.map(lambda text: json.dumps({"a": text})) | ASSIGNED.map(json.dumps)
STATES = st.dictionaries(
    NESTED | st.sampled_from(NAMES), NESTED | st.integers() | st.lists(NESTED), max_size=3
)
