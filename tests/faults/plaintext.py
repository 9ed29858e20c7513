"""Looks for words in whatever files hold: as they are, packed, escaped, and in base64."""

import base64
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path


def files_under(folder: Path) -> dict[str, bytes]:
    """The files in a folder and below, by their paths."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def places_of(words: Iterable[bytes], files: Mapping[str, bytes]) -> list[str]:
    """The names of the files that hold any of the words, in whatever form."""
    wanted = [form for word in words for form in _forms(word)]
    found = []
    for name, data in files.items():
        text = b"\n".join((name.encode(), data, _unpacked(data)))
        if any(form in text for form in wanted):
            found.append(name)
    return found


def _unpacked(data: bytes) -> bytes:
    """What a gzip file holds, as far as it goes; nothing of others."""
    try:
        return zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(data)
    except zlib.error:
        return b""


def _forms(word: bytes) -> Iterator[bytes]:
    """How a word may stand in a file; in base64, wherever in the encoded text it begins."""
    yield word
    yield word.replace(b'"', b'\\"')
    for before in range(3):
        encoded = base64.b64encode(b"\0" * before + word).rstrip(b"=")
        yield encoded[before + (before > 0) : -1]  # without what depends on its neighbours
        yield base64.urlsafe_b64encode(b"\0" * before + word).rstrip(b"=")[
            before + (before > 0) : -1
        ]


def files_with(words: bytes) -> dict[str, bytes]:
    """Files of which each holds the words in another form: all must be found."""
    return {
        "as they are": b"x" + words,
        "packed": zlib.compress(words, wbits=zlib.MAX_WBITS | 16),
        "in base64": b'"' + base64.b64encode(b"x" + words) + b'"',
        "within base64": b'"' + base64.b64encode(b"xyz12" + words + b"end") + b'"',
        "between others": b'"' + base64.b64encode(b"123456" + words + b"e") + b'"',
        "escaped": words.replace(b'"', b'\\"'),
    }
