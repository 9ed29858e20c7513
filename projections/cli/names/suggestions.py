"""Which command somebody may have meant who typed a name that none has."""

from collections.abc import Collection

_MOST = 3
_MEANT: dict[str, tuple[str, ...]] = {
    "audit": ("handoffs",),
    "annotate": ("blame",),
    "archive": ("compact", "backup"),
    "cat": ("show",),
    "check": ("verify", "doctor"),
    "compare": ("diff",),
    "copy": ("backup", "export"),
    "describe": ("show",),
    "dump": ("export",),
    "events": ("log",),
    "fix": ("doctor",),
    "find": ("grep", "log"),
    "follow": ("tail",),
    "fsck": ("verify", "doctor"),
    "gc": ("compact",),
    "get": ("show",),
    "list": ("sessions",),
    "logs": ("log", "tail"),
    "ls": ("sessions",),
    "play": ("replay",),
    "print": ("show",),
    "ps": ("sessions",),
    "put": ("set",),
    "read": ("show", "log"),
    "remove": ("delete",),
    "repair": ("doctor",),
    "reset": ("clear",),
    "restore": ("doctor",),
    "rm": ("delete",),
    "runtimes": ("show", "handoffs"),
    "save": ("set",),
    "search": ("grep", "log"),
    "session": ("sessions",),
    "stats": ("stat", "sessions"),
    "status": ("stat", "sessions"),
    "top": ("sessions", "tail"),
    "turns": ("turn", "show"),
    "vacuum": ("compact",),
    "versions": ("history",),
    "view": ("show",),
    "watch": ("tail",),
    "write": ("set",),
}
"""Names that other programs have for it, the best first. A command that does not exist yet, or
any more, is left out of what is said."""


def suggestions(name: str, commands: Collection[str]) -> list[str]:
    """The commands that may have been meant, the likeliest first; none if nothing is like it."""
    import difflib  # for somebody who mistyped, nobody else

    lower = name.lower()
    begun = [each for each in commands if each.startswith(lower) and len(lower) > 1]
    close = difflib.get_close_matches(lower, [*commands, *_MEANT], n=_MOST)
    for candidates in ([lower], begun, close):
        meant = (each for known in candidates for each in _MEANT.get(known, (known,)))
        found = [each for each in dict.fromkeys(meant) if each in commands]
        if found:
            return found[:_MOST]
    return []
