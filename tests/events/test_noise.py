from datetime import timedelta

import dv_processing as dv
import numpy as np
import pytest

from mcoe.events.noise import NoiseFilter
from mcoe.events.packets import make_events

SIZE = (12, 9)


def some_events(seed, count=3000, start_us=0, span_us=200_000):
    rng = np.random.default_rng(seed)
    times = start_us + np.sort(rng.integers(0, span_us, count))
    return make_events(times, rng.integers(0, SIZE[0], count), rng.integers(0, SIZE[1], count), rng.random(count) > 0.5)


def store(events):
    out = dv.EventStore()
    for t, x, y, p in zip(*(events[name].tolist() for name in events.dtype.names), strict=True):
        out.push_back(t, x, y, bool(p))
    return out


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("duration_us", [200, 1000, 5000])
@pytest.mark.parametrize("start_us", [0, 10**15])
def test_keeps_what_dv_processing_keeps_over_several_batches(seed, duration_us, start_us):
    ours = NoiseFilter(SIZE, duration_us)
    theirs = dv.noise.BackgroundActivityNoiseFilter(SIZE, timedelta(microseconds=duration_us))
    events = some_events(seed, start_us=start_us)
    kept = 0
    for batch in np.array_split(events, 4):
        theirs.accept(store(batch))
        expected = theirs.generateEvents().numpy()
        got = ours.apply(batch)
        for name in events.dtype.names:
            np.testing.assert_array_equal(got[name], expected[name])
        kept += len(got)
    assert 0 < kept < len(events)
    rates = ours.rates()
    assert (rates.events_in, rates.events_out) == (len(events), kept)
    span_s = (events["timestamp"][-1] - events["timestamp"][0]) / 1e6
    assert rates.rate_out == pytest.approx(kept / span_s)


def test_off_it_hands_the_batch_on_untouched():
    filter_ = NoiseFilter(SIZE)
    filter_.enabled = False
    events = some_events(0)
    assert filter_.apply(events) is events
    assert filter_.rates().events_in == 0


def test_reset_forgets_the_past():
    filter_ = NoiseFilter(SIZE, 1000)
    first, second = make_events([10**6], [3], [3], [1]), make_events([10**6 + 10], [4], [3], [1])
    assert len(filter_.apply(first)) == 0
    filter_.reset()
    assert len(filter_.apply(second)) == 0
    assert len(filter_.apply(make_events([10**6 + 20], [3], [3], [1]))) == 1


def test_the_callers_events_stay_as_they_are():
    events = some_events(1)
    before = events.copy()
    NoiseFilter(SIZE).apply(events)
    np.testing.assert_array_equal(events, before)
