#!/usr/bin/env bash
# Software: pydantic-ai-slim 2.68.0, with annotated-types 0.8.0, anyio 4.16.0, genai-prices
#   0.2.3, griffelib 2.4.1, h11 0.16.0, httpcore2 2.16.2, httpx2 2.16.2, idna 3.20, logfire-api
#   5.6.0, opentelemetry-api 1.45.2, pydantic-graph 2.68.0, pydantic 2.14.4, pydantic_core
#   2.50.5, truststore 0.10.5, typing-inspection 0.4.5, typing_extensions 4.16.0.
# What it does: a run that is streamed by `run_stream_sync` and read to its end says that it is
#   complete, and gives its output; but the run is not over. The hook around it, `wrap_run`, goes
#   on only when the result object is collected as garbage. `run_sync` ends it before it returns.
# Why it matters: a tool that measures, traces or records runs by that hook sees a run that goes
#   on as long as its result is kept: at module level, to the end of the program.
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
import gc
from typing import Any

from pydantic_ai import Agent
from pydantic_ai.capabilities import AbstractCapability
from pydantic_ai.models.test import TestModel

seen: list[str] = []


class Watch(AbstractCapability[Any]):
    async def wrap_run(self, ctx: Any, *, handler: Any) -> Any:
        seen.append("begun")
        result = await handler()
        seen.append("ended")
        return result


agent = Agent(TestModel(custom_output_text="hello there"), capabilities=[Watch()])
agent.run_sync("hi")
print("run_sync:", *seen)

seen.clear()
result = agent.run_stream_sync("hi")
print("read to its end:", *list(result.stream_text())[-1:])
print("output:", result.get_output(), "| is complete:", result.is_complete)
print("the hook has:", *seen)
del result
gc.collect()
print("without the result:", *seen)
PYTHON

cat >"$folder/expected" <<'EXPECTED'
run_sync: begun ended
read to its end: hello there
output: hello there | is complete: True
the hook has: begun
without the result: begun ended
EXPECTED
diff "$folder/expected" "$folder/seen" && echo "as found"
