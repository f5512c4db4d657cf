"""Event arrays."""

import numpy as np

from mcoe.events.packets import EVENT_DTYPE, empty_events, join_events, make_events


def test_joining_keeps_the_layout_and_the_order():
    a, b = make_events([1, 2], [3, 4], [5, 6], [True, False]), make_events([7], [8], [9], [1])
    joined = join_events([a, b[:0], b])
    assert joined.dtype == EVENT_DTYPE
    assert joined.tolist() == [*a.tolist(), *b.tolist()]
    assert join_events([a[::-1], b]).tolist() == [*a[::-1].tolist(), *b.tolist()]


def test_joining_one_or_none():
    a = make_events([1], [2], [3], [1])
    assert join_events([a]) is a
    assert join_events([]).dtype == empty_events().dtype


def test_polarities_of_any_kind():
    for polarity in ([True, False], np.array([1, -1], np.int8), np.array([1, 0], np.uint8)):
        assert make_events([0, 0], [0, 0], [0, 0], polarity)["polarity"].tolist() == [1, 0]
