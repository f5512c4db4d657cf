"""Small recordings made on the spot, and where the shared real ones lie."""

import os
from pathlib import Path

import dv_processing as dv
import numpy as np
import pytest

from mcoe.events.packets import Frame, make_events

SIZE = (64, 48)
START_US = 1_600_000_000_000_000


def synthetic_packets(frames=True, events=True, colour=False, seconds=0.5):
    """One frame each 40 ms (5 ms exposure) and 50 events each 10 ms, all different, in time order."""
    rng = np.random.default_rng(7)
    for k in range(round(seconds * 100)):
        t = START_US + k * 10_000
        if frames and k % 4 == 0:
            shape = (SIZE[1], SIZE[0], 3) if colour else (SIZE[1], SIZE[0])
            yield Frame(rng.integers(0, 256, shape, np.uint8), t, t + 5_000)
        if events:
            column = [rng.integers(0, limit, 50) for limit in (*SIZE, 2)]
            yield make_events(t + np.sort(rng.integers(0, 10_000, 50)), *column)


class DvWriter:
    """dv-processing's own writer, the reference for what an AEDAT4 file is."""

    def __init__(self, path, frames=True, events=True, compression="lz4"):
        config = dv.io.MonoCameraWriter.Config("TEST_1")
        config.compression = getattr(dv.CompressionType, compression.upper())
        if events:
            config.addEventStream(SIZE)
        if frames:
            config.addFrameStream(SIZE)
        self._writer = dv.io.MonoCameraWriter(str(path), config)

    def write(self, packet):
        if isinstance(packet, Frame):
            image = packet.image if packet.image.ndim == 2 else np.ascontiguousarray(packet.image[..., ::-1])
            exposure = packet.end_us - packet.start_us
            self._writer.writeFrame(dv.Frame(packet.start_us, exposure, 0, 0, image, dv.FrameSource.SENSOR))
            return
        store = dv.EventStore()
        for t, x, y, polarity in packet.tolist():
            store.push_back(t, x, y, bool(polarity))
        self._writer.writeEvents(store)


def write_aedat4(path, packets, **streams):
    writer = DvWriter(path, **streams)
    for packet in packets:
        writer.write(packet)
    return path


@pytest.fixture
def small_aedat4(tmp_path):
    """A recording of :func:`synthetic_packets`."""
    return write_aedat4(tmp_path / "small.aedat4", synthetic_packets())


@pytest.fixture
def shared():
    """The folder of real recordings."""
    beside = Path(__file__).resolve().parents[2] / "../shared"
    folder = Path(os.environ.get("MCOE_SHARED", beside)) / "recordings"
    if not folder.is_dir():
        pytest.skip(f"no real recordings: set MCOE_SHARED ({folder} does not exist)")
    return folder
