"""Our configuration against PraisonAI's own, and what a store makes of either."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from praisonaiagents.gateway import config as praisonai
from praisonaiagents.paths import get_sessions_dir

from journal import config as ours
from projections import DefaultSessionStore

STATE = {"tool_calls": ["call-1"]}


def fields_of(cls: Any) -> list[tuple[Any, ...]]:
    return [(f.name, f.default, f.default_factory, f.init) for f in dataclasses.fields(cls)]


def outcome(cls: Any, settings: dict[str, Any]) -> Any:
    """The config as a dict, or the type of the error that making it raises."""
    try:
        return list(cls(**settings).to_dict().items())
    except (TypeError, ValueError) as error:
        return type(error)


def test_session_config_has_praisonais_fields_defaults_and_order() -> None:
    assert fields_of(ours.SessionConfig) == fields_of(praisonai.SessionConfig)


@pytest.mark.parametrize("field", [f.name for f in dataclasses.fields(praisonai.SessionConfig)])
def test_session_config_takes_and_refuses_what_praisonais_does(field: str) -> None:
    values: list[Any] = [-1, -0.5, 0, 7, None, "", "file", "SQLITE", [], True]
    for value in values:
        settings = {field: value}
        mine = outcome(ours.SessionConfig, settings)
        assert mine == outcome(praisonai.SessionConfig, settings), value


@pytest.mark.parametrize("field", ["timeout", "max_messages", "resume_window", "max_inbox"])
def test_a_negative_number_is_refused_by_name(field: str) -> None:
    with pytest.raises(ValueError, match=field):
        ours.SessionConfig(**{field: -1})  # type: ignore[arg-type]


def test_an_unknown_store_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="redis"):
        ours.SessionConfig(store="redis")


def test_metadata_is_not_shared_between_configs() -> None:
    ours.SessionConfig().metadata["a"] = 1
    assert ours.SessionConfig().metadata == {}


def test_gateway_config_is_praisonais_as_far_as_sessions_go() -> None:
    changed: dict[str, Any] = {"timeout": 5, "mirror_runtime_state": True}
    for made in ({}, changed):
        mine = ours.GatewayConfig(session_config=ours.SessionConfig(**made)).to_dict()
        theirs = praisonai.GatewayConfig(session_config=praisonai.SessionConfig(**made)).to_dict()
        assert mine.items() <= theirs.items()
    assert ours.GatewayConfig().to_dict() == {"session_config": ours.SessionConfig().to_dict()}


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"turn_bytes": 0}, "turn_bytes"),
        ({"turn_bytes": -5}, "turn_bytes"),
        ({"runtime_bytes": 0}, "runtime_bytes"),
        ({"on_exceed": "ignore"}, "on_exceed"),
        ({"on_exceed": None}, "on_exceed"),
    ],
)
def test_limits_that_make_no_sense_are_refused(settings: dict[str, Any], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        ours.Limits(**settings)


def test_limits_have_the_documented_defaults_and_cannot_be_changed_later() -> None:
    limits: Any = ours.Limits()
    assert dataclasses.astuple(limits) == (1024, 10_240, "warn")
    with pytest.raises(dataclasses.FrozenInstanceError):
        limits.turn_bytes = 1


# What a store makes of them, whoever's they are, with and without the gateway around

Make = Callable[..., Any]


def gateway_of(module: Any) -> Make:
    def make(**settings: Any) -> Any:
        return module.GatewayConfig(session_config=module.SessionConfig(**settings))

    return make


@pytest.fixture(
    params=[
        ours.SessionConfig,
        gateway_of(ours),
        praisonai.SessionConfig,
        gateway_of(praisonai),
    ],
    ids=["our session", "our gateway", "praisonai's session", "praisonai's gateway"],
)
def make(request: pytest.FixtureRequest) -> Make:
    kind: Make = request.param
    return kind


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of the test's own, so that a wrong folder is seen and harms nobody."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.delenv("PRAISONAI_HOME", raising=False)
    monkeypatch.chdir(folder)
    return folder


def files_below(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def set_and_get(store: DefaultSessionStore, mirror_enabled: bool = True) -> dict[str, Any]:
    assert store.set_runtime_state("s", "native", "t", STATE, mirror_enabled) is True
    return store.get_runtime_state("s", "native", "t")


def test_a_config_that_mirrors_saves_in_its_folder(make: Make, tmp_path: Path) -> None:
    folder = tmp_path / "chosen"
    config = make(mirror_runtime_state=True, persist_path=str(folder))
    with DefaultSessionStore(config=config, durability="os") as store:
        assert set_and_get(store) == STATE
    assert (folder / "s.jsonl").is_file()
    assert {path.parent for path in files_below(tmp_path)} == {folder}


def test_session_dir_wins_over_persist_path(make: Make, tmp_path: Path) -> None:
    config = make(mirror_runtime_state=True, persist_path=str(tmp_path / "loses"))
    with DefaultSessionStore(tmp_path / "wins", config=config, durability="os") as store:
        assert set_and_get(store) == STATE
    assert {path.parent for path in files_below(tmp_path)} == {tmp_path / "wins"}


def test_mirroring_is_opt_in_for_a_config(make: Make, tmp_path: Path) -> None:
    with DefaultSessionStore(tmp_path, config=make()) as store:
        assert set_and_get(store) == {}
        assert store.set_many("s", [("native", "t", STATE)]) is True
    assert files_below(tmp_path) == []


def test_without_persist_all_stays_in_memory(make: Make, tmp_path: Path) -> None:
    config = make(persist=False, mirror_runtime_state=True, persist_path=str(tmp_path / "p"))
    with DefaultSessionStore(config=config) as store:
        assert set_and_get(store) == STATE
        store.compact("s")
        store.flush()
        assert store.session_dir is None
    assert files_below(tmp_path) == []
    with DefaultSessionStore(config=config) as another:
        assert another.get_runtime_state("s", "native") == {}


def test_without_a_config_mirroring_is_on_unless_the_call_says_no(tmp_path: Path) -> None:
    with DefaultSessionStore(tmp_path / "off", durability="os") as store:
        assert set_and_get(store, mirror_enabled=False) == {}
        assert store.set_many("s", [("native", "t", STATE)], mirror_enabled=False) is True
        assert files_below(tmp_path) == []
        assert set_and_get(store) == STATE


def test_the_folder_is_praisonais_own(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / ".praisonai").mkdir()
    assert DefaultSessionStore().session_dir == str(home / ".praisonai" / "sessions")
    for value in (str(home / "set"), "~/tilde"):
        monkeypatch.setenv("PRAISONAI_HOME", value)
        assert DefaultSessionStore().session_dir == str(get_sessions_dir())


def test_the_environment_is_read_when_a_store_is_made(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PRAISONAI_HOME", str(home / "first"))
    first = DefaultSessionStore(durability="os")
    monkeypatch.setenv("PRAISONAI_HOME", str(home / "second"))
    with first, DefaultSessionStore(durability="os") as second:
        assert set_and_get(first) == STATE
        assert second.get_runtime_state("s", "native") == {}
    assert {path.parent for path in files_below(home)} == {home / "first" / "sessions"}


@pytest.mark.parametrize("config", [{}, "config", {"mirror_runtime_state": True}, 7], ids=repr)
def test_what_is_no_config_is_refused(config: Any) -> None:
    with pytest.raises(TypeError, match="config must be"):
        DefaultSessionStore(config=config)
