"""Tracks the open turns of PraisonAI's agents."""

from typing import Any

from projections.adapters.mirroring import Mirroring
from projections.adapters.praisonai.running import (
    Running,
    RunningTurns,
)
from projections.adapters.recorder import Recorder
from projections.adapters.session_choice import SessionChoice


class TurnTracker(Mirroring):
    """Begins turns, and knows which are open, and which session an agent belongs to."""

    def __init__(self, recorder: Recorder, choice: SessionChoice[Any]) -> None:
        super().__init__(recorder)
        self.turns = RunningTurns()
        self._choice = choice

    def begin(self, agent: Any, prompt: object) -> Running:
        """Begin a turn of the agent. Nothing is written yet.

        Its runtime is the name that PraisonAI shows for the agent; that is `Agent 1` for an
        agent without a name.
        """
        here = self.here()
        own = getattr(agent, "_session_id", None)
        turn = self.recorder.turn(self._choice.of(agent, own, here), str(agent.display_name))
        turn.says("user", prompt)
        if here is not None:
            here.calls_for(turn)
        running = Running(agent, turn)
        self.turns.add(running)
        return running
