"""Everything at any moment."""

from hypothesis import HealthCheck, settings

from tests.faults.sizes import sized
from tests.journal.engines.changed.strangers import Strangers


@sized(quick=15, storm=400)
def test_whatever_strangers_do_nothing_is_lost_in_silence(size: int) -> None:
    Strangers.TestCase.settings = settings(
        max_examples=size,
        stateful_step_count=25,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    Strangers.TestCase().runTest()
