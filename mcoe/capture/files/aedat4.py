"""AEDAT4 (iniVation: DAVIS, DVXplorer) through dv-processing 2."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mcoe.capture.files._format import Format
from mcoe.capture.files._merge import Merged
from mcoe.capture.source import SourceInfo
from mcoe.core.errors import McoeError
from mcoe.core.text import plain_text
from mcoe.events.packets import EVENT_DTYPE, Events, Frame, empty_events

#: What every version of the format begins with, and this one.
_FAMILY, _MAGIC = b"#!AER-DAT", b"#!AER-DAT4.0\r\n"
_MICROSECOND = timedelta(microseconds=1)

FORMAT = Format(
    title="AEDAT4",
    suffixes=(".aedat4",),
    recognises=lambda head: head.startswith(_FAMILY),
    imports=("dv_processing",),
)


def open_file(path: Path) -> Aedat4Decoder:
    """Open a recording with an event stream, a frame stream or both."""
    return Aedat4Decoder(path)


class Aedat4Decoder(Merged):
    """The first event stream and the first frame stream of a recording (``events`` and ``frames`` if so named).

    dv-processing documents a frame's ``timestamp`` as the start of its exposure; the exposure's end is
    ``timestamp + exposure``. Colour images are stored BGR and handed on as RGB.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        _check_version(path)
        try:
            self._recording = _open(path)
        except RuntimeError as error:
            raise McoeError(_why_not_opened(path, str(error))) from error
        self._event_stream = self._stream(self._recording.isStreamOfEventType, "events")
        self._frame_stream = self._stream(self._recording.isStreamOfFrameType, "frames")
        if not self._event_stream and not self._frame_stream:
            found = plain_text(", ".join(self._recording.getStreamNames()), 60) or "no streams at all"
            raise McoeError(f"{path} holds neither events nor frames ({found}); record it with at least one of them.")
        first_events = self._event_stream and self._recording.getNextEventBatch(self._event_stream)
        first_frame = self._frame_stream and self._recording.getNextFrame(self._frame_stream)
        starts = []
        if first_events:
            starts.append(int(first_events.getLowestTime()))
        if first_frame:
            starts.append(int(first_frame.timestamp))
        if not starts:
            raise McoeError(f"{path} was closed before anything was recorded; record it again.")
        self._event_stream = self._event_stream if first_events else None
        self._frame_stream = self._frame_stream if first_frame else None
        start_us, end_us = min(starts), int(self._recording.getTimeRange()[1])
        self.info = SourceInfo(
            name=path.name,
            size=self._sensor_size(),
            has_frames=self._frame_stream is not None,
            has_events=self._event_stream is not None,
            live=False,
            start_us=start_us,
            duration_us=end_us - start_us,
        )
        super().__init__(self, self.info.size, start_us, end_us)

    def events_between(self, t0_us: int, t1_us: int) -> Events:
        if not self._event_stream:
            return empty_events()
        store = self._recording.getEventsTimeRange(t0_us, t1_us, self._event_stream)
        # numpy() copies, so the array outlives the store.
        return empty_events() if store is None else np.asarray(store.numpy(), EVENT_DTYPE)

    def frames_between(self, t0_us: int, t1_us: int) -> list[Frame]:
        if not self._frame_stream:
            return []
        found = self._recording.getFramesTimeRange(t0_us, t1_us, self._frame_stream) or []
        return [self._frame(frame) for frame in found]

    def _stream(self, is_of_type: Callable[[str], bool], usual: str) -> str | None:
        names = [name for name in self._recording.getStreamNames() if is_of_type(name)]
        return usual if usual in names else next(iter(names), None)

    def _sensor_size(self) -> tuple[int, int]:
        of_events = self._event_stream and self._recording.getEventResolution(self._event_stream)
        of_frames = self._frame_stream and self._recording.getFrameResolution(self._frame_stream)
        if of_events and of_frames and tuple(of_events) != tuple(of_frames):
            raise McoeError(
                f"{self._path} has {of_frames[0]}×{of_frames[1]} frames but {of_events[0]}×{of_events[1]} events; "
                "align the two cameras before recording them into one file."
            )
        size = of_events or of_frames
        if not size:
            raise McoeError(f"{self._path} does not say how large its sensor is; record it again with dv-processing.")
        return int(size[0]), int(size[1])

    def _frame(self, frame: Any) -> Frame:
        image: NDArray[Any] = frame.image
        if image.dtype != np.uint8 or image.shape[1::-1] != self.info.size:
            raise McoeError(
                f"{self._path} has frames of {image.shape[1]}×{image.shape[0]} {image.dtype}, not of 8 bits and the "
                "sensor's size; record whole frames."
            )
        if image.ndim == 3:
            image = image[..., 2::-1] if image.shape[2] >= 3 else image[..., 0]
        exposure_us = max(0, frame.exposure // _MICROSECOND)
        return Frame(np.ascontiguousarray(image), int(frame.timestamp), int(frame.timestamp) + exposure_us)


def _check_version(path: Path) -> None:
    with path.open("rb") as file:
        head = file.read(len(_MAGIC))
    if head != _MAGIC:
        older = head.startswith(_FAMILY)
        what = f"{head[2:12].decode(errors='replace')}, an older format" if older else "no AEDAT4 file"
        raise McoeError(f"{path} is {what}; convert it with the DV software or choose an .aedat4 recording.")


def _open(path: Path) -> Any:
    import dv_processing as dv

    if path.suffix == ".aedat4":
        return dv.io.MonoCameraRecording(str(path))
    # dv-processing refuses other names, capitals included. Once the file is open the link has served.
    with tempfile.TemporaryDirectory() as folder:
        link = Path(folder) / "recording.aedat4"
        link.symlink_to(path.resolve())
        return dv.io.MonoCameraRecording(str(link))


def _why_not_opened(path: Path, reason: str) -> str:
    if "EndOfFile" in reason or "truncated" in reason or "FileDataTable" in reason:
        return f"{path} is cut short: its end is missing, so copy or download it again."
    return f"{path} is damaged: its header cannot be read; copy or record it again."
