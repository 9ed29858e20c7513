"""How much memory a process of its own needs for something done with a store."""

import resource
import subprocess
import sys
from pathlib import Path

from tests.support import ROOT

MIB = 1 << 20

_MEASURED = """
import sys
from projections import DefaultSessionStore
store = DefaultSessionStore(sys.argv[1], durability="os", auto_compact=False)
store.set_runtime_state("other", "native", "turn-1", {"n": 1})
store.verify("other"), store.history("other", "native", "turn-1")
def peak():
    return int(open("/proc/self/status").read().split("VmHWM:")[1].split()[0])
before = peak()
exec(sys.argv[2])
print(peak() - before)
"""


def growth(folder: Path, code: str, most: int = 0) -> int:
    """By how many bytes a process grew that ran `code` with a `store` on the folder.

    With `most` it gets no more bytes of address space than that, so it fails at once.
    """

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (most, most))

    process = subprocess.run(
        [sys.executable, "-c", _MEASURED, str(folder), code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
        preexec_fn=limit if most else None,
    )
    assert process.returncode == 0, process.stderr
    return int(process.stdout) * 1024
