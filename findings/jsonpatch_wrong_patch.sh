#!/usr/bin/env bash
# Software: jsonpatch 1.33, with jsonpointer 3.0.0.
# What it does: `make_patch(old, new)` can give a patch that does not apply to `old`. It turns
#   a removal and an addition of the same value into a move, and the place that the move takes
#   the value from is where it was before an operation in front of it has shifted the list.
# Why it matters: a patch of a turn's state that somebody applies elsewhere.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps \
    jsonpatch==1.33 jsonpointer==3.0.0

"$folder/venv/bin/python" - >"$folder/seen" <<'PYTHON'
import jsonpatch

old, new = [0, {"a": 3}], [3, {}]
patch = jsonpatch.make_patch(old, new)
print(patch)
try:
    print(patch.apply(old) == new)
except Exception as error:
    print(f"{type(error).__name__}: {error}")
PYTHON

cat >"$folder/expected" <<'EXPECTED'
[{"op": "remove", "path": "/0"}, {"op": "move", "from": "/1/a", "path": "/0"}]
JsonPointerException: index '1' is out of bounds
EXPECTED
diff "$folder/expected" "$folder/seen" && echo "as found"
