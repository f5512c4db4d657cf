"""What a folder of recordings holds: a picture, length and labels of each, without playing them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from mcoe.capture.registry import EXTENSIONS, open_replay
from mcoe.capture.sidecar import Sidecar, load_sidecar
from mcoe.capture.source import Source
from mcoe.errors import McoeError
from mcoe.events.packets import Frame, packet_end_us

#: Stream time in which a preview looks for a frame, and of the events that it draws where there is none, µs.
PATIENCE_US, EVENTS_US = 1_000_000, 33_000


@dataclass(frozen=True, slots=True)
class Preview:
    """One recording at a glance.

    Attributes:
        duration_us: its length, µs; 0 where it could not be opened.
        labels: emotions by labelled time, the longest first.
        image: ``(h, w)`` or ``(h, w, 3)`` RGB uint8, a moment in its middle: a frame, or events as dark and bright on
            grey; None where there is nothing to see.
        error: one sentence on why it could not be opened; empty otherwise.
    """

    path: Path
    duration_us: int
    labels: tuple[str, ...]
    image: NDArray[np.uint8] | None
    error: str = ""


def recordings(folder: Path) -> list[Path]:
    """Return the recordings in ``folder`` and in its folders, by name. Raises McoeError if it cannot be read."""
    try:
        inside = sorted(folder.iterdir())
        deeper = [path for sub in inside if sub.is_dir() for path in sorted(sub.iterdir())]
    except OSError as error:
        raise McoeError(f"{folder} cannot be read ({error.strerror}); choose another folder.") from error
    return [path for path in [*inside, *deeper] if path.is_file() and path.suffix.lower() in EXTENSIONS]


def preview(path: Path, width: int = 240) -> Preview:
    """Look into one recording; what is wrong with it is told in the answer, never raised.

    Args:
        width: of the picture, pixels.
    """
    try:
        source = open_replay(path)
    except McoeError as error:
        return Preview(path, 0, (), None, str(error))
    try:
        info = source.info
        sidecar = load_sidecar(path)
        image = _middle(source)
        return Preview(path, info.duration_us or 0, labels(sidecar), image if image is None else _small(image, width))
    except McoeError as error:
        return Preview(path, source.info.duration_us or 0, (), None, str(error))
    finally:
        source.close()


def labels(sidecar: Sidecar) -> tuple[str, ...]:
    """Return the emotions of a recording by labelled time, the longest first."""
    times = Counter[str]()
    for segment in sidecar.segments:
        times[segment.label] += segment.end_us - segment.start_us
    return tuple(name for name, _ in times.most_common())


def _middle(source: Source) -> NDArray[np.uint8] | None:
    info = source.info
    start = info.start_us + (info.duration_us or 0) // 2
    source.seek(start)
    relief = np.full(info.size[::-1], 110, np.uint8)
    for packet in _until(source, start + PATIENCE_US):
        if isinstance(packet, Frame):
            return packet.image
        shown = packet[packet["timestamp"] < start + EVENTS_US]
        relief[shown["y"], shown["x"]] = np.where(shown["polarity"] > 0, 235, 10)
        if not info.has_frames and packet_end_us(packet) >= start + EVENTS_US:
            break
    return relief if info.has_events else None


def _until(source: Source, end_us: int) -> Iterator[Frame | NDArray[np.void]]:
    while (packet := source.read()) is not None:
        yield packet
        if packet_end_us(packet) >= end_us:
            return


def _small(image: NDArray[np.uint8], width: int) -> NDArray[np.uint8]:
    height = max(1, round(width * image.shape[0] / image.shape[1]))
    return np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
