"""Live packets brought in order: one continuous time, batches that never overlap, frames among events by their end."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from mcoe.capture.cameras.base import Arrival
from mcoe.capture.entrance import Entrance
from mcoe.capture.source import SourceInfo
from mcoe.core.timing import WINDOW_US
from mcoe.events.packets import Events, Frame, Packet, packet_end_us

log = logging.getLogger(__name__)

#: Events in one packet at most, so that a mailbox bounded in packets is bounded in bytes (2 MiB each).
MAX_BATCH = 1 << 17
#: A device whose clock runs ahead of the elapsed host time by more than this, µs, has set it.
CLOCK_JUMP_US = 1_000_000
#: A packet that lies this far before the last of its kind, µs, was not merely late: one window.
BACK_US = WINDOW_US
#: Frames and events whose clocks jumped by amounts this close, µs, have one clock.
TOGETHER_US = 250_000
#: No clock shows a time further from 0, µs; sums of two such times still fit 64 bits.
FAR_US = 1 << 62


class Timeline:
    """Keeps a camera's time going forward, whatever its clock does: a reconnect, or a jump of any size either way.

    A jump shows in packets that lie wholly before the last one of their kind or further ahead than the host's time
    allows. The first of them is left out: it may be a stray. The next one, if it goes on from there, makes it a jump:
    from then on that kind's times are shifted so that the stream goes on as if nothing had happened. Frames and events
    of one clock that jump together are shifted together.

    What breaks a source's promise besides (:class:`mcoe.capture.entrance.Entrance`) is left out as well, and all of it
    counted in ``disordered``: compiled code further on trusts coordinates.

    Args:
        info: what the camera states.

    Attributes:
        jumps: how often the clock jumped.
        last_jump_us: how far the last time, µs.
    """

    def __init__(self, info: SourceInfo) -> None:
        self.jumps = 0
        self.last_jump_us = 0
        self._left_out = 0
        self._entrance = Entrance(info)
        self._reconnected = False
        # By kind, events and frames: what is added to the device's times, the last time in the stream and the host's
        # time then, and where a packet that was left out ended (device time) and when it came.
        self._shift = [0, 0]
        self._last: list[tuple[int, int] | None] = [None, None]
        self._stray: list[tuple[int, int] | None] = [None, None]
        self._jumped_at = -(1 << 62)

    @property
    def disordered(self) -> int:
        """Events and frames left out, or sorted, so far."""
        return self._left_out + self._entrance.dropped_events + self._entrance.dropped_frames

    def reconnect(self) -> None:
        """The device was opened again: judge its clock anew at the next packet."""
        self._reconnected = True

    def place(self, arrival: Arrival) -> Arrival | None:
        """Return the arrival in stream time, or None if nothing of it goes forward."""
        packet, host_us = arrival
        kind = int(isinstance(packet, Frame))
        if self._reconnected:
            self._carry_on(packet, host_us)
        judged = self._judge(packet, kind, host_us)
        placed = None if judged is None else self._entrance.admit(self._shifted(judged, self._shift[kind]))
        if placed is None:
            return None
        self._last[kind] = packet_end_us(placed), host_us
        return Arrival(placed, host_us)

    def _carry_on(self, packet: Packet, host_us: int) -> None:
        known = [last for last in self._last if last is not None]
        if not known or not (isinstance(packet, Frame) or len(packet)):
            return
        gap = max(end for end, _ in known) + host_us - max(host for _, host in known) - packet_end_us(packet)
        self._shift = [gap if abs(gap) > CLOCK_JUMP_US else 0] * 2
        self._stray = [None, None]
        self._reconnected = False

    def _judge(self, packet: Packet, kind: int, host_us: int) -> Packet | None:
        """Return what of the packet can be of this moment, in device time, and follow the clock where it jumped."""
        times = _times(packet)
        if (far := (times < -FAR_US) | (times > FAR_US)).any():
            self._left_out += int(far.sum())
            if isinstance(packet, Frame) or far.all():
                return None
            packet, times = packet[~far], times[~far]
        if not len(times):
            return None
        low, high = self._now(times, kind, host_us)
        inside = (times >= low) & (times <= high)
        if inside.all():
            self._stray[kind] = None
            return self._sorted(packet)
        first, last = int(times[0]), int(times[-1])
        if not inside.any():
            stray = self._stray[kind]
            if stray is not None and 0 <= first - stray[0] + BACK_US <= host_us - stray[1] + CLOCK_JUMP_US + BACK_US:
                self._jump(kind, last, host_us)
                return self._judge(packet, kind, host_us)
        self._stray[kind] = None if inside[-1] else (last, host_us)
        self._left_out += int((~inside).sum())
        return None if isinstance(packet, Frame) or not inside.any() else self._sorted(packet[inside])

    def _now(self, times: NDArray[np.int64], kind: int, host_us: int) -> tuple[int, int]:
        """Return the least and the largest device time, µs, that a packet of this kind can have now."""
        last = self._last[kind] or self._last[1 - kind]
        if last is None:
            # Nothing to compare with: most of the packet is right about when it is.
            middle = int(np.sort(times)[len(times) // 2])
            return middle - CLOCK_JUMP_US, middle + CLOCK_JUMP_US
        back = BACK_US if self._last[kind] is not None else CLOCK_JUMP_US
        end, came = last
        device_us = end - self._shift[kind]
        return device_us - back, device_us + max(0, host_us - came) + CLOCK_JUMP_US

    def _jump(self, kind: int, device_us: int, host_us: int) -> None:
        last = self._last[kind] or self._last[1 - kind]
        assert last is not None  # else nothing would have been outside
        before, other = self._shift[kind], self._shift[1 - kind]
        shift = last[0] + max(0, host_us - last[1]) - device_us
        # The other kind jumped just now and alike: it is one clock, and what belongs together stays together.
        together = abs(shift - other) < TOGETHER_US and host_us - self._jumped_at < CLOCK_JUMP_US
        self._shift[kind] = other if together else shift
        if not together:
            self.jumps += 1
            self.last_jump_us = before - shift
            log.warning("the camera's clock jumped by %.3f s; the stream goes on", self.last_jump_us / 1e6)
        self._jumped_at = host_us
        self._stray[kind] = None

    def _sorted(self, packet: Packet) -> Packet:
        if isinstance(packet, Frame):
            return packet
        times = packet["timestamp"]
        if (times[1:] < times[:-1]).any():
            self._left_out += int((times[1:] < times[:-1]).sum())
            packet = packet[np.argsort(times, kind="stable")]
        return packet

    @staticmethod
    def _shifted(packet: Packet, shift: int) -> Packet:
        if not shift:
            return packet
        if isinstance(packet, Frame):
            return Frame(packet.image, packet.start_us + shift, packet.end_us + shift)
        packet = packet.copy()
        packet["timestamp"] += shift
        return packet


def _times(packet: Packet) -> NDArray[np.int64]:
    return np.array([packet.end_us], np.int64) if isinstance(packet, Frame) else packet["timestamp"]


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
