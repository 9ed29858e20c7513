"""Fixtures of the tests of `AsyncSessionStore`."""

import pytest

from projections import DefaultSessionStore
from projections.store.async_store import AsyncSessionStore


@pytest.fixture
def async_store(store: DefaultSessionStore) -> AsyncSessionStore:
    return AsyncSessionStore(store)
