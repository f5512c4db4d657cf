"""Emulated events: a slow loop, edges and ramps, noise."""

import math
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mcoe.sensor.emulator import EventEmulator, log_intensity

QUIET = {"mismatch": 0.0, "leak_hz": 0.0, "shot_hz": 0.0, "refractory_us": 0}


def flat(level, shape=(4, 5)):
    return np.full(shape, level, np.uint8)


def test_the_logarithm_is_linear_in_the_dark_and_never_falls():
    log = log_intensity()
    assert np.all(np.diff(log) > 0)
    np.testing.assert_allclose(log[20:], np.log(np.arange(20, 256)), rtol=1e-6)
    np.testing.assert_allclose(log[:21], np.arange(21) * math.log(20) / 20, rtol=1e-6)


@pytest.mark.parametrize(("first", "second", "polarity"), [(30, 200, 1), (200, 30, 0), (90, 91, None), (5, 5, None)])
def test_a_ramp_gives_one_event_a_threshold(first, second, polarity):
    emulator = EventEmulator((5, 4), threshold=0.2, **QUIET)
    assert len(emulator.step(flat(first), 0)) == 0
    events = emulator.step(flat(second), 100_000)
    each = int(abs(math.log(second / first)) / 0.2) if polarity is not None else 0
    assert len(events) == 20 * each
    assert set(events["polarity"].tolist()) <= {polarity}
    for x, y in ((0, 0), (4, 3)):
        mine = events[(events["x"] == x) & (events["y"] == y)]["timestamp"]
        # the logarithm moves in a straight line: one crossing each 0.2
        expected = 100_000 * 0.2 / abs(math.log(second / first)) * np.arange(1, each + 1) if each else []
        np.testing.assert_allclose(mine, expected, atol=1)


def test_a_ramp_in_many_steps_gives_as_many_events_as_in_one():
    levels = range(40, 251, 3)
    emulator = EventEmulator((5, 4), threshold=0.15, **QUIET)
    total = sum(len(emulator.step(flat(level), 10_000 * k)) for k, level in enumerate(levels))
    assert total == 20 * int(math.log(levels[-1] / 40) / 0.15)


def test_a_moving_edge_is_on_where_it_brightens_and_off_where_it_darkens():
    emulator = EventEmulator((60, 8), threshold=0.25, **QUIET)
    each = int(math.log(200 / 50) / 0.25)
    for k in range(20):
        image = flat(50, (8, 60))
        image[:, k : k + 10] = 200
        events = emulator.step(image, k * 33_333)
        if k:
            on = events["polarity"] == 1
            assert set(events["x"][on].tolist()) == {k + 9}
            assert set(events["x"][~on].tolist()) == {k - 1}
            assert on.sum() == (~on).sum() == 8 * each


@settings(deadline=None, max_examples=60)
@example([0, 14, 0, 0], 0, 0.05)  # rounding leaves the reference a threshold short of a level that then stays
@given(st.lists(st.integers(0, 255), min_size=2, max_size=12), st.integers(0, 40_000), st.floats(0.05, 0.6))
def test_equals_a_slow_loop(levels, refractory_us, threshold):
    emulator = EventEmulator((1, 1), **{**QUIET, "threshold": threshold, "refractory_us": refractory_us})
    found, expected = [], []
    log = log_intensity()
    reference, fired = log[levels[0]], -(10**12)
    step = np.float32(threshold)
    for k, level in enumerate(levels):
        found += [(int(e["timestamp"]), int(e["polarity"])) for e in emulator.step(flat(level, (1, 1)), k * 20_000)]
        if k == 0:
            continue
        start, end = log[levels[k - 1]], log[level]
        change = end - reference
        if start == end:
            continue
        for _ in range(int(np.float32(abs(change)) / step)):
            reference += np.float32(math.copysign(step, change))
            t = (k - 1) * 20_000 + min(19_999, max(0, int(20_000 * ((reference - start) / (end - start)))))
            if t - fired >= refractory_us:
                expected.append((t, int(change > 0)))
                fired = t
    assert [p for _, p in found] == [p for _, p in expected]
    np.testing.assert_allclose([t for t, _ in found], [t for t, _ in expected], atol=2)


