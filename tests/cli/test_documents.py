"""JSON: of every command and kind it is what `journal schema` says."""

import json
import shutil
from typing import Any

import jsonschema
import msgspec
import pytest

from projections.cli.commands.schema import documents
from projections.cli.documents.base import VERSION, Document
from projections.cli.documents.doctor import (
    DoctorDocument,
    FindingItem,
    RestoredItem,
    RestoreDocument,
    RestoreItem,
    SecretItem,
    SecretsDocument,
)
from projections.cli.documents.events import EventItem, LogDocument
from projections.cli.documents.handoffs import (
    HANDOFFS_VERSION,
    AuditedSession,
    AuditFindingItem,
    AuditsDocument,
    HandoffsDocument,
)
from projections.cli.documents.search import FoundCount, FoundItem, GrepDocument
from projections.cli.documents.sessions import (
    BackupDocument,
    CompactDocument,
    CompactItem,
    EraseDocument,
    EraseItem,
    ForkDocument,
    KeptItem,
    ProblemItem,
    PrunedItem,
    PruneDocument,
    SessionItem,
    SessionsDocument,
    UnerasedItem,
    VerifyDocument,
    VerifyItem,
)
from projections.cli.documents.states import (
    BlameDocument,
    BlameItem,
    DiffDocument,
    HistoryDocument,
    StateDocument,
    TakeoverDocument,
    VersionItem,
)
from projections.cli.documents.statistics import StatDocument
from projections.cli.documents.turns import TurnDocument
from tests.cli.arguments import TO, with_folder
from tests.cli.terminal import (
    journal,
)

JSON: list[tuple[list[str], type[Document]]] = [
    (["sessions", "-o", "json"], SessionsDocument),
    (["sessions", "-o", "jsonl"], SessionItem),
    (["show", "my-session", "-o", "json"], StateDocument),
    (["show", "my-session", "native", "turn-3", "--at", "7", "-o", "json"], StateDocument),
    (["turn", "my-session", "native/turn-3", "-o", "json"], TurnDocument),
    (["turn", "my-session", "harness/turn-3", "--at", "14", "-o", "json"], TurnDocument),
    (["log", "my-session", "-o", "json"], LogDocument),
    (["log", "my-session", "-o", "jsonl"], EventItem),
    (["replay", "my-session", "-o", "jsonl"], EventItem),
    (["grep", "r", "-o", "json"], GrepDocument),
    (["grep", "completed|rate", "-o", "jsonl"], FoundItem),
    (["grep", "-c", "completed", "-o", "jsonl"], FoundCount),
    (["history", "my-session", "harness", "turn-3", "-o", "json"], HistoryDocument),
    (["history", "my-session", "harness", "turn-3", "-o", "jsonl"], VersionItem),
    (["diff", "my-session", "@3", "-o", "json"], DiffDocument),
    (["blame", "my-session", "native", "turn-3", "-o", "json"], BlameDocument),
    (["blame", "my-session", "native", "turn-3", "-o", "jsonl"], BlameItem),
    (["handoffs", "my-session", "-o", "json"], HandoffsDocument),
    (["handoffs", "--all", "-o", "json"], AuditsDocument),
    (["handoffs", "--all", "-o", "jsonl"], AuditFindingItem),
    (["stat", "my-session", "-o", "json"], StatDocument),
    (["takeover", "my-session", "judge"], TakeoverDocument),
    (["verify", "-o", "json"], VerifyDocument),
    (["doctor", "-o", "json"], DoctorDocument),
    (["doctor", "-o", "jsonl"], FindingItem),
    (["doctor", "--restore", "my-session", "-o", "json"], RestoreDocument),
    (["doctor", "--restore", "my-session", "-o", "jsonl"], RestoreItem),
    (["doctor", "--secrets", "-o", "json"], SecretsDocument),
    (["compact", "--all", "-o", "json"], CompactDocument),
    (["prune", "--keep-last", "0", "--dry-run", "-o", "json"], PruneDocument),
    (["erase", "--grep", "judge|turn-3", "--dry-run", "-o", "json"], EraseDocument),
    (["backup", TO, "-o", "json"], BackupDocument),
    (["fork", "my-session@3", "what-if", "-o", "json"], ForkDocument),
]


VERSIONS: dict[type[Document], int] = {HandoffsDocument: HANDOFFS_VERSION}
"""Of the kinds that have changed since the first version."""


@pytest.fixture(scope="module")
def schema() -> Any:
    return json.loads(journal("schema").stdout)


@pytest.fixture(scope="module")
def damaged(prepared: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The same folder, two sessions of which are damaged in ways of their own."""
    folder = tmp_path_factory.mktemp("damaged") / "sessions"
    shutil.copytree(prepared, folder)
    log = folder / "session-a.jsonl"
    (folder / "stray.jsonl").write_bytes(log.read_bytes())
    log.write_bytes(log.read_bytes().replace(b'"n":1', b'"n":7'))
    log.chmod(0o644)
    return str(folder)


@pytest.mark.parametrize(("args", "kind"), JSON, ids=[" ".join(args) for args, _ in JSON])
def test_json_is_what_the_schema_says_and_nothing_else(
    args: list[str],
    kind: type[Document],
    damaged: str,
    schema: Any,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    result = journal(*with_folder(args, tmp_path_factory), "--dir", damaged)
    texts = result.stdout.splitlines() if args[-1] == "jsonl" else [result.stdout]
    assert texts
    wanted = {"$ref": f"#/$defs/{kind.__name__}", "$defs": schema["$defs"]}
    validator = jsonschema.Draft202012Validator(wanted)
    for text in texts:
        found = msgspec.json.decode(text, type=kind, strict=True)
        assert json.loads(msgspec.json.encode(found)) == json.loads(text), "no other keys"
        assert found.version == VERSIONS.get(kind, VERSION)
        validator.validate(json.loads(text))


def test_the_schema_has_every_kind_of_document(schema: Any) -> None:
    assert documents().keys() <= schema["$defs"].keys()
    assert {kind for _, kind in JSON} | {
        AuditedSession,
        ProblemItem,
        SecretItem,
        CompactItem,
        EraseItem,
        KeptItem,
        PrunedItem,
        UnerasedItem,
        RestoredItem,
        VerifyItem,
    } == set(documents().values())
    one = json.loads(journal("schema", "EventItem").stdout)
    jsonschema.Draft202012Validator.check_schema(one)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"version": 1}, one)
    result = journal("schema", "NoSuchItem")
    assert result.returncode == 2
    assert "EventItem" in result.stderr
