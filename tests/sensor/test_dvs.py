"""Event pixels: polarity, counts, order, leak and shot noise, bandwidth, and what darkness does."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from mcoe.sensor.dvs import DvsModel, EventPixels

SIZE = (8, 6)
QUIET = DvsModel(threshold=0.2, mismatch=0.0, leak_hz=0.0, shot_hz=0.0, bandwidth_hz=1e5, dark=1e-6, refractory_us=0.0)


def flat(value: float, size: tuple[int, int] = SIZE) -> np.ndarray:
    return np.full((size[1], size[0]), value, np.float32)


def run(model: DvsModel, values: list[float], step_us: float = 10_000, size: tuple[int, int] = SIZE) -> np.ndarray:
    pixels = EventPixels(size, model, np.random.default_rng(0))
    return np.concatenate([pixels.step(flat(v, size), i * step_us) for i, v in enumerate(values)])


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


@pytest.mark.parametrize("level", [50.0, 0.05, 0.0005])
def test_noise_has_the_rate_that_the_model_tells(level: float) -> None:
    noisy = replace(QUIET, shot_hz=1.0)
    told = noisy.noise_hz(flat(level))[0, 0]
    assert len(run(noisy, [level] * 101, 100_000)) == pytest.approx(480 * told, rel=0.15)


def test_slow_photoreceptor_delays_events_in_the_dark() -> None:
    lagging = replace(QUIET, bandwidth_hz=200.0, half_light=0.05)
    bright, dark = (run(lagging, [v, *[2 * v] * 40], 10_000)["timestamp"].mean() for v in (10.0, 0.001))
    assert dark > 2 * bright


def test_a_ramp_is_seen_as_late_as_the_model_tells() -> None:
    lagging = replace(QUIET, bandwidth_hz=50.0)
    ramp = [float(np.exp(0.02 * k)) for k in range(200)]
    late, prompt = (run(model, ramp, 2_000)["timestamp"] for model in (lagging, QUIET))
    n = len(late)
    wait = np.median(late[n // 4 : n // 2] - prompt[n // 4 : n // 2])
    assert wait == pytest.approx(lagging.lag_us(flat(5.0))[0, 0], rel=0.05)


def test_mismatch_spreads_the_thresholds() -> None:
    even, uneven = (run(replace(QUIET, mismatch=m), [1.0, float(np.exp(4.0))]) for m in (0.0, 0.2))
    spread = [np.bincount(e["y"].astype(int) * 8 + e["x"], minlength=48).std() for e in (even, uneven)]
    assert spread[1] > 3 * spread[0]


def test_constant_gain_leaves_contrast_until_the_dark_current_takes_it() -> None:
    model, size = replace(DvsModel(), mismatch=0.0, leak_hz=0.0, shot_hz=0.0, bandwidth_hz=1e5), (40, 40)

    def count(gain: float) -> int:
        return len(run(model, [0.8 * gain, 1.25 * gain, 0.8 * gain], 100_000, size))

    one = count(1.0)
    for ev in (-2, 2, 4, 6):
        assert count(2.0**ev) == pytest.approx(one, rel=0.1)
    assert count(2.0**-6) < 0.5 * one
    assert count(2.0**-9) == 0
    # what is left of a small contrast is what the model tells
    assert float(model.response(flat(1.0), 2.0**-6)[0, 0]) == pytest.approx(0.5, abs=0.02)


def test_importing_is_light() -> None:
    code = "import sys, mcoe.sensor.dvs; sys.exit('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
