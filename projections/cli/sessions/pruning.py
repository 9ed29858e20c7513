"""What `journal prune` says: which sessions go, which stay and why, and how much that is."""

from collections.abc import Sequence
from datetime import UTC, datetime

from journal.config import Prune
from projections.cli.formats.ages import age
from projections.cli.formats.sizes import size_text
from projections.cli.terminal.folding import print_folded
from projections.cli.terminal.output import LineWriter, notice
from projections.store.pruning.planning import KeptSession
from projections.store.pruning.pruner import PruneReport


def print_plan(report: PruneReport, rule: Prune) -> None:
    """Each session that would go, each that stays though it was to go, and how many."""
    now = datetime.now(UTC)
    writer = LineWriter(cut=False)
    for one in report.pruned:
        changed = age(datetime.fromisoformat(one.updated_at), now)
        print_folded(writer, [(one.session_id, "bold")], [f"{changed}, {size_text(one.bytes)}"])
    _print_kept(writer, report.kept)
    writer.line([f"{summed_up(report, rule)} would go; {_rest(report, rule)}"])
    writer.flush()


def print_outcome(report: PruneReport, rule: Prune, known: int) -> None:
    """What has gone, and each that stays but for the first ones, which are `known`."""
    writer = LineWriter(cut=False)
    _print_kept(writer, report.kept[known:])
    writer.flush()
    notice(f"{summed_up(report, rule)} pruned; {_rest(report, rule)}")


def _print_kept(writer: LineWriter, kept: Sequence[KeptSession]) -> None:
    for one in kept:
        print_folded(writer, [(one.session_id, "bold")], [f"stays: {one.reason}"])


def summed_up(report: PruneReport, rule: Prune) -> str:
    """How many sessions and archives that is, and how large; and whose messages go with it."""
    count, archives = len(report.pruned), sum(one.archives for one in report.pruned)
    what = [
        f"the history of {number(count, 'session')}" if rule.archives else number(count, "session")
    ]
    what += [number(archives, "archive")] if archives else []
    text = ", ".join([*what, size_text(report.bytes)])
    holding = sum(one.messages > 0 for one in report.pruned)
    if not holding:
        return text
    messages = number(sum(one.messages for one in report.pruned), "message")
    return f"{text}, with {messages} of PraisonAI in {number(holding, 'session file')}"


def _rest(report: PruneReport, rule: Prune) -> str:
    left = report.seen if rule.archives else report.seen - len(report.pruned)
    stays = (
        f"{number(left, 'session')} of {size_text(report.left)} {'stays' if left == 1 else 'stay'}"
    )
    if rule.max_size is not None and report.left > rule.max_size:
        stays += f", more than the {size_text(rule.max_size)} that were asked for"
    return stays


def number(count: int, noun: str) -> str:
    """A number of things: `1 session`, `2 sessions`."""
    return f"{count:,} {noun}{'s' * (count != 1)}"
