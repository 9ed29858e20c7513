#!/usr/bin/env bash
# Software: msgspec 0.22.0.
# What it does: a struct with a tag, decoded as one of a union, must have its tag. Decoded by
#   itself it need not: a missing tag is taken for the right one, and only a wrong one is refused,
#   even with `forbid_unknown_fields`.
# Why it matters: for a quicker path, the lines of a log that are nearly all of one kind might be
#   decoded as that kind alone. Lines that do not say what they are would then count.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps msgspec==0.22.0

"$folder/venv/bin/python" - >"$folder/seen" <<'PYTHON'
import msgspec


class Set(msgspec.Struct, tag_field="op", tag="set", forbid_unknown_fields=True):
    n: int


class Clear(msgspec.Struct, tag_field="op", tag="clear", forbid_unknown_fields=True):
    n: int


for kind in (Set | Clear, Set):
    for text in ('{"n":1}', '{"op":"clear","n":1}'):
        try:
            print(text, msgspec.json.decode(text, type=kind))
        except msgspec.ValidationError as error:
            print(text, error)
PYTHON

cat >"$folder/expected" <<'EXPECTED'
{"n":1} Object missing required field `op`
{"op":"clear","n":1} Clear(n=1)
{"n":1} Set(n=1)
{"op":"clear","n":1} Invalid value 'clear' - at `$.op`
EXPECTED
diff "$folder/expected" "$folder/seen" && echo "as found"
