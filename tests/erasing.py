"""What tests of erasing share: a choice, and where in a folder a text still stands."""

import json
import re
import zlib
from collections.abc import Mapping

from journal.events import Set

SECRET = "sk-leaked"

_ESCAPE = re.compile(rb'\\(?:u([0-9a-fA-F]{4})|(["\\/bfnrt]))')


class Holding:
    """Everything that holds a text, in any JSON form."""

    def __init__(self, text: str = SECRET) -> None:
        self.text = text

    def takes(self, event: Set) -> bool:
        return stands_in(self.text, bytes(event.state))

    def finds(self, text: str) -> bool:
        return stands_in(self.text, text.encode())


def stands_in(text: str, data: bytes) -> bool:
    """Whether a text stands in some bytes, as it is or behind JSON's escapes, however often."""
    wanted = text.encode()
    while wanted not in data:
        plainer = _ESCAPE.sub(_unescaped, data)
        if plainer == data:
            return False
        data = plainer
    return True


def _unescaped(found: re.Match[bytes]) -> bytes:
    character: str = json.loads(b'"%b"' % found[0])
    return character.encode(errors="replace")


def holders(files: Mapping[str, bytes], text: str = SECRET) -> set[str]:
    """The names of the files in which a text stands: packed ones are unpacked."""
    return {name for name, data in files.items() if stands_in(text, unpacked(data))}


def unpacked(data: bytes) -> bytes:
    """The bytes of a file, as far as they can be unpacked if they are packed."""
    if not data.startswith(b"\x1f\x8b"):
        return data
    unpacker = zlib.decompressobj(wbits=31)
    found = b""
    try:
        found = unpacker.decompress(data)
    except zlib.error:
        pass
    return found
