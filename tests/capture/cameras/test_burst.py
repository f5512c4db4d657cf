"""More events than anyone can take: bounded memory, order kept, losses counted."""

from __future__ import annotations

import contextlib

import numpy as np

from mcoe.capture.cameras.base import Arrival, CameraSettings, Capabilities, Support, host_now_us
from mcoe.capture.cameras.live import PACKETS, CameraSource
from mcoe.capture.cameras.order import MAX_BATCH
from mcoe.events.packets import make_events
from tests.capture.cameras.test_contract import wait_for

#: 50 million events in 10 ms batches of half a million, as fast as they can be made.
BATCHES, COUNT = 100, 4 * MAX_BATCH


class Flood:
    name, serial, dropped, in_order, size = "flood", None, 0, True, (1280, 720)
    capabilities = Capabilities(frames=Support.NO, events=Support.YES)

    def __init__(self) -> None:
        times = np.arange(COUNT) * 10_000 // COUNT
        self._batch = make_events(times, times % 1280, times % 720, times % 2)
        self.sent = 0

    def apply(self, settings):
        return CameraSettings()

    def poll(self, timeout_s):
        if self.sent == BATCHES:
            return []
        batch = self._batch.copy()
        batch["timestamp"] += 10_000 * self.sent
        self.sent += 1
        return [Arrival(batch, host_now_us())]

    def close(self): ...


def test_a_burst_is_bounded_ordered_and_accounted_for():
    device = Flood()
    with contextlib.closing(CameraSource(lambda serial, settings: device)) as camera:
        kept, count, last, ended = [], 0, -1, False
        while not ended:
            try:
                batch = camera.read(0.5)
            except TimeoutError:
                ended = device.sent == BATCHES
                continue
            assert batch.nbytes <= 2 << 20
            assert len(camera._mailbox) <= PACKETS
            times = batch["timestamp"]
            assert times[0] >= last
            assert (times[1:] >= times[:-1]).all()
            np.testing.assert_array_equal(batch["x"], times % 10_000 % 1280)
            last, count = int(times[-1]), count + len(batch)
            kept.append(last)
            if len(kept) == 1:
                wait_for(lambda: camera.dropped > 0, "a dropped packet")
        assert count + camera.dropped * MAX_BATCH == BATCHES * COUNT
        assert last == 10_000 * BATCHES - 1  # the newest are there
