"""Frames without an event camera as sources: video files, and the data sets' image folders."""

from __future__ import annotations

import os
from pathlib import Path

from mcoe.capture.child import DEADLINE_S, DecodedSource, checked_file
from mcoe.core.errors import McoeError


class VideoSource(DecodedSource):
    """A video file; its events are emulated in the decoding process.

    Raises:
        McoeError: see :class:`~mcoe.capture.child.DecodedSource`.
    """

    def __init__(self, path: str | os.PathLike[str], deadline_s: float = DEADLINE_S) -> None:
        super().__init__("video", checked_file(path), deadline_s)


class FolderSource(DecodedSource):
    """A sequence of frames and event images (see :mod:`mcoe.capture.decoders.folder` for the layouts).

    Raises:
        McoeError: the folder is missing or holds no such sequence; see :class:`~mcoe.capture.child.DecodedSource`.
    """

    def __init__(self, path: str | os.PathLike[str], deadline_s: float = DEADLINE_S) -> None:
        folder = Path(path)
        if not folder.is_dir():
            raise McoeError(f"{folder} is no folder; name a sequence's folder.")
        super().__init__("folder", folder, deadline_s)
