"""Other people's agent frameworks: each mirrors its agents' turns into the journal.

`praisonai`, `openai_agents` and `pydantic_ai` each need their framework, which comes with the
extra of the same name. They share the rest:

- `turns`: what is kept of a turn; `ownership`: when a session is handed over;
- `recorder`: writes both (`writing`), and keeps trouble with the journal away from the agents
  (`failures`); `shared`: one recorder for each store; `deferred`: work of finalizers;
- `context`: in which tool call of which turn code runs, across frameworks;
- `mirroring`: the handle that `mirror` returns, and which session a turn belongs to.
"""
