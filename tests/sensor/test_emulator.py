"""Emulated events: what the event pixels see in a video, in time, in order, and again after a seek."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcoe.sensor.aps import ApsModel, irradiance
from mcoe.sensor.dvs import DvsModel, EventPixels
from mcoe.sensor.emulator import EventEmulator

QUIET = DvsModel(mismatch=0.0, leak_hz=0.0, shot_hz=0.0, refractory_us=0.0, bandwidth_hz=1e6)
NOISY = replace(DvsModel(), shot_hz=5.0)


def flat(level, shape=(4, 5)):
    return np.full(shape, level, np.uint8)


def contrast(first, second, model=QUIET):
    """Return the change of log photocurrent between two grey levels of a camera for people's eyes."""
    before, after = (irradiance(flat(level)[..., None].repeat(3, 2))[0, 0] + model.dark for level in (first, second))
    return float(np.log(after / before))


@pytest.mark.parametrize(("first", "second", "polarity"), [(30, 200, 1), (200, 30, 0), (90, 91, None), (5, 5, None)])
def test_a_ramp_gives_one_event_a_threshold(first, second, polarity):
    emulator = EventEmulator((100, 80), QUIET)
    assert len(emulator.step(flat(first, (80, 100)), 0)) == 0
    events = emulator.step(flat(second, (80, 100)), 100_000)
    steps = abs(contrast(first, second)) / QUIET.threshold
    # the reference lies anywhere within half a threshold of the light at first
    expected = steps - 0.5 if polarity is not None else 0
    assert len(events) == pytest.approx(8000 * expected, rel=0.02, abs=0)
    assert set(events["polarity"].tolist()) <= {polarity}
    if polarity is not None:
        mine = events[(events["x"] == 3) & (events["y"] == 2)]["timestamp"]
        np.testing.assert_allclose(np.diff(mine), 100_000 / steps, rtol=0.01)


def test_dark_grey_levels_are_no_events():
    emulator = EventEmulator((5, 4), replace(QUIET, threshold=0.2))
    assert sum(len(emulator.step(flat(level), 10_000 * k)) for k, level in enumerate([0, 3, 1, 4, 0, 4])) == 0


def test_a_ramp_in_many_steps_gives_as_many_events_as_in_one():
    levels = list(range(40, 251, 3))
    many, one = EventEmulator((5, 4), QUIET), EventEmulator((5, 4), QUIET)
    total = sum(len(many.step(flat(level), 10_000 * k)) for k, level in enumerate(levels))
    one.step(flat(levels[0]), 0)
    assert total == len(one.step(flat(levels[-1]), 700_000))


def test_a_moving_edge_is_on_where_it_brightens_and_off_where_it_darkens():
    emulator = EventEmulator((60, 8), QUIET)
    for k in range(20):
        image = flat(50, (8, 60))
        image[:, k : k + 10] = 200
        events = emulator.step(image, k * 33_333)
        if k:
            on = events["polarity"] == 1
            assert set(events["x"][on].tolist()) == {k + 9}
            assert set(events["x"][~on].tolist()) == {k - 1}
            assert on.sum() == pytest.approx((~on).sum(), rel=0.1)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(5, 255), min_size=2, max_size=12), st.integers(0, 3))
def test_the_emulator_counts_what_the_virtual_eyes_sensor_counts_of_the_same_light(levels, seed):
    model, linear = replace(QUIET, mismatch=0.08), ApsModel(black=0.0)
    emulator = EventEmulator((6, 5), model, linear, seed=seed)
    pixels = EventPixels((6, 5), model, np.random.default_rng(seed))
    for k, level in enumerate(levels):
        mine = emulator.step(flat(level, (5, 6)), k * 33_333)
        seen = pixels.step(irradiance(flat(level, (5, 6)), model=linear), k * 33_333)
        for name in ("x", "y", "polarity"):
            assert sorted(mine[name].tolist()) == sorted(seen[name].tolist())
        np.testing.assert_allclose(mine["timestamp"], seen["timestamp"], atol=20)  # summed up in other parts


