"""Both halves of a moment see the same square."""

import numpy as np
import pytest

from mcoe.core.timing import WINDOW_US
from mcoe.events.inputs import View, default_roi, network_input, rgb_input, voxel_input
from mcoe.events.packets import make_events


@pytest.mark.parametrize(("size", "roi"), [((346, 260), (43, 0, 260)), ((260, 346), (0, 43, 260)), ((1, 1), (0, 0, 1))])
def test_default_region_is_the_largest_centred_square(size, roi):
    assert default_roi(size) == roi


@pytest.mark.parametrize("roi", [(43, 0, 260), (100, 50, 100), (7, 11, 37), (0, 0, 200)])
def test_frame_and_events_share_their_geometry(roi):
    """A picture made of ON events at the window's start resizes exactly as the frame of that picture does."""
    rng = np.random.default_rng(3)
    picture = rng.random((260, 346)) < 0.2
    y, x = np.nonzero(picture)
    frame = rgb_input(picture.astype(np.uint8) * 255, roi, 100)
    voxel = voxel_input(make_events([0] * len(x), x, y, [1] * len(x)), (0, WINDOW_US), (346, 260), roi, 100)
    np.testing.assert_allclose(voxel[0], frame[0], atol=1e-6)
    assert not voxel[1:].any()
    assert frame.shape == voxel.shape == (3, 100, 100)
    assert frame.dtype == voxel.dtype == np.float32


def test_grey_is_replicated_and_colour_keeps_its_order():
    grey = np.arange(16, dtype=np.uint8).reshape(4, 4)
    replicated = rgb_input(grey, (0, 0, 4), 4)
    np.testing.assert_allclose(replicated[0], grey / 255)
    np.testing.assert_array_equal(replicated[0], replicated[2])
    colour = np.zeros((4, 4, 3), np.uint8)
    colour[..., 0] = 255
    np.testing.assert_array_equal(rgb_input(colour, (1, 1, 2), 2).mean(axis=(1, 2)), [1, 0, 0])


def test_a_region_outside_the_image_is_refused():
    with pytest.raises(ValueError, match="does not lie inside"):
        rgb_input(np.zeros((4, 4), np.uint8), (2, 2, 3), 4)


def test_a_moment_is_both_halves_seen_through_one_view():
    rng = np.random.default_rng(0)
    image = rng.integers(0, 255, (40, 48), np.uint8)
    times = np.sort(rng.integers(0, 2 * WINDOW_US, 500))
    events = make_events(times, rng.integers(0, 48, 500), rng.integers(0, 40, 500), rng.integers(0, 2, 500))
    span, roi = (WINDOW_US, 2 * WINDOW_US), (5, 3, 30)
    shape = {"sensor": (48, 40), "size": 20, "bins": 3}
    rgb, voxel = network_input(image, events, span, View(roi), **shape)
    np.testing.assert_array_equal(rgb, rgb_input(image, roi, 20))
    np.testing.assert_array_equal(voxel, voxel_input(events, span, (48, 40), roi, 20, 3))
    left = network_input(image, events, span, View(roi, mirror=True), **shape)
    np.testing.assert_array_equal(left[0], rgb[..., ::-1])
    np.testing.assert_array_equal(left[1], voxel[..., ::-1])
    assert network_input(None, None, span, View(roi), **shape) == (None, None)
