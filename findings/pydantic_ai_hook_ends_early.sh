#!/usr/bin/env bash
# Software: pydantic-ai-slim 2.68.0, with annotated-types 0.8.0, anyio 4.16.0, genai-prices
#   0.2.3, griffelib 2.4.1, h11 0.16.0, httpcore2 2.16.2, httpx2 2.16.2, idna 3.20, logfire-api
#   5.6.0, opentelemetry-api 1.45.2, pydantic-graph 2.68.0, pydantic 2.14.4, pydantic_core
#   2.50.5, truststore 0.10.5, typing-inspection 0.4.5, typing_extensions 4.16.0.
# What it does: the hook around a run, `wrap_run`, encloses the hooks around its tool calls,
#   `wrap_tool_execute`, as long as the run ends by itself. If its task is cancelled in a call,
#   the hook around the run ends first, while the tool still runs; then the tool is cancelled.
# Why it matters: a tool that measures, traces or records runs by these hooks closes the run, and
#   is then told how a call of it ended.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps \
    pydantic-ai-slim==2.68.0 annotated-types==0.8.0 anyio==4.16.0 genai-prices==0.2.3 \
    griffelib==2.4.1 h11==0.16.0 httpcore2==2.16.2 httpx2==2.16.2 idna==3.20 \
    logfire-api==5.6.0 opentelemetry-api==1.45.2 pydantic-graph==2.68.0 pydantic==2.14.4 \
    pydantic_core==2.50.5 truststore==0.10.5 typing-inspection==0.4.5 \
    typing_extensions==4.16.0

"$folder/venv/bin/python" - >"$folder/seen" <<'PYTHON'
import asyncio
from typing import Any

from pydantic_ai import Agent
from pydantic_ai.capabilities import AbstractCapability
from pydantic_ai.models.test import TestModel


class Watch(AbstractCapability[Any]):
    async def wrap_run(self, ctx: Any, *, handler: Any) -> Any:
        try:
            return await handler()
        finally:
            print("the hook around the run ends")

    async def wrap_tool_execute(self, ctx: Any, *, handler: Any, args: Any, **_: Any) -> Any:
        try:
            return await handler(args)
        finally:
            print("the hook around the call ends")


async def run(seconds: float) -> None:
    begun = asyncio.Event()
    agent = Agent(TestModel(), capabilities=[Watch()])

    @agent.tool_plain
    async def wait() -> str:
        begun.set()
        try:
            await asyncio.sleep(seconds)
        finally:
            print("the tool ends")
        return "done"

    task = asyncio.ensure_future(agent.run("hi"))
    await begun.wait()
    if seconds:
        task.cancel()
    await asyncio.wait({task})
    print("the run is", "cancelled" if task.cancelled() else "complete")


asyncio.run(run(0))
asyncio.run(run(60))
PYTHON

cat >"$folder/expected" <<'EXPECTED'
the tool ends
the hook around the call ends
the hook around the run ends
the run is complete
the hook around the run ends
the tool ends
the hook around the call ends
the run is cancelled
EXPECTED
diff "$folder/expected" "$folder/seen" && echo "as found"
