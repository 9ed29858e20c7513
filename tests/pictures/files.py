"""The pictures by name: where they are, and what they should be."""

from pathlib import Path

from tests.pictures.recording import COLUMNS, parts
from tests.pictures.svg import svg

TITLES = {
    "tail": "Two runtimes share a session, in the lines of journal tail: one meets a rate limit "
    "and hands over, the other one is killed, and its turn runs again",
    "handoffs": "Who had the session when, and which turn ran twice: lanes of journal handoffs",
}
PICTURES = {name: Path(__file__).with_name(f"{name}.svg") for name in TITLES}


def made() -> dict[str, str]:
    """The pictures of the demo as it is now."""
    return {name: svg(text, COLUMNS, TITLES[name]) for name, text in parts().items()}
