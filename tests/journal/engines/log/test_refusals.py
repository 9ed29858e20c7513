"""What is no log of ours, or is not to be read or written."""

import errno
import logging
import os
from pathlib import Path

import pytest

from journal.codec import digest_of
from journal.errors import (
    AppendError,
    DamagedError,
    ReadError,
    UnsupportedFormatError,
    WrongSessionError,
)
from tests.support import (
    FaultyStorage,
    fails,
    open_log,
    set_event,
)


class TestRefusals:
    def test_a_newer_format_is_not_written_to(self, tmp_path: Path) -> None:
        log, _ = open_log(tmp_path)
        log.append([set_event("a")])
        log.close()
        path = tmp_path / "s.jsonl"
        before = path.read_bytes().replace(b'"format":1', b'"format":9')
        path.write_bytes(before)
        newer, _ = open_log(tmp_path)
        with pytest.raises(UnsupportedFormatError, match="format 9"):
            newer.append([set_event("b")])
        assert path.read_bytes() == before

    def test_reading_a_newer_format_warns_of_it(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        log, _ = open_log(tmp_path)
        log.append([set_event("a")])
        path = tmp_path / "s.jsonl"
        lines = path.read_bytes().splitlines(keepends=True)
        newer = lines[0].replace(b'"format":1', b'"format":9').partition(b',"hash"')[0]
        lines[0] = b'%b,"hash":"%b"}\n' % (newer, digest_of(newer).encode())
        path.write_bytes(b"".join(lines))
        reader, seen = open_log(tmp_path)
        with caplog.at_level(logging.WARNING):
            assert reader.refresh()
        assert "is of format 9" in caplog.text
        assert len(seen.events) == 1

    def test_a_log_of_another_session_is_not_taken_for_ours(self, tmp_path: Path) -> None:
        log, _ = open_log(tmp_path, "theirs")
        log.append([set_event("a")])
        (tmp_path / "theirs.jsonl").rename(tmp_path / "ours.jsonl")
        ours, _ = open_log(tmp_path, "ours")
        with pytest.raises(WrongSessionError, match="'theirs'"):
            ours.refresh()
        with pytest.raises(WrongSessionError):
            ours.append([set_event("b")])

    def test_a_file_that_is_no_log_is_an_error_and_stays_as_it_is(self, tmp_path: Path) -> None:
        path = tmp_path / "s.jsonl"
        path.write_text("Dear diary,\nnothing happened.\n")
        log, _ = open_log(tmp_path)
        with pytest.raises(DamagedError, match="not a journal log"):
            log.refresh()
        with pytest.raises(DamagedError):
            log.append([set_event("a")])
        assert path.read_text() == "Dear diary,\nnothing happened.\n"

    @pytest.mark.parametrize("call", ["open", "read"])
    @pytest.mark.parametrize("number", [errno.EACCES, errno.EIO])
    def test_an_unreadable_log_is_an_error_never_an_empty_session(
        self, tmp_path: Path, call: str, number: int
    ) -> None:
        log, _ = open_log(tmp_path)
        log.append([set_event("a")])
        storage = FaultyStorage(fails(call, number, times=99))
        broken, _ = open_log(tmp_path, storage=storage)
        with pytest.raises(ReadError) as caught:
            broken.refresh()
        assert caught.value.errno == number
        assert str(tmp_path / "s.jsonl") in str(caught.value)

    def test_a_symbolic_link_is_followed_neither_for_reading_nor_for_writing(
        self, tmp_path: Path
    ) -> None:
        target = tmp_path / "precious"
        target.write_text("")
        (tmp_path / "s.jsonl").symlink_to(target)
        log, _ = open_log(tmp_path)
        with pytest.raises(ReadError, match="symbolic link"):
            log.refresh()
        with pytest.raises(AppendError, match="symbolic link"):
            log.append([set_event("a")])
        assert target.read_text() == ""

    def test_a_folder_in_the_place_of_the_log_is_an_error(self, tmp_path: Path) -> None:
        (tmp_path / "s.jsonl").mkdir()
        log, _ = open_log(tmp_path)
        with pytest.raises(ReadError):
            log.refresh()
        with pytest.raises(AppendError):
            log.append([set_event("a")])

    def test_a_read_only_log_is_read_and_says_why_it_is_not_written(self, tmp_path: Path) -> None:
        log, _ = open_log(tmp_path)
        log.append([set_event("a")])

        def read_only(name: str, args: tuple[object, ...]) -> None:
            if name == "open" and isinstance(args[1], int) and args[1] & os.O_RDWR:
                raise OSError(errno.EROFS, os.strerror(errno.EROFS))

        mounted, seen = open_log(tmp_path, storage=FaultyStorage(read_only))
        assert mounted.refresh()
        assert len(seen.events) == 1
        with pytest.raises(AppendError, match="Read-only file system"):
            mounted.append([set_event("b")])
