"""What was predicted since a source was opened, without its pictures."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import replace

import numpy as np

from mcoe.events.packets import EVENT_DTYPE
from mcoe.results import Result, Window

#: Results kept: an hour at 30 Hz, about 100 MB.
MOST = 108_000


class SessionLog:
    """Keeps the newest results; ``add`` may be called from any thread."""

    def __init__(self, most: int = MOST) -> None:
        self._lock = threading.Lock()
        self._kept: deque[Result] = deque(maxlen=most)

    def add(self, result: Result) -> None:
        """Keep a result: its figures, not its pictures, events and heatmaps."""
        said = replace(result.prediction, cam_rgb=None, cam_event=None)
        small = replace(result, window=_bare(result.window), older=_bare(result.older), prediction=said, stressed=None)
        with self._lock:
            self._kept.append(small)

    def results(self) -> list[Result]:
        """Return what is kept, oldest first."""
        with self._lock:
            return list(self._kept)


def _bare(window: Window) -> Window:
    # A view of one event as long as the window's events: they are still counted, and take no room.
    events = np.broadcast_to(np.zeros((), EVENT_DTYPE), len(window.events))
    return replace(window, frame=None, rgb=None, voxel=None, events=events, past=())
