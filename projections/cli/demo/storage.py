"""`journal demo --storage`: what is stored, shown on a session of two runtimes."""

import json
import os
import shlex
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.rule import Rule
from rich.text import Text
from rich.tree import Tree

from journal import GatewayConfig, JournalError, SessionConfig
from journal.names import paths_of
from projections.cli.demo.commands import as_typed
from projections.cli.terminal.output import colour_of
from projections.store.store import DefaultSessionStore

SESSION = "demo"
_RUNTIMES = ("native", "plugin_harness")
_FAKE_KEY = "sk-" + "demo" * 8  # of the shape of a real one, so that it is redacted


def show_storage(folder: str) -> None:
    """Record and show the session `SESSION`, which must be new. Raises `JournalError`."""
    console = Console(highlight=False)
    config = GatewayConfig(session_config=SessionConfig(persist=True, mirror_runtime_state=True))
    with DefaultSessionStore(folder, config=config) as store:
        _record(store)
        _show_log(console, folder)
        _show_view(console, store)
        _show_session_file(console, store, folder)
        _show_clear(console, store)
        _show_compaction(console, store)
        _show_verification(console, store)
    _show_next_steps(console, folder)


def _record(store: DefaultSessionStore) -> None:
    store.set_runtime_state(
        SESSION,
        "native",
        "turn-1",
        {"status": "open", "tool_calls": ["call-1"], "transcript": "Weather in Paris?"},
    )
    store.set_runtime_state(
        SESSION,
        "native",
        "turn-1",
        {"status": "completed", "tool_calls": ["call-1"], "transcript": "14 degrees, mild."},
    )
    store.set_many(
        SESSION,
        [
            ("native", "turn-2", {"status": "completed", "tool_calls": []}),
            ("plugin_harness", "turn-3", {"tool_calls": ["call-2"], "api_key": _FAKE_KEY}),
        ],
    )


def _heading(console: Console, title: str, *text: str) -> None:
    console.print()
    console.print(Rule(f"[bold]{title}", align="left", style="dim"))
    for line in text:
        console.print(line, style="dim")
    console.print()


def _show_log(console: Console, folder: str) -> None:
    path = Path(paths_of(folder, SESSION).log)
    lines = path.read_text().split("\n")[:-1]
    _heading(
        console,
        "1. The log is the truth",
        "Two runtimes took three turns, turn-1 was saved twice. One event is one line of",
        str(path),
    )
    for event in map(json.loads, lines):
        console.print(_summary(event), no_wrap=True, overflow="ellipsis")
    console.print()
    console.print("The last line in full: `hash` covers it, `prev` chains it to the one before.")
    console.print()
    console.print(Text(lines[-1], style="green"), overflow="fold")


def _summary(event: dict[str, Any]) -> Text:
    if event["op"] == "open":
        return Text(f"  -  open    {event['session_id']}, log {event['log_id']}", style="dim")
    runtime, turn = event.get("runtime_id", ""), event.get("turn_id", "")
    state = json.dumps(event["state"], separators=(",", ":")) if "state" in event else ""
    return Text.assemble(
        (f"{event['seq']:3}  ", "dim"),
        f"{event['op']:6}  ",
        (f"{runtime:14}  ", f"color({colour_of(runtime)})" if runtime else ""),
        f"{turn:6}  ",
        (state, "dim"),
    )


def _show_view(console: Console, store: DefaultSessionStore) -> None:
    _heading(
        console,
        "2. Folded, it is the view",
        "What get_runtime_state returns: the latest state of each turn, secrets replaced.",
    )
    _print_tree(console, store)


def _print_tree(console: Console, store: DefaultSessionStore) -> None:
    tree = Tree(f"[bold]{SESSION}")
    for runtime in _RUNTIMES:
        turns = store.get_runtime_state(SESSION, runtime)
        if turns:
            branch = tree.add(Text(runtime, style=f"color({colour_of(runtime)})"))
            for turn, state in turns.items():
                text = json.dumps(state, separators=(",", ":"))
                branch.add(Text(f"{turn}  {text}", overflow="ellipsis", no_wrap=True))
    console.print(tree)


def _show_session_file(console: Console, store: DefaultSessionStore, folder: str) -> None:
    store.flush()
    path = Path(paths_of(folder, SESSION).session_file)
    _heading(
        console,
        "3. The session file is for PraisonAI",
        f"{path.name} holds the view under `runtime_state`, beside PraisonAI's own data.",
        "It is derived: delete it, and the next save writes it again.",
    )
    for line in path.read_text().splitlines():
        style = "green" if "runtime_state" in line else "dim"
        console.print(Text(line, style=style), no_wrap=True, overflow="ellipsis")


def _show_clear(console: Console, store: DefaultSessionStore) -> None:
    store.clear_runtime_state(SESSION, "plugin_harness")
    _heading(
        console,
        "4. A clear is an event too",
        'After clear_runtime_state("demo", "plugin_harness"). The history keeps it all.',
    )
    _print_tree(console, store)


def _show_compaction(console: Console, store: DefaultSessionStore) -> None:
    report = store.compact(SESSION)
    _heading(
        console,
        "5. Compaction keeps what lives",
        "Overwritten and cleared turns move to the archive, every line as it was.",
    )
    if report is not None:
        archive = os.path.relpath(report.archive or "", store.session_dir)
        console.print(f"  events    {report.events_before} → {report.events_after}")
        console.print(f"  bytes     {report.bytes_before:,} → {report.bytes_after:,}")
        console.print(f"  archive   {archive}, soon gzipped")


def _show_verification(console: Console, store: DefaultSessionStore) -> None:
    report = store.verify(SESSION)
    _heading(
        console,
        "6. Verification",
        "Each line's hash, the chain through the archives, nothing missing or moved.",
    )
    verdict = "[bold green]passed" if report.ok else "[bold red]FAILED"
    console.print(f"  outcome   {verdict}")
    console.print(f"  events    {report.events} in the log, {report.archived_events} archived")
    console.print(f"  head      {report.head}")
    for problem in report.problems:
        console.print(f"  problem   {problem}", markup=False)
    if not report.ok:
        raise JournalError("the demo's own log does not verify: please report this as a bug")


def _show_next_steps(console: Console, folder: str) -> None:
    _heading(console, "Try next")
    journal, where = as_typed(), shlex.quote(folder)
    for command in (
        f"{journal} log {SESSION} --dir {where}",
        f"{journal} handoffs {SESSION} --dir {where}",
        f"{journal} diff {SESSION} native/turn-1 --dir {where}",
        f"{journal} --help",
    ):
        console.print(Text(f"  {command}", style="bold"), soft_wrap=True)
    console.print("\nor in Python:\n")
    for line in (
        "from projections import DefaultSessionStore",
        f"store = DefaultSessionStore({json.dumps(folder)})",
        'store.get_runtime_state("demo", "native")',
    ):
        console.print(Text(f"  {line}", style="bold"), soft_wrap=True)
