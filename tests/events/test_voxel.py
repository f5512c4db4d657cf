"""The voxel grid against a slow loop written from A.7."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcoe.events.packets import empty_events, make_events
from mcoe.events.voxel import voxel_grid, warm_up


def slow_voxel_grid(events, t0, t1, size, bins, roi=None):
    """Every event against every bin, in float64."""
    x0, y0, side_x, side_y = (0, 0, *size) if roi is None else (*roi, roi[2])
    grid = np.zeros((bins, side_y, side_x))
    for event in events:
        t, x, y = int(event["timestamp"]), int(event["x"]) - x0, int(event["y"]) - y0
        if not (t0 <= t < t1 and 0 <= x < side_x and 0 <= y < side_y):
            continue
        s = (bins - 1) * (t - t0) / (t1 - t0)
        for b in range(bins):
            grid[b, y, x] += (1 if event["polarity"] > 0 else -1) * max(0.0, 1 - abs(b - s))
    return grid


@st.composite
def cases(draw):
    width, height = draw(st.integers(1, 9)), draw(st.integers(1, 9))
    count = draw(st.integers(0, 40))
    t0 = draw(st.sampled_from([0, -7, 1_589_163_147_365_215]))
    length = draw(st.integers(1, 50_000))
    column = st.lists(st.integers(-length // 4, length + length // 4), min_size=count, max_size=count)
    t = t0 + np.sort(np.array(draw(column), np.int64))
    x = draw(st.lists(st.integers(0, width - 1), min_size=count, max_size=count))
    y = draw(st.lists(st.integers(0, height - 1), min_size=count, max_size=count))
    on = np.array(draw(st.lists(st.booleans(), min_size=count, max_size=count)), bool)
    roi = None
    if draw(st.booleans()):
        side = draw(st.integers(1, min(width, height)))
        roi = (draw(st.integers(0, width - side)), draw(st.integers(0, height - side)), side)
    return make_events(t, x, y, on), t0, t0 + length, (width, height), draw(st.integers(1, 5)), roi


@settings(deadline=None, max_examples=300)
@given(cases())
def test_equals_the_slow_loop(case):
    events, t0, t1, size, bins, roi = case
    before = events.copy()
    grid = voxel_grid(events, t0, t1, size, bins, roi)
    assert grid.dtype == np.float32
    assert grid.flags.c_contiguous
    np.testing.assert_allclose(grid, slow_voxel_grid(events, t0, t1, size, bins, roi), atol=2e-5)
    np.testing.assert_array_equal(events, before)


def test_three_events_by_hand():
    events = make_events([0, 250, 999], [0, 1, 2], [0, 0, 0], [1, 1, 0])
    grid = voxel_grid(events, 0, 1000, (3, 1))
    # s = 0, 0.5 and 1.998
    np.testing.assert_allclose(grid[:, 0], [[1, 0.5, 0], [0, 0.5, -0.002], [0, 0, -0.998]], atol=1e-6)


@pytest.mark.parametrize(
    "polarity",
    [
        np.array([True, False]),
        np.array([1, 0], np.uint8),
        np.array([1, -1], np.int8),
        np.array([1, 0], np.int64),
        np.array([1.0, -1.0], np.float32),
    ],
    ids=lambda p: str(p.dtype),
)
def test_off_counts_as_minus_one_whatever_the_dtype(polarity):
    fields = {"timestamp": "<u8", "x": "<u2", "y": "<u4", "polarity": polarity.dtype}
    events = np.zeros(2, list(fields.items()))
    events["x"], events["polarity"] = [0, 1], polarity
    before = events.copy()
    np.testing.assert_array_equal(voxel_grid(events, 0, 10, (2, 1))[0, 0], [1, -1])
    np.testing.assert_array_equal(events, before)


def test_minus_one_in_the_native_layout_is_off():
    events = make_events([0], [0], [0], [0])
    events["polarity"] = -1
    assert voxel_grid(events, 0, 10, (1, 1))[0, 0, 0] == -1


def test_an_empty_window_is_a_grid_of_zeros():
    assert not voxel_grid(empty_events(), 5, 9, (4, 3)).any()
    assert voxel_grid(empty_events(), 5, 9, (4, 3), 7).shape == (7, 3, 4)


def test_read_only_and_strided_events_are_accepted():
    events = make_events(range(8), range(8), [0] * 8, [1] * 8)
    frozen = np.frombuffer(events.tobytes(), events.dtype)
    np.testing.assert_array_equal(voxel_grid(frozen, 0, 8, (8, 1)), voxel_grid(events, 0, 8, (8, 1)))
    np.testing.assert_array_equal(voxel_grid(events[::2], 0, 8, (8, 1)), voxel_grid(events[::2].copy(), 0, 8, (8, 1)))
    assert events.flags.writeable


@pytest.mark.parametrize("reverse", [[5, 4], [1, 2, 3, 2], [0, -1]])
def test_unsorted_events_are_refused(reverse):
    zeros = [0] * len(reverse)
    with pytest.raises(ValueError, match="1 events are earlier"):
        voxel_grid(make_events(reverse, zeros, zeros, zeros), 0, 3, (1, 1))


@pytest.mark.parametrize(("x", "y"), [(4, 0), (0, 3), (-1, 0), (0, -1), (32767, 0)])
def test_events_off_the_sensor_are_refused_and_touch_no_other_pixel(x, y):
    with pytest.raises(ValueError, match="1 events lie outside the 4×3 sensor"):
        voxel_grid(make_events([0], [x], [y], [1]), 0, 1, (4, 3))


@pytest.mark.parametrize("roi", [(0, 0, 0), (-1, 0, 2), (0, -1, 2), (3, 0, 2), (0, 2, 2)])
def test_a_region_that_leaves_the_sensor_is_refused(roi):
    with pytest.raises(ValueError, match="does not lie inside the 4×3 sensor"):
        voxel_grid(empty_events(), 0, 1, (4, 3), roi=roi)


@pytest.mark.parametrize(("t0", "t1", "bins"), [(5, 5, 3), (6, 5, 3), (0, 5, 0)])
def test_impossible_windows_are_refused(t0, t1, bins):
    with pytest.raises(ValueError, match="t0 < t1"):
        voxel_grid(empty_events(), t0, t1, (1, 1), bins)


def test_warm_up_leaves_nothing_to_compile():
    warm_up()
    from mcoe.events import voxel

    signatures = set(voxel._accumulate().signatures)
    events = make_events([1], [1], [1], [1])
    voxel_grid(events, 0, 2, (2, 2))
    voxel_grid(np.frombuffer(events.tobytes(), events.dtype), np.int64(0), np.int64(2), (2, 2), 1, (1, 1, 1))
    assert set(voxel._accumulate().signatures) == signatures


def test_importing_is_light():
    code = "import sys, mcoe.events.voxel; sys.exit('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
