"""A second reader, written from journal/README.md alone, agrees with the first.

It uses nothing of the package: only json, hashlib and a cipher, as a reader in another
language would use theirs.
"""

import gzip
import hashlib
import hmac
import json
import re
from base64 import b64decode
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from journal.encryption import Encryption
from projections import DefaultSessionStore
from tests.support import finish_maintenance

Record = dict[str, Any]


def line_hash(line: bytes) -> str:
    record = json.loads(line)
    covered = line[: line.rindex(b',"hash"')]
    if "state" in record:
        start = covered.index(b',"state":') + len(b',"state":')
        end = covered.rindex(b',"prev"')
        covered = (
            covered[:start]
            + hashlib.sha256(covered[start:end]).hexdigest().encode()
            + covered[end:]
        )
    return hashlib.sha256(covered).hexdigest()[:32]


def read_file(data: bytes) -> tuple[Record, list[Record], list[Record]]:
    """The header, the kept events and the chain of one file, everything checked."""
    assert data.endswith(b"\n")
    lines = data[:-1].split(b"\n")
    records = [json.loads(line) for line in lines]
    for line, record in zip(lines, records, strict=True):
        assert record["hash"] == line_hash(line)
        assert list(record)[-1] == "hash"
    header = records[0]
    assert (header["op"], header["format"]) == ("open", 1)
    events = [record for record in records[1:] if record["op"] != "sealed"]
    kept, chain = events[: header["kept"]], events[header["kept"] :]
    hashes = "".join(record["hash"] for record in kept)
    assert hashlib.sha256(hashes.encode()).hexdigest()[:32] == header["kept_digest"]
    assert all(record["seq"] <= header["base_seq"] for record in kept)
    seq, prev = header["base_seq"], header["base_hash"]
    for record in chain:
        assert (record["seq"], record["prev"]) == (seq + 1, prev)
        seq, prev = record["seq"], record["hash"]
    return header, kept, chain


def fold(events: list[Record]) -> dict[str, dict[str, Any]]:
    view: dict[str, dict[str, Any]] = {}
    for event in events:
        if event["op"] == "set":
            view.setdefault(event["runtime_id"], {})[event["turn_id"]] = event["state"]
        elif event["op"] == "clear" and "runtime_id" in event:
            view.pop(event["runtime_id"], None)
        elif event["op"] == "clear":
            view.clear()
    return view


def record_session(folder: Path) -> tuple[str, dict[str, Any]]:
    session = 'so: "it" ü/\u2028'
    with DefaultSessionStore(folder, durability="os") as store:
        for number in range(20):
            state = {"n": number, "text": 'a"b\\ \u2028\u0085\r\n{"seq":1}', "none": None}
            store.set_runtime_state(session, f"runtime {number % 3}", f"t{number % 7}", state)
        store.clear_runtime_state(session, "runtime 1")
        store.compact(session)
        store.set_runtime_state(session, "runtime 1", 't,"prev":', {"back": [1.5, True]})
        store.set_runtime_state(session, "runtime 0", "t0", {})
        store.compact(session)
        store.set_runtime_state(session, "native", "", {"last": -0.0})
        finish_maintenance(store)
        runtimes = [f"runtime {n}" for n in range(3)] + ["native"]
        return session, {name: store.get_runtime_state(session, name) for name in runtimes}


def test_a_reader_written_from_the_specification_sees_the_same_view(tmp_path: Path) -> None:
    session, expected = record_session(tmp_path)
    (path,) = tmp_path.glob("*.jsonl")
    header, kept, chain = read_file(path.read_bytes())
    assert header["session_id"] == session
    assert json.dumps(fold(kept + chain)) == json.dumps(
        {name: expected[name] for name in fold(kept + chain)}
    )
    assert set(fold(kept + chain)) == {name for name, turns in expected.items() if turns}


def test_history_is_whole_through_the_archives(tmp_path: Path) -> None:
    record_session(tmp_path)
    (path,) = tmp_path.glob("*.jsonl")
    header, _, events = read_file(path.read_bytes())
    while header["archive"] is not None:
        base = header["base_seq"]
        packed = tmp_path / "archive" / f"{header['archive']}.gz"
        header, _, older = read_file(gzip.decompress(packed.read_bytes()))
        events = [event for event in older if event["seq"] <= base] + events
    assert [event["seq"] for event in events] == list(range(1, 25))
    assert header["base_seq"] == 0


def test_the_specification_names_the_files_we_write(tmp_path: Path) -> None:
    session, _ = record_session(tmp_path)
    stem = "".join(
        chr(byte) if re.fullmatch(r"[A-Za-z0-9_-]", chr(byte)) else f"%{byte:02X}"
        for byte in session.encode()
    )
    assert (tmp_path / f"{stem}.jsonl").exists()
    assert (tmp_path / f"{stem}.json").exists()
    assert (tmp_path / "archive" / f"{stem}.21.jsonl.gz").exists()
    long = "é" * 300
    with DefaultSessionStore(tmp_path, durability="os") as store:
        store.set_runtime_state(long, "r", "t", {})
    digest = hashlib.sha256(long.encode()).hexdigest()[:32]
    assert (tmp_path / f"{('%C3%A9' * 300)[:126]}%-{digest}.jsonl").exists()


def test_an_encrypted_state_is_read_as_the_specification_says(tmp_path: Path) -> None:
    key = b"k" * 32
    state = {"said": "grüezi"}
    with DefaultSessionStore(tmp_path, encryption=Encryption.from_keys(key)) as store:
        store.set_runtime_state("s", "native", "ü", state)
    header, line = map(json.loads, (tmp_path / "s.jsonl").read_bytes().splitlines())
    assert header["format"] == 3
    assert line["encrypted_by"] == hashlib.sha256(b"runtime-journal key\0" + key).hexdigest()[:16]
    data = b64decode(line["state"])
    derived = hmac.digest(key, b"runtime-journal state 1\0" + data[:16] + b"\1", "sha256")
    bound = b'"native"' + '"ü"'.encode()
    plain = AESGCM(derived).decrypt(data[16:28], data[28:], bound)
    assert json.loads(plain) == state
