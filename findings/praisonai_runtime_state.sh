#!/usr/bin/env bash
# Software: praisonaiagents 1.7.17.
# What it does: the store puts the sessions `a/b`, `a_b` and `a.b` into one file, and the last
#   one to write is what all three read. The setting `mirror_runtime_state` is defined and
#   printed; nothing in the package reads it.
# Why it matters: one session shows, and overwrites, the runtime state of another.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps \
    praisonaiagents==1.7.17

"$folder/venv/bin/python" - "$folder/sessions" >"$folder/seen" 2>"$folder/log" <<'PYTHON'
import os
import sys

from praisonaiagents.session.store import DefaultSessionStore

store = DefaultSessionStore(session_dir=sys.argv[1])
ids = ("a/b", "a_b", "a.b")
for session_id in ids:
    store.set_runtime_state(session_id, "native", "turn-1", {"of": session_id})
print(*sorted(os.listdir(sys.argv[1])))
for session_id in ids:
    print(session_id, store.get_runtime_state(session_id, "native"))
PYTHON
package=$("$folder/venv/bin/python" -c 'import praisonaiagents as p; print(p.__path__[0])')
(cd "$package" && grep -rhoE '[A-Za-z]+\.mirror_runtime_state.*' --include='*.py' . | sort -u) \
    >>"$folder/seen"

cat >"$folder/expected" <<'EXPECTED'
a_b.json a_b.json.lock
a/b {'turn-1': {'of': 'a.b'}}
a_b {'turn-1': {'of': 'a.b'}}
a.b {'turn-1': {'of': 'a.b'}}
SessionConfig.mirror_runtime_state)
self.mirror_runtime_state,
EXPECTED
diff "$folder/expected" "$folder/seen" && echo "as found"
