"""PraisonAI's agents, mirrored: real agents, a model on the loopback that says what it is told.

What is protected: that each turn is in the journal as it happens, whichever way it is started
and ends, and that no agent notices.
"""

import asyncio
import contextvars
import errno
import functools
import gc
import inspect
import json
import logging
import os
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from praisonaiagents import Agent, AgentFlow, AgentTeam, Task
from praisonaiagents.agent.interrupt import InterruptController
from praisonaiagents.config.feature_configs import (
    ExecutionConfig,
    GuardrailConfig,
    MemoryConfig,
    ToolConfig,
)
from praisonaiagents.errors import PraisonAIError
from praisonaiagents.session import store as praisonai_store
from praisonaiagents.session.store import DefaultSessionStore as PraisonAIStore
from praisonaiagents.tools.retry import RetryPolicy

from journal.errors import AppendError
from projections import DefaultSessionStore
from projections.adapters.praisonai import JournalSessionStore, mirror
from tests.chat_server import Answer, Call, ChatServer, Fails, Request, last, serving
from tests.support import FaultyStorage, fails, python

pytestmark = [
    # PraisonAI's clients leave their sockets to the garbage collector
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:praisonaiagents"),
]

KEY = "sk-live-0123456789abcdefghijABCDEFGHIJ"


def model(request: Request) -> Answer:
    """Answers by the last message; a tool's result is repeated."""
    message = last(request)
    text = str(message["content"])
    if message["role"] == "tool":
        return f"done: {text}"
    answers: dict[str, Answer] = {
        "fail": Fails(400),
        "weather": [Call("weather", {"city": "Rome"}, "c-rome")],
        "two": [
            Call("weather", {"city": "Rome"}, "c-rome"),
            Call("weather", {"city": "Bern"}, "c-bern"),
        ],
        "break": [Call("broken", {}, "c-broken")],
        "stop": [Call("stopped", {}, "c-stopped")],
        "wait": [Call("waiting", {}, "c-waiting")],
        "ask": [Call("transfer_to_billing", {}, "c-transfer")],
    }
    for word, answer in answers.items():
        if text.startswith(word):
            return answer
    return f"hello, {text}"


@pytest.fixture(scope="module")
def server() -> Iterator[ChatServer]:
    with serving(model) as found:
        gc.freeze()  # what is there for good: `offline` looks for garbage after each test
        yield found
        gc.unfreeze()


