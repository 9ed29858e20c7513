"""The configs that `mirror` accepts: gateway or session, ours or PraisonAI's, object or YAML.

PraisonAI keeps a session's settings in its gateway file under `gateway`, `session_config`; its
documentation also says `session`. Its own loader drops `mirror_runtime_state`, so the file is
read here, but only for the session's settings:

    gateway:
      session_config:
        persist: true
        mirror_runtime_state: true
"""

import os
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from journal.config import SessionConfig, SessionSettings
from projections.store.settings import session_settings

_SECTIONS = ("session_config", "session")
_FIELDS = frozenset(each.name for each in fields(SessionConfig))
_ATTRIBUTES = ("gateway", *_SECTIONS, "mirror_runtime_state")


def is_config(source: object) -> bool:
    """Whether it is a config: an object or a dict of one, or the path of a YAML file."""
    if isinstance(source, str | os.PathLike):
        return os.fspath(source).endswith((".yaml", ".yml"))
    return isinstance(source, Mapping) or any(hasattr(source, name) for name in _ATTRIBUTES)


def settings_of(config: Any) -> SessionSettings:
    """The session's settings in a config.

    Raises TypeError and ValueError for invalid settings, and OSError for a file that cannot
    be read.
    """
    if isinstance(config, str | os.PathLike):
        return _from_file(config)
    if isinstance(config, Mapping):
        return _from_mapping(config, "the config")
    return _checked(getattr(config, "gateway", config))  # a multi-channel config has one


def _from_file(path: str | os.PathLike[str]) -> SessionSettings:
    import yaml  # comes with PraisonAI; only for files

    with open(path, "rb") as file:
        try:
            data = yaml.safe_load(file)
        except yaml.YAMLError as error:
            raise ValueError(f"{os.fspath(path)} is not YAML: {error}") from error
    if not isinstance(data, Mapping):
        kind = type(data).__name__
        raise ValueError(f"{os.fspath(path)} holds no gateway config, but {kind}")
    return _from_mapping(data, os.fspath(path))


def _from_mapping(data: Mapping[str, Any], source: str) -> SessionSettings:
    """The settings from a gateway file, a `GatewayConfig` or a `SessionConfig` as a dict."""
    found = _section(data, "gateway", source)
    for name in _SECTIONS:
        if name in found:
            found = _section(found, name, source)
            break
    else:
        if found is not data:  # these are settings of the gateway, not of a session
            found = {}
    return _checked(SessionConfig(**{key: found[key] for key in found if key in _FIELDS}))


def _section(data: Mapping[str, Any], name: str, source: str) -> Mapping[str, Any]:
    found = data.get(name, data)
    if found is None:  # `gateway:` and nothing below it
        return {}
    if not isinstance(found, Mapping):
        raise TypeError(f"{name} of {source} must be a mapping, not {type(found).__name__}")
    return found


def _checked(config: Any) -> SessionSettings:
    settings = session_settings(config)
    if settings is None:
        raise TypeError("mirror() needs a config or a store, not None")
    return settings
