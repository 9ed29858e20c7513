"""A store over the engine that no product has yet: compare and swap, far away."""

import os
from typing import Any

from journal.config import SessionSettings
from journal.engines.files.log import LogOptions
from projections import DefaultSessionStore
from projections.store.engine import Engine
from tests.journal.engines.cas.engine import CasEngine
from tests.journal.engines.cas.narrow import NarrowStore


class CasStore(DefaultSessionStore):
    """A store that keeps its logs in a `NarrowStore`."""

    def __init__(self, narrow: NarrowStore, **options: Any) -> None:
        self.narrow = narrow
        super().__init__(redact=None, **options)

    def _engine(
        self,
        session_dir: str | os.PathLike[str] | None,
        settings: SessionSettings | None,
        options: LogOptions,
    ) -> Engine:
        return Engine(CasEngine(self.narrow))
