"""Plain video files: frames by OpenCV, events emulated from them."""

from __future__ import annotations

from collections import deque
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mcoe.capture.files._format import Format
from mcoe.capture.source import SourceInfo
from mcoe.core.errors import McoeError
from mcoe.core.timing import FRAME_RATE
from mcoe.events.packets import Frame, Packet

#: A seek that lands behind its target (a video of varying rate) tries again so many frames earlier.
_STEP_BACK = 30

FORMAT = Format(
    title="Video",
    suffixes=(".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v"),
    imports=("cv2", "mcoe.sensor.emulator"),
)


def open_file(path: Path) -> VideoDecoder:
    """Open anything that OpenCV's FFmpeg reads."""
    return VideoDecoder(path)


class VideoDecoder:
    """Every frame, and before it the events emulated since the frame before.

    A video does not tell its exposure: a frame starts and ends at its presentation time. The emulator remembers
    every pixel's past, so events after a seek differ a little from those of continuous playing.
    """

    def __init__(self, path: Path) -> None:
        import cv2

        from mcoe.sensor.emulator import EventEmulator

        self._path = path
        self.dropped_frames = 0
        self.dropped_events = 0
        self._capture: Any = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
        first = self._next()
        if first is None:
            raise McoeError(f"{path} is no video that can be decoded: it is damaged, cut short or of another type.")
        height, width = first[1].shape[:2]
        self._fps = self._capture.get(cv2.CAP_PROP_FPS)
        count = self._capture.get(cv2.CAP_PROP_FRAME_COUNT)
        length_us = round((count - 1) * 1e6 / self._fps) if self._fps > 0 else 0
        if not 1 <= self._fps <= 100_000 or count < 1:
            # A browser that records does not know yet how long it will: what is there is counted.
            length_us, frames = self._walk(first[0])
            self._fps = 1e6 * (frames - 1) / length_us if frames > 1 and length_us > 0 else FRAME_RATE
        self.info = SourceInfo(
            name=path.name,
            size=(width, height),
            has_frames=True,
            has_events=True,
            live=False,
            start_us=first[0],
            duration_us=length_us,
        )
        self._emulator = EventEmulator(self.info.size)
        self.seek(first[0])

    def read(self) -> Packet | None:
        while not self._ready:
            decoded = self._next()
            if decoded is None:
                return None
            self._take(*decoded)
        return self._ready.popleft()

    def seek(self, time_us: int) -> None:
        """Continue at the first packet that ends at or after ``time_us``."""
        import cv2

        self._ready: deque[Packet] = deque()
        self._emulator.reset()
        self._last_us = -(1 << 62)
        self._target_us = time_us
        frame = max(0, int((time_us - self.info.start_us) * self._fps / 1e6) - 1)
        while True:
            self._capture.set(cv2.CAP_PROP_POS_FRAMES, frame)
            decoded = self._next()
            if frame == 0 or decoded is None or decoded[0] < time_us:
                break
            frame = max(0, frame - _STEP_BACK)
        if decoded is not None:
            self._take(*decoded)

    def _walk(self, start_us: int) -> tuple[int, int]:
        """Return the time from the first frame to the last, µs, and how many there are, without decoding them."""
        import cv2

        last_us, frames = start_us, 1
        while self._capture.grab():
            last_us = max(last_us, round(self._capture.get(cv2.CAP_PROP_POS_MSEC) * 1_000))
            frames += 1
        self._capture.release()
        self._capture = cv2.VideoCapture(str(self._path), cv2.CAP_FFMPEG)
        return last_us - start_us, frames

    def _take(self, time_us: int, image: NDArray[np.uint8]) -> None:
        import cv2

        if time_us <= self._last_us or image.shape[1::-1] != self.info.size:
            self.dropped_frames += 1
            return
        self._last_us = time_us
        events = self._emulator.step(np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.uint8), time_us)
        if len(events) and events["timestamp"][-1] >= self._target_us:
            self._ready.append(events)
        if time_us >= self._target_us:
            self._ready.append(Frame(np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8), time_us, time_us))

    def _next(self) -> tuple[int, NDArray[np.uint8]] | None:
        """Return the next frame's time, µs, and its BGR image, or None at the end."""
        import cv2

        found, image = self._capture.read()
        return (round(self._capture.get(cv2.CAP_PROP_POS_MSEC) * 1_000), image) if found else None
