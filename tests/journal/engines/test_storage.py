"""Listing a folder, which the real storage and the one in memory have to do alike."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from journal.engines.files.storage import DiskStorage, Storage
from journal.engines.memory import MemoryStorage

FILES = {"a.jsonl": 5, "b.jsonl": 0, "a.json": 2, "a.json.lock": 0, "json": 1}


@pytest.fixture(params=[DiskStorage, MemoryStorage], ids=["disk", "memory"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    """One whose folder `tmp_path` holds `FILES`, and a file in a folder below."""
    make: Callable[[], Storage] = request.param
    storage = make()
    storage.make_folder(str(tmp_path / "below"))
    for name, size in {**FILES, "below/c.jsonl": 3}.items():
        fd = storage.open(str(tmp_path / name), os.O_WRONLY | os.O_CREAT)
        storage.write(fd, b"x" * size)
        storage.close(fd)
    return storage


def test_without_a_suffix_all_files_are_listed_with_their_sizes(
    storage: Storage, tmp_path: Path
) -> None:
    assert {entry.name: entry.size for entry in storage.list(str(tmp_path))} == FILES


@pytest.mark.parametrize(
    ("suffix", "names"),
    [
        (".jsonl", {"a.jsonl", "b.jsonl"}),
        (".json", {"a.json"}),
        (".lock", {"a.json.lock"}),
        (".gz", set()),
    ],
)
def test_with_a_suffix_only_files_whose_names_end_in_it_are(
    suffix: str, names: set[str], storage: Storage, tmp_path: Path
) -> None:
    assert {entry.name for entry in storage.list(str(tmp_path), suffix)} == names
    assert sorted(storage.names(str(tmp_path), suffix)) == sorted(names)


def test_a_folder_that_is_not_there_has_no_files(storage: Storage, tmp_path: Path) -> None:
    nowhere = str(tmp_path / "nowhere")
    assert storage.list(nowhere, ".jsonl") == []
    assert storage.names(nowhere, ".jsonl") == []


def test_links_folders_and_pipes_are_no_files(tmp_path: Path) -> None:
    (tmp_path / "real.json").touch()
    (tmp_path / "link.json").symlink_to("real.json")
    (tmp_path / "folder.json").mkdir()
    os.mkfifo(tmp_path / "pipe.json")
    storage = DiskStorage()
    assert [entry.name for entry in storage.list(str(tmp_path), ".json")] == ["real.json"]
    assert storage.names(str(tmp_path), ".json") == ["real.json"]
