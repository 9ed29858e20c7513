"""`journal schema`: the JSON Schema of the output, for machines."""

import click
import msgspec

from projections.cli.documents import (
    doctor,
    events,
    handoffs,
    search,
    sessions,
    states,
    statistics,
    turns,
)
from projections.cli.documents.base import Document
from projections.cli.documents.json_output import json_document

_MODULES = (doctor, events, handoffs, search, sessions, states, statistics, turns)


def documents() -> dict[str, type[Document]]:
    """Every kind of document and of JSONL line, by name."""
    found = {
        name: kind
        for module in _MODULES
        for name, kind in vars(module).items()
        if isinstance(kind, type) and issubclass(kind, Document) and kind is not Document
    }
    return dict(sorted(found.items()))


@click.command()
@click.argument("name", metavar="[NAME]", required=False)
def schema_command(name: str | None) -> None:
    """Print the JSON Schema of what -o json and jsonl give.

    Prints the schema of one kind of document, or of all under `$defs`. Every document and
    every JSONL line has a `version`. It is raised when a field changes its meaning or goes.

    \b
    Examples:
      journal schema EventItem
      journal schema | jq '."$defs" | keys'
    """
    kinds = documents()
    if name is None:
        _, components = msgspec.json.schema_components(kinds.values())
        click.echo(json_document({"$defs": components}), nl=False)
        return
    if name not in kinds:
        raise click.UsageError(f"there is no document {name!r}; there are {', '.join(kinds)}")
    click.echo(json_document(msgspec.json.schema(kinds[name])), nl=False)
