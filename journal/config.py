"""Configuration: plain data. Nothing here reads the environment or a file.

`SessionConfig` and `GatewayConfig` have the fields, the defaults and the checks of PraisonAI's
classes of the same names (`praisonaiagents.gateway.config`), as far as they concern sessions.
PraisonAI's own objects are accepted wherever ours are.
"""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal, Protocol, TypeAlias

Durability: TypeAlias = Literal["fsync", "os"]
"""What a True from `set` promises: "fsync" to survive power loss, "os" the process's death."""


class SessionSettings(Protocol):
    """The part of a session config, ours or PraisonAI's, that the journal reads."""

    persist: bool
    persist_path: str | None
    mirror_runtime_state: bool


class GatewaySettings(Protocol):
    """The part of a gateway config, ours or PraisonAI's, that the journal reads."""

    @property
    def session_config(self) -> SessionSettings: ...


@dataclass
class SessionConfig:
    """How sessions are kept.

    The journal acts on `persist` (False: in memory only), `persist_path` (the folder) and
    `mirror_runtime_state` (opt-in; False makes `set` a no-op). The other fields are for code
    that shares this object with a gateway: `timeout` and `resume_window` in seconds,
    `max_messages` and `max_inbox` in messages, `store` "sqlite" or "file".

    Raises ValueError for negative numbers and unknown stores.
    """

    timeout: int = 3600
    max_messages: int = 1000
    persist: bool = True
    persist_path: str | None = None
    store: str = "sqlite"
    resume_window: int = 86_400
    max_inbox: int = 256
    metadata: dict[str, Any] = field(default_factory=dict)
    mirror_runtime_state: bool = False

    def __post_init__(self) -> None:
        for name in ("timeout", "max_messages", "resume_window", "max_inbox"):
            value = getattr(self, name)
            if value < 0:
                raise ValueError(f"{name} is {value}; it must be 0 or more")
        if self.store not in ("sqlite", "file"):
            raise ValueError(f"store is {self.store!r}; it must be 'sqlite' or 'file'")

    def to_dict(self) -> dict[str, Any]:
        """The fields by name, in the order of declaration."""
        return dict(vars(self))


@dataclass
class GatewayConfig:
    """The part of a gateway's configuration that concerns the journal."""

    session_config: SessionConfig = field(default_factory=SessionConfig)

    def __post_init__(self) -> None:
        if not hasattr(self.session_config, "mirror_runtime_state"):
            kind = type(self.session_config).__name__
            raise TypeError(f"session_config must be a SessionConfig, not {kind}")

    def to_dict(self) -> dict[str, Any]:
        """`{"session_config": {...}}`."""
        return {"session_config": self.session_config.to_dict()}


@dataclass(frozen=True)
class Limits:
    """How large states may grow, in bytes of encoded JSON.

    `turn_bytes` bounds one turn, `runtime_bytes` all live turns of one runtime in one session.
    With `on_exceed` "warn", larger states are saved all the same, and the first is logged, once
    per store and process; with "reject", `LimitExceededError` is raised and nothing is saved.
    A line of the log is never longer than 16 MiB, whatever the limits.
    """

    turn_bytes: int = 1024
    runtime_bytes: int = 10_240
    on_exceed: Literal["warn", "reject"] = "warn"

    def __post_init__(self) -> None:
        for name in ("turn_bytes", "runtime_bytes"):
            value = getattr(self, name)
            if not isinstance(value, int):
                raise TypeError(f"{name} must be a number of bytes, not {type(value).__name__}")
            if value < 1:
                raise ValueError(f"{name} is {value}; it must be 1 or more")
        if self.on_exceed not in ("warn", "reject"):
            raise ValueError(f"on_exceed is {self.on_exceed!r}; it must be 'warn' or 'reject'")


@dataclass(frozen=True)
class Prune:
    """Which sessions are to go, the oldest first. The age of a session is that of its last change.

    - `older_than`: those whose last change is longer ago.
    - `max_size`: as many as it takes until all that stays has no more than so many bytes.
    - `keep_last`: the last changed so many stay, whatever the others say. Alone, all others go.

    With `archives` only their history goes, what compactions have taken out of their logs.
    `every` is how often a store that is given this looks, in all processes of a folder together.
    """

    older_than: timedelta | None = None
    keep_last: int | None = None
    max_size: int | None = None
    archives: bool = False
    every: timedelta = timedelta(hours=1)

    def __post_init__(self) -> None:
        for name in ("older_than", "every"):
            value = getattr(self, name)
            if not isinstance(value, timedelta) and (name == "every" or value is not None):
                raise TypeError(f"{name} must be a timedelta, not {type(value).__name__}")
            if value is not None and value < timedelta(0):
                raise ValueError(f"{name} is {value}; it must not be negative")
        for name, what in (("keep_last", "sessions"), ("max_size", "bytes")):
            value = getattr(self, name)
            if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
                kind = type(value).__name__
                raise TypeError(f"{name} must be a number of {what}, not {kind}")
            if value is not None and value < 0:
                raise ValueError(f"{name} is {value}; it must be 0 or more")
        if self.older_than is None and self.keep_last is None and self.max_size is None:
            raise ValueError("say what is to go: older_than, keep_last or max_size")
