"""Events and frames of a file, chunk by chunk, as one stream ordered by the packets' ends."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from mcoe.events.packets import Events, Frame, Packet, packet_end_us

#: Length of an event batch, µs. The grid of batches hangs on the file's start, so a seek changes no batch.
SLICE_US = 10_000
#: Events and frames are read from the file in pieces of this length, µs.
CHUNK_US = 5 * SLICE_US
#: No exposure is longer than this, µs: so far before a seek's target the search for its frame begins.
MAX_EXPOSURE_US = 1_000_000


#: So long without any packet, µs, is no pause: somebody set the clock, or a packet has a stray time.
SILENCE_US = 300_000_000
#: What is left of such a silence, µs.
LEFT_US = 100_000
#: A silence is crossed in steps that grow to this, µs: what lies behind it is decoded with the last of them.
_MOST_STEP_US = 1_000_000


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a file between two silences: stream time is file time plus ``shift_us``."""

    start_us: int
    end_us: int
    shift_us: int = 0


def pieces(busy: list[tuple[int, int]], start_us: int, end_us: int) -> list[Piece]:
    """Return the stretches of a file that hold something, moved together.

    The longest keeps its times: it is what was recorded, and labels beside the file are on its clock. So a clock that
    was set while recording, or a packet of another century, makes no hour of standing still.

    Args:
        busy: from when to when there are packets, µs, in any order.
        start_us, end_us: of the file; taken as busy.
    """
    found: list[list[int]] = []
    for first, last in sorted([*busy, (start_us, start_us), (end_us, end_us)]):
        if found and first - found[-1][1] <= SILENCE_US:
            found[-1][1] = max(found[-1][1], last)
        else:
            found.append([first, last])
    longest = max(range(len(found)), key=lambda k: found[k][1] - found[k][0])
    shifts = [0] * len(found)
    for k in range(longest + 1, len(found)):
        shifts[k] = found[k - 1][1] + shifts[k - 1] + LEFT_US - found[k][0]
    for k in range(longest - 1, -1, -1):
        shifts[k] = found[k + 1][0] + shifts[k + 1] - LEFT_US - found[k][1]
    return [Piece(first, last, shift) for (first, last), shift in zip(found, shifts, strict=True)]


class Chunks(Protocol):
    """Random access to a file by time; both methods take a half-open range, µs."""

    def events_between(self, t0_us: int, t1_us: int) -> Events: ...

    def frames_between(self, t0_us: int, t1_us: int) -> list[Frame]:
        """Return the frames whose exposure starts in the range."""
        ...


class Merged:
    """Packets of ``chunks`` ordered by their end, for one sensor of ``size`` (w, h) and the times in ``stretches``.

    Frames that do not end after the frame before, events that run backwards and events off the sensor are
    dropped and counted.
    """

    def __init__(self, chunks: Chunks, size: tuple[int, int], stretches: list[Piece]) -> None:
        self._chunks, self._size, self._stretches = chunks, size, stretches
        self.dropped_frames = 0
        self.dropped_events = 0
        self._enter(0, stretches[0].start_us)

    def seek(self, time_us: int) -> None:
        """Continue at the first packet that ends at or after ``time_us``."""
        starts = [piece.start_us + piece.shift_us for piece in self._stretches]
        number = max(0, bisect_right(starts, time_us) - 1)
        self._enter(number, time_us - self._stretches[number].shift_us)

    def _enter(self, number: int, time_us: int) -> None:
        self._number, piece = number, self._stretches[number]
        self._start_us, self._end_us, self._shift_us = piece.start_us, piece.end_us, piece.shift_us
        self._target_us = max(time_us, self._start_us)
        self._cursor_us = self._on_grid(self._target_us)
        self._frames_from_us = self._cursor_us - MAX_EXPOSURE_US
        self._step_us = CHUNK_US
        self._pending: list[Packet] = []
        self._last_event_us = self._last_frame_us = -(1 << 62)

    def read(self) -> Packet | None:
        """Return the next packet, None at the end."""
        while not self._pending or packet_end_us(self._pending[0]) >= self._cursor_us:
            if self._cursor_us <= self._end_us:
                self._load()
            elif self._pending:
                break
            elif self._number + 1 < len(self._stretches):
                self._enter(self._number + 1, self._stretches[self._number + 1].start_us)
            else:
                return None
        return self._shifted(self._pending.pop(0))

    def _shifted(self, packet: Packet) -> Packet:
        if not self._shift_us:
            return packet
        if isinstance(packet, Frame):
            return Frame(packet.image, packet.start_us + self._shift_us, packet.end_us + self._shift_us)
        packet = packet.copy()
        packet["timestamp"] += self._shift_us
        return packet

    def _on_grid(self, time_us: int) -> int:
        return self._start_us + (time_us - self._start_us) // SLICE_US * SLICE_US

    def _load(self) -> None:
        t0, t1 = self._cursor_us, self._cursor_us + self._step_us
        events = self._chunks.events_between(t0, t1)
        frames = self._chunks.frames_between(self._frames_from_us, t1)
        first = min([int(t) for t in events["timestamp"][:1]] + [f.start_us for f in frames], default=None)
        if first is None:
            self._cursor_us = self._frames_from_us = t1
            self._step_us = min(2 * self._step_us, _MOST_STEP_US)
            return
        if self._step_us > CHUNK_US:
            self._step_us = CHUNK_US
            if first >= t0 + CHUNK_US:
                self._cursor_us = self._frames_from_us = self._on_grid(first)
            self._load()
            return
        self._cursor_us = self._frames_from_us = t1
        self._pending += [s for s in self._slices(self._clean(events), t0, t1) if packet_end_us(s) >= self._target_us]
        self._pending += [f for f in self._in_order(frames) if f.end_us >= self._target_us]
        self._pending.sort(key=packet_end_us)

    def _clean(self, events: Events) -> Events:
        if not len(events):
            return events
        # A negative coordinate is a huge one once its sign bit counts as a digit.
        x, y = events["x"].view(np.uint16), events["y"].view(np.uint16)
        t = np.ascontiguousarray(events["timestamp"])
        width, height = self._size
        in_order = t[0] >= self._last_event_us and not (t[1:] < t[:-1]).any()
        if not in_order or x.max() >= width or y.max() >= height:
            latest = np.maximum.accumulate(np.maximum(t, self._last_event_us))
            good = (t == latest) & (x < width) & (y < height)
            self.dropped_events += len(good) - int(good.sum())
            events = events[good]
        if len(events):
            self._last_event_us = int(events["timestamp"][-1])
        return events

    @staticmethod
    def _slices(events: Events, t0: int, t1: int) -> list[Events]:
        edges = np.arange(t0 + SLICE_US, t1, SLICE_US)
        return [s for s in np.split(events, np.searchsorted(events["timestamp"], edges)) if len(s)]

    def _in_order(self, frames: list[Frame]) -> list[Frame]:
        kept = []
        for frame in frames:
            if frame.end_us > self._last_frame_us:
                self._last_frame_us = frame.end_us
                kept.append(frame)
            else:
                self.dropped_frames += 1
        return kept
