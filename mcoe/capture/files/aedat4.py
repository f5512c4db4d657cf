"""AEDAT4 (iniVation: DAVIS, DVXplorer) through dv-processing 2."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mcoe.capture.files._aedat4_packets import repaired, times_of
from mcoe.capture.files._format import Format
from mcoe.capture.files._merge import SILENCE_US, Merged, Piece, pieces
from mcoe.capture.reasons import reason
from mcoe.capture.source import MAX_TIME_US, SourceInfo
from mcoe.core.errors import McoeError
from mcoe.core.text import plain_text
from mcoe.events.packets import EVENT_DTYPE, Events, Frame, empty_events

#: What every version of the format begins with, and this one.
_FAMILY, _MAGIC = b"#!AER-DAT", b"#!AER-DAT4.0\r\n"
#: Times further from 0 than this, µs, are no times.
_FAR_US = 1 << 61
_MICROSECOND = timedelta(microseconds=1)

FORMAT = Format(
    title="AEDAT4",
    suffixes=(".aedat4",),
    recognises=lambda head: head.startswith(_FAMILY),
    imports=("dv_processing",),
    repairs=True,
)


def open_file(path: Path) -> Aedat4Decoder:
    """Open a recording with an event stream, a frame stream or both."""
    return Aedat4Decoder(path)


def open_damaged(path: Path) -> Aedat4Decoder:
    """Open one of which the decoder died: what of it is sound."""
    return Aedat4Decoder(path, damaged=True)


class Aedat4Decoder(Merged):
    """The first event stream and the first frame stream of a recording (``events`` and ``frames`` if so named).

    dv-processing documents a frame's ``timestamp`` as the start of its exposure; the exposure's end is
    ``timestamp + exposure``. Colour images are stored BGR and handed on as RGB.

    A file that was cut short, or holds damaged packets, is read as far as it is sound; a damaged place counts as one
    event in ``dropped_events``.
    """

    def __init__(self, path: Path, damaged: bool = False) -> None:
        self._path = path
        _check_version(path)
        self._repaired, self.dropped_events = False, 0
        if damaged:
            self._repair(f"{path} is damaged; copy or record it again.", None)
        else:
            try:
                self._recording = _open(path)
            except Exception as error:  # of dv-processing, which has many kinds
                self._repair(_why_not_opened(path, str(error)), error)
        start_us, end_us = self._begin()
        if not self._repaired:
            self._rows = times_of(path)
        busy, ordered = self._busy()
        stretches = pieces(busy, start_us, end_us)
        if not (ordered and _sane(stretches)) and not self._repaired:
            self._repair(f"{path} is damaged; copy or record it again.", None)
            start_us, end_us = self._begin()
            stretches = pieces(self._busy()[0], start_us, end_us)
        start_us = stretches[0].start_us + stretches[0].shift_us
        self.info = SourceInfo(
            name=path.name,
            size=self._sensor_size(),
            has_frames=self._frame_stream is not None,
            has_events=self._event_stream is not None,
            live=False,
            start_us=start_us,
            duration_us=stretches[-1].end_us + stretches[-1].shift_us - start_us,
        )
        places = self.dropped_events
        super().__init__(self, self.info.size, stretches)
        self.dropped_events = places

    def _busy(self) -> tuple[list[tuple[int, int]], bool]:
        """Return from when to when there are packets, µs, and whether each stream's are in order and whole."""
        busy, ordered, reached = [], True, dict[int, int]()
        for stream, first, last in self._rows:
            ordered &= reached.get(stream, first) <= first <= last <= first + SILENCE_US
            reached[stream] = last
            busy.append((first, last))
        return busy, ordered

    def _begin(self) -> tuple[int, int]:
        """Choose the streams, and return when they begin and end, µs."""
        path = self._path
        self._event_stream = self._stream(self._recording.isStreamOfEventType, "events")
        self._frame_stream = self._stream(self._recording.isStreamOfFrameType, "frames")
        if not self._event_stream and not self._frame_stream:
            found = plain_text(", ".join(self._recording.getStreamNames()), 60) or "no streams at all"
            raise McoeError(f"{path} holds neither events nor frames ({found}); record it with at least one of them.")
        first_events = self._event_stream and self._past_damage(
            lambda: self._recording.getNextEventBatch(self._event_stream)
        )
        first_frame = self._frame_stream and self._past_damage(lambda: self._recording.getNextFrame(self._frame_stream))
        starts = []
        if first_events:
            starts.append(int(first_events.getLowestTime()))
        if first_frame:
            starts.append(int(first_frame.timestamp))
        if not starts:
            raise McoeError(f"{path} was closed before anything was recorded; record it again.")
        self._event_stream = self._event_stream if first_events else None
        self._frame_stream = self._frame_stream if first_frame else None
        return min(starts), int(self._recording.getTimeRange()[1])

    def events_between(self, t0_us: int, t1_us: int) -> Events:
        if not self._event_stream:
            return empty_events()
        store = self._past_damage(lambda: self._recording.getEventsTimeRange(t0_us, t1_us, self._event_stream))
        # numpy() copies, so the array outlives the store.
        return empty_events() if store is None else np.asarray(store.numpy(), EVENT_DTYPE)

    def frames_between(self, t0_us: int, t1_us: int) -> list[Frame]:
        if not self._frame_stream:
            return []
        found = self._past_damage(lambda: self._recording.getFramesTimeRange(t0_us, t1_us, self._frame_stream)) or []
        return [frame for frame in map(self._frame, found) if frame is not None]

    def _past_damage(self, read: Callable[[], Any]) -> Any:
        """Return what is read; where a packet is damaged, of a copy that is without it."""
        try:
            return read()
        except Exception as error:  # of dv-processing, which has many kinds
            if self._repaired:
                raise
            self._repair(f"{self._path} is damaged; copy or record it again.", error)
            return read()

    def _repair(self, why: str, error: Exception | None) -> None:
        """Go on with a copy that holds the sound packets alone; raises McoeError, which says ``why``, without any."""
        self._repaired = True
        with tempfile.TemporaryDirectory() as folder:
            found = repaired(self._path, Path(folder))
            if found is None:
                raise McoeError(why) from error
            copy, places = found
            try:
                # Once it is open it needs no name any more; its room is given back with the process.
                self._recording = _open(copy)
                self._rows = times_of(copy)
            except Exception as again:
                if "memory" in (told := reason(str(self._path), again)):
                    raise McoeError(told) from again
                raise McoeError(why) from error
        self.dropped_events += places

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

    def _frame(self, frame: Any) -> Frame | None:
        image: NDArray[Any] = frame.image
        if image.dtype != np.uint8 or image.shape[1::-1] != self.info.size:
            self.dropped_frames += 1
            return None
        if image.ndim == 3:
            image = image[..., 2::-1] if image.shape[2] >= 3 else image[..., 0]
        exposure_us = max(0, frame.exposure // _MICROSECOND)
        return Frame(np.ascontiguousarray(image), int(frame.timestamp), int(frame.timestamp) + exposure_us)


def _sane(stretches: list[Piece]) -> bool:
    start_us = stretches[0].start_us + stretches[0].shift_us
    length_us = stretches[-1].end_us + stretches[-1].shift_us - start_us
    return abs(start_us) <= MAX_TIME_US and 0 <= length_us <= MAX_TIME_US


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
