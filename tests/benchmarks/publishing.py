"""A whole run for readers: tables in README.md, the raw results and the plot beside it."""

from pathlib import Path

from tests.benchmarks.plot import draw
from tests.benchmarks.report import as_markdown
from tests.benchmarks.results import Results

_HERE = Path(__file__).parent
README, RESULTS, PLOT = _HERE / "README.md", _HERE / "results.json", _HERE / "plot.svg"
BEGIN, END = "<!-- results: begin -->\n", "<!-- results: end -->\n"


def check() -> None:
    """Before a long run: is there a place for what it finds? Raises ValueError if not."""
    between(README.read_text(), "")


def publish(results: Results) -> None:
    """The raw results first, so that whatever fails afterwards can be done again from them."""
    RESULTS.write_bytes(results.as_json())
    draw(results, str(PLOT))
    README.write_text(between(README.read_text(), f"\n{as_markdown(results)}\n\n"))


def between(text: str, new: str) -> str:
    """`text` with `new` between the two marks. Raises ValueError unless each is there once."""
    if not text.count(BEGIN) == text.count(END) == 1 or text.index(BEGIN) > text.index(END):
        raise ValueError(
            f"{README.name} needs one line {BEGIN.strip()} and then one {END.strip()}"
        )
    before, _, rest = text.partition(BEGIN)
    after = rest.partition(END)[2]
    return f"{before}{BEGIN}{new}{END}{after}"
