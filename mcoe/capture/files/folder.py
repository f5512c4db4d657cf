"""A sequence of the single-eye data sets: folders of frames and of accumulated event images, 30 Hz.

Where the sequence comes with its raw events (the virtual eye's do), those are played. Else each event image is turned
back into events, as well as can be: it tells where and of which sign, but not when and hardly how many. A pixel at
full deflection from 128 becomes one event, half deflection one event in two pixels (ordered dither, so that the mean
over any few pixels is right), and the events are dealt in turn to the start, the middle and the end of the 33 ms:
each of three voxel bins gets a third, which is how training reads such images (``mcoe.data.pack``).
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mcoe.capture.files._format import Format
from mcoe.capture.files._merge import SILENCE_US, Merged, pieces
from mcoe.capture.source import SourceInfo
from mcoe.core.errors import McoeError
from mcoe.core.images import IMAGE_SUFFIXES, read_image
from mcoe.core.timing import FRAME_RATE, WINDOW_US
from mcoe.events.packets import Events, Frame, empty_events, join_events, make_events
from mcoe.events.raw import read_raw

_FRAME_US = 1e6 / FRAME_RATE
#: Grey levels around 128 that JPEG noise reaches without meaning an event, as in ``mcoe.data.pack``.
JPEG_DEAD_ZONE = 8
#: So many images are opened to see how large a sequence's are: the first may be the odd one.
_LOOKED_AT = 15

FORMAT = Format(title="Sequences of images", folders=True, imports=("cv2",))


def open_file(path: Path) -> FolderDecoder:
    """Open a sequence's folder under ``frame/`` or ``event/``, or a folder with ``frame`` and ``event`` of images."""
    return FolderDecoder(path)


class FolderDecoder(Merged):
    """Frames named by number, one each 1/30 s (or when the raw events' file says), and events."""

    def __init__(self, path: Path) -> None:
        self._path = path
        frame_folder, event_folder, raw = _parts(path)
        self._frames = _images(frame_folder) if frame_folder else {}
        self._event_images = _images(event_folder) if event_folder else {}
        numbers = sorted(self._frames or self._event_images)
        if not numbers:
            raise McoeError(f"{path} holds no numbered images ({', '.join(IMAGE_SUFFIXES)}); {_hint(path)}.")
        self._raw: Events | None = None
        self._ends: dict[int, int] = {n: round((n + 1) * _FRAME_US) for n in numbers}
        if raw:
            self._raw, ends = read_raw(raw)
            self._ends = {n: int(ends[n]) for n in numbers if n < len(ends)}
            if not self._ends or np.any(np.diff(self._raw["timestamp"]) < 0):
                raise McoeError(f"{raw} does not belong to {path} or is damaged; render or copy it again.")
        self._cached: dict[int, Events] = {}
        first, last = min(self._ends.values()), max(self._ends.values())
        size = _usual_size([*(self._frames or self._event_images).values()])
        if size is None:
            raise McoeError(f"{path}: none of its {len(numbers)} images can be decoded; copy the folder again.")
        has_events = bool(self._event_images) or self._raw is not None
        start_us = first - (WINDOW_US if has_events else 0)
        if self._raw is not None and len(self._raw):
            start_us = min(start_us, int(self._raw["timestamp"][0]))
            last = max(last, int(self._raw["timestamp"][-1]))
        busy = [(end - WINDOW_US, end) for end in self._ends.values()]
        if self._raw is not None and len(self._raw):
            times = self._raw["timestamp"]
            parts = np.split(times, np.flatnonzero(np.diff(times) > SILENCE_US) + 1)
            busy += [(int(part[0]), int(part[-1])) for part in parts]
        stretches = pieces(busy, start_us, last)
        start_us = stretches[0].start_us + stretches[0].shift_us
        self.info = SourceInfo(
            name=path.name,
            size=size,
            has_frames=bool(self._frames),
            has_events=has_events,
            live=False,
            start_us=start_us,
            duration_us=stretches[-1].end_us + stretches[-1].shift_us - start_us,
        )
        super().__init__(self, self.info.size, stretches)

    def events_between(self, t0_us: int, t1_us: int) -> Events:
        if self._raw is not None:
            first, last = np.searchsorted(self._raw["timestamp"], (t0_us, t1_us))
            return self._raw[first:last]
        parts = []
        for number, end in self._ends.items():
            if end - WINDOW_US < t1_us and end > t0_us and number in self._event_images:
                events = self._events_of(number, end)
                first, last = np.searchsorted(events["timestamp"], (t0_us, t1_us))
                parts.append(events[first:last])
        return join_events(parts)

    def frames_between(self, t0_us: int, t1_us: int) -> list[Frame]:
        found = []
        for number, end in self._ends.items():
            if t0_us <= end < t1_us and number in self._frames:
                image = read_image(self._frames[number])
                if image is None or image.shape[1::-1] != self.info.size:
                    self.dropped_frames += 1
                else:
                    found.append(Frame(image, end, end))
        return found

    def _events_of(self, number: int, end: int) -> Events:
        if number not in self._cached:
            image = read_image(self._event_images[number])
            if image is None or image.shape != self.info.size[::-1]:
                self.dropped_frames += 1
                events = empty_events()
            else:
                events = events_of_image(image, end)
            self._cached = dict([*self._cached.items(), (number, events)][-4:])
        return self._cached[number]


