"""The times that recording, training and the live view must agree on."""

from __future__ import annotations

#: Rate of the data sets' frames, Hz.
FRAME_RATE = 30
#: One frame of it, µs; a source without frames gets a window per tick of this length.
TICK_US = 33_333
#: Length of an event window, µs: the real data sets accumulate 33 ms.
WINDOW_US = 33_000
#: Frames at :data:`FRAME_RATE` between the two of a pair, where weights do not say what they learnt: 0.4 s.
STRIDE = 12


def gap_us(stride: int) -> int:
    """Return the time between the two frames of a pair ``stride`` frames apart, µs."""
    return round(stride * 1e6 / FRAME_RATE)
