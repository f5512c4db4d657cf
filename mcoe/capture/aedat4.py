"""AEDAT4 recordings as a source."""

from __future__ import annotations

import os

from mcoe.capture.child import DEADLINE_S, DecodedSource, checked_file
from mcoe.core.errors import McoeError

_MAGIC = b"#!AER-DAT4.0\r\n"


class Aedat4Source(DecodedSource):
    """An AEDAT4 file of events, frames or both, decoded by dv-processing in a child process.

    Raises:
        McoeError: see :class:`~mcoe.capture.child.DecodedSource`.
    """

    def __init__(self, path: str | os.PathLike[str], deadline_s: float = DEADLINE_S) -> None:
        file = checked_file(path)
        with file.open("rb") as handle:
            head = handle.read(len(_MAGIC))
        if head != _MAGIC:
            older = head.startswith(b"#!AER-DAT")
            what = f"{head[2:12].decode(errors='replace')}, an older format" if older else "no AEDAT4 file"
            raise McoeError(f"{file} is {what}; convert it with the DV software or choose an .aedat4 recording.")
        super().__init__("aedat4", file, deadline_s)
