"""`journal doctor --secrets`: lists where secrets are, without showing them."""

from collections.abc import Iterator

import click

from journal.reprs import count as number_of
from projections.cli.documents.doctor import SecretItem, SecretsDocument
from projections.cli.documents.json_output import json_document, json_line
from projections.cli.exit_codes import EXIT_FAILURE
from projections.cli.terminal.output import LineWriter, notice
from projections.cli.terminal.progress import Progress
from projections.doctor import Examination
from projections.doctor.finding import shown
from projections.doctor.secrets import FoundSecret, SecretSearch


def list_secrets(examination: Examination, progress: Progress, output: str) -> None:
    """Print the secrets. Exits with 1 if there are any, or if a file cannot be read."""
    search = SecretSearch(progress, examination.folder)
    found = _search(search, examination, progress)
    if output == "json":
        items = list(map(_item, found))
        document = SecretsDocument(
            folder=shown(examination.folder), sessions=len(examination.stems), secrets=items
        )
        click.echo(json_document(document), nl=False)
        count = len(items)
        secrets = sum(item.error is None for item in items)
    else:
        count, secrets = _print(found, output)
    if secrets:
        notice(
            "Revoke these secrets. `journal doctor --secrets --erase` takes the states that hold "
            "them out of all files"
        )
    if search.encrypted:
        notice(
            f"not searched: {number_of(search.encrypted, 'line')} with encrypted states. "
            "With the key, `journal doctor --secrets --erase --dry-run` does it"
        )
    if count:
        raise click.exceptions.Exit(EXIT_FAILURE)
    notice("No secrets that today's rules know.")


def _search(
    search: SecretSearch, examination: Examination, progress: Progress
) -> Iterator[FoundSecret]:
    sessions = examination.listed_sessions()
    for number, listed in enumerate(sessions, 1):
        label = f"searching {shown(listed.stem)}, {number} of {len(sessions)}"
        with progress.of(label, examination.size(listed.stem)):
            yield from search.session(listed)


def _print(found: Iterator[FoundSecret], output: str) -> tuple[int, int]:
    """Print the findings. Returns how many there are, and how many of them are secrets."""
    count = secrets = 0
    writer = LineWriter(cut=False)
    for secret in found:
        count += 1
        secrets += secret.error is None
        if output == "jsonl":
            click.echo(json_line(_item(secret)), nl=False)
        else:
            _print_line(writer, secret)
            writer.flush()
    return count, secrets


def _print_line(writer: LineWriter, secret: FoundSecret) -> None:
    """Session, event and place on one line, the file below it."""
    whose = secret.session_id if secret.session_id else "''"
    if secret.error is not None:
        writer.line([("✗", "red"), " ", (whose, "bold"), f"  {secret.error}"])
    else:
        event = f"event {secret.seq}" if secret.seq is not None else "no event"
        where = f"{secret.at or 'the line'}{' (the key itself)' if secret.in_key else ''}"
        kind = (f"  {secret.kind}", "yellow")
        writer.line([("!", "yellow"), " ", (whose, "bold"), f"  {event}  {where}", kind])
    location = secret.path if secret.offset is None else f"{secret.path}:{secret.offset}"
    writer.line([(f"  {location}", "dim")])


def _item(secret: FoundSecret) -> SecretItem:
    return SecretItem(
        session_id=secret.session_id,
        path=secret.path,
        seq=secret.seq,
        offset=secret.offset,
        at=secret.at,
        kind=secret.kind,
        in_key=secret.in_key,
        error=secret.error,
    )