def test_no_pixel_fires_again_while_it_rests():
    rng = np.random.default_rng(0)
    emulator = EventEmulator((16, 12), refractory_us=3_000, shot_hz=200)
    last: dict[tuple[int, int], int] = {}
    for k in range(30):
        for t, x, y, _ in emulator.step(rng.integers(0, 256, (12, 16), np.uint8), 10_000 * k).tolist():
            assert t - last.get((x, y), -(10**9)) >= 3_000
            last[x, y] = t
    assert len(last) == 16 * 12


def test_thresholds_differ_from_pixel_to_pixel_by_the_mismatch():
    emulator = EventEmulator((100, 100), threshold=0.2, **{**QUIET, "mismatch": 0.03})
    emulator.step(flat(20, (100, 100)), 0)
    events = emulator.step(flat(250, (100, 100)), 33_333)
    counts = np.bincount(events["y"].astype(int) * 100 + events["x"], minlength=10_000)
    assert counts.mean() == pytest.approx(math.log(12.5) / 0.2, rel=0.05)
    assert counts.std() == pytest.approx(math.log(12.5) / 0.2 * 0.15, rel=0.25)


@pytest.mark.parametrize(("level", "factor"), [(0, 1.0), (255, 0.25)])
def test_noise_has_its_rate(level, factor):
    quiet = {**QUIET, "leak_hz": 0.5, "shot_hz": 4.0}
    emulator = EventEmulator((200, 100), **quiet)
    events = np.concatenate([emulator.step(flat(level, (100, 200)), 10_000 * k)["polarity"] for k in range(101)])
    shot = 4.0 * factor * 20_000
    on, off = 0.5 * 20_000 + shot / 2, shot / 2
    assert (events == 1).sum() == pytest.approx(on, abs=6 * on**0.5)
    assert (events == 0).sum() == pytest.approx(off, abs=6 * off**0.5)


def test_batches_are_ordered_and_stay_between_their_frames():
    rng = np.random.default_rng(2)
    for interval in (1_000, 33_333, 200_000):  # the last does not fit the 16-bit sort
        emulator = EventEmulator((32, 24), shot_hz=5)
        for k in range(5):
            events = emulator.step(rng.integers(0, 256, (24, 32), np.uint8), k * interval)
            if k:
                assert np.all(np.diff(events["timestamp"]) >= 0)
                assert events["timestamp"][0] >= (k - 1) * interval
                assert events["timestamp"][-1] < k * interval


def test_the_same_frames_give_the_same_events_and_stay_untouched():
    rng = np.random.default_rng(4)
    frames = rng.integers(0, 256, (6, 24, 32), np.uint8)
    before = frames.copy()
    one, two = EventEmulator((32, 24), shot_hz=5), EventEmulator((32, 24), shot_hz=5)
    a = [one.step(f, k * 33_333) for k, f in enumerate(frames)]
    b = [two.step(f, k * 33_333) for k, f in enumerate(frames)]
    one.reset()
    c = [one.step(f, k * 33_333) for k, f in enumerate(frames)]
    for x, y, z in zip(a, b, c, strict=True):
        np.testing.assert_array_equal(x, y)
        np.testing.assert_array_equal(x, z)
    np.testing.assert_array_equal(frames, before)
    other = EventEmulator((32, 24), shot_hz=5, seed=1)
    assert sum(len(other.step(f, k * 33_333)) for k, f in enumerate(frames)) != sum(map(len, a))


def test_what_is_refused():
    emulator = EventEmulator((5, 4))
    with pytest.raises(ValueError, match="expects"):
        emulator.step(flat(1, (5, 4)), 0)
    with pytest.raises(ValueError, match="expects"):
        emulator.step(np.zeros((4, 5), np.float32), 0)
    emulator.step(flat(1), 10)
    with pytest.raises(ValueError, match="cannot follow"):
        emulator.step(flat(1), 10)


def test_importing_is_light():
    code = "import sys, mcoe.sensor.emulator; sys.exit('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
