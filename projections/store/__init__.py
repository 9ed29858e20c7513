"""The store: the API of PraisonAI's runtime state mirroring, and what it needs.

`store` makes it; what it offers is in `recording` (what runtimes call), `upkeep` (whole
sessions) and `projections.inspection` (looking back). Below that:

- writing: `encoder` and `limits` make events of states, `writer` appends them
- sessions: `opening` makes a `session` of a log, what is `folded` from it, its session file,
  and what an `older` one brings along; `open_sessions` are those in use
- session files: `session_file` reads and writes them, `refreshing` says when, `dirty` for
  which sessions, `listing` finds those without a log
- in the background: `bloat` says when to compact, `compacting` does, `background` has the thread
- event loops: `async_store`
"""

from projections.store.store import DefaultSessionStore

__all__ = ["DefaultSessionStore"]
