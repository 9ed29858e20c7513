"""What the demo prints at a terminal of 84 columns, the same on every machine and day.

Times, processes and the date are fixed; all the rest is as users see it.
"""

from datetime import UTC, datetime

from tests.cli.terminal import Terminal, after

COLUMNS = 84
_DAY = "2026-12-01"
_AT = "10:18:00"

_FIXED = after(
    """
import datetime, mmap, os, struct
import journal.codec
import journal.engines.files.log
import projections.adapters.turns
import projections.cli.commands.demo
import projections.writers

clock = mmap.mmap(-1, 8)  # nanoseconds since the epoch, for the forked process too

def time_ns():
    return struct.unpack("q", clock[:])[0]

def wait(seconds):
    clock[:] = struct.pack("q", time_ns() + round(seconds * 1_000_000_000))

def now():
    moment = datetime.datetime.fromtimestamp(time_ns() / 1_000_000_000, datetime.UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")

wait(float(os.environ["BEGINS"]))
first = os.getpid()
journal.codec.time_ns = time_ns
projections.adapters.turns.now = now
projections.cli.commands.demo.sleep = wait
journal.engines.files.log.default_writer = lambda: f"app:{4242 + (os.getpid() != first)}"
projections.writers.Writers.is_gone = lambda self, event: event.writer == "app:4243"
"""
)


def recorded() -> str:
    """Its output from the first word to the last finding, with escape sequences."""
    today = datetime.now(UTC).date()  # of other days, lines would show the date
    begins = datetime.fromisoformat(f"{today}T{_AT}+00:00").timestamp()
    env = {"BEGINS": str(begins), "TZ": "UTC0", "LANG": "C.UTF-8"}
    with Terminal("demo", columns=COLUMNS, code=_FIXED, env=env) as terminal:
        assert terminal.end() == 0, terminal.raw
        shown = terminal.raw
    fixed = datetime.fromisoformat(_DAY)
    shown = shown.replace(f"{today:%b %d}", f"{fixed:%b %d}").replace(str(today), _DAY)
    return shown[: shown.index("\x1b[2mReplay it")].strip("\n")


def parts() -> dict[str, str]:
    """By the names of the pictures: the lines of the tail, and the audit of it."""
    lines, _, audit = recorded().partition("\n\n\x1b[2mWas it refunded twice?")
    return {"tail": lines, "handoffs": audit.partition("\n")[2].strip("\n")}
