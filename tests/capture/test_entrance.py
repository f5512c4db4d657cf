"""What breaks a source's promise is left out and counted where packets enter, whoever sends them."""

import numpy as np
import pytest

from mcoe.capture.entrance import SPAN_TOLERANCE_US, Entrance
from mcoe.capture.source import SourceInfo
from mcoe.events.packets import EVENT_DTYPE, Frame, empty_events

START = 5_000_000
INFO = SourceInfo("a.raw", (7, 5), True, True, False, START, 2_000_000)


def raw(rows):
    """Events as they are told: no column is mended."""
    out = np.zeros(len(rows), EVENT_DTYPE)
    for row, (t, x, y, p) in zip(out, rows, strict=True):
        row["timestamp"], row["x"], row["y"], row["polarity"] = START + t, x, y, p
    return out


GOOD = [(10, 0, 0, 0), (20, 6, 4, 1), (20, 1, 1, 1), (30, 2, 2, 0)]
BROKEN = {
    "right of the sensor": (25, 7, 0, 1),
    "below it": (25, 0, 5, 1),
    "left of it": (25, -1, 0, 1),
    "above it": (25, 0, -32_768, 1),
    "polarity 2": (25, 0, 0, 2),
    "polarity -1": (25, 0, 0, -1),
    "polarity -128": (25, 0, 0, -128),
    "back in time": (15, 0, 0, 1),
    "before the recording": (-SPAN_TOLERANCE_US - 1, 0, 0, 1),
    "after the recording": (2_000_001 + SPAN_TOLERANCE_US, 0, 0, 1),
    "at the end of time": ((1 << 63) - 1 - START, 0, 0, 1),
}


@pytest.mark.parametrize("place", [0, 3, 4])
@pytest.mark.parametrize("kind", BROKEN)
def test_one_broken_event_is_left_out_and_nothing_else(kind, place):
    if kind == "back in time" and place == 0:
        pytest.skip("it is the first then")
    entrance = Entrance(INFO)
    rows = [*GOOD[:place], BROKEN[kind], *GOOD[place:]]
    if kind not in ("back in time",) and place == 4:
        rows[place] = (max(BROKEN[kind][0], 35) if abs(BROKEN[kind][0]) < 1_000 else BROKEN[kind][0], *BROKEN[kind][1:])
    if place == 0 and abs(rows[0][0]) < 1_000:
        rows[0] = (5, *rows[0][1:])
    kept = entrance.admit(raw(rows))
    np.testing.assert_array_equal(kept, raw(GOOD))
    assert entrance.dropped_events == 1


def test_batches_may_not_overlap():
    entrance = Entrance(INFO)
    assert len(entrance.admit(raw(GOOD))) == 4
    assert len(entrance.admit(raw(GOOD))) == 1  # the one at the last one's moment
    assert entrance.dropped_events == 3
    entrance.restart()
    assert len(entrance.admit(raw(GOOD))) == 4


def test_nothing_is_never_passed_on():
    entrance = Entrance(INFO)
    assert entrance.admit(empty_events()) is None
    assert entrance.admit(raw([(1, 99, 0, 1)])) is None
    assert entrance.dropped_events == 1


def picture(*shape, dtype=np.uint8):
    return np.zeros(shape, dtype)


FRAMES = {
    "another size": Frame(picture(5, 8), START + 90, START + 100),
    "turned": Frame(picture(7, 5), START + 90, START + 100),
    "four channels": Frame(picture(5, 7, 4), START + 90, START + 100),
    "16 bits": Frame(picture(5, 7, dtype=np.uint16), START + 90, START + 100),
    "ends before it begins": Frame(picture(5, 7), START + 101, START + 100),
    "an exposure of hours": Frame(picture(5, 7), START - 10**10, START + 100),
    "not after the one before": Frame(picture(5, 7), START + 40, START + 50),
    "before the recording": Frame(picture(5, 7), 0, START - SPAN_TOLERANCE_US - 1),
    "after the recording": Frame(picture(5, 7), START + 10**12, START + 10**12),
}


@pytest.mark.parametrize("kind", FRAMES)
def test_a_broken_frame_is_left_out_and_counted(kind):
    entrance = Entrance(INFO)
    assert entrance.admit(Frame(picture(5, 7, 3), START + 45, START + 50)) is not None
    assert entrance.admit(FRAMES[kind]) is None
    assert entrance.dropped_frames == 1
    assert entrance.admit(Frame(picture(5, 7), START + 90, START + 100)) is not None


def test_a_live_source_has_no_span():
    entrance = Entrance(SourceInfo("cam", (7, 5), True, True, True))
    assert len(entrance.admit(raw([(10**15, 0, 0, 1)]))) == 1
