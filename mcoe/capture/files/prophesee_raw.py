"""Prophesee RAW: EVT2, EVT2.1 and EVT3."""

from __future__ import annotations

import re
from pathlib import Path

from mcoe.capture.files._format import Decoder, Format
from mcoe.capture.files._prophesee_header import header_of, read_header
from mcoe.core.errors import McoeError
from mcoe.core.text import plain_text

#: Sensors whose EVT2.1 comes with the two halves of a word swapped, where the header does not say.
_LEGACY = re.compile(r"imx636|imx646|gen41", re.IGNORECASE)

FORMAT = Format(
    title="Prophesee RAW",
    suffixes=(".raw",),
    recognises=lambda head: header_of(head).format.startswith("evt"),
    imports=("mcoe.capture.files._prophesee",),
)


def open_file(path: Path) -> Decoder:
    """Open a recording in whichever encoding its header says."""
    from mcoe.capture.files._prophesee import PropheseeDecoder
    from mcoe.capture.files._prophesee_words import EVT2, EVT3, EVT21

    header = read_header(path)
    match header.format:
        case "evt2" | "evt2.0":
            encoding = EVT2
        case "evt3" | "evt3.0":
            encoding = EVT3
        case "evt21" | "evt2.1":
            encoding = EVT21
        case _:
            stated = plain_text(header.fields.get("format", "no stated format"), 40)
            raise McoeError(f"{path} is encoded as {stated}; export it as EVT2, EVT2.1, EVT3 or DAT version 2.")
    orders = [option for option in header.options if option.startswith("endianness=")]
    legacy = "endianness=legacy" in orders if orders else _LEGACY.search(header.fields.get("plugin_name", ""))
    return PropheseeDecoder(path, header.end, encoding, header.size, swap=encoding is EVT21 and bool(legacy))
