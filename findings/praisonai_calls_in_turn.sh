#!/usr/bin/env bash
# Software: praisonaiagents 1.7.17, with litellm 1.110.2 and what they need: aiohappyeyeballs
#   2.7.1, aiohttp 3.14.5, aiosignal 1.4.0, annotated-types 0.8.0, anyio 4.16.0, attrs 26.1.0,
#   certifi 2026.10.19.post1, charset-normalizer 3.5.3, click 8.5.1, distro 1.9.0, fastuuid
#   0.14.0, frozenlist 1.8.0, h11 0.16.0, h2 4.4.1, httpcore 1.0.9, httpcore2 2.16.2, httpx
#   0.28.1, httpx2 2.16.2, hyperframe 6.1.0, idna 3.20, importlib_metadata 8.9.0, Jinja2
#   3.1.6, jiter 0.19.0, jsonschema 4.26.0, jsonschema-specifications 2025.9.1, markdown-it-py
#   4.3.0, MarkupSafe 3.0.4, mdurl 0.1.2, multidict 7.2.1, openai 3.57.0, packaging 26.4,
#   propcache 0.5.4, pydantic 2.14.4, pydantic-settings 2.16.3, pydantic_core 2.50.5, Pygments
#   2.21.0, python-dotenv 1.2.4, PyYAML 6.0.4, referencing 0.37.0, regex 2026.11.19, requests
#   2.34.2, rich 15.0.0, rpds-py 2026.9.1, sniffio 1.3.1, tiktoken 0.14.0, truststore 0.10.5,
#   typing-inspection 0.4.5, typing_extensions 4.16.0, urllib3 2.8.0, yarl 1.25.1, zipp 4.1.2.
# What it does: an agent with `parallel_tool_calls=True`, whose model is asked by LiteLLM, runs
#   the calls of one answer at once if it is asked by `achat` or `iter_stream`. Asked by `chat`
#   or `start`, it runs one after the other, without a word.
# Why it matters: which calls are open at a time, and whether agents that they ask run side by
#   side or are handed the session in turn, depends on the method.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps \
    praisonaiagents==1.7.17 litellm==1.110.2 \
    aiohappyeyeballs==2.7.1 aiohttp==3.14.5 aiosignal==1.4.0 annotated-types==0.8.0 \
    anyio==4.16.0 attrs==26.1.0 certifi==2026.10.19.post1 charset-normalizer==3.5.3 \
    click==8.5.1 distro==1.9.0 fastuuid==0.14.0 frozenlist==1.8.0 h11==0.16.0 h2==4.4.1 \
    httpcore==1.0.9 httpcore2==2.16.2 httpx==0.28.1 httpx2==2.16.2 hyperframe==6.1.0 \
    idna==3.20 importlib_metadata==8.9.0 Jinja2==3.1.6 jiter==0.19.0 jsonschema==4.26.0 \
    jsonschema-specifications==2025.9.1 markdown-it-py==4.3.0 MarkupSafe==3.0.4 mdurl==0.1.2 \
    multidict==7.2.1 openai==3.57.0 packaging==26.4 propcache==0.5.4 pydantic==2.14.4 \
    pydantic-settings==2.16.3 pydantic_core==2.50.5 Pygments==2.21.0 python-dotenv==1.2.4 \
    PyYAML==6.0.4 referencing==0.37.0 regex==2026.11.19 requests==2.34.2 rich==15.0.0 \
    rpds-py==2026.9.1 sniffio==1.3.1 tiktoken==0.14.0 truststore==0.10.5 \
    typing-inspection==0.4.5 typing_extensions==4.16.0 urllib3==2.8.0 yarl==1.25.1 \
    zipp==4.1.2

cd "$folder" # where PraisonAI leaves files
export PRAISONAI_HOME="$folder/home" PRAISONAI_TELEMETRY_DISABLED=true OPENAI_API_KEY=none
export LITELLM_LOCAL_MODEL_COST_MAP=True # nothing is fetched
"$folder/venv/bin/python" - >"$folder/log" 2>&1 <<'PYTHON'
import asyncio
import threading

from praisonaiagents import Agent
from praisonaiagents.config.feature_configs import ExecutionConfig
from praisonaiagents.model_harness import ScriptedModel

met = threading.Barrier(2)


def weather(city: str) -> str:
    """Waits two seconds for another call."""
    try:
        met.wait(2)
        return "at once"
    except threading.BrokenBarrierError:
        met.reset()
        return "alone"


WAYS = {
    "achat": lambda agent: asyncio.run(agent.achat("Compare.")),
    "iter_stream": lambda agent: "".join(agent.iter_stream("Compare.")),
    "chat": lambda agent: agent.chat("Compare."),
    "start": lambda agent: agent.start("Compare."),
}
for name, run in WAYS.items():
    calls = [{"name": "weather", "arguments": {"city": city}} for city in ("Rome", "Bern")]
    model = ScriptedModel([ScriptedModel.tool_calls(*calls), "Done.", "Done."])
    agent = Agent(
        name="desk",
        instructions="Be brief.",
        llm=model,
        tools=[weather],
        execution=ExecutionConfig(parallel_tool_calls=True),
    )
    run(agent)
    results = [message["content"] for message in model.requests[1].tool_results]
    print(f"seen {name}:", *results, sep=" | ", flush=True)
PYTHON
grep '^seen ' "$folder/log" >"$folder/seen" || cat "$folder/log"

cat >"$folder/expected" <<'EXPECTED'
seen achat: | "at once" | "at once"
seen iter_stream: | "at once" | "at once"
seen chat: | "alone" | "alone"
seen start: | "alone" | "alone"
EXPECTED
diff "$folder/expected" "$folder/seen" && echo "as found"
