"""The header of Prophesee's recordings: lines ``% key value`` before the words."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from mcoe.core.errors import McoeError


@dataclass(frozen=True, slots=True)
class Header:
    """What a recording says of itself.

    Attributes:
        fields: the lines' values; keys in lower case.
        end: where the header ends, bytes.
    """

    fields: dict[str, str] = field(default_factory=dict)
    end: int = 0

    @property
    def format(self) -> str:
        """What a RAW says that it is, such as ``evt3`` or ``histo3d``, in lower case; empty where it says nothing."""
        stated = self.fields.get("format", "").replace(" ", "").lower().partition(";")[0]
        return stated or ("evt" + self.fields["evt"] if "evt" in self.fields else "")

    @property
    def options(self) -> list[str]:
        """What stands behind the format's name, in lower case and without spaces."""
        return self.fields.get("format", "").replace(" ", "").lower().split(";")[1:]

    @property
    def size(self) -> tuple[int, int] | None:
        """The sensor's (width, height), pixels, from whichever line states it."""
        plain = re.fullmatch(r"([0-9]{1,9})x([0-9]{1,9})", self.fields.get("geometry", ""))
        if plain:
            return int(plain[1]), int(plain[2])
        width, height = (
            re.search(rf"{name}=([0-9]{{1,9}})", self.fields.get("format", "")) for name in ("width", "height")
        )
        if width and height:
            return int(width[1]), int(height[1])
        lines = [re.fullmatch("[0-9]{1,9}", self.fields.get(key, "")) for key in ("width", "height")]
        return (int(lines[0][0]), int(lines[1][0])) if lines[0] and lines[1] else None


def read_header(path: Path) -> Header:
    """Read a recording's header. Raises McoeError if it has none."""
    fields: dict[str, str] = {}
    with path.open("rb") as file:
        while (end := file.tell()) >= 0 and file.read(2) == b"% ":
            key, value = _split(file.readline(4096))
            if key == "end":
                end = file.tell()
                break
            fields[key] = value
    if not fields:
        raise McoeError(f"{path} is no Prophesee recording: its header is missing; copy or export it again.")
    return Header(fields, end)


def header_of(head: bytes) -> Header:
    """Return the header that lies in a file's first bytes; an empty one where there is none."""
    lines = re.match(rb"(?:% [^\n]*\n)*", head)
    return Header(dict(_split(line[2:]) for line in lines[0].splitlines()) if lines else {})


def _split(line: bytes) -> tuple[str, str]:
    key, _, value = line.decode(errors="replace").strip().partition(" ")
    return key.lower(), value.strip()
