"""The playback clock: a recording's time on the wall."""

import time

import pytest

from mcoe.live.stream.clock import GAP_US, PlaybackClock


@pytest.mark.parametrize("gap_us", [GAP_US + 1, 3_000_000_000, 50 * 365 * 86_400_000_000])
def test_a_gap_is_skipped_and_told_and_not_waited_out(gap_us: int) -> None:
    clock = PlaybackClock(speed=0.1)
    assert clock.wait_for(0, 0)
    began = time.monotonic()
    assert clock.wait_for(gap_us, 0)
    assert clock.wait_for(gap_us + 1_000, 0)
    assert time.monotonic() - began < GAP_US / 1e6
    assert clock.skipped_us == gap_us


def test_a_seek_is_no_gap() -> None:
    clock = PlaybackClock()
    assert clock.wait_for(0, 0)
    generation = clock.restart()
    assert clock.wait_for(10 * GAP_US, generation)
    assert clock.skipped_us == 0