def events_of_image(image: NDArray[np.uint8], end_us: int) -> Events:
    """Turn an event image ``(H, W)`` (128 none, brighter ON) into events of the window before ``end_us``, in µs."""
    deviation = image.astype(np.int16) - 128
    height, width = image.shape
    tile = _bayer(8)
    dither = np.tile(tile, (-(-height // 8), -(-width // 8)))[:height, :width]
    # 127, not 128: a full ON pixel, 255, is a whole event.
    y, x = np.nonzero((np.abs(deviation) > JPEG_DEAD_ZONE) & (np.abs(deviation) / 127 >= dither))
    instants = np.array([end_us - WINDOW_US, end_us - WINDOW_US // 2, end_us - 1])
    t = instants[(x + y) % 3]
    order = np.argsort(t, kind="stable")
    return make_events(t[order], x[order], y[order], deviation[y, x][order])


def _bayer(size: int) -> NDArray[np.float64]:
    """Return the ordered-dither matrix, ``(size, size)``, thresholds evenly spread inside (0, 1)."""
    matrix = np.zeros((1, 1))
    while len(matrix) < size:
        matrix = np.block([[4 * matrix, 4 * matrix + 2], [4 * matrix + 3, 4 * matrix + 1]])
    return (matrix + 0.5) / size**2


def _parts(path: Path) -> tuple[Path | None, Path | None, Path | None]:
    """Return the folders of frames and of event images and the raw events' file, None where there is none."""
    frames, events = _child(path, "frame"), _child(path, "event")
    if frames or events:
        return frames, events, None
    # ROOT/frame/<emotion>/<sequence> or ROOT/event/<emotion>/<sequence>; else frames alone
    here = path.resolve()
    if len(here.parts) < 4 or here.parent.parent.name.lower() not in ("frame", "event"):
        return path, None, None
    root, emotion = here.parent.parent.parent, here.parent.name
    found: list[Path | None] = []
    for kind in ("frame", "event"):
        folder = _child(root, kind)
        folder = folder and _child(folder, emotion.lower())
        found.append(folder and _child(folder, here.name.lower()))
    raw = root / "raw" / f"{here.name}.npz"
    return found[0], found[1], raw if raw.is_file() else None


def _child(folder: Path, name: str) -> Path | None:
    return next((p for p in sorted(folder.iterdir()) if p.is_dir() and p.name.lower() == name), None)


def _images(folder: Path) -> dict[int, Path]:
    """Return number → path of the images in ``folder``, in the order of their numbers."""
    images = ((re.search(r"(\d+)$", p.stem), p) for p in folder.iterdir() if p.suffix.lower() in IMAGE_SUFFIXES)
    return dict(sorted((int(match[1]), p) for match, p in images if match))


def _usual_size(images: list[Path]) -> tuple[int, int] | None:
    """Return the size that most of the images have, looking at no more than :data:`_LOOKED_AT`; None if none opens."""
    few = images[:: -(-len(images) // _LOOKED_AT)]
    sizes = Counter(image.shape[1::-1] for path in few if (image := read_image(path)) is not None)
    if not sizes:
        image = next((i for i in map(read_image, images) if i is not None), None)
        return None if image is None else (image.shape[1], image.shape[0])
    (width, height), _ = sizes.most_common(1)[0]
    return width, height


def _hint(path: Path) -> str:
    inside = next((p for p in sorted(path.glob("[fF][rR][aA][mM][eE]/*/*")) if p.is_dir()), None)
    return (
        f"name one of its sequences, such as {inside}" if inside else "name a sequence's folder under frame/ or event/"
    )
