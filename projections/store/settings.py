"""The settings of a store, checked: errors name the setting that makes no sense."""

import math
import os
from functools import partial
from typing import Any

from journal.backend import History
from journal.config import Durability, GatewaySettings, Limits, Prune, SessionSettings
from journal.engines.files.log import LogOptions
from journal.engines.files.storage import DiskStorage, Storage
from journal.errors import FolderError
from journal.redaction import Redactor
from journal.state import encode_text


def session_settings(
    config: GatewaySettings | SessionSettings | None,
) -> SessionSettings | None:
    """The session's part of a config, ours or PraisonAI's; None if there is no config."""
    if config is None:
        return None
    settings: Any = getattr(config, "session_config", config)
    for name, kind in (("mirror_runtime_state", bool), ("persist", bool)):
        value = getattr(settings, name, None)
        if not isinstance(value, kind):
            what = f"{type(settings).__name__}.{name}" if hasattr(settings, name) else "config"
            raise TypeError(
                f"{what} is {value!r}; config must be a GatewayConfig or a SessionConfig in "
                f"which {name} is True or False"
            )
    found: SessionSettings = settings
    return found


def folder_of(session_dir: str | os.PathLike[str] | None, settings: SessionSettings | None) -> str:
    """The folder of the sessions; reads the environment when nothing else names it.

    Raises `FolderError` where it depends on a home folder that is not known.
    """
    name, chosen = "session_dir", session_dir
    if not chosen and settings is not None:
        name, chosen = "persist_path", settings.persist_path
    if not chosen:
        home = os.environ.get("PRAISONAI_HOME")
        name = "PRAISONAI_HOME" if home else "the default folder"
        chosen = os.path.join(home or "~/.praisonai", "sessions")
    if not isinstance(chosen, str | os.PathLike):
        raise TypeError(f"{name} must be a path, not {type(chosen).__name__}")
    folder = os.fspath(chosen)
    if "\0" in folder:
        raise ValueError(f"{name} contains a NUL byte")
    return os.path.abspath(_without_tilde(folder, name))  # noqa: PTH100 - pathlib is slow to import


def _without_tilde(path: str, name: str) -> str:
    """`path` with the home folder for `~` or `~user`. Unlike `expanduser`, never a guess."""
    if not path.startswith("~"):
        return path
    user, _, rest = path[1:].partition("/")
    home = _home_of(user)
    if home is None or not os.path.isabs(home):
        whose = f"of a user {user!r}" if user else f"of the user with the number {os.getuid()}"
        why = f"the home folder {whose} is not known"
        if home:
            what = f"the home folder {whose}" if user else "$HOME"
            why = f"{what} is {home!r}, which is not an absolute path"
        raise FolderError(
            f"{name} is {path!r}, and {why}. Name the folder of the sessions: with --dir or in "
            "$JOURNAL_DIR for the command `journal`, from Python with session_dir, with "
            "persist_path in the config, or in $PRAISONAI_HOME; or set $HOME"
        )
    return os.path.join(home, rest.lstrip("/"))


def _home_of(user: str) -> str | None:
    """A user's home folder, our own if `user` is empty; None where the system has none."""
    if not user and os.environ.get("HOME"):
        return os.environ["HOME"]
    import pwd  # seldom needed

    try:
        entry = pwd.getpwnam(user) if user else pwd.getpwuid(os.getuid())
    except (KeyError, ValueError):
        return None
    return entry.pw_dir or None


def log_options(
    durability: Durability, lock_timeout: float, writer: str | None, storage: Storage | None
) -> LogOptions:
    """How logs are written."""
    if durability not in ("fsync", "os"):
        raise ValueError(f"durability is {durability!r}; it must be 'fsync' or 'os'")
    if isinstance(lock_timeout, bool) or not isinstance(lock_timeout, int | float):
        kind = type(lock_timeout).__name__
        raise TypeError(f"lock_timeout must be a number of seconds, not {kind}")
    if not 0 <= lock_timeout < math.inf:
        raise ValueError(f"lock_timeout is {lock_timeout}; it must be 0 or more seconds")
    if writer is not None and not isinstance(writer, str):
        raise TypeError(f"writer must be a string or None, not {type(writer).__name__}")
    if writer is not None:
        encode_text(writer, "writer")
    return LogOptions(durability, lock_timeout, writer, storage or DiskStorage())


def check_others(
    redactor: Redactor | None, limits: Limits | None, history: History, max_open: int
) -> None:
    """Check the other settings. Raises TypeError and ValueError."""
    if redactor is not None and not callable(redactor):
        raise TypeError(f"redact must be a callable or None, not {type(redactor).__name__}")
    if limits is not None and not isinstance(limits, Limits):
        raise TypeError(f"limits must be a Limits, not {type(limits).__name__}")
    if history not in ("archive", "drop"):
        raise ValueError(f"history is {history!r}; it must be 'archive' or 'drop'")
    check_count("max_open", max_open)


def check_encryption(encryption: object) -> None:
    """Check that it is `journal.encryption.Encryption`, without importing that. TypeError."""
    if encryption is not None and not all(map(partial(hasattr, encryption), ("current", "key"))):
        raise TypeError(
            "encryption must be a journal.encryption.Encryption or None, not "
            f"{type(encryption).__name__}"
        )


def check_prune(rule: Prune) -> None:
    """Check what is to be pruned. Raises TypeError."""
    if not isinstance(rule, Prune):
        raise TypeError(f"prune must be a journal.Prune or None, not {type(rule).__name__}")


def check_count(name: str, value: int) -> None:
    """Check a setting that counts something. Raises TypeError and ValueError."""
    if not isinstance(value, int):
        raise TypeError(f"{name} must be a number, not {type(value).__name__}")
    if value < 1:
        raise ValueError(f"{name} is {value}; it must be 1 or more")
