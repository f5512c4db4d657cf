"""Where packets enter the program: what breaks a source's promise is left out and counted, never passed on."""

from __future__ import annotations

import numpy as np

from mcoe.capture.source import SourceInfo
from mcoe.events.packets import Events, Frame, Packet

#: A recording's packets may lie so far outside the span that it states, µs: a batch, or an exposure.
SPAN_TOLERANCE_US = 1_000_000
#: No exposure is longer, µs.
MAX_EXPOSURE_US = 60_000_000
_NEVER_US = -(1 << 62)


class Entrance:
    """Checks packets of recordings and cameras alike: on the sensor, in order, in the stated span, of sound values.

    Args:
        info: what the source states.

    Attributes:
        dropped_events, dropped_frames: what was left out so far.
    """

    def __init__(self, info: SourceInfo) -> None:
        self.dropped_events = self.dropped_frames = 0
        self._size = info.size
        self._first_us, self._last_us = -(1 << 62), 1 << 62
        if info.duration_us:  # a live source, and arrays, state no length
            self._first_us = info.start_us - SPAN_TOLERANCE_US
            self._last_us = info.start_us + info.duration_us + SPAN_TOLERANCE_US
        self.restart()

    def restart(self) -> None:
        """Forget what came before: a recording was sought in."""
        self._event_us = self._frame_us = _NEVER_US

    @property
    def reached_us(self) -> int:
        """The time, µs, of the last packet that was let in; before everything at the start and after a seek."""
        return max(self._event_us, self._frame_us)

    def admit(self, packet: Packet) -> Packet | None:
        """Return the packet, or what of it keeps the promise; None if nothing does."""
        if isinstance(packet, Frame):
            if self._sound(packet):
                self._frame_us = packet.end_us
                return packet
            self.dropped_frames += 1
            return None
        if not len(packet):
            return None
        good = self._good(packet)
        if not good.all():
            self.dropped_events += len(good) - int(good.sum())
            packet = packet[good]
        if not len(packet):
            return None
        self._event_us = int(packet["timestamp"][-1])
        return packet

    def _sound(self, frame: Frame) -> bool:
        image = frame.image
        return (
            image.dtype == np.uint8
            and (image.ndim == 2 or (image.ndim == 3 and image.shape[2] == 3))
            and image.shape[1::-1] == self._size
            and 0 <= frame.end_us - frame.start_us <= MAX_EXPOSURE_US
            and self._first_us <= frame.end_us <= self._last_us
            and frame.end_us > self._frame_us
        )

    def _good(self, events: Events) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        # As unsigned numbers, negative coordinates are large ones, and so is a negative polarity.
        x, y, on = events["x"].view(np.uint16), events["y"].view(np.uint16), events["polarity"].view(np.uint8)
        times = events["timestamp"]
        good = (x < self._size[0]) & (y < self._size[1]) & (on <= 1)
        good &= (times >= max(self._event_us, self._first_us)) & (times <= self._last_us)
        if (times[1:] < times[:-1]).any():
            # Against the latest before it that is good itself: one of a far time must not put out all behind it.
            latest = np.maximum.accumulate(np.where(good, times, _NEVER_US))
            good &= times >= latest
        return np.asarray(good)
