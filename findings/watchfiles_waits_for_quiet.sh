#!/usr/bin/env bash
# Software: watchfiles 1.1.0, with anyio 4.9.0, idna 3.10, sniffio 1.3.1,
#   typing_extensions 4.14.0.
# What it does: with its defaults `watch` tells nothing as long as something new happens in each
#   step of 50 ms, up to 1.6 s (`debounce`). In a folder where files come all the time, the
#   first one is told of 1.6 s after it was made; alone it is told of within 0.1 s or so.
# Why it matters: a live view is late just when much is going on.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps \
    watchfiles==1.1.0 anyio==4.9.0 idna==3.10 sniffio==1.3.1 \
    typing_extensions==4.14.0

"$folder/venv/bin/python" - >"$folder/seen" <<'PYTHON'
import pathlib
import tempfile
import threading
import time

from watchfiles import watch


def told_after(pause: float, count: int) -> float:
    """Seconds between the first of `count` new files, one every `pause`, and the first news."""
    folder = pathlib.Path(tempfile.mkdtemp())
    begun: list[float] = []

    def make_files() -> None:
        time.sleep(0.5)  # until it watches
        begun.append(time.monotonic())
        for number in range(count):
            (folder / str(number)).touch()
            time.sleep(pause)

    thread = threading.Thread(target=make_files)
    thread.start()
    next(watch(folder))
    waited = time.monotonic() - begun[0]
    thread.join()
    return waited


print("one file, told of within half a second:", told_after(0.0, 1) < 0.5)
print("a file every 10 ms, told of after 1.5 s or more:", told_after(0.01, 250) >= 1.5)
PYTHON

cat >"$folder/expected" <<'EXPECTED'
one file, told of within half a second: True
a file every 10 ms, told of after 1.5 s or more: True
EXPECTED
diff "$folder/expected" "$folder/seen" && echo "as found"
