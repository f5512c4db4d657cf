import numpy as np
import pytest

from mcoe.capture.cameras.base import Arrival
from mcoe.capture.cameras.order import MAX_BATCH, Merger, Timeline, split
from mcoe.capture.source import SourceInfo
from mcoe.events.packets import Frame, make_events, packet_end_us

INFO = SourceInfo("cam", (7, 5), True, True, True)


def batch(first_us, last_us, count=5, host_us=0):
    times = np.linspace(first_us, last_us, count).astype(np.int64)
    return Arrival(make_events(times, times % 7, times % 5, times % 2), host_us)


def frame(end_us, host_us=0):
    return Arrival(Frame(np.zeros((5, 7), np.uint8), end_us - 10, end_us), host_us)


def ends(arrivals):
    return [packet_end_us(a.packet) for a in arrivals]


def test_frames_read_out_late_are_put_among_the_events_they_belong_to():
    merger = Merger(event_hold_us=60_000, frame_hold_us=20_000)
    out = []
    for end in range(10_000, 200_001, 10_000):
        merger.push(batch(end - 9_999, end, host_us=end))
        if end % 30_000 == 0:
            merger.push(frame(end - 15_000, host_us=end))  # exposed 15 ms before it arrives
        out += merger.pop(end)
    assert ends(out) == sorted(ends(out))
    assert sum(isinstance(a.packet, Frame) for a in out) == 6
    assert len(out) + len(list(merger.pop(10**9))) == 26


def test_a_camera_that_sends_one_kind_only_is_held_back_no_longer_than_stated():
    merger = Merger(event_hold_us=60_000, frame_hold_us=20_000)
    merger.push(batch(0, 10, host_us=1_000))
    assert not list(merger.pop(61_000))
    assert ends(merger.pop(61_001)) == [10]
    merger.push(frame(500, host_us=100_000))
    assert not list(merger.pop(120_000))
    assert ends(merger.pop(120_001)) == [500]


def test_an_expired_packet_takes_the_earlier_ones_along_in_order():
    merger = Merger(event_hold_us=60_000, frame_hold_us=20_000)
    merger.push(frame(900, host_us=0))
    merger.push(batch(0, 800, host_us=15_000))
    assert ends(merger.pop(20_001)) == [800, 900]


def test_packets_are_split_to_bound_a_mailbox_in_bytes():
    whole = batch(0, 10**6, count=2 * MAX_BATCH + 3)
    parts = list(split(whole))
    assert [len(p.packet) for p in parts] == [MAX_BATCH, MAX_BATCH, 3]
    np.testing.assert_array_equal(np.concatenate([p.packet for p in parts]), whole.packet)


def test_time_never_goes_back_and_what_would_is_counted():
    line = Timeline(INFO)
    assert ends([line.place(batch(0, 100))]) == [100]
    again = line.place(batch(50, 150, count=101))
    assert again is not None
    assert again.packet["timestamp"][0] == 100
    assert line.disordered == 50
    assert line.place(batch(0, 50)) is None
    assert line.disordered == 55
    assert ends([line.place(frame(100))]) == [100]
    assert line.place(frame(100)) is None
    assert line.disordered == 56


def test_a_batch_out_of_order_inside_is_sorted_without_touching_the_drivers_array():
    line = Timeline(INFO)
    mixed = make_events([5, 1, 9, 3], [0, 1, 2, 3], [0] * 4, [1] * 4)
    kept = mixed.copy()
    placed = line.place(Arrival(mixed, 0))
    assert placed.packet["timestamp"].tolist() == [1, 3, 5, 9]
    assert placed.packet["x"].tolist() == [1, 3, 0, 2]
    assert line.disordered == 2
    np.testing.assert_array_equal(mixed, kept)


def test_what_lies_off_the_sensor_is_dropped_and_counted():
    line = Timeline(INFO)
    placed = line.place(Arrival(make_events(range(6), [0, 6, 7, -1, 3, 3], [0, 4, 0, 0, 5, -9], [1] * 6), 0))
    assert placed.packet["timestamp"].tolist() == [0, 1]
    assert line.disordered == 4
    assert line.place(Arrival(make_events([9], [99], [0], [1]), 0)) is None
    assert line.place(Arrival(Frame(np.zeros((4, 7), np.uint8), 0, 20), 0)) is None
    assert line.disordered == 6
    assert line.place(Arrival(Frame(np.zeros((5, 7, 3), np.uint8), 0, 20), 0)) is not None


@pytest.mark.parametrize("restart_us", [0, -3_600_000_000])
def test_a_clock_restarted_by_a_reconnect_is_carried_on(restart_us):
    line = Timeline(INFO)
    line.place(batch(5_000_000_000, 5_000_010_000, host_us=100_000))
    line.reconnect()
    came_back = 5_000_010_000 + 2_000_000 + restart_us  # 2 s of host time later
    placed = line.place(batch(came_back - 10_000, came_back, host_us=2_100_000))
    assert ends([placed]) == [5_002_010_000]
    # Later packets keep the same shift, whatever their delay.
    assert ends([line.place(batch(came_back + 10, came_back + 50, host_us=2_400_000))]) == [5_002_010_050]
