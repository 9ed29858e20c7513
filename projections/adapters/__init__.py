"""Other people's agent frameworks: each mirrors its agents' turns into the journal.

`praisonai`, `openai_agents` and `pydantic_ai` each need their framework, which comes with the
extra of the same name. What they share: `turns` says what is kept of a turn, `custody` who has
a session, `recorder` writes both and keeps trouble with the journal away from the agents, and
`mirroring` has the handle that `mirror` returns.
"""
