"""Packets in, windows out: each frame with the events before its end, as long as the network wants them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mcoe.capture.source import SourceInfo
from mcoe.core.timing import TICK_US, WINDOW_US, gap_us
from mcoe.events.inputs import View, default_roi, network_input
from mcoe.events.packets import Events, Frame, Packet, join_events
from mcoe.events.pieces import piece_weights, sum_pieces
from mcoe.results import Window

#: A frame waits at most this long, in stream time, for the events that belong to it.
PATIENCE_US = 100_000


@dataclass(slots=True)
class _Piece:
    """The events between two frames, and their voxel grid in the square that was looked at."""

    start_us: int
    end_us: int
    events: Events
    view: View
    grid: NDArray[np.float32]


class WindowBuilder:
    """Cuts a packet stream into windows. Not thread-safe; ``view`` may be replaced from another thread.

    A frame's window is complete once an event at or past the frame's end has been seen, or, if the scene is so
    still that none comes, once the stream has moved on by :data:`PATIENCE_US`. Only stream time decides, so a
    recording gives the same windows at any playback speed.

    A voxel grid of :data:`~mcoe.core.timing.WINDOW_US` holds the events of that time before the frame's end. A longer
    one is the sum of the grids of the pieces between frames, as in training (:mod:`mcoe.events.pieces`): no event is
    read twice, however long the window.

    Args:
        info: the source; its ``size`` and ``start_us`` place the region of interest and the tick clock.
        size: side S of the network's input, px.
        bins: N_b temporal bins.
        view: where the eye is; the centred square when None.
        window_us: length of a voxel grid, µs.
    """

    def __init__(
        self, info: SourceInfo, size: int, bins: int, view: View | None = None, window_us: int = WINDOW_US
    ) -> None:
        self._info, self._size, self._bins, self._window_us = info, size, bins, window_us
        # Events are kept so long for frames to come, also if the camera beside falls silent: memory stays bounded.
        self._kept_us = window_us + 2 * PATIENCE_US
        self.view = view or View(default_roi(info.size))
        #: Events that came after the window they belong to had been cut.
        self.late_events = 0
        self.epoch = -1
        self.restart(0)

    def restart(self, epoch: int) -> None:
        """Forget everything before a seek or a loop; windows count from 0 again under ``epoch``."""
        self.epoch, self._index = epoch, 0
        self._batches: deque[Events] = deque()
        self._frames: deque[Frame] = deque()
        self._pieces: deque[_Piece] = deque()
        self._seen_us = -(1 << 62)  # every event before this time has arrived
        self._cut_us = -(1 << 62)  # end of the last window
        self._tick_us: int | None = None

    def feed(self, packet: Packet) -> Iterator[Window]:
        """Take one packet and yield the windows it completes, in order."""
        if isinstance(packet, Frame):
            self._frames.append(packet)
            self._seen_us = max(self._seen_us, packet.end_us - PATIENCE_US)
        else:
            self._take_events(packet)
        if not self._info.has_frames:
            yield from self._ticks()
        while self._frames and (not self._info.has_events or self._frames[0].end_us <= self._seen_us):
            yield self._cut(self._frames.popleft())
        # Only now: a camera that comes back after a gap moves the time on past windows that were still waiting.
        oldest = min(self._seen_us, self._frames[0].end_us if self._frames else self._seen_us) - self._kept_us
        while self._batches and self._batches[0]["timestamp"][-1] < oldest:
            self._batches.popleft()

    def finish(self) -> Iterator[Window]:
        """Yield the windows still waiting when the stream has ended."""
        while self._frames:
            yield self._cut(self._frames.popleft())

    def _take_events(self, events: Events) -> None:
        times = events["timestamp"]
        # Events older than the last cut can still serve the next, overlapping window; only their own is gone.
        self.late_events += int(np.searchsorted(times, self._cut_us)) if times[0] < self._cut_us else 0
        self._batches.append(events)
        self._seen_us = max(self._seen_us, int(times[-1]))

    def _ticks(self) -> Iterator[Window]:
        if not self._batches:
            return
        if self._tick_us is None:
            # The clock hangs on the recording's start, not on the seek position, so a seek changes no window.
            first, start = int(self._batches[0]["timestamp"][0]), self._info.start_us
            self._tick_us = start + (max(0, first - start) // TICK_US + 1) * TICK_US
        while self._tick_us <= self._seen_us:
            nearest = self._first_event_from(self._tick_us - WINDOW_US)
            if nearest is None:
                return
            if nearest < self._tick_us:
                yield self._cut(None, self._tick_us)
                self._tick_us += TICK_US
            else:
                # Nothing came in this window: there is nothing to predict from, and the silence may be of any length.
                self._tick_us += ((nearest - self._tick_us) // TICK_US + 1) * TICK_US

    def _first_event_from(self, time_us: int) -> int | None:
        for batch in self._batches:
            times = batch["timestamp"]
            if times[-1] >= time_us:
                return int(times[np.searchsorted(times, time_us)])
        return None

    def _cut(self, frame: Frame | None, end_us: int | None = None) -> Window:
        t1 = frame.end_us if frame is not None else int(end_us or 0)
        t0 = t1 - WINDOW_US
        summed = self._info.has_events and self._window_us != WINDOW_US
        if summed:
            # Since the frame before, but no longer than a window: a gap must not empty it.
            follows = self._index > 0 and self._cut_us < t1
            t0 = max(self._cut_us, t1 - self._window_us) if follows else t1 - TICK_US
        events = self._between(t0, t1)
        view = self.view
        rgb, voxel = self._input(None if frame is None else frame.image, events, (t0, t1), view)
        past: tuple[Events, ...] = ()
        if summed and voxel is not None:
            self._pieces.append(_Piece(t0, t1, events, view, voxel))
            voxel, past = self._sum(t1, view)
        window = Window(
            index=self._index,
            epoch=self.epoch,
            t0_us=t0,
            t1_us=t1,
            frame=frame,
            events=events,
            roi=view.roi,
            rgb=rgb,
            voxel=voxel,
            mirror=view.mirror,
            past=past,
            voxel_us=self._window_us if summed else None,
        )
        self._index += 1
        self._cut_us = max(self._cut_us, t1)
        return window

    def _input(
        self, image: NDArray[np.uint8] | None, events: Events, span: tuple[int, int], view: View
    ) -> tuple[NDArray[np.float32] | None, NDArray[np.float32] | None]:
        given = events if self._info.has_events else None
        return network_input(image, given, span, view, sensor=self._info.size, size=self._size, bins=self._bins)

    def _sum(self, t1: int, view: View) -> tuple[NDArray[np.float32], tuple[Events, ...]]:
        """Return the voxel grid of the window that ends at ``t1`` and the events in it before the newest piece."""
        while self._pieces[0].end_us <= t1 - self._window_us:
            self._pieces.popleft()
        for piece in self._pieces:
            if piece.view != view:  # the square was moved: what it would have seen
                grid = self._input(None, piece.events, (piece.start_us, piece.end_us), view)[1]
                assert grid is not None
                piece.view, piece.grid = view, grid
        starts, ends = (np.array([getattr(p, name) for p in self._pieces]) for name in ("start_us", "end_us"))
        weights = piece_weights(starts, ends, np.array(t1), self._window_us, self._bins)
        before = list(zip(self._pieces, weights, strict=True))[:-1]
        past = tuple(piece.events for piece, weight in before if weight.any() and len(piece.events))
        return sum_pieces([piece.grid for piece in self._pieces], weights), past

    def _between(self, t0: int, t1: int) -> Events:
        while self._batches and self._batches[0]["timestamp"][-1] < t0:
            self._batches.popleft()
        parts = []
        for batch in self._batches:
            first, last = np.searchsorted(batch["timestamp"], (t0, t1))
            if last > first:
                parts.append(batch[first:last])
        return join_events(parts)


class Pairing:
    """Finds for each window the older one of its pair, by time.

    The paper's pair lies ``stride`` frames apart at 30 Hz; by time, a 25 Hz or 60 Hz source gives the network the same
    0.4 s of movement.
    """

    def __init__(self, stride: int) -> None:
        if stride < 0:
            raise ValueError(f"stride must be at least 0 windows, not {stride}")
        self.gap_us = gap_us(stride)
        self._kept: deque[Window] = deque()

    def older(self, window: Window) -> Window:
        """Return the kept window whose end is nearest to ``gap_us`` before this one's, and keep this one."""
        if self._kept and self._kept[-1].epoch != window.epoch:
            self._kept.clear()
        self._kept.append(window)
        wanted = window.t1_us - self.gap_us
        while len(self._kept) > 1 and abs(self._kept[1].t1_us - wanted) <= abs(self._kept[0].t1_us - wanted):
            self._kept.popleft()
        return self._kept[0]
