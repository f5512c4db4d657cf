"""The virtual eye's sensor: its frame clock, that it repeats itself, and that it sees what it saw before."""

from __future__ import annotations

import numpy as np
import pytest

from mcoe.data.virtual_eye.sensor import Lighting, Optics, Sensor
from mcoe.data.virtual_eye.stats import sequence_figures, table
from mcoe.sensor.dvs import DvsModel

#: Events, ON events and their times' sum, and the frames' sums, of generator 3: the weights were trained with it. Who
#: changes a constant or the order of random numbers changes the data set and must raise ``synth.GENERATOR``.
KNOWN = {
    "normal": (13538, 6767, 812481779, [45513, 45604, 45255]),
    "low": (1498, 776, 84056391, [5226, 5248, 5229]),
    "over": (1754, 864, 101115641, [45525, 45619, 45254]),
}
SETTINGS = {
    "normal": (1.0, 8000, 60.0, DvsModel(threshold=0.224, leak_hz=0.046, shot_hz=0.0276)),
    "low": (0.03, 25000, 6.0, DvsModel(threshold=0.336, leak_hz=0.046, shot_hz=0.0276)),
    "over": (1.0, 8000, 60.0, DvsModel(threshold=0.7)),
}


@pytest.mark.parametrize("name", list(KNOWN))
def test_the_same_seed_gives_the_frames_and_events_that_the_weights_were_trained_with(name: str) -> None:
    key, exposure, target, dvs = SETTINGS[name]
    light = Lighting(name, (key, 0.0, 0.0), 0.0, (0.1, 0.2), exposure, target, dvs)
    texture = (np.random.default_rng(1).random((24, 64, 3)) + 0.2).astype(np.float32)
    ends = np.array([40_000, 73_333, 106_667])
    sensor = Sensor((32, 24), light, ends, np.random.default_rng(3), Optics(blur=0.0))
    for i in range(13):
        sensor.expose(np.ascontiguousarray(np.roll(texture, i, axis=1)[:, :32]), i * 10_000.0)
    count, on, times, frames = KNOWN[name]
    assert [int(frame.sum()) for frame in sensor.frames] == frames
    assert (len(sensor.events), int(sensor.events["polarity"].sum())) == (count, on)
    # another processor's logarithm may differ in its last bit, and so a time in its last microsecond
    assert int(sensor.events["timestamp"].sum()) == pytest.approx(times, abs=count)


def test_sensor_reads_one_frame_per_clock_tick_and_is_deterministic() -> None:
    def record() -> Sensor:
        lighting = Lighting("normal", (1.0, 0.0, 0.0), exposure_us=8_000, target_mean=60)
        ends = np.array([40_000, 73_333, 106_667])
        sensor = Sensor((32, 24), lighting, ends, np.random.default_rng(3), Optics(blur=0.0))
        image = np.random.default_rng(1).random((24, 32, 3)).astype(np.float32) + 0.2
        for i in range(13):
            sensor.expose(np.roll(image, i // 2, axis=1), i * 10_000.0)
        return sensor

    a, b = record(), record()
    assert len(a.frames) == 3
    assert all((x == y).all() for x, y in zip(a.frames, b.frames, strict=True))
    assert len(a.events) > 100 and (a.events == b.events).all()
    assert (np.diff(a.events["timestamp"]) >= 0).all()
    assert np.mean(a.frames) == pytest.approx(60, rel=0.15)


def test_figures_of_a_known_sequence() -> None:
    frames = np.zeros((2, 10, 10), np.uint8)
    frames[:, :2], frames[:, 2:5] = 255, 100
    images = np.full((2, 10, 10), 128, np.uint8)
    images[0, 0, :4], images[0, 1, :2], images[1, 0, 0] = 255, 0, 255
    f = sequence_figures(frames, images, np.array([True, False]), events=30, duration_s=0.1)
    assert f["clipped"] == pytest.approx(0.2) and f["dark"] == pytest.approx(0.5)
    assert f["mean"] == pytest.approx(0.2 * 255 + 30)
    assert f["on"] == pytest.approx(0.04) and f["off"] == pytest.approx(0.02) and f["still"] == pytest.approx(0.01)
    assert f["rate"] == pytest.approx(3.0)
    assert "normal" in table([("normal", f)]) and "real" in table([("normal", f)])
