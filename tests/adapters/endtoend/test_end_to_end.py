"""What agents of the real packages did, as scripted, against what the journal says of it."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from projections import DefaultSessionStore
from tests.adapters.endtoend import expected, shown
from tests.adapters.endtoend.scenarios import IN_THE_CALL
from tests.support import ROOT

FRAMEWORKS = ["openai-agents", "pydantic-ai", "praisonai"]  # not imported: that is the program's
FIRST_NAMESPACE = 0xEFFFFFFC  # of processes: only there an audit can tell that one has ended


@contextmanager
def playing(framework: str, folder: Path) -> Iterator["subprocess.Popen[str]"]:
    """The program, in a folder of its own, where PraisonAI leaves files."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "OPENAI_API_KEY": "none",
        "PRAISONAI_TELEMETRY_DISABLED": "true",
        "PRAISONAI_HOME": str(folder / "home"),
    }
    command = [sys.executable, "-m", "tests.adapters.endtoend", framework, str(folder / "s")]
    with (
        open(folder / "errors", "wb") as errors,
        subprocess.Popen(
            command, cwd=folder, env=environment, stdout=-1, stderr=errors, text=True
        ) as process,
    ):
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_turns_and_audit_are_what_was_scripted_up_to_the_call_in_which_it_is_killed(
    framework: str, tmp_path: Path
) -> None:
    """With `two agents`, calls side by side, an error, an approval, a refusal, a fan-out, agents
    of the other frameworks nested, and SIGKILL. All of a turn's state is compared, and the audit
    is this process's, not that of the one that wrote.
    """
    answers: dict[str, str] = {}
    with playing(framework, tmp_path) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line == f"{IN_THE_CALL}\n":
                break
            if line.startswith("["):  # PraisonAI prints its errors
                scenario, answer, failures = json.loads(line)
                answers[scenario] = answer
                assert failures == 0
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL, (tmp_path / "errors").read_text()
        writer = f"{os.uname().nodename}:{process.pid}"
    assert answers == expected.answers(framework)
    others = [each for each in FRAMEWORKS if each != framework]
    told = os.stat("/proc/self/ns/pid").st_ino == FIRST_NAMESPACE
    wanted = expected.sessions(framework, others, writer, told)
    with DefaultSessionStore(tmp_path / "s") as store:
        found = {
            each["session_id"]: shown.session(store, each["session_id"])
            for each in store.list_sessions()
        }
    assert set(found) == set(wanted)
    for session, is_expected in wanted.items():
        assert found[session] == is_expected, session
