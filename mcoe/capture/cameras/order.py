"""Live packets brought in order: one continuous time, batches that never overlap, frames among events by their end."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

import numpy as np

from mcoe.capture.cameras.base import Arrival
from mcoe.events.packets import Events, Frame, packet_end_us

#: Events in one packet at most, so that a mailbox bounded in packets is bounded in bytes (2 MiB each).
MAX_BATCH = 1 << 17
#: A device whose clock differs by more than this from the elapsed host time after a reconnect has restarted it, µs.
CLOCK_JUMP_US = 1_000_000


class Timeline:
    """Keeps a camera's time going forward, also over a reconnect that restarts the device's clock.

    Events and frames that would go back in time, events off the sensor and frames of another size are dropped and
    counted in ``disordered``: compiled code further on trusts coordinates.

    Args:
        size: ``(width, height)`` of the sensor, pixels.
    """

    def __init__(self, size: tuple[int, int]) -> None:
        self.disordered = 0
        self._size = size
        self._shift: int | None = 0
        self._events_us = self._frame_us = self._host_us = -(1 << 62)

    def reconnect(self) -> None:
        """The device was opened again: judge its clock anew at the next packet."""
        self._shift = None

    def place(self, arrival: Arrival) -> Arrival | None:
        """Return the arrival in stream time, or None if nothing of it goes forward."""
        packet, host_us = arrival
        if self._shift is None:
            expected = max(self._events_us, self._frame_us) + host_us - self._host_us
            gap = expected - packet_end_us(packet)
            self._shift = gap if abs(gap) > CLOCK_JUMP_US else 0
        if isinstance(packet, Frame):
            if self._shift:
                packet = Frame(packet.image, packet.start_us + self._shift, packet.end_us + self._shift)
            if packet.end_us <= self._frame_us or packet.image.shape[1::-1] != self._size:
                self.disordered += 1
                return None
            self._frame_us = packet.end_us
        else:
            events = self._forward(packet)
            if not len(events):
                return None
            packet = events
            self._events_us = int(events["timestamp"][-1])
        self._host_us = host_us
        return Arrival(packet, host_us)

    def _forward(self, events: Events) -> Events:
        # As unsigned numbers, negative coordinates are large ones.
        xs, ys = events["x"].view(np.uint16), events["y"].view(np.uint16)
        if len(events) and (xs.max() >= self._size[0] or ys.max() >= self._size[1]):
            inside = (xs < self._size[0]) & (ys < self._size[1])
            self.disordered += len(events) - int(inside.sum())
            events = events[inside]
        times = events["timestamp"]
        if self._shift:
            events = events.copy()
            events["timestamp"] += self._shift
            times = events["timestamp"]
        if len(times) > 1 and (times[1:] < times[:-1]).any():
            self.disordered += int((times[1:] < times[:-1]).sum())
            events = events[np.argsort(times, kind="stable")]
            times = events["timestamp"]
        if len(times) and times[0] < self._events_us:
            past = int(np.searchsorted(times, self._events_us))
            self.disordered += past
            events = events[past:]
        return events


def split(arrival: Arrival) -> Iterator[Arrival]:
    """Yield the arrival in packets of at most :data:`MAX_BATCH` events."""
    packet, host_us = arrival
    if isinstance(packet, Frame):
        yield arrival
        return
    for part in split_events(packet):
        yield Arrival(part, host_us)


def split_events(events: Events) -> Iterator[Events]:
    """Yield the events in arrays of at most :data:`MAX_BATCH`."""
    for first in range(0, len(events), MAX_BATCH):
        yield events[first : first + MAX_BATCH]


class Merger:
    """Orders the two streams of one camera, or of a pair, by the end of their packets.

    A packet goes once the other stream has passed its end, or once it has waited its time: a camera that stops
    sending one kind must not hold back the other.

    Args:
        event_hold_us, frame_hold_us: longest wait of an event batch for a frame, and of a frame for events, host µs.
    """

    def __init__(self, event_hold_us: int = 60_000, frame_hold_us: int = 20_000) -> None:
        self._hold = (event_hold_us, frame_hold_us)
        self._queues: tuple[deque[Arrival], deque[Arrival]] = (deque(), deque())
        self._passed = [-(1 << 62), -(1 << 62)]

    def push(self, arrival: Arrival) -> None:
        kind = int(isinstance(arrival.packet, Frame))
        self._queues[kind].append(arrival)
        self._passed[kind] = packet_end_us(arrival.packet)

    def pop(self, now_us: int) -> Iterator[Arrival]:
        """Yield what may go at host time ``now_us``, ordered by end."""
        while True:
            heads = [(packet_end_us(queue[0].packet), kind) for kind, queue in enumerate(self._queues) if queue]
            if not heads:
                return
            end, kind = min(heads)
            # The smaller end goes first; an expired packet of the other kind takes it along.
            expired = any(now_us - self._queues[k][0].host_us > self._hold[k] for _, k in heads)
            if not expired and end > self._passed[1 - kind]:
                return
            yield self._queues[kind].popleft()
