"""A camera's clock that jumps, by any amount, either way, in events, frames or both: crossed within one window."""

import numpy as np
import pytest

from mcoe.capture.cameras.base import Arrival
from mcoe.capture.cameras.live import CameraStatus
from mcoe.capture.cameras.order import Timeline
from mcoe.capture.source import SourceInfo
from mcoe.core.timing import WINDOW_US
from mcoe.events.packets import Frame, make_events, packet_end_us

INFO = SourceInfo("cam", (7, 5), True, True, True)
STEP_US = 10_000
START_US = 1_600_000_000_000_000
SECOND = 1_000_000
YEAR = 365 * 86_400 * SECOND
SIZES = [40_000, 300_000, 2 * SECOND, 20 * SECOND, 3_600 * SECOND, 50 * YEAR, 100_000 * YEAR]
JUMPS = [sign * size for size in SIZES for sign in (1, -1)]


def events(t, count=20):
    times = np.linspace(t - STEP_US + 1, t, count).astype(np.int64)
    return make_events(times, times % 7, times % 5, times % 2)


def frame(t):
    return Frame(np.zeros((5, 7), np.uint8), t - 5_000, t)


def play(line, packets):
    """Place ``(host_us, packet)`` and return what came out, with the host's time."""
    out = []
    for host_us, packet in packets:
        placed = line.place(Arrival(packet, host_us))
        if placed is not None:
            out.append((host_us, placed.packet))
    return out


def clock(jump_us, steps=100, at=50, kinds="ef"):
    """Yield the packets of a camera whose clock, for some ``kinds``, jumps at step ``at``."""
    for k in range(steps):
        for kind in "ef":
            t = START_US + k * STEP_US + (jump_us if k >= at and kind in kinds else 0)
            if kind == "e":
                yield k * STEP_US, events(t)
            elif k % 3 == 0:
                yield k * STEP_US, frame(t)


def check(out, steps=100, lost_us=WINDOW_US + 3 * STEP_US, frames_lost_us=2 * 3 * STEP_US + 1_000):
    """The stream never goes back, keeps to the host's time, and has no hole longer than a window."""
    for kind, hole in ((False, lost_us), (True, frames_lost_us)):
        mine = [(host, packet_end_us(p)) for host, p in out if isinstance(p, Frame) is kind]
        ends = np.array([end for _, end in mine])
        assert (np.diff(ends) >= 0).all()
        assert np.diff(ends).max() <= hole + 300_000  # a jump of less than a second may pass as a pause
        hosts = np.array([host for host, _ in mine])
        assert np.diff(hosts).max() <= hole
        assert hosts[-1] >= (steps - 3) * STEP_US
        assert abs(ends[-1] - START_US - hosts[-1]) <= 350_000


@pytest.mark.parametrize("jump_us", JUMPS)
@pytest.mark.parametrize("kinds", ["e", "f", "ef"])
def test_a_jump_is_crossed_within_one_window(jump_us, kinds):
    line = Timeline(INFO)
    check(play(line, clock(jump_us, kinds=kinds)))
    if abs(jump_us) > SECOND:
        assert line.jumps == 1
        assert line.last_jump_us == pytest.approx(jump_us, abs=100_000)
        assert line.disordered > 0


@pytest.mark.parametrize("jump_us", [20 * SECOND, -20 * SECOND, 50 * YEAR, -50 * YEAR])
def test_what_belongs_together_stays_together(jump_us):
    line = Timeline(INFO)
    shifts = set()
    for host_us, packet in clock(jump_us, at=50):
        placed = line.place(Arrival(packet, host_us))
        if placed is not None and host_us > 70 * STEP_US:
            shifts.add(packet_end_us(placed.packet) - packet_end_us(packet))
    assert len(shifts) == 1


@pytest.mark.parametrize("at_us", [2 * SECOND, 20 * SECOND, 50 * YEAR, -20 * SECOND, -50 * YEAR, (1 << 62)])
@pytest.mark.parametrize("where", ["alone", "among others", "first", "last", "first of all", "a frame"])
def test_a_stray_of_another_time_costs_itself_alone(at_us, where):
    line = Timeline(INFO)
    packets = list(clock(0))
    number = 0 if where == "first of all" else 60
    host_us, good = packets[number]
    stray = make_events([min(START_US + at_us, (1 << 63) - 1)], [1], [1], [1])
    if where == "a frame":
        packets.insert(number, (host_us, frame(START_US + at_us)))
    elif where == "alone":
        packets.insert(number, (host_us, stray))
    else:
        middle = {"first": 0, "first of all": 0, "last": len(good)}.get(where, len(good) // 2)
        packets[number] = host_us, np.concatenate([good[:middle], stray, good[middle:]])
    out = play(line, packets)
    check(out)
    assert line.jumps == 0
    assert line.disordered == 1
    assert len(out) == len(list(clock(0)))


def test_two_jumps_there_and_back_and_a_notice():
    line = Timeline(INFO)
    there = list(clock(20 * SECOND, steps=120, at=40))
    back = [(h, p) for h, p in clock(0, steps=120) if h >= 80 * STEP_US]
    check(play(line, [(h, p) for h, p in there if h < 80 * STEP_US] + back), steps=120)
    assert line.jumps == 2
    told = CameraStatus("streaming", jumps=line.jumps, last_jump_us=line.last_jump_us).notice
    assert "jumped 2 times, last by -20.0 s" in told
    assert CameraStatus("streaming").notice == ""


def test_a_silence_of_an_hour_is_no_jump():
    line = Timeline(INFO)
    hour = 3_600 * SECOND
    play(line, clock(0))
    out = play(line, [(h + hour, p) for h, p in clock(hour, at=0)])
    assert line.jumps == 0
    assert line.disordered == 0
    assert packet_end_us(out[0][1]) == START_US + hour


def test_a_server_faster_or_slower_than_time_is_no_jump():
    for pace in (0.02, 0.5, 3.0):
        line = Timeline(INFO)
        out = play(line, [(round(h * pace), p) for h, p in clock(0)])
        assert line.jumps == line.disordered == 0
        assert len(out) == len(list(clock(0)))