def test_a_step_edge_gives_as_many_events_as_on_the_virtual_eyes_sensor():
    model, linear = replace(DvsModel(), leak_hz=0.0, shot_hz=0.0), ApsModel(black=0.0)
    emulator = EventEmulator((64, 48), model, linear)
    pixels = EventPixels((64, 48), model, np.random.default_rng(0))
    mine = seen = 0
    for k in range(30):
        image = flat(20, (48, 64))
        image[:, 2 * k :] = 160
        mine += len(emulator.step(image, k * 33_333))
        seen += len(pixels.step(irradiance(image, model=linear), k * 33_333))
    assert mine == pytest.approx(seen, rel=0.01)
    assert mine > 58 * 48 * 5


def test_no_pixel_fires_again_while_it_rests():
    rng = np.random.default_rng(0)
    emulator = EventEmulator((16, 12), DvsModel(refractory_us=3_000.0, shot_hz=0.0))
    last: dict[tuple[int, int], int] = {}
    for k in range(30):
        for t, x, y, _ in emulator.step(rng.integers(0, 256, (12, 16), np.uint8), 10_000 * k).tolist():
            assert t - last.get((x, y), -(10**9)) >= 2_999  # both times are rounded down
            last[x, y] = t
    assert len(last) == 16 * 12


@pytest.mark.parametrize("level", [0, 255])
def test_noise_has_the_pixels_rate(level):
    model = replace(QUIET, shot_hz=4.0)
    emulator = EventEmulator((200, 100), model)
    events = np.concatenate([emulator.step(flat(level, (100, 200)), 10_000 * k)["polarity"] for k in range(101)])
    told = float(model.noise_hz(irradiance(flat(level)[..., None].repeat(3, 2)))[0, 0])
    assert len(events) == pytest.approx(told * 20_000, rel=0.03)
    assert events.mean() == pytest.approx(0.5, abs=0.02)


def test_batches_are_ordered_and_stay_between_their_frames():
    rng = np.random.default_rng(2)
    for interval in (1_000, 33_333, 200_000):  # the last does not fit the 16-bit sort
        emulator = EventEmulator((32, 24), NOISY)
        for k in range(5):
            events = emulator.step(rng.integers(0, 256, (24, 32), np.uint8), k * interval)
            if k:
                assert np.all(np.diff(events["timestamp"]) >= 0)
                assert events["timestamp"][0] >= (k - 1) * interval
                assert events["timestamp"][-1] < k * interval
                assert events["x"].max() < 32
                assert events["y"].max() < 24


def test_the_same_frames_give_the_same_events_and_stay_untouched():
    rng = np.random.default_rng(4)
    frames = rng.integers(0, 256, (6, 24, 32), np.uint8)
    before = frames.copy()
    one, two = EventEmulator((32, 24), NOISY), EventEmulator((32, 24), NOISY)
    a = [one.step(f, k * 33_333) for k, f in enumerate(frames)]
    b = [two.step(f, k * 33_333) for k, f in enumerate(frames)]
    one.reset()
    c = [one.step(f, k * 33_333) for k, f in enumerate(frames)]
    for x, y, z in zip(a, b, c, strict=True):
        np.testing.assert_array_equal(x, y)
        np.testing.assert_array_equal(x, z)
    np.testing.assert_array_equal(frames, before)
    other = EventEmulator((32, 24), NOISY, seed=1)
    assert sum(len(other.step(f, k * 33_333)) for k, f in enumerate(frames)) != sum(map(len, a))


def test_noise_survives_a_seek():
    still = flat(90, (24, 32))
    through, after = EventEmulator((32, 24), NOISY), EventEmulator((32, 24), NOISY)
    whole = [through.step(still, k * 100_000) for k in range(8)]
    parts = [after.step(still, k * 100_000) for k in range(4, 8)]
    assert sum(map(len, whole[5:])) > 0
    for x, y in zip(whole[5:], parts[1:], strict=True):
        np.testing.assert_array_equal(x, y)


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
