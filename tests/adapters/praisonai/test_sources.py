"""What `mirror` takes: folders, stores, configs of both kinds and files."""

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from praisonaiagents import Agent
from praisonaiagents.session import store as praisonai_store

from projections import DefaultSessionStore
from projections.adapters.praisonai import JournalSessionStore, mirror
from tests.adapters.praisonai.agents import AS_PRAISONAI_IS, WRAPPED, agent
from tests.adapters.reported import turns

pytestmark = AS_PRAISONAI_IS


def settings_in_all_shapes(folder: Path, mirrored: bool) -> dict[str, Any]:
    """The same setting as each kind of config."""
    from praisonaiagents.gateway import config as theirs

    from journal import config as ours

    options: dict[str, Any] = {
        "persist_path": str(folder / "journal"),
        "mirror_runtime_state": mirrored,
    }
    section = json.dumps(options)  # is YAML, too
    files = {
        "gateway.yaml": f"gateway:\n  session_config: {section}\n",
        "session.yml": f"session: {section}\n",
        "flat.yaml": f"session_config: {section}\nport: 8765\n",
    }
    for name, text in files.items():
        (folder / name).write_text(text)
    return {
        "ours": ours.GatewayConfig(session_config=ours.SessionConfig(**options)),
        "our session": ours.SessionConfig(**options),
        "theirs": theirs.GatewayConfig(session_config=theirs.SessionConfig(**options)),
        "their session": theirs.SessionConfig(**options),
        "dict": {"gateway": {"session_config": options}},
        "session dict": options,
        **{name: folder / name for name in files},
        "path as text": str(folder / "gateway.yaml"),
    }


with tempfile.TemporaryDirectory() as _folder:
    SHAPES = list(settings_in_all_shapes(Path(_folder), True))


@pytest.mark.parametrize("shape", SHAPES)
def test_a_config_that_mirrors_is_enough(shape: str, tmp_path: Path) -> None:
    config = settings_in_all_shapes(tmp_path, True)[shape]
    with mirror(config, session_id="s") as handle:
        agent().chat("you")
        assert handle.store.session_dir == str(tmp_path / "journal")
        assert [turn["status"] for turn in turns(handle.store)] == ["completed"]


@pytest.mark.parametrize("shape", SHAPES)
def test_a_config_that_does_not_mirror_changes_nothing(shape: str, tmp_path: Path) -> None:
    config = settings_in_all_shapes(tmp_path, False)[shape]
    before = [vars(Agent).get(name) or getattr(Agent, name) for name in WRAPPED]
    with mirror(config, session_id="s"):
        assert [vars(Agent).get(name) or getattr(Agent, name) for name in WRAPPED] == before
        assert praisonai_store._default_store is None
        agent().chat("you")
    assert not (tmp_path / "journal").exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("gateway: [1]", "gateway of .* must be a mapping, not list"),
        ("session_config: 3", "session_config of .* must be a mapping, not int"),
        ("- 1", "holds no gateway config, but list"),
        ("{", "is not YAML"),
        ("session_config: {mirror_runtime_state: perhaps}", "'perhaps'"),
        ("session_config: {timeout: -1}", "timeout is -1"),
    ],
)
def test_a_file_that_makes_no_sense_is_refused_by_name(
    text: str, message: str, tmp_path: Path
) -> None:
    (tmp_path / "gateway.yaml").write_text(text)
    with pytest.raises((TypeError, ValueError), match=message):
        mirror(tmp_path / "gateway.yaml")


@pytest.mark.parametrize("wrong", [None, 7, object()])
def test_what_is_no_source_is_refused(wrong: Any) -> None:
    with pytest.raises(TypeError, match=r"must be|needs"):
        mirror(wrong)
    with mirror(DefaultSessionStore(), session_id="s"):
        pass  # and nothing is held by the refused one


def test_a_session_id_of_another_kind_is_refused(store: DefaultSessionStore) -> None:
    with pytest.raises(TypeError, match="session_id must be a string or a callable, not int"):
        mirror(store, session_id=7)  # type: ignore[arg-type]


def test_their_session_store_becomes_the_default_one(tmp_path: Path) -> None:
    with JournalSessionStore(str(tmp_path / "journal")) as store:
        with mirror(store, session_id="s"):
            assert praisonai_store.get_default_session_store() is store
            agent().chat("you")
        (state,) = store.get_runtime_state("s", "native").values()
        assert state["status"] == "completed"
        assert praisonai_store._default_store is None
