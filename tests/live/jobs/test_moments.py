"""Moments read once more are the live view's own windows, spread evenly, looked at alike."""

from __future__ import annotations

import numpy as np
import pytest

from mcoe.core.timing import STRIDE, TICK_US
from mcoe.events.inputs import View
from mcoe.events.noise import NoiseFilter
from mcoe.live.jobs.moments import Preprocessing, moments
from mcoe.live.stream.pipeline import Pipeline
from tests.live.fakes import FakeEngine, FakeSource, packets

#: Sparse events: a filter drops some and keeps some.
SPARSE = packets(events_per_batch=12)


@pytest.mark.parametrize("view", [None, View((3, 2, 16), mirror=True)])
@pytest.mark.parametrize("make_filter", [None, NoiseFilter])
def test_moments_are_the_windows_of_the_live_view(view, make_filter):
    preprocessing = Preprocessing(view, make_filter)
    shown = []
    pipeline = Pipeline(lambda: FakeSource(SPARSE), FakeEngine, lossless=True)
    if view is not None:
        pipeline.set_view(view)
    pipeline.set_filter(make_filter)
    pipeline.on_result = shown.append
    pipeline.start()
    pipeline.wait()
    pipeline.close()
    read = list(moments(FakeSource(SPARSE), FakeEngine.info, stride=STRIDE, most=1000, preprocessing=preprocessing))
    assert len(read) == len(shown) == 30
    for (older, window), result in zip(read, shown, strict=True):
        for mine, theirs in ((older, result.older), (window, result.window)):
            assert (mine.t1_us, mine.roi, mine.mirror) == (theirs.t1_us, theirs.roi, theirs.mirror)
            assert np.array_equal(mine.rgb, theirs.rgb)
            assert np.array_equal(mine.voxel, theirs.voxel)
    count = sum(len(window.events) for _, window in read)
    every = sum(
        len(window.events) for _, window in moments(FakeSource(SPARSE), FakeEngine.info, stride=STRIDE, most=1000)
    )
    assert (0 < count < every) == (make_filter is not None)


def test_few_moments_spread_over_the_recording():
    times = [w.t1_us for _, w in moments(FakeSource(), FakeEngine.info, stride=STRIDE, most=10)]
    assert len(times) == 10
    assert set(np.diff(times).tolist()) == {3 * TICK_US}


def test_reading_ends_when_told_to_and_tells_how_far_it_is():
    shares: list[float] = []

    def progress(share: float) -> bool:
        shares.append(share)
        return share < 0.5

    read = list(moments(FakeSource(), FakeEngine.info, stride=STRIDE, most=1000, progress=progress))
    assert 0 < len(read) < 16
    assert shares == sorted(shares)
    assert 0.5 <= shares[-1] < 0.6
