"""Streams that are still there when the program ends, each its own way."""

import subprocess
import sys
from pathlib import Path

from projections import DefaultSessionStore
from tests.faults.sizes import sized
from tests.support import ROOT

PROGRAM = """
import asyncio, atexit, sys
from tests.faults.ends.stage import stage_of
stage = stage_of()
atexit.register(stage.put_out_decoys, "last")  # registered first, and so called last
from pydantic_ai import Agent
from pydantic_ai.models.test import TestModel
from projections.adapters.pydantic_ai import mirror
atexit.register(stage.put_out_decoys, "first")
handle = mirror(stage.sessions, session_id="s")
agent = Agent(TestModel(custom_output_text="hello there"), name="agent")
"""

WAYS = {
    "read to its end": "result = agent.run_stream_sync('hi')\nlist(result.stream_text())",
    "read in part": "result = agent.run_stream_sync('hi')\nnext(iter(result.stream_text()))",
    "not read": "result = agent.run_stream_sync('hi')",
    "kept by a module": (
        "import types\nsys.modules['kept'] = kept = types.ModuleType('kept')\n"
        "kept.result = agent.run_stream_sync('hi')\nlist(kept.result.stream_text())"
    ),
    "an iterator, abandoned": """
async def main():
    global run
    run = agent.iter('hi')
    entered = await run.__aenter__()
    await anext(aiter(entered))
asyncio.run(main())
""",
    "and the program fails": "result = agent.run_stream_sync('hi')\nraise ValueError('the end')",
}

ENDS = {
    way: "completed" if "to its end" in way or "module" in way else "cancelled" for way in WAYS
}


@sized(quick=["an iterator, abandoned"], storm=list(WAYS))
def test_a_stream_that_is_there_to_the_end_has_its_turn_ended(
    tmp_path: Path, size: list[str]
) -> None:
    for number, way in enumerate(size):
        folder = tmp_path / str(number)
        folder.mkdir()
        ended = subprocess.run(
            [sys.executable, "-c", PROGRAM + WAYS[way], str(folder)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert ended.returncode == (1 if "fails" in way else 0), ended.stderr
        decoys = list(folder.glob("decoy-*"))
        assert decoys
        assert all(path.stat().st_size == 0 for path in decoys), "bytes went into others' files"
        with DefaultSessionStore(folder / "sessions") as store:
            (turn,) = store.get_runtime_state("s", "agent").values()
            assert store.verify("s").problems == []
        assert turn["status"] == ENDS[way], (way, ended.stderr)
