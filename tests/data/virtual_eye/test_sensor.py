"""The sensor model: polarity, counts, order, leak and shot noise, bandwidth, exposure and clipping."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mcoe.data.virtual_eye.sensor import (
    ApsModel,
    DvsModel,
    EventPixels,
    FramePixels,
    Lighting,
    Optics,
    Sensor,
    solve_gain,
)
from mcoe.data.virtual_eye.stats import sequence_figures, table

SIZE = (8, 6)
QUIET = DvsModel(threshold=0.2, mismatch=0.0, leak_hz=0.0, shot_hz=0.0, bandwidth_hz=1e5, dark=1e-6, refractory_us=0.0)


def flat(value: float) -> np.ndarray:
    return np.full((SIZE[1], SIZE[0]), value, np.float32)


def run(model: DvsModel, values: list[float], step_us: float = 10_000) -> np.ndarray:
    pixels = EventPixels(SIZE, model, np.random.default_rng(0))
    return np.concatenate([pixels.step(flat(v), i * step_us) for i, v in enumerate(values)])


def test_brighter_light_fires_on_and_darker_light_fires_off() -> None:
    up, down = run(QUIET, [1.0, 3.0]), run(QUIET, [3.0, 1.0])
    assert len(up) and (up["polarity"] == 1).all()
    assert len(down) and (down["polarity"] == 0).all()


def test_number_of_events_is_the_log_contrast_over_the_threshold() -> None:
    events = run(QUIET, [1.0, float(np.exp(2.0))])
    per_pixel = np.bincount(events["y"].astype(int) * SIZE[0] + events["x"], minlength=48)
    # the reference starts anywhere within half a threshold of the light: 9.5 to 10.5 thresholds to cross
    assert set(per_pixel) == {9, 10} and abs(per_pixel.mean() - 9.5) < 0.2


def test_events_are_in_order_and_spread_over_the_step() -> None:
    events = run(QUIET, [1.0, 2.0, 4.0, 8.0])
    stamps = events["timestamp"]
    assert (np.diff(stamps) >= 0).all() and stamps.min() >= 0 and stamps.max() <= 30_000
    assert len(np.unique(stamps)) > 20


def test_constant_light_without_noise_fires_nothing() -> None:
    assert len(run(QUIET, [1.0] * 20)) == 0


def test_refractory_time_silences_a_pixel() -> None:
    fast = run(QUIET, [1.0, 50.0], 1000)
    slow = run(replace(QUIET, refractory_us=900.0), [1.0, 50.0], 1000)
    assert len(slow) <= 2 * 48 < len(fast)


def test_leak_fires_on_events_at_its_rate_and_more_in_the_dark() -> None:
    leaky = replace(QUIET, leak_hz=1.0, noise_growth=4.0, half_light=0.05)
    bright, dark = (run(leaky, [level] * 101, 100_000) for level in (50.0, 0.0005))
    assert (bright["polarity"] == 1).all()
    assert len(bright) == pytest.approx(48 * 10, rel=0.1)
    assert len(dark) == pytest.approx(5 * 48 * 10, rel=0.1)


def test_shot_noise_has_both_signs_and_grows_in_the_dark() -> None:
    noisy = replace(QUIET, shot_hz=1.0, noise_growth=4.0)
    bright, dark = (run(noisy, [level] * 101, 100_000) for level in (50.0, 0.0005))
    assert 0.4 < bright["polarity"].mean() < 0.6
    assert len(bright) == pytest.approx(480, rel=0.2)
    assert len(dark) == pytest.approx(2400, rel=0.15)


def test_slow_photoreceptor_delays_events_in_the_dark() -> None:
    lagging = replace(QUIET, bandwidth_hz=200.0, half_light=0.05)
    bright, dark = (run(lagging, [v, *[2 * v] * 40], 10_000)["timestamp"].mean() for v in (10.0, 0.001))
    assert dark > 2 * bright


def test_mismatch_spreads_the_thresholds() -> None:
    even, uneven = (run(replace(QUIET, mismatch=m), [1.0, float(np.exp(4.0))]) for m in (0.0, 0.2))
    spread = [np.bincount(e["y"].astype(int) * 8 + e["x"], minlength=48).std() for e in (even, uneven)]
    assert spread[1] > 3 * spread[0]


def test_exposure_integrates_linear_light_and_clips() -> None:
    ideal = ApsModel(read_noise=0.0, prnu=0.0, dsnu=0.0, column=0.0, black=0.0, full_well=1e9)
    pixels = FramePixels(SIZE, ideal, np.random.default_rng(0))
    pixels.integrate(flat(0.0), flat(100.0), 0, 10_000, 0, 10_000)
    assert np.abs(pixels.read(1 / 10_000).astype(int) - 50).max() <= 1
    pixels.integrate(flat(100.0), flat(100.0), 10_000, 20_000, 15_000, 30_000)
    assert np.abs(pixels.read(1 / 10_000).astype(int) - 50).max() <= 1  # half of the step lies in the exposure
    pixels.integrate(flat(1e4), flat(1e4), 20_000, 30_000, 20_000, 30_000)
    assert (pixels.read(1 / 10_000) == 255).all()


def test_gain_meets_the_target_mean_after_clipping() -> None:
    light = np.random.default_rng(0).gamma(2.0, 1.0, (60, 80)).astype(np.float32)
    gain = solve_gain(light, 10_000, 150.0)
    assert np.minimum(light * gain * 10_000, 255).mean() == pytest.approx(150, rel=0.02)


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
