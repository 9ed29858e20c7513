"""`python -m tests.benchmarks`: the command, or a line about what is missing."""

import sys

from tests.benchmarks.builds import BuildError
from tests.benchmarks.machine import PEERS


def _main() -> int:
    try:
        from tests.benchmarks.command import main

        return main(sys.argv[1:])
    except ModuleNotFoundError as missing:
        if missing.name not in (*PEERS, "agents", "pydantic_ai", "matplotlib"):
            raise
        print(f"{missing.name} is not installed: pip install -e '.[benchmarks]'", file=sys.stderr)
        return 1
    except BuildError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(_main())
