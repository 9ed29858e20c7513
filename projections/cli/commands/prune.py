"""`journal prune`: deletes the oldest sessions, or their history."""

from datetime import timedelta

import click

from journal.config import Prune
from projections.cli.arguments.ids import chosen_argument
from projections.cli.arguments.options import LENGTH, SIZE, folder_option, output_option
from projections.cli.arguments.patterns import is_pattern
from projections.cli.documents.json_output import json_document
from projections.cli.documents.sessions import KeptItem, PrunedItem, PruneDocument
from projections.cli.exit_codes import EXIT_FAILURE
from projections.cli.sessions.opening import has_session, opened, require_log
from projections.cli.sessions.pruning import number, print_outcome, print_plan, summed_up
from projections.cli.terminal.asking import can_ask, require_yes, yes_option
from projections.cli.terminal.progress import Progress, bytes_of_sessions
from projections.store.pruning.pruner import PruneReport, planned
from projections.store.store import DefaultSessionStore


@click.command()
@chosen_argument
@click.option("--older-than", type=LENGTH, help="Those that changed last before that: 30d.")
@click.option("--keep-last", type=click.IntRange(min=0), help="All but the last changed so many.")
@click.option("--max-size", type=SIZE, help="As many as it takes until the rest is no larger: 2G.")
@click.option("--archives", is_flag=True, help="Only their history; the sessions stay.")
@click.option("--force", is_flag=True, help="Also those with more to come, or damaged.")
@click.option("--dry-run", is_flag=True, help="Only say what would go.")
@yes_option
@output_option("text", "json")
@folder_option
def prune_command(
    session_ids: tuple[str, ...],
    older_than: timedelta | None,
    keep_last: int | None,
    max_size: int | None,
    archives: bool,
    force: bool,
    dry_run: bool,
    yes: bool,
    output: str,
    folder: str | None,
) -> None:
    """Delete the oldest sessions, by age, number or size.

    Of the sessions that are named or match a pattern, or of all. A session's age counts from
    the last change of its log or session file; its size is that of its log, archives, session
    file and snapshot. The oldest go first. --keep-last keeps the sessions that changed last,
    whatever the other options say; alone, it deletes all others.

    A session is kept, and the reason is printed, if one of its turns is open, even if the
    writer has ended, or waits for a person, if it was handed to a runtime that has not taken it
    over, or if it cannot be read; --force deletes these too. A session that somebody is writing
    to is always kept. PraisonAI's sessions without a log are left alone. The command asks
    first; in a pipe it needs --yes or --dry-run. Exit code 1 when the answer is no, or when
    something could not be deleted.

    \b
    Examples:
      journal prune --older-than 30d --dry-run
      journal prune --keep-last 20 --max-size 2G --yes
      journal prune 'test-*' --keep-last 0
      journal prune --archives --older-than 4w
    """
    rule = _rule(older_than, keep_last, max_size, archives)
    if not (yes or dry_run or can_ask()):
        raise click.UsageError(
            "there is nobody to ask; add --yes to delete without asking, or --dry-run to see "
            "what would go"
        )
    progress = Progress()
    with opened(folder, storage=progress) as store:
        names, patterns = _chosen(store, session_ids)
        with progress.of("looking", sum(bytes_of_sessions(store.session_dir or "").values())):
            plan = store.plan_prune(
                rule,
                names if session_ids else None,
                matching=patterns or None,
                force=force,
            )
        report = planned(plan)
        shown = output == "text" and (dry_run or not yes)
        if shown:
            print_plan(report, rule)
        if not dry_run and report.pruned:
            if not yes:
                where = store.session_dir
                require_yes(f"Delete {summed_up(report, rule)} of {where}?", "nothing is deleted")
            size = sum(one.usage.log_bytes for one in plan.doomed)
            with progress.of(f"pruning {number(len(plan.doomed), 'session')}", size):
                report = store.carry_out(plan)
    if output == "json":
        click.echo(json_document(_document(report, rule, dry_run=dry_run)), nl=False)
    elif not dry_run:
        print_outcome(report, rule, known=len(plan.kept) if shown else 0)
    if any(one.why == "failed" for one in report.kept):
        raise click.exceptions.Exit(EXIT_FAILURE)


def _rule(
    older_than: timedelta | None, keep_last: int | None, max_size: int | None, archives: bool
) -> Prune:
    try:
        return Prune(older_than, keep_last, max_size, archives)
    except ValueError:
        raise click.UsageError(
            "say what is to go, with --older-than, --keep-last or --max-size; --keep-last 0 is "
            "all that is named"
        ) from None


def _chosen(store: DefaultSessionStore, texts: tuple[str, ...]) -> tuple[list[str], list[str]]:
    """The ids and the patterns among them. Raises `NotFoundError` for an id that is none."""
    patterns = [text for text in texts if is_pattern(text) and not has_session(store, text)]
    names = [text for text in texts if text not in patterns]
    for session_id in names:
        require_log(store, session_id)
    return names, patterns


def _document(report: PruneReport, rule: Prune, *, dry_run: bool) -> PruneDocument:
    return PruneDocument(
        dry_run=dry_run,
        history_only=rule.archives,
        seen=report.seen,
        size=report.bytes,
        left=report.left,
        sessions=[
            PrunedItem(
                session_id=one.session_id,
                updated_at=one.updated_at,
                size=one.bytes,
                archives=one.archives,
                messages=one.messages,
            )
            for one in report.pruned
        ],
        kept=[
            KeptItem(
                session_id=one.session_id,
                updated_at=one.updated_at,
                size=one.bytes,
                why=one.why,
                reason=one.reason,
            )
            for one in report.kept
        ],
    )
