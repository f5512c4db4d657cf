"""What a folder of recordings or of a data set holds: a picture, length and labels of each, without playing them."""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from mcoe.capture.files import extensions
from mcoe.capture.reasons import reason
from mcoe.capture.replay import open_replay
from mcoe.capture.source import Source
from mcoe.core.errors import McoeError
from mcoe.core.images import IMAGE_SUFFIXES, read_image
from mcoe.core.text import plain_path
from mcoe.core.timing import FRAME_RATE, WINDOW_US
from mcoe.core.words import EMOTIONS, emotion_of, parse_name
from mcoe.events.packets import Frame, packet_end_us
from mcoe.recording.sidecar import Sidecar, load_sidecar

log = logging.getLogger(__name__)

#: Stream time in which a preview looks for a frame, µs; where there is none it draws the events of one window.
PATIENCE_US = 1_000_000
#: Folders of a data set: frames, and event images.
_KINDS = ("frame", "event")
_NUMBERED = re.compile(r"(.*?)(\d+)$")


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


def recordings(folder: Path, stopped: Callable[[], bool] = lambda: False) -> list[Path]:
    """Return what can be replayed in ``folder`` and in its folders, by name: files, and sequences of the data sets.

    A sequence is a folder of numbered images, or one with such a folder named ``frame`` or ``event`` in it. Those of
    a data set are found from its root, once each, though they lie deeper.

    Args:
        stopped: True ends the search with what was found.

    Raises:
        McoeError: ``folder`` cannot be read.
    """
    try:
        next(folder.iterdir(), None)
    except OSError as error:
        raise McoeError(f"{folder} cannot be read ({error.strerror}); choose another folder.") from error
    return [folder] if _images(folder) else list(_search(folder, extensions(), 1, stopped))


def _search(folder: Path, suffixes: tuple[str, ...], depth: int, stopped: Callable[[], bool]) -> Iterator[Path]:
    try:
        inside = sorted(folder.iterdir())
    except OSError:
        return
    yield from (path for path in inside if path.suffix.lower() in suffixes and path.is_file())
    folders = {path.name.lower(): path for path in inside if not path.name.startswith(".") and path.is_dir()}
    if "frame" in folders:
        folders.pop("event", None)  # the same sequences again
    for name, path in folders.items():
        if stopped():
            return
        if _images(path):
            yield path
        elif name in _KINDS:
            yield from _search(path, suffixes, 1, stopped)
        elif depth:
            yield from _search(path, suffixes, depth - 1, stopped)


def _images(folder: Path) -> list[Path]:
    """Return the images that make ``folder`` a sequence, in order; none where it is something else."""
    try:
        kinds = [path for path in sorted(folder.iterdir()) if path.name.lower() in _KINDS and path.is_dir()]
        inside = [folder, *sorted(kinds, key=lambda path: path.name.lower() != "frame")]
        for place in inside:
            images = [path for path in place.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES]
            named = sorted((int(match[2]), match[1], path) for path in images if (match := _NUMBERED.match(path.stem)))
            # Pictures of a size or a year end in a number too, but not after the same words.
            if len(named) > 1 and len({words for _, words, _ in named}) == 1:
                return [path for _, _, path in named]
    except OSError:
        pass
    return []


def preview(path: Path, width: int = 240) -> Preview:
    """Look into one recording; what is wrong with it is told in the answer, never raised.

    Args:
        width: of the picture, pixels.
    """
    try:
        return _look_into(path, width)
    except Exception as error:  # one file of a folder must not take the others from view
        log.warning("%s has no preview", path, exc_info=True)
        return Preview(path, 0, (), None, reason(plain_path(path), error))


def _look_into(path: Path, width: int) -> Preview:
    if path.is_dir():
        return _sequence(path, width)
    duration_us = 0
    try:
        with open_replay(path) as source:
            duration_us = source.info.duration_us or 0
            known, image = labels(load_sidecar(path)), _middle(source)
    except McoeError as error:
        return Preview(path, duration_us, (), None, str(error))
    return Preview(path, duration_us, known, image if image is None else _small(image, width))


def _sequence(path: Path, width: int) -> Preview:
    """Look into a data set's sequence without decoding more of it than one image."""
    images = _images(path)
    if not images:
        return Preview(path, 0, (), None, f"{path} holds no numbered images any more; copy it again.")
    image = read_image(images[len(images) // 2])
    known = labels(load_sidecar(path))
    if not known:
        spelt = emotion_of(path.parent.name)
        label = parse_name(path.name).label if spelt is None else spelt
        known = () if label is None else (EMOTIONS[label],)
    error = "" if image is not None else f"{images[len(images) // 2]} cannot be decoded; copy the sequence again."
    return Preview(
        path, round(len(images) * 1e6 / FRAME_RATE), known, image if image is None else _small(image, width), error
    )


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
    patience_us = PATIENCE_US if info.has_frames else WINDOW_US
    for packet in source:
        if isinstance(packet, Frame):
            return packet.image
        shown = packet[packet["timestamp"] < start + WINDOW_US]
        relief[shown["y"], shown["x"]] = np.where(shown["polarity"] > 0, 235, 10)
        if packet_end_us(packet) >= start + patience_us:
            break
    return relief if info.has_events else None


def _small(image: NDArray[np.uint8], width: int) -> NDArray[np.uint8]:
    height = max(1, round(width * image.shape[0] / image.shape[1]))
    return np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
