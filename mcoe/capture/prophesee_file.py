"""Prophesee recordings as a source."""

from __future__ import annotations

import os

from mcoe.capture.child import DEADLINE_S, DecodedSource, checked_file


class PropheseeFileSource(DecodedSource):
    """A RAW (EVT2, EVT2.1, EVT3) or DAT recording: events alone, decoded in a child process.

    Raises:
        McoeError: see :class:`~mcoe.capture.child.DecodedSource`.
    """

    def __init__(self, path: str | os.PathLike[str], deadline_s: float = DEADLINE_S) -> None:
        super().__init__("prophesee", checked_file(path), deadline_s)
