"""What a format states of itself, and what reads one file of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from mcoe.capture.source import SourceInfo
from mcoe.events.packets import Packet

#: So many of a file's first bytes are shown to :attr:`Format.recognises`.
HEAD_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Format:
    """A recording format, ``FORMAT`` in its module.

    Attributes:
        title: what a file dialog calls such recordings.
        suffixes: of its files, in lower case and with the dot; any case is read.
        recognises: whether a file's first bytes, at most :data:`HEAD_BYTES`, are of this format, whatever its name;
            None where they do not tell.
        folders: whether its recordings are folders.
        imports: modules that take long to import; the child imports them before the deadline for opening runs.
        repairs: whether the module offers ``open_damaged(path) -> Decoder`` as well, for a file of which the decoder
            died: it reads what is sound, as slowly as that may be.
    """

    title: str
    suffixes: tuple[str, ...] = ()
    recognises: Callable[[bytes], bool] | None = None
    folders: bool = False
    imports: tuple[str, ...] = ()
    repairs: bool = False


class Decoder(Protocol):
    """One open recording, in the child process; what ``open_file(path)`` returns, or McoeError in a sentence.

    Attributes:
        info: what it holds.
        dropped_frames, dropped_events: what was left out so far: times running backwards, pixels off the sensor.
    """

    info: SourceInfo
    dropped_frames: int
    dropped_events: int

    def read(self) -> Packet | None:
        """Return the next packet, ordered as :meth:`mcoe.capture.source.Source.read` says; None at the end."""
        ...

    def seek(self, time_us: int) -> None:
        """Continue at the first packet that ends at or after ``time_us``."""
        ...
