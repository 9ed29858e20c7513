"""What the guarantees ask of each append, one call after the other, and nothing around it.

For each state: encode, decode and compare (what comes back is what went in), look how deep it
nests, search for secrets, hash state and line. For each write: the time, `flock`, look whether
the file ends as it did and the path leads to it, write all of it, unlock, and after a sync look
at the path again. What it writes is a log like ours, to the byte, on which any number of these
and of journals go on together. It keeps nothing, folds nothing and serves no thread.
"""

import fcntl
import os
import random
from hashlib import sha256
from time import gmtime, sleep, strftime, time_ns

import msgspec

from journal.redaction import may_hold_secrets
from projections import DefaultSessionStore
from tests.benchmarks.artefacts import RUNTIME, SESSION, STATE, decode, encode, turn_id

_DEEPEST = 128
_HASH_DIGITS = 32
_LAST_BYTES = _HASH_DIGITS + len(b'"}\n')
_LONGEST_LINE = 1 << 12  # bytes; the lines of the benchmarks have some 600
_HEAD = b'{"seq":%d,"ts":"%b","op":"set","runtime_id":%b,"turn_id":%b,"writer":%b,"state":'
_TAIL = b',"prev":"%b"'
_LINE = b'%b%b%b,"hash":"%b"}\n'
_NOT_PLAIN = "the state of the benchmark is plain and holds no secret"
_ELSEWHERE = "the path leads elsewhere"
_FULL = "the disk is full"
_FIRST_PAUSE, _LONGEST_PAUSE, _GROWTH = 50e-6, 5e-3, 1.5  # seconds between attempts for the lock


class _Last(msgspec.Struct):
    """Of the line after which one appends: its place in the chain, and what its hash covers."""

    seq: int
    state: msgspec.Raw
    hash: str


_decode_last = msgspec.json.Decoder(_Last).decode


class BareLog:
    """A log of one session that is appended to in a bare loop."""

    def __init__(self, folder: str, *, sync: bool) -> None:
        """Has a store begin the log, or go on in it, by one event."""
        writer = f"{os.uname().nodename}:{os.getpid()}"
        with DefaultSessionStore(folder, durability="os", auto_compact=False) as store:
            store.set_runtime_state(SESSION, RUNTIME, f"begun by {writer}", STATE)
        self._path = f"{folder}/{SESSION}.jsonl"
        self._fd = os.open(self._path, os.O_RDWR | os.O_APPEND)
        found = os.fstat(self._fd)
        self._id = (found.st_dev, found.st_ino)
        self._sync = sync
        self._end, self._seq, self._hash = 0, 0, b""
        self._second, self._time = -1, b""
        self._runtime, self._writer = encode(RUNTIME), encode(writer)

    def set(self, index: int) -> None:
        """One append. Spelled out: five calls of functions would be a tenth of its time."""
        state = encode(STATE)
        if (
            decode(state) != STATE
            or state.count(b"[") + state.count(b"{") > _DEEPEST
            or may_hold_secrets(state)
        ):
            raise AssertionError(_NOT_PLAIN)
        turn, fd = encode(turn_id(index)), self._fd
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._wait_for_lock()
        end = os.pread(fd, _LAST_BYTES + 1, max(0, self._end - _LAST_BYTES))
        if end != b'%b"}\n' % self._hash:
            self._read_last_line()
        found = os.lstat(self._path)
        if (found.st_dev, found.st_ino) != self._id:
            raise AssertionError(_ELSEWHERE)
        head = _HEAD % (self._seq + 1, self._now(), self._runtime, turn, self._writer)
        tail = _TAIL % self._hash
        covered = b"%b%b%b" % (head, sha256(state).hexdigest().encode(), tail)
        digest = sha256(covered).hexdigest()[:_HASH_DIGITS].encode()
        data = _LINE % (head, state, tail, digest)
        if os.write(fd, data) != len(data):
            raise AssertionError(_FULL)
        self._end, self._seq, self._hash = self._end + len(data), self._seq + 1, digest
        fcntl.flock(fd, fcntl.LOCK_UN)
        if self._sync:
            os.fdatasync(fd)
            found = os.lstat(self._path)
            if (found.st_dev, found.st_ino) != self._id:
                raise AssertionError(_ELSEWHERE)

    def set_many(self, first: int, count: int) -> None:
        """The same for many, with one write. Never synced."""
        states = [(encode(turn_id(index)), _checked()) for index in range(first, first + count)]
        self._lock_at_end()
        digest, now, lines = self._hash, self._now(), []
        for seq, (turn, state) in enumerate(states, self._seq + 1):
            head = _HEAD % (seq, now, self._runtime, turn, self._writer)
            tail = _TAIL % digest
            covered = b"%b%b%b" % (head, sha256(state).hexdigest().encode(), tail)
            digest = sha256(covered).hexdigest()[:_HASH_DIGITS].encode()
            lines.append(_LINE % (head, state, tail, digest))
        data = b"".join(lines)
        if os.write(self._fd, data) != len(data):
            raise AssertionError(_FULL)
        self._end, self._seq, self._hash = self._end + len(data), self._seq + count, digest
        fcntl.flock(self._fd, fcntl.LOCK_UN)

    def _lock_at_end(self) -> None:
        """Take the lock, and look at the end of the file and at the path."""
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._wait_for_lock()
        end = os.pread(self._fd, _LAST_BYTES + 1, max(0, self._end - _LAST_BYTES))
        if end != b'%b"}\n' % self._hash:
            self._read_last_line()
        found = os.lstat(self._path)
        if (found.st_dev, found.st_ino) != self._id:
            raise AssertionError(_ELSEWHERE)

    def _now(self) -> bytes:
        second, nanoseconds = divmod(time_ns(), 1_000_000_000)
        if second != self._second:
            self._second = second
            self._time = strftime("%Y-%m-%dT%H:%M:%S", gmtime(second)).encode()
        return b"%b.%06dZ" % (self._time, nanoseconds // 1000)

    def _wait_for_lock(self) -> None:
        """Attempts that don't wait, with growing pauses between."""
        pause = _FIRST_PAUSE
        while True:
            sleep(pause * random.uniform(0.5, 1.5))
            try:
                fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                pause = min(pause * _GROWTH, _LONGEST_PAUSE)
            else:
                return

    def _read_last_line(self) -> None:
        """Another has appended: go on after the last line, if that is whole, and no more."""
        self._end = os.lseek(self._fd, 0, os.SEEK_END)
        data = os.pread(self._fd, _LONGEST_LINE, max(0, self._end - _LONGEST_LINE))
        line = data[data.rindex(b"\n", 0, -1) + 1 : -1]
        last = _decode_last(line)
        hash_at = len(line) - len(b',"hash":""}') - _HASH_DIGITS
        tail_at = hash_at - len(b',"prev":""') - _HASH_DIGITS
        state_at = tail_at - len(last.state)
        covered = line[:state_at] + sha256(last.state).hexdigest().encode() + line[tail_at:hash_at]
        if sha256(covered).hexdigest()[:_HASH_DIGITS] != last.hash:
            raise AssertionError("the last line is not one of ours")
        self._seq, self._hash = last.seq, last.hash.encode()

    def close(self) -> None:
        os.close(self._fd)


def _checked() -> bytes:
    """The state as it is saved, found to come back, to be flat enough and to hold no secret."""
    state = encode(STATE)
    if (
        decode(state) != STATE
        or state.count(b"[") + state.count(b"{") > _DEEPEST
        or may_hold_secrets(state)
    ):
        raise AssertionError(_NOT_PLAIN)
    return state
