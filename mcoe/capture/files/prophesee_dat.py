"""Prophesee DAT, version 2."""

from __future__ import annotations

from pathlib import Path

from mcoe.capture.files._format import Decoder, Format
from mcoe.capture.files._prophesee_header import header_of, read_header
from mcoe.core.errors import McoeError
from mcoe.core.text import plain_text

#: The event type and size between the header and the words, bytes.
_TYPE_AND_SIZE = 2

FORMAT = Format(
    title="Prophesee DAT",
    suffixes=(".dat",),
    recognises=lambda head: "version" in (header := header_of(head)).fields and not header.format,
    imports=("mcoe.capture.files._prophesee",),
)


def open_file(path: Path) -> Decoder:
    """Open a recording of events of change."""
    from mcoe.capture.files._prophesee import PropheseeDecoder
    from mcoe.capture.files._prophesee_words import DAT

    header = read_header(path)
    version = header.fields.get("version")
    if version != "2":
        stated = "no stated format" if version is None else f"DAT version {plain_text(version, 40)}"
        raise McoeError(f"{path} is encoded as {stated}; export it as EVT2, EVT2.1, EVT3 or DAT version 2.")
    return PropheseeDecoder(path, header.end + _TYPE_AND_SIZE, DAT, header.size)
