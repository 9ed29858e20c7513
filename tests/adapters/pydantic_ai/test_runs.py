"""A run is a turn, however it is started, with its calls and what was said."""

from pathlib import Path

from pydantic_ai import (
    Agent,
    BinaryContent,
)
from pydantic_ai.messages import (
    ModelRequest,
    UserPromptPart,
)
from pydantic_ai.models.test import TestModel

from projections import DefaultSessionStore
from projections.adapters.pydantic_ai import JournalCapability, mirror
from tests.adapters.pydantic_ai.agents import EACH_RUN, MODEL, Run, agent
from tests.adapters.reported import (
    BERN,
    KEY,
    ONE_CALL,
    ROME,
    said,
    turns,
    versions,
)


def course(store: DefaultSessionStore) -> list[list[str]]:
    """How the only turn went. A stream's end is told twice: what was said, then what was used."""
    found = versions(store)
    return found[:-1] if found[-2:] == [found[-1]] * 2 else found


@EACH_RUN
def test_a_run_is_one_turn_however_it_is_started(run: Run, store: DefaultSessionStore) -> None:
    with mirror(store, session_id="s") as handle:
        answer = run(agent(), "you")
    assert answer.strip() == "hello, you"
    assert turns(store) == [{"status": "completed", "transcript": said("you", answer)}]
    assert course(store) == [["open"], ["completed"]]
    assert handle.failures == 0


@EACH_RUN
def test_a_tool_call_is_written_when_it_begins_and_when_it_ends(
    run: Run, store: DefaultSessionStore
) -> None:
    with mirror(store, session_id="s"):
        run(agent(), "weather in Rome?")
    assert turns(store)[0]["tool_calls"] == [ROME]
    assert course(store) == ONE_CALL


@EACH_RUN
def test_calls_of_one_answer_are_all_there(run: Run, store: DefaultSessionStore) -> None:
    """Pydantic AI runs them side by side."""
    with mirror(store, session_id="s"):
        run(agent(), "two cities")
    (turn,) = turns(store)
    assert turn["status"] == "completed"
    assert turn["tool_calls"] == [ROME, BERN]


@EACH_RUN
def test_an_agent_that_has_the_capability_is_mirrored(
    run: Run, store: DefaultSessionStore
) -> None:
    journal = JournalCapability(store, session_id="s")
    each = agent(capabilities=[journal])
    run(each, "weather in Rome?")
    assert course(store) == ONE_CALL
    assert journal.mirror.failures == 0
    journal.mirror.close()
    run(each, "weather in Rome?")
    assert len(turns(store)) == 1, "closed: the agent goes on without"


@EACH_RUN
def test_an_agent_that_has_the_capability_is_not_mirrored_twice(
    run: Run, store: DefaultSessionStore, tmp_path: Path
) -> None:
    """Its own says where and how."""
    with DefaultSessionStore(tmp_path / "own", durability="os") as own:
        journal = JournalCapability(own, session_id="s")
        with mirror(store, session_id="s") as handle:
            run(agent(capabilities=[journal]), "weather in Rome?")
        assert course(own) == ONE_CALL
        assert not store.session_exists("s")
        assert (handle.failures, journal.mirror.failures) == (0, 0)


def test_the_turn_has_the_id_of_the_run_and_the_name_of_the_agent(
    store: DefaultSessionStore,
) -> None:
    with mirror(store, session_id="s"):
        result = agent().run_sync("you", run_id="run-1")
        inferred = agent(None)
        inferred.run_sync("you")
        Agent(MODEL).run_sync("you", infer_name=False)
    assert result.run_id == "run-1"
    assert list(store.get_runtime_state("s", "native")) == ["run-1"]
    assert list(store.state_at("s")) == ["native", "inferred", "agent"]


def test_of_pictures_only_their_kind_is_kept(store: DefaultSessionStore) -> None:
    picture = BinaryContent(b"0" * 4096, media_type="image/png")
    with mirror(store, session_id="s"):
        agent(model=TestModel(), tools=[]).run_sync(["look at", picture])
    assert turns(store)[0]["transcript"][0]["content"] == "look at\n[BinaryContent]"


def test_a_prompt_that_comes_as_history_is_there(store: DefaultSessionStore) -> None:
    """So do the adapters of Pydantic AI for user interfaces pass it."""
    history = [ModelRequest([UserPromptPart("you")])]
    with mirror(store, session_id="s"):
        agent().run_sync(message_history=history)
    assert turns(store)[0]["transcript"] == said("you", "hello, you")


def test_secrets_are_replaced(store: DefaultSessionStore, tmp_path: Path) -> None:
    with mirror(store, session_id="s"):
        agent().run_sync(f"you with {KEY}")
    assert len(turns(store)) == 1
    written = [path.read_text() for path in (tmp_path / "journal").iterdir() if path.is_file()]
    assert written
    assert not any(KEY in text for text in written)
