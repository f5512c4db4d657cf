"""The network source against dv-processing's own server, as a live camera at three rates."""

from __future__ import annotations

import contextlib
import os
import time

import numpy as np
import pytest

from mcoe.bench.loopback import SIZE, foretell
from mcoe.capture.cameras.live import CameraSource
from mcoe.capture.cameras.order import MAX_BATCH
from tests.capture.cameras.conftest import NetworkRig

SECONDS = 2.0


def receive(camera, sent):
    """Return the batches until ``sent`` events came or the stream fell silent, and the seconds from first to last."""
    batches, count, began, last = [], 0, 0.0, 0.0
    while count < sent:
        try:
            batch = camera.read(3.0)
        except TimeoutError:
            break
        last = time.perf_counter()
        began = began or last
        batches.append(batch)
        count += len(batch)
    return batches, last - began


@pytest.mark.parametrize("rate", [1e6, 5e6, 12e6])
def test_receives_a_live_camera_in_order_and_unchanged(rate, record_property):
    with contextlib.closing(NetworkRig(rate, SECONDS)) as rig, contextlib.closing(rig.open()) as camera:
        assert camera.info.size == SIZE
        batches, seconds = receive(camera, round(rate * SECONDS))
        dropped = camera.dropped
    count, last = 0, 0
    for batch in batches:
        assert 0 < len(batch) <= MAX_BATCH
        times = batch["timestamp"]
        assert times[0] >= last
        assert (times[1:] >= times[:-1]).all()
        last = int(times[-1])
        expected = foretell(times)
        for name in ("x", "y", "polarity"):
            np.testing.assert_array_equal(batch[name], expected[name])
        count += len(batch)
    assert count > 0
    record_property("events_per_s", count / seconds)
    record_property("lost", round(rate * SECONDS) - count)
    print(f"{rate / 1e6:g} M events/s: {count} in {seconds:.2f} s, {dropped} packets dropped")
    if rate <= 1e6:
        assert count == rate * SECONDS
        assert dropped == 0


def test_a_slow_reader_gets_the_newest_and_nothing_grows():
    with contextlib.closing(NetworkRig(5e6, 1.0)) as rig:
        camera = CameraSource(rig.backend.open, rig.serial, capacity=8)
        with contextlib.closing(camera):
            deadline = time.monotonic() + 30
            while not camera.dropped:
                assert time.monotonic() < deadline
                time.sleep(0.01)
            assert rig.server.read_line() == "5000000"  # all was sent
            batches, _ = receive(camera, 5_000_000)
            assert camera.dropped > 0
    assert sum(map(len, batches)) < 5_000_000
    # What is kept ends with the newest event that was sent: the stream is a whole second long.
    first, newest = batches[0]["timestamp"][0], batches[-1]["timestamp"][-1]
    assert newest - first < 1_000_000


def test_closing_ends_the_child():
    with contextlib.closing(NetworkRig()) as rig:
        camera = rig.open()
        child = camera._device._child.pid
        camera.close()
        with pytest.raises(ProcessLookupError):
            os.kill(child, 0)
