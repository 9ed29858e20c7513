"""`journal demo`: the first minute.

The command chooses between this and the tour of what is stored (`storage`).

Two runtimes share a session, live in the lines of `journal tail`. One meets a rate limit and
hands over; the other one is killed in the middle of a call; a fallback runs its turn again. Then
come the lanes and the findings of `journal handoffs`, and commands to type.

- `story`: what happens, and what is said about it
- `agent`: an agent of the story, mirrored as real ones are
- `stage`: shows what is new, in the lines of `journal tail`, and waits in between
- `forked`: the process of the runtime that is killed
- `audited`: what `journal handoffs` shows of it
- `folders`: where it is recorded, and what is cleared away when it is interrupted
- `commands`: what to type next
"""
