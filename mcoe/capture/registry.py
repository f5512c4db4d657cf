"""Which source opens which recording."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from mcoe.capture.aedat4 import Aedat4Source
from mcoe.capture.child import checked_file
from mcoe.capture.images import FolderSource, VideoSource
from mcoe.capture.prophesee_file import PropheseeFileSource
from mcoe.capture.source import Source
from mcoe.core.errors import McoeError

_OPENERS: dict[str, Callable[[Path], Source]] = {
    ".aedat4": Aedat4Source,
    ".raw": PropheseeFileSource,
    ".dat": PropheseeFileSource,
    **dict.fromkeys((".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v"), VideoSource),
}
#: Extensions that :func:`open_replay` reads; it reads folders too.
EXTENSIONS = tuple(_OPENERS)


def open_replay(path: str | os.PathLike[str]) -> Source:
    """Open a recording: a folder of images, or a file by its first bytes or else its extension, in any case.

    Raises:
        McoeError: no such file, a type that nothing here reads (the message lists what is read), a damaged file.
    """
    if Path(path).is_dir():
        return FolderSource(path)
    file = checked_file(path)
    with file.open("rb") as handle:
        is_aedat = handle.read(9) == b"#!AER-DAT"
    opener = Aedat4Source if is_aedat else _OPENERS.get(file.suffix.lower())
    if opener is None:
        kind = f"{file.suffix} files" if file.suffix else "a file without an extension"
        known = ", ".join(EXTENSIONS)
        raise McoeError(f"{file} cannot be replayed: {kind} is no known recording type; use {known} or a folder.")
    return opener(file)
