"""JSON lines that are printed together: the same text as one by one, also when reading fails."""

import io
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journal.errors import ReadError
from journal.events import Clear, Event, Handoff, Takeover
from projections import DefaultSessionStore
from projections.cli.documents.events import event_item
from projections.cli.documents.json_output import JsonLines, json_line
from projections.cli.lines import printing
from projections.cli.lines.effects import Effect
from projections.cli.lines.printing import EventPrinter
from tests.support import open_log, set_event

texts = st.text(
    st.characters() | st.sampled_from("\x7f\x85\u200b\u2028\ud800\t\r\n日"), max_size=9
)
values = st.dictionaries(texts, texts | st.integers(), max_size=3)


@given(lines=st.lists(values, max_size=4), encoding=st.sampled_from(["utf-8", "latin-1", "ascii"]))
def test_the_text_is_that_of_one_line_at_a_time(lines: list[object], encoding: str) -> None:
    """Also where standard output cannot show all characters, and for text that is not valid."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding))
        together = JsonLines()
        for line in lines:
            together.add(line)
        assert together.take() == "".join(map(json_line, lines))
        assert together.take() == ""


@pytest.fixture
def events(tmp_path: Path) -> list[Event]:
    log, recorder = open_log(tmp_path, "other")
    log.append([set_event("t", {"n": "x" * 50, "ü": n}) for n in range(9)])
    log.append(
        [Clear(), Clear(runtime_id="a"), Handoff(source="a", target="b"), Takeover(runtime_id="b")]
    )
    log.close()
    return recorder.events


@pytest.mark.parametrize("at_once", [0, 600, 1 << 20])
@pytest.mark.parametrize("fails_after", [0, 4, None])
def test_all_that_was_read_is_printed_before_an_error(
    tmp_path: Path,
    events: list[Event],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    at_once: int,
    fails_after: int | None,
) -> None:
    monkeypatch.setattr(printing, "_AT_ONCE", at_once)

    def found() -> Iterator[tuple[Event, Effect]]:
        for number, event in enumerate(events):
            if number == fails_after:
                raise ReadError(5, "no more")
            yield event, Effect(lost=3)

    with DefaultSessionStore(tmp_path) as store:
        printer = EventPrinter(store, "jsonl")
        if fails_after is None:
            printer.print_all("s", "log", found())
        else:
            with pytest.raises(ReadError):
                printer.print_all("s", "log", found())
    shown = [json_line(event_item("s", "log", event, 3)) for event in events[:fails_after]]
    assert capsys.readouterr().out == "".join(shown)
