"""One recorder for each store, whatever framework its turns come from.

Whether a session is handed over depends on all turns that are open in it, so mirrors of one
store, and those of one folder, share a recorder.
"""

import os
import threading
from collections.abc import Callable
from typing import TypeAlias
from weakref import WeakValueDictionary

from journal.forking import tell_after_fork
from projections.adapters.recorder import Recorder
from projections.store.store import DefaultSessionStore

Key: TypeAlias = int | str


class _Shared:
    """The recorders in use, by their stores' ids, and by folders for stores that were made here.

    The recorders keep their stores alive, so no id is another store's.
    """

    def __init__(self) -> None:
        self.after_fork()
        tell_after_fork(self)
        self._recorders: WeakValueDictionary[Key, Recorder] = WeakValueDictionary()

    def after_fork(self) -> None:
        """A thread that has the lock is not in the child."""
        self._lock = threading.Lock()

    def take(self, key: Key, make: Callable[[], DefaultSessionStore]) -> Recorder:
        with self._lock:
            recorder = self._recorders.get(key)
            if recorder is None:
                store = make()
                recorder = self._recorders[key] = self._recorders[id(store)] = Recorder(store)
            recorder.users += 1
            return recorder

    def give_back(self, recorder: Recorder) -> bool:
        with self._lock:
            recorder.users -= 1
            if recorder.users:
                return False
            for key in [key for key, found in self._recorders.items() if found is recorder]:
                del self._recorders[key]
            return True


_shared = _Shared()


def recorder_of(store: DefaultSessionStore) -> Recorder:
    """The recorder of a store that was given."""
    return _shared.take(id(store), lambda: store)


def recorder_in(
    folder: str | os.PathLike[str], make: Callable[[], DefaultSessionStore]
) -> Recorder:
    """The recorder of the store that was made for a folder, by `make` if there is none yet."""
    return _shared.take(os.path.realpath(folder), make)


def give_back(recorder: Recorder) -> bool:
    """The caller uses it no more. True if nobody does: it is for the caller to end."""
    return _shared.give_back(recorder)