@pytest.fixture(autouse=True)
def offline(server: ChatServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setenv("OPENAI_BASE_URL", server.url)
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    monkeypatch.setenv("PRAISONAI_TELEMETRY_DISABLED", "true")
    monkeypatch.setenv("PRAISONAI_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(praisonai_store, "_default_store", None)
    monkeypatch.chdir(tmp_path)  # where PraisonAI leaves files of its own
    yield
    gc.collect()  # the sockets that its clients leave open, before another test is blamed


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DefaultSessionStore]:
    with DefaultSessionStore(tmp_path / "journal", durability="os") as found:
        yield found


def weather(city: str) -> str:
    """The weather."""
    return f"sunny in {city}"


def broken() -> str:
    """Never works."""
    raise ValueError("no such city")


def agent(name: str = "native", **options: Any) -> Agent:
    options.setdefault("tools", [weather, broken])
    options.setdefault("tool_config", ToolConfig(retry_policy=RetryPolicy(initial_delay_ms=1)))
    return Agent(name=name, instructions="Be brief.", model="gpt-4o-mini", **options)


def turns(store: DefaultSessionStore, runtime: str = "native", session: str = "s") -> list[Any]:
    """The turns of a runtime as they are, without ids and times."""
    return [shown(state) for state in store.get_runtime_state(session, runtime).values()]


def shown(state: dict[str, Any]) -> dict[str, Any]:
    left_out = ("agent", "opened_at", "closed_at", "parent")
    return {key: value for key, value in state.items() if key not in left_out}


def versions(store: DefaultSessionStore, runtime: str = "native") -> list[list[str]]:
    """How the only turn of a runtime went: its status and those of its calls, each time."""
    (turn_id,) = store.get_runtime_state("s", runtime)
    states = [version.state for version in store.history("s", runtime, turn_id)]
    return [
        [state["status"], *(call["status"] for call in state.get("tool_calls", ()))]
        for state in states
    ]


def said(user: str, assistant: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": user}, {"role": "assistant", "content": assistant}]


def call(call_id: str, name: str, status: str = "completed", **more: str) -> dict[str, str]:
    return {"id": call_id, "name": name, "status": status, **more}


ROME = call("c-rome", "weather")
ONE_CALL = [["open"], ["open", "open"], ["open", "completed"], ["completed", "completed"]]


# Each way to run an agent

Run = Callable[[Agent, str], Any]
RUNS: dict[str, Run] = {
    "chat": lambda agent, prompt: agent.chat(prompt),
    "achat": lambda agent, prompt: asyncio.run(agent.achat(prompt)),
    "run": lambda agent, prompt: agent.run(prompt),
    "arun": lambda agent, prompt: asyncio.run(agent.arun(prompt)),
    "start": lambda agent, prompt: agent.start(prompt),
    "astart": lambda agent, prompt: asyncio.run(agent.astart(prompt)),
    "iter_stream": lambda agent, prompt: "".join(agent.iter_stream(prompt)),
    "start, streamed": lambda agent, prompt: "".join(agent.start(prompt, stream=True)),
}
EACH_RUN = pytest.mark.parametrize("run", RUNS.values(), ids=RUNS.keys())


@EACH_RUN
def test_a_turn_is_one_turn_however_it_is_started(run: Run, store: DefaultSessionStore) -> None:
    with mirror(store, session_id="s") as handle:
        answer = run(agent(), "you")
    (turn,) = turns(store)
    assert answer.strip() == "hello, you"
    assert turn == {"status": "completed", "transcript": said("you", answer)}
    assert versions(store) == [["open"], ["completed"]]
    assert handle.failures == 0


@EACH_RUN
def test_a_tool_call_is_written_when_it_begins_and_when_it_ends(
    run: Run, store: DefaultSessionStore
) -> None:
    with mirror(store, session_id="s"):
        run(agent(), "weather in Rome?")
    (turn,) = turns(store)
    assert turn["tool_calls"] == [ROME]
    assert versions(store) == ONE_CALL


@pytest.mark.parametrize("run", [RUNS["chat"], RUNS["achat"]], ids=["chat", "achat"])
@pytest.mark.parametrize("parallel", [False, True])
def test_calls_of_one_answer_are_all_there(
    run: Run, parallel: bool, store: DefaultSessionStore
) -> None:
    execution = ExecutionConfig(parallel_tool_calls=parallel)
    with mirror(store, session_id="s"):
        run(agent(execution=execution), "two cities")
    (turn,) = turns(store)
    assert turn["status"] == "completed"
    assert turn["tool_calls"] == [ROME, call("c-bern", "weather")]


def test_teams_and_flows_are_mirrored(store: DefaultSessionStore) -> None:
    writer, reader = agent("writer"), agent("reader")
    tasks = [
        Task(description=f"{name} something", expected_output="text", agent=each)
        for name, each in (("write", writer), ("read", reader))
    ]
    with mirror(store, session_id=lambda each: each.name):
        AgentTeam(agents=[writer, reader], tasks=tasks).start()
        AgentFlow(steps=[agent("step")]).run("go")
    for name in ("writer", "reader", "step"):
        assert [turn["status"] for turn in turns(store, name, name)] == ["completed"]


# How turns end


def outcome(run: Run, prompt: str) -> str:
    """What comes of it, returned or raised, without the ids that differ each time."""
    try:
        text = repr(run(agent(), prompt))
    except PraisonAIError as error:
        text = f"{type(error).__name__}: {error}"
    return text.split("run:")[0]


@EACH_RUN
def test_a_tool_that_fails_is_marked(run: Run, store: DefaultSessionStore) -> None:
    """Some ways to run an agent raise then, others tell the model: as without us."""
    plain = outcome(run, "break it")
    with mirror(store, session_id="s"):
        assert outcome(run, "break it") == plain
    (turn,) = turns(store)
    (found,) = turn["tool_calls"]
    assert (found["id"], found["name"], found["status"]) == ("c-broken", "broken", "error")
    assert "no such city" in found["error"]
    assert turn["status"] == ("error" if plain.startswith("ToolExecutionError") else "completed")


@EACH_RUN
def test_a_model_that_fails_ends_the_turn_with_an_error(
    run: Run, store: DefaultSessionStore
) -> None:
    plain = outcome(run, "fail")
    with mirror(store, session_id="s"):
        assert outcome(run, "fail") == plain, "the agent answers as without us"
    (turn,) = turns(store)
    assert turn["status"] == "error"
    assert turn["error"]


@pytest.mark.parametrize("run", [RUNS["chat"], RUNS["achat"]], ids=["chat", "achat"])
def test_the_models_own_words_are_in_the_error(run: Run, store: DefaultSessionStore) -> None:
    """PraisonAI returns None and shows the error: it is picked up where it is shown."""
    with mirror(store, session_id="s"):
        assert run(agent(), "fail") is None
    (turn,) = turns(store)
    assert "made to fail" in turn["error"]


def test_a_stream_left_in_the_middle_is_cancelled(store: DefaultSessionStore) -> None:
    with mirror(store, session_id="s"):
        stream = agent().iter_stream("you and you and you")
        first = next(stream)
        (open_turn,) = turns(store)
        stream.close()
    (turn,) = turns(store)
    assert open_turn["status"] == "open"
    assert turn["status"] == "cancelled"
    assert turn["transcript"] == said("you and you and you", first)


def test_a_cancelled_task_cancels_the_turn(store: DefaultSessionStore) -> None:
    async def main() -> None:
        begun = asyncio.Event()

        async def waiting() -> str:
            """Waits for ever."""
            begun.set()
            await asyncio.Event().wait()
            return "never"

        task = asyncio.create_task(agent(tools=[waiting]).achat("wait"))
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    with mirror(store, session_id="s"):
        asyncio.run(main())
    (turn,) = turns(store)
    assert turn["status"] == "cancelled"
    assert [found["status"] for found in turn["tool_calls"]] == ["cancelled"]


def test_an_interrupt_from_the_keyboard_passes_and_cancels_the_turn(
    store: DefaultSessionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*args: object, **kwargs: object) -> None:
        raise KeyboardInterrupt

    each = agent()
    monkeypatch.setattr(each, "_chat_impl", interrupted)
    with mirror(store, session_id="s"), pytest.raises(KeyboardInterrupt):
        each.chat("you")
    (turn,) = turns(store)
    assert turn["status"] == "cancelled"


def test_what_praisonai_is_told_to_stop_is_cancelled(store: DefaultSessionStore) -> None:
    controller = InterruptController()

    def stopped() -> str:
        """Stops the agent."""
        controller.request("enough")
        return "stopping"

    each = agent(tools=[stopped], interrupt_controller=controller)
    with mirror(store, session_id="s"):
        try:
            each.chat("stop")
        except InterruptedError:
            pass  # it may return or raise: both are its own way to stop
    (turn,) = turns(store)
    assert turn["status"] == "cancelled"


# Several agents


@pytest.mark.parametrize("run", [RUNS["chat"], RUNS["achat"]], ids=["chat", "achat"])
def test_a_handoff_is_a_turn_inside_a_call_and_the_audit_shows_it(
    run: Run, store: DefaultSessionStore
) -> None:
    billing = agent("billing")
    triage = agent("triage", handoffs=[billing], tools=[])
    with mirror(store, session_id="s") as handle:
        run(triage, "ask billing")
    assert handle.failures == 0
    (outer,) = store.get_runtime_state("s", "triage").values()
    ((inner_id, inner),) = store.get_runtime_state("s", "billing").items()
    ((outer_id, _),) = store.get_runtime_state("s", "triage").items()
    assert inner["parent"] == {"runtime": "triage", "turn": outer_id, "tool_call_id": "c-transfer"}
    assert outer["handoffs"] == [
        {"runtime": "billing", "turn": inner_id, "tool_call_id": "c-transfer"}
    ]
    assert (outer["status"], inner["status"]) == ("completed", "completed")
    there, back = store.audit("s").changes
    assert (there.source, there.target, there.announced) == ("triage", "billing", True)
    assert there.reason == "c-transfer"
    assert [found.id for found in there.open_calls] == ["c-transfer"]
    assert (back.source, back.target, back.announced) == ("billing", "triage", True)
    assert back.reason == f"{inner_id} is completed"


def test_an_agent_that_a_tool_asks_is_a_turn_inside_that_call(store: DefaultSessionStore) -> None:
    helper = agent("helper")

    def weather(city: str) -> str:
        """Asks somebody else."""
        return str(helper.chat(f"in {city}"))

    with mirror(store, session_id="s"):
        agent(tools=[weather]).chat("weather in Rome?")
    ((outer_id, outer),) = store.get_runtime_state("s", "native").items()
    (inner,) = store.get_runtime_state("s", "helper").values()
    assert inner["parent"] == {"runtime": "native", "turn": outer_id, "tool_call_id": "c-rome"}
    assert outer["tool_calls"] == [ROME]


def test_two_agents_in_one_session_one_after_the_other(store: DefaultSessionStore) -> None:
    with mirror(store, session_id="s"):
        agent("first").chat("you")
        agent("second").chat("you")
        agent("second").chat("you again")
    (change,) = store.audit("s").changes
    assert (change.source, change.target, change.announced) == ("first", "second", True)
    assert len(turns(store, "second")) == 2


def test_agents_in_threads_and_tasks_do_not_mix_their_turns(store: DefaultSessionStore) -> None:
    names = [f"agent-{number}" for number in range(4)]

    async def together() -> None:
        await asyncio.gather(*(agent(name).achat(f"weather {name}") for name in names))

    with mirror(store, session_id=lambda each: each.name) as handle:
        threads = [
            threading.Thread(target=agent(name).chat, args=(f"weather {name}",)) for name in names
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        asyncio.run(together())
    assert handle.failures == 0
    for name in names:
        both = turns(store, name, name)
        assert [turn["tool_calls"] for turn in both] == [[ROME], [ROME]]
        assert {turn["transcript"][0]["content"] for turn in both} == {f"weather {name}"}


def test_one_agent_used_by_two_threads_has_two_turns(store: DefaultSessionStore) -> None:
    shared = agent()
    with mirror(store, session_id="s"):
        threads = [threading.Thread(target=shared.chat, args=("weather",)) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert [turn["status"] for turn in turns(store)] == ["completed", "completed"]


# Sessions and runtimes


def test_an_agents_own_session_gets_its_turns_and_its_messages(tmp_path: Path) -> None:
    config = {"persist_path": str(tmp_path / "journal"), "mirror_runtime_state": True}
    with mirror(config) as handle:
        agent(memory=MemoryConfig(session_id="own")).chat("you")
        assert [turn["status"] for turn in turns(handle.store, session="own")] == ["completed"]
        there = praisonai_store.get_default_session_store()
        assert isinstance(there, JournalSessionStore)
        assert there.get_session("own").runtime_state == handle.store.state_at("own")
    document = json.loads((tmp_path / "journal" / "own.json").read_bytes())
    assert [message["content"] for message in document["messages"]] == ["you", "hello, you"]
    assert list(document["runtime_state"]) == ["native"]


def test_agents_without_a_session_share_one(
    store: DefaultSessionStore, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "journal"), mirror(store):
        agent("first").chat("you")
        agent("second").chat("you")
    (info,) = store.list_sessions()
    assert info["session_id"].startswith("praisonai-")
    assert sorted(store.state_at(info["session_id"])) == ["first", "second"]
    assert [repr(info["session_id"]) in record.message for record in caplog.records] == [True]


def test_an_agent_without_a_name_has_the_one_that_praisonai_shows(
    store: DefaultSessionStore,
) -> None:
    nameless = Agent(instructions="Be brief.", model="gpt-4o-mini")
    with mirror(store, session_id="s"):
        nameless.chat("you")
    assert list(store.state_at("s")) == [nameless.display_name]


# What `mirror` takes


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
    before = [vars(Agent).get(name) or getattr(Agent, name) for name in SEAMS]
    with mirror(config, session_id="s"):
        assert [vars(Agent).get(name) or getattr(Agent, name) for name in SEAMS] == before
        assert praisonai_store._default_store is None
        agent().chat("you")
    assert not (tmp_path / "journal").exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("gateway: [1]", "gateway of .* must be a mapping, not list"),
        ("session_config: 3", "session_config of .* must be a mapping, not int"),
        ("- 1", "holds no gateway config, but list"),
        ("{", "is no YAML"),
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


# The handle


def test_closing_leaves_praisonai_as_it_was(store: DefaultSessionStore) -> None:
    from praisonaiagents import main as display

    before = {name: vars(Agent).get(name) for name in SEAMS}
    callbacks = dict(display.sync_display_callbacks)
    handle = mirror(store, session_id="s")
    assert vars(Agent)["chat"] is not before["chat"]
    handle.close()
    handle.close()
    assert {name: vars(Agent).get(name) for name in SEAMS} == before
    assert display.sync_display_callbacks == callbacks
    agent().chat("you")
    assert not store.session_exists("s")
    assert store.list_sessions() == [], "a store that was given stays open"


def test_a_turn_that_goes_on_after_closing_is_left_alone(store: DefaultSessionStore) -> None:
    handle = mirror(store, session_id="s")
    stream = agent().iter_stream("you and you")
    first = next(stream)
    handle.close()
    assert (first + "".join(stream)).split() == ["hello,", "you", "and", "you"]
    (turn,) = turns(store)
    assert turn["status"] == "open"


def test_a_process_is_mirrored_once(store: DefaultSessionStore) -> None:
    with mirror(store, session_id="s"):
        with pytest.raises(RuntimeError, match="already; close that mirror first"):
            mirror(store, session_id="t")
        agent().chat("you")
    assert len(turns(store)) == 1
    with mirror(store, session_id="s"):
        agent().chat("you")
    assert len(turns(store)) == 2


def test_a_users_own_error_display_is_still_called(store: DefaultSessionStore) -> None:
    from praisonaiagents import main as display

    seen: list[str] = []

    def own(message: str) -> None:
        seen.append(message)

    display.register_display_callback("error", own)
    try:
        with mirror(store, session_id="s"):
            agent().chat("fail")
        assert display.sync_display_callbacks["error"] is own
    finally:
        del display.sync_display_callbacks["error"]
    assert len(seen) == 1
    assert "made to fail" in seen[0]


# Trouble


@pytest.mark.parametrize("run", [RUNS["chat"], RUNS["achat"]], ids=["chat", "achat"])
def test_a_full_disk_fails_no_turn_is_logged_once_and_counted(
    run: Run, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    storage = FaultyStorage(fails("write", errno.ENOSPC, times=1000))
    store = DefaultSessionStore(tmp_path / "journal", storage=storage)
    with store, mirror(store, session_id="s") as handle:
        answers = [run(agent(), "weather in Rome?") for _ in range(2)]
    assert answers == ['done: "sunny in Rome"'] * 2
    assert isinstance(handle.last_failure, AppendError)
    assert handle.failures == 8, "twice: opened, call begun, call ended, closed"
    logged = [record for record in caplog.records if record.name == "journal"]
    assert ["No space left" in record.message for record in logged] == [True]


def test_a_mistake_in_the_mirroring_fails_no_turn_either(
    store: DefaultSessionStore, caplog: pytest.LogCaptureFixture
) -> None:
    def session_id(each: Agent) -> str:
        raise LookupError("whose agent is this?")

    with mirror(store, session_id=session_id) as handle:
        assert agent().chat("weather in Rome?") == 'done: "sunny in Rome"'
    assert handle.failures == 1
    assert "whose agent is this?" in caplog.text


def test_secrets_are_replaced(store: DefaultSessionStore, tmp_path: Path) -> None:
    with mirror(store, session_id="s"):
        agent().chat(f"you with {KEY}")
    assert len(turns(store)) == 1
    written = [path.read_text() for path in (tmp_path / "journal").iterdir() if path.is_file()]
    assert written
    assert not any(KEY in text for text in written)


KILLED = """
import os, sys
from praisonaiagents import Agent
from projections.adapters.praisonai import mirror
from tests.chat_server import serving
from tests.test_praisonai_agents import model

def waiting() -> str:
    "Waits for ever."
    print("in the call", flush=True)
    sys.stdin.read()

with serving(model) as server:
    os.environ.update(OPENAI_BASE_URL=server.url, OPENAI_API_KEY="none")
    mirror(sys.argv[1], session_id="s")
    agent = Agent(name="native", instructions="x", model="gpt-4o-mini", tools=[waiting])
    agent.chat("wait")
"""


def test_a_process_killed_in_a_call_leaves_an_open_turn(
    store: DefaultSessionStore, tmp_path: Path
) -> None:
    assert store.session_dir is not None
    process = python(KILLED, store.session_dir, stdin=-1, env={**os.environ, "NO_COLOR": "1"})
    assert process.stdout is not None
    while (line := process.stdout.readline()) and "in the call" not in line:
        pass
    assert line, process.communicate()[1]
    process.send_signal(signal.SIGKILL)
    process.communicate()
    (turn,) = turns(store)
    assert turn == {
        "status": "open",
        "tool_calls": [call("c-waiting", "waiting", "open")],
        "transcript": [{"role": "user", "content": "wait"}],
    }


# What is relied on of PraisonAI; a release that changes it has to be looked at

SEAMS = (
    "chat",
    "achat",
    "_start_stream",
    "execute_tool",
    "execute_tool_async",
    "_turn_cancel_token",
    "_guardrail_blocked_message",
)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("chat", ["self", "prompt"]),
        ("achat", ["self", "prompt"]),
        ("_start_stream", ["self", "prompt"]),
        ("execute_tool", ["self", "function_name", "arguments", "tool_call_id"]),
        ("execute_tool_async", ["self", "function_name", "arguments", "tool_call_id"]),
        ("_turn_cancel_token", ["self", "source"]),
        ("_guardrail_blocked_message", ["self"]),
    ],
)
def test_the_methods_that_are_wrapped_are_there(name: str, parameters: list[str]) -> None:
    found = list(inspect.signature(getattr(Agent, name)).parameters)
    assert found[: len(parameters)] == parameters, f"Agent.{name} takes other arguments now"


def test_a_release_without_one_of_them_is_refused(
    store: DefaultSessionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    from praisonaiagents.agent.chat_mixin import ChatMixin

    monkeypatch.delattr(ChatMixin, "achat")
    with pytest.raises(RuntimeError, match=r"has no Agent\.achat"):
        mirror(store)
    monkeypatch.undo()
    with mirror(store):
        pass  # nothing is left behind by the refused one


def test_their_loader_still_drops_the_key_that_is_read_here_from_the_file() -> None:
    from praisonaiagents.gateway.config import SessionConfig

    from_dict = getattr(SessionConfig, "from_dict", None)
    if from_dict is not None:
        assert not from_dict({"mirror_runtime_state": True}).mirror_runtime_state, (
            "PraisonAI reads the key by itself now: projections/adapters/praisonai/config.py "
            "may be simpler"
        )


def test_the_default_store_is_still_honoured(tmp_path: Path) -> None:
    with JournalSessionStore(str(tmp_path)) as own:
        praisonai_store._default_store = own
        assert praisonai_store.get_default_session_store() is own


def test_a_guardrail_that_withholds_an_answer_makes_it_an_error(
    store: DefaultSessionStore,
) -> None:
    def nothing_passes(output: Any) -> tuple[bool, Any]:
        return False, "not allowed"

    guarded = agent(guardrails=GuardrailConfig(validator=nothing_passes, max_retries=0))
    with mirror(store, session_id="s"):
        guarded.chat("you")
    (turn,) = turns(store)
    assert turn["status"] == "error"
    assert "withheld by a guardrail" in turn["error"]


# What PraisonAI does seldom


def test_a_call_whose_id_comes_again_is_another_call(store: DefaultSessionStore) -> None:
    """Models without ids of their own number each answer's calls from 1 again."""

    def same_ids(request: Request) -> Answer:
        asked = sum(message["role"] == "tool" for message in request["messages"])
        return [Call("weather", {"city": f"city {asked}"}, "c-1")] if asked < 2 else "done"

    with serving(same_ids) as server, mirror(store, session_id="s"):
        os.environ["OPENAI_BASE_URL"] = server.url
        agent().chat("go")
    (turn,) = turns(store)
    assert turn["tool_calls"] == [call("c-1", "weather"), call("c-1-2", "weather")]


def test_calls_without_an_id_get_one(store: DefaultSessionStore) -> None:
    each = agent()

    def answer(prompt: str, *args: object, **kwargs: object) -> str:
        for city in ("Rome", "Bern"):
            each.execute_tool("weather", {"city": city})
        return "done"

    each._chat_impl = answer
    with mirror(store, session_id="s"):
        each.chat("go")
    (turn,) = turns(store)
    assert turn["tool_calls"] == [call("call-1", "weather"), call("call-2", "weather")]


def test_a_tool_that_is_called_outside_of_a_turn_is_nobodys(store: DefaultSessionStore) -> None:
    with mirror(store, session_id="s") as handle:
        assert agent().execute_tool("weather", {"city": "Rome"}) == "sunny in Rome"
    assert store.list_sessions() == []
    assert handle.failures == 0


def in_plain_thread(action: Callable[[], object]) -> None:
    """In a thread that knows nothing of where it was started."""
    thread = threading.Thread(target=action)
    thread.start()
    thread.join()


def test_a_tool_in_a_thread_without_the_context_is_the_agents_only_turns(
    store: DefaultSessionStore,
) -> None:
    """If it has two, nobody can say whose call it is: it is left out."""
    each = agent()

    def answer(prompt: str, *args: object, **kwargs: object) -> str:
        if prompt == "outer":
            in_plain_thread(lambda: each.execute_tool("weather", {"city": "Rome"}, "c-one"))
            in_plain_thread(lambda: each.chat("inner"))
        else:
            in_plain_thread(lambda: each.execute_tool("weather", {"city": "Rome"}, "c-two"))
        return "done"

    each._chat_impl = answer
    with mirror(store, session_id="s"):
        each.chat("outer")
    outer, inner = turns(store)
    assert outer["tool_calls"] == [call("c-one", "weather")]
    assert "tool_calls" not in inner


def test_an_agent_that_asks_itself_has_a_turn_inside_its_own_call(
    store: DefaultSessionStore,
) -> None:
    def weather(city: str) -> str:
        """Asks the very same agent."""
        return str(each.chat(f"in {city}"))

    each = agent(tools=[weather])
    with mirror(store, session_id="s"):
        each.chat("weather in Rome?")
    outer, inner = store.get_runtime_state("s", "native").values()
    assert inner["parent"]["tool_call_id"] == "c-rome"
    assert outer["tool_calls"] == [ROME]


def test_what_goes_on_after_its_turn_belongs_to_no_turn(store: DefaultSessionStore) -> None:
    """A thread that a tool has left behind still has the context of the turn."""
    go_on, done = threading.Event(), threading.Event()
    helper = agent("helper")

    def weather(city: str) -> str:
        """Leaves a thread behind."""
        context = contextvars.copy_context()

        def later() -> None:
            assert go_on.wait(30)
            helper.chat("late")
            done.set()

        threading.Thread(target=context.run, args=(later,)).start()
        return "sunny"

    with mirror(store, session_id="s"):
        agent(tools=[weather]).chat("weather in Rome?")
        go_on.set()
        assert done.wait(30)
    (late,) = store.get_runtime_state("s", "helper").values()
    assert "parent" not in late
    assert late["status"] == "completed"


def test_a_call_that_outlives_its_turn_changes_nothing_in_it(store: DefaultSessionStore) -> None:
    each, go_on = agent(tools=[]), threading.Event()

    def waiting() -> str:
        """Waits until it is told."""
        assert go_on.wait(30)
        return "late"

    each.tools.append(waiting)
    threads: list[threading.Thread] = []

    def answer(prompt: str, *args: object, **kwargs: object) -> str:
        context = contextvars.copy_context()
        run = functools.partial(context.run, each.execute_tool, "waiting", {}, "c-late")
        threads.append(threading.Thread(target=run))
        threads[0].start()
        while not turns(store)[0].get("tool_calls"):
            pass
        return "done"

    each._chat_impl = answer
    with mirror(store, session_id="s"):
        each.chat("go")
        (before,) = turns(store)
        go_on.set()
        threads[0].join()
        (after,) = turns(store)
    assert before == after
    assert after["tool_calls"] == [call("c-late", "waiting", "open")]


def test_an_exception_thrown_into_a_stream_reaches_the_agent(store: DefaultSessionStore) -> None:
    each = agent()
    caught: list[BaseException] = []

    def chunks(prompt: str, **kwargs: object) -> Iterator[str]:
        try:
            yield "one"
        except LookupError as error:
            caught.append(error)
            yield "two"

    each._start_stream_impl = chunks
    error = LookupError("from outside")
    with mirror(store, session_id="s"):
        stream = each._start_stream("go")
        assert next(stream) == "one"
        assert stream.throw(error) == "two"
        assert list(stream) == []
    assert caught == [error]
    (turn,) = turns(store)
    assert turn["status"] == "completed"
    assert turn["transcript"] == said("go", "onetwo")


def test_closing_a_stream_closes_the_agents_own_generator(store: DefaultSessionStore) -> None:
    each, closed = agent(), []

    def chunks(prompt: str, **kwargs: object) -> Iterator[str]:
        try:
            yield "one"
        finally:
            closed.append(prompt)

    each._start_stream_impl = chunks
    with mirror(store, session_id="s"):
        stream = each._start_stream("go")
        next(stream)
        stream.close()
        assert closed == ["go"]


def test_a_subclass_with_a_chat_of_its_own_is_mirrored(store: DefaultSessionStore) -> None:
    class Parrot(Agent):  # type: ignore[misc]  # PraisonAI has no types
        def chat(self, prompt: str, **kwargs: Any) -> str:
            return f"{prompt}, {prompt}"

    own = Parrot.chat
    with mirror(store, session_id="s"):
        assert Parrot(name="parrot", instructions="x", model="gpt-4o-mini").chat("hi") == "hi, hi"
    assert Parrot.chat is own
    (turn,) = turns(store, "parrot")
    assert turn["transcript"] == said("hi", "hi, hi")


def test_what_others_have_put_in_place_since_stays(store: DefaultSessionStore) -> None:
    from praisonaiagents import main as display

    def theirs(*args: object) -> str:
        return "theirs"

    class Other(PraisonAIStore):  # type: ignore[misc]  # as above
        """Somebody's own."""

    original = Agent.chat
    with JournalSessionStore(store.session_dir) as own:
        handle = mirror(own)
        other = Other(store.session_dir)
        Agent.chat, praisonai_store._default_store = theirs, other
        display.register_display_callback("error", theirs)
        try:
            handle.close()
            assert Agent.chat is theirs
            assert praisonai_store._default_store is other
            assert display.sync_display_callbacks["error"] is theirs
        finally:
            del Agent.chat, display.sync_display_callbacks["error"]
    assert Agent.chat is original


def test_an_agent_without_a_session_goes_where_its_caller_is(tmp_path: Path) -> None:
    helper = agent("helper")

    def weather(city: str) -> str:
        """Asks somebody else."""
        return str(helper.chat(f"in {city}"))

    config = {"persist_path": str(tmp_path / "journal"), "mirror_runtime_state": True}
    with mirror(config) as handle:
        agent(tools=[weather], memory=MemoryConfig(session_id="own")).chat("weather in Rome?")
        assert [turn["status"] for turn in turns(handle.store, "helper", "own")] == ["completed"]


def test_a_multi_channel_config_mirrors_as_its_gateway_says(tmp_path: Path) -> None:
    from praisonaiagents.gateway import config as theirs

    session = theirs.SessionConfig(persist_path=str(tmp_path / "j"), mirror_runtime_state=True)
    whole = theirs.MultiChannelGatewayConfig(gateway=theirs.GatewayConfig(session_config=session))
    with mirror(whole, session_id="s") as handle:
        assert handle.store.mirrors
        assert handle.store.session_dir == str(tmp_path / "j")


@pytest.mark.parametrize("text", ["gateway:\n", "gateway: {mirror_runtime_state: true}\n", "{}\n"])
def test_a_file_that_says_nothing_of_sessions_does_not_mirror(text: str, tmp_path: Path) -> None:
    (tmp_path / "gateway.yaml").write_text(text)
    with mirror(tmp_path / "gateway.yaml") as handle:
        assert not handle.store.mirrors


def test_a_broken_stream_whose_answer_at_once_fails_too_is_an_error(
    store: DefaultSessionStore,
) -> None:
    """PraisonAI falls back to an answer at once then: that is the same turn."""
    each = agent()

    def chunks(prompt: str, **kwargs: object) -> Iterator[str]:
        yield "one"
        assert each.chat(prompt) is None

    each._start_stream_impl = chunks
    with mirror(store, session_id="s"):
        assert list(each._start_stream("fail")) == ["one"]
    (turn,) = turns(store)
    assert turn["status"] == "error"
    assert "made to fail" in turn["error"]


def test_a_turn_that_is_over_is_forgotten(store: DefaultSessionStore) -> None:
    """Else the agent's next one would not be its only turn."""
    each = agent()

    def answer(prompt: str, *args: object, **kwargs: object) -> str:
        in_plain_thread(lambda: each.execute_tool("weather", {"city": prompt}, "c-rome"))
        return "done"

    each._chat_impl = answer
    with mirror(store, session_id="s"):
        for prompt in ("Rome", "Bern"):
            each.chat(prompt)
    assert [turn["tool_calls"] for turn in turns(store)] == [[ROME], [ROME]]


def test_two_turns_of_one_agent_at_the_same_time_keep_their_calls(
    store: DefaultSessionStore,
) -> None:
    each, both = agent(), threading.Barrier(2)

    def answer(prompt: str, *args: object, **kwargs: object) -> str:
        both.wait(30)
        each.execute_tool("weather", {"city": prompt}, f"c-{prompt}")
        both.wait(30)
        return "done"

    each._chat_impl = answer
    with mirror(store, session_id="s"):
        threads = [threading.Thread(target=each.chat, args=(city,)) for city in ("one", "two")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    for turn in turns(store):
        prompt = turn["transcript"][0]["content"]
        assert turn["tool_calls"] == [call(f"c-{prompt}", "weather")]


def test_a_turn_that_praisonai_interrupts_is_cancelled(store: DefaultSessionStore) -> None:
    each = agent()

    def interrupted(*args: object, **kwargs: object) -> str:
        raise InterruptedError("Agent chat cancelled: enough")

    each._chat_impl = interrupted
    with mirror(store, session_id="s"), pytest.raises(InterruptedError):
        each.chat("go")
    (turn,) = turns(store)
    assert turn["status"] == "cancelled"


def test_a_coroutine_that_is_closed_elsewhere_cancels_the_turn(tmp_path: Path) -> None:
    """As the garbage collector does it: nothing can be awaited there, and no context is ours."""
    each, store = agent(), DefaultSessionStore(tmp_path / "journal")

    async def waiting(*args: object, **kwargs: object) -> None:
        await asyncio.Event().wait()

    async def main() -> None:
        each._achat_impl = waiting
        running = each.achat("go")
        contextvars.copy_context().run(running.send, None)
        handle.recorder.join()
        assert turns(store)[-1]["status"] == "open"
        running.close()

    with store, mirror(store, session_id="s") as handle:
        each.chat("before")
        asyncio.run(main())
        assert handle.failures == 0
        assert [turn["status"] for turn in turns(store)] == ["completed", "cancelled"]
