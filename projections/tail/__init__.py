"""Events as they arrive, from any process."""

from projections.tail.tail import Arrival, Tail

__all__ = ["Arrival", "Tail"]
