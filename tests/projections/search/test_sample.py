"""A bit of the logs says what is rare in them, and so what is worth looking for."""

import os
import re
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from journal.engines.files.storage import DiskStorage
from projections.search.elements import Run
from projections.search.look import PlainLook
from projections.search.requirement import Costs, Requirement, requirement_of
from projections.search.sample import Sample, expression_of, sample_of

BYTES = st.binary(min_size=1, max_size=200).map(lambda data: bytes(byte % 5 for byte in data))
RUNS = st.lists(st.frozensets(st.integers(0, 5), min_size=1, max_size=3), min_size=1, max_size=3)


@given(BYTES, RUNS.map(tuple))
def test_how_often_a_run_stands_there_is_counted(data: bytes, run: Run) -> None:
    sample = Sample(data)
    count = len(re.findall(expression_of(run), data, re.DOTALL))
    if count:
        assert sample.often(run) == count / len(data)
        assert sample.may_hold(run)
    else:
        assert 0 < sample.often(run) <= 1 / len(data), "it may stand elsewhere"


def chosen(pattern: str, sample: Sample) -> Requirement:
    found = requirement_of(pattern, re.IGNORECASE, Costs(PlainLook.passes(sample), sample))
    assert found is not None
    return found


def test_what_is_rare_in_the_logs_is_looked_for() -> None:
    """A word that stands everywhere is not, whatever would be guessed of it."""
    for common, rare in (("connection", "invoice"), ("invoice", "connection")):
        sample = Sample(f"the {common} was there, ".encode() * 500)
        for pattern in (f"{common}.*{rare}", f"{rare}.*{common}"):
            looked_for = chosen(pattern, sample).runs[0]
            text = bytes(min(choice) for choice in looked_for).lower().decode(errors="replace")
            assert any(part in rare for part in (text, text[1:], text[:-1])), (pattern, text)


def test_letters_that_the_logs_do_not_have_cost_next_to_nothing() -> None:
    """So all of a word is looked for, though some of its letters have odd forms."""
    assert len(chosen("kissing", Sample(b"plain text " * 100)).runs[0]) == len("kissing")


def test_the_sample_is_taken_evenly_from_all_logs(tmp_path: Path) -> None:
    storage, logs = DiskStorage(), []
    for number, size in enumerate((400_000, 10, 0, 400_000)):
        path = tmp_path / str(number)
        path.write_bytes(bytes((number + 1,)) * size)
        logs.append((str(path), size))
    sample = sample_of(storage, logs)
    first, last = (sample.often((frozenset((number,)),)) for number in (1, 4))
    assert first == last == 0.5
    os.unlink(logs[0][0])
    assert sample_of(storage, logs).often((frozenset((4,)),)) == 1.0, "what is gone is left out"
    assert not sample_of(storage, []).may_hold((frozenset((0x80,)),)), "nothing is known"
