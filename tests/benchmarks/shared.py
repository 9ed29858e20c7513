"""What several parts need: made when the first of them asks for it, once in each run."""

from functools import cached_property

from tests.benchmarks.builds import install_older
from tests.benchmarks.children import Build
from tests.benchmarks.logs import build
from tests.benchmarks.sizes import Sizes


class Shared:
    """A large input, to be read and copied, not to be written to; and the older build."""

    def __init__(self, sizes: Sizes, folder: str) -> None:
        """Makes things below `folder`, which need not exist."""
        self._sizes = sizes
        self._folder = folder

    @cached_property
    def older(self) -> Build:
        """The older build, installed. Raises `BuildError`."""
        return install_older(f"{self._folder}/older")

    @cached_property
    def long_log(self) -> str:
        """The folder of a session with a long log, 600 MB in whole size, closed in order."""
        folder = f"{self._folder}/long"
        build(folder, self._sizes.log_events, self._sizes.live_turns)
        return folder
