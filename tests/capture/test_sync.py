from __future__ import annotations

import numpy as np
import pytest

from mcoe.capture.sync import ClockFit, LagEstimator
from mcoe.events.packets import Frame, make_events

OFFSET_US, DRIFT_PPM = 80_000, 50


def arrivals(seed, seconds=60, packet_us=10_000, jitter_us=3_000, offset_us=OFFSET_US, drift_ppm=DRIFT_PPM):
    """Device stamps and host arrivals over a bus that is late by an exponential delay, now and then by 50 ms."""
    rng = np.random.default_rng(seed)
    device = np.arange(packet_us, int(seconds * 1e6), packet_us)
    late = rng.exponential(jitter_us, len(device)) + 50_000 * (rng.random(len(device)) < 0.02)
    host = device + offset_us + device * drift_ppm / 1e6 + late
    return device, host.astype(np.int64)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("drift_ppm", [DRIFT_PPM, -DRIFT_PPM, 0])
@pytest.mark.parametrize("offset_us", [OFFSET_US, -OFFSET_US, 1_700_000_000_000_000])
def test_recovers_offset_and_drift_within_2_ms(seed, drift_ppm, offset_us):
    fit = ClockFit()
    worst = 0.0
    for device, host in zip(*arrivals(seed, drift_ppm=drift_ppm, offset_us=offset_us), strict=True):
        fit.add(int(device), int(host))
        if device >= 20_000_000:
            true_host = device + offset_us + device * drift_ppm / 1e6
            worst = max(worst, abs(fit.to_device(round(true_host)) - device))
    estimate = fit.estimate()
    truth = offset_us + estimate.at_us * drift_ppm / 1e6
    assert abs(estimate.offset_us - truth) < 2_000
    assert worst < 2_000
    assert estimate.drift_ppm == pytest.approx(drift_ppm, abs=10)
    assert estimate.confidence > 0.8
    # Over a minute, 50 ppm are 3 ms: without the drift this could not be met.
    assert abs(fit.to_device(round(30_000_000 * (1 + drift_ppm / 1e6) + offset_us)) - 30_000_000) < 2_000


def test_a_fresh_fit_says_how_little_it_knows():
    fit = ClockFit()
    assert fit.estimate() is None
    with pytest.raises(ValueError, match="no packet"):
        fit.to_device(0)
    fit.add(1_000, 5_000)
    assert fit.estimate().confidence < 0.1
    assert fit.to_device(5_000) == 1_000


def test_a_clock_that_was_set_anew_starts_the_fit_anew():
    fit = ClockFit()
    device, host = arrivals(0, seconds=20)
    for d, h in zip(device, host, strict=True):
        fit.add(int(d), int(h))
    for d, h in zip(device, host, strict=True):
        fit.add(int(d), int(h) + 20_000_000)
    assert fit.estimate().offset_us == pytest.approx(OFFSET_US + 20_000_000 + 20 * DRIFT_PPM, abs=2_000)


def test_memory_stays_bounded_over_an_hour():
    fit = ClockFit()
    for device in range(0, 3_600_000_000, 500_000):
        fit.add(device, device + OFFSET_US + device // 20_000)
    assert len(fit._bins) <= 1202
    assert fit.estimate().drift_ppm == pytest.approx(50, abs=1)


class Blinks:
    """A lid that closes in 80 ms and opens in 160, at random moments, seen by a 30 Hz camera and as events."""

    def __init__(self, seed, lag_us=0, seconds=10, blinks=6, period_us=33_333):
        self.rng = np.random.default_rng(seed)
        slots = self.rng.permutation(int(seconds * 2) - 4)[:blinks] + 1
        self.starts = slots * 500_000 + self.rng.uniform(0, 200_000, blinks)
        self.period_us, self.lag_us, self.seconds = period_us, lag_us, seconds

    def lid(self, t_us):
        """0 open to 1 closed."""
        shut = np.zeros_like(t_us, float)
        for start in self.starts:
            at = np.asarray(t_us) - start
            shut += np.interp(at, [0, 80_000, 120_000, 280_000], [0, 1, 1, 0])
        return shut

    def frames(self):
        for end in np.arange(self.period_us, self.seconds * 1e6, self.period_us):
            image = self.rng.normal(60, 2, (120, 160))
            image[: int(self.lid(end - 4_000) * 100)] += 90  # the middle of the exposure
            stamp = int(end) + self.lag_us
            yield Frame(np.clip(image, 0, 255).astype(np.uint8), stamp - 8_000, stamp)

    def events(self):
        grid = np.arange(0, self.seconds * 1e6, 500)
        rate = np.abs(np.gradient(self.lid(grid), grid)) * 1e6 * 4_000 + 300  # moving edge and noise, events/s
        counts = self.rng.poisson(rate * 500e-6)
        times = np.repeat(grid, counts) + self.rng.uniform(0, 500, counts.sum())
        times = np.sort(times).astype(np.int64)
        for first in range(0, len(times), 200):
            part = times[first : first + 200]
            yield make_events(part, part % 160, part % 120, part % 2)


def lag_of(scene):
    lag = LagEstimator()
    for frame in scene.frames():
        lag.add_frame(frame)
    for events in scene.events():
        lag.add_events(events)
    return lag.estimate()


@pytest.mark.parametrize("lag_us", [80_000, -80_000, 0, 12_345])
@pytest.mark.parametrize("seed", range(4))
def test_a_few_blinks_tell_the_residual_lag_within_2_ms(lag_us, seed):
    found = lag_of(Blinks(seed, lag_us))
    assert found.lag_us is not None
    assert abs(found.lag_us - lag_us) < 2_000
    assert found.confidence > 0.3


@pytest.mark.parametrize("seed", range(4))
def test_unknown_when_nothing_moves(seed):
    found = lag_of(Blinks(seed, blinks=0))
    assert found.lag_us is None
    assert found.confidence == 0


def test_unknown_when_frames_and_events_show_different_things():
    lag, seen, other = LagEstimator(), Blinks(1), Blinks(2)
    for frame in seen.frames():
        lag.add_frame(frame)
    for events in other.events():
        lag.add_events(events)
    assert lag.estimate().lag_us is None


def test_unknown_before_anything_came():
    lag = LagEstimator()
    assert lag.estimate().lag_us is None
    lag.add_events(make_events([1, 2], [0, 0], [0, 0], [1, 1]))
    assert lag.estimate().lag_us is None
