"""A recording whose clock was set, or that holds a packet of another time, plays as what was recorded."""

import itertools

import numpy as np
import pytest

from mcoe.capture.files._merge import LEFT_US, SILENCE_US, Piece, pieces
from mcoe.capture.replay import open_replay
from mcoe.events.packets import Frame, join_events, make_events, packet_end_us
from mcoe.recording.aedat4_writer import Aedat4Writer
from tests.capture import evt
from tests.capture.files.test_aedat4 import read_all
from tests.capture.material import SIZE, START_US, synthetic_packets, write_aedat4

HOUR = 3_600_000_000
YEAR = 365 * 24 * HOUR


def test_neighbours_are_one_piece_and_the_longest_keeps_its_times():
    busy = [(0, 10), (10 + SILENCE_US, 20 + SILENCE_US)]
    assert pieces(busy, 0, 20 + SILENCE_US) == [Piece(0, 20 + SILENCE_US)]
    found = pieces([(0, 5), (YEAR, YEAR + 1_000), (3 * YEAR, 3 * YEAR + 10)], 0, 3 * YEAR + 10)
    assert [piece.shift_us for piece in found][1] == 0
    spans = [(p.start_us + p.shift_us, p.end_us + p.shift_us) for p in found]
    assert spans == [
        (YEAR - LEFT_US - 5, YEAR - LEFT_US),
        (YEAR, YEAR + 1_000),
        (YEAR + 1_000 + LEFT_US, YEAR + 1_010 + LEFT_US),
    ]


def moved(packet, by):
    if isinstance(packet, Frame):
        return Frame(packet.image, packet.start_us + by, packet.end_us + by)
    packet = packet.copy()
    packet["timestamp"] += by
    return packet


def check(path, least):
    """Return the packets of a recording that plays: in order, within what it says, with a seek that agrees."""
    with open_replay(path) as source:
        packets = read_all(source)
        info = source.info
        ends = [packet_end_us(p) for p in packets]
        assert ends == sorted(ends)
        assert info.duration_us < 20_000_000
        assert info.start_us - 1_000_000 <= ends[0]
        assert ends[-1] <= info.start_us + info.duration_us + 1_000_000
        assert max(b - a for a, b in itertools.pairwise(ends)) < 1_000_000
        assert sum(len(p) for p in packets if not isinstance(p, Frame)) >= least
        for part in (0.0, 0.3, 0.6, 0.95):
            target = info.start_us + round(part * info.duration_us)
            source.seek(target)
            assert [packet_end_us(p) for p in read_all(source)] == [end for end in ends if end >= target]
    return packets


def write(path, packets):
    """By our own writer: dv-processing's refuses times that go back."""
    writer = Aedat4Writer(path, "TEST", SIZE)
    for packet in packets:
        (writer.frame if isinstance(packet, Frame) else writer.events)(packet)
    writer.close()
    return path


@pytest.mark.parametrize("jump", [2 * HOUR, -2 * HOUR, 30 * YEAR, -50 * YEAR])
@pytest.mark.parametrize("at", [3, 40, 97])
@pytest.mark.parametrize("compression", ["none", "lz4"])
def test_an_aedat4_whose_clock_was_set(tmp_path, jump, at, compression):
    packets = list(synthetic_packets(seconds=1.0))
    begin = START_US + at * 10_000
    packets = [moved(p, jump if packet_end_us(p) >= begin else 0) for p in packets]
    if compression == "none":
        path = write(tmp_path / "a.aedat4", packets)
    elif jump > 0:
        path = write_aedat4(tmp_path / "a.aedat4", packets, compression=compression)
    else:
        pytest.skip("dv-processing writes no times that go back")
    check(path, 0.9 * 5_000)


@pytest.mark.parametrize("stray", [2 * HOUR, 30 * YEAR, -2 * HOUR])
@pytest.mark.parametrize("alone", [True, False])
def test_an_aedat4_with_one_event_of_another_time(tmp_path, stray, alone):
    packets = list(synthetic_packets(frames=False, seconds=1.0))
    odd = make_events([START_US + stray], [1], [1], [1])
    if alone:
        packets.insert(50, odd)
    else:
        packets[50] = join_events([packets[50], odd] if stray > 0 else [odd, packets[50]])
    check(write(tmp_path / "a.aedat4", packets), 0.9 * 5_000)


@pytest.mark.parametrize("kind", ["evt2", "evt3", "dat"])
@pytest.mark.parametrize("jump", [SILENCE_US + 1_000_000, HOUR])
def test_a_prophesee_recording_with_a_stale_first_time(tmp_path, kind, jump):
    times = np.concatenate([[5_000, 5_100], jump + np.arange(0, 1_500_000, 500)])
    if kind == "evt3":  # its counter starts again each 16.8 s, so that a jump shows as less
        times = times % (1 << 24) + (times > 10_000) * (1 << 24)
    events = make_events(times, times % 600, times % 400, times % 2)
    path = evt.write(tmp_path / ("a.dat" if kind == "dat" else "a.raw"), kind, events)
    with open_replay(path) as source:
        assert source.info.duration_us < 20_000_000 + (1 << 24)
        assert len(join_events(read_all(source))) == len(events)


def test_a_file_without_its_table_has_the_same_pieces(tmp_path):
    packets = [moved(p, YEAR if k > 20 else 0) for k, p in enumerate(synthetic_packets(seconds=0.5))]
    whole = write_aedat4(tmp_path / "a.aedat4", packets, compression="none").read_bytes()
    expected = check(tmp_path / "a.aedat4", 2_000)
    (tmp_path / "cut.aedat4").write_bytes(whole[:-300])
    found = check(tmp_path / "cut.aedat4", 2_000)
    assert [packet_end_us(p) for p in found] == [packet_end_us(p) for p in expected[: len(found)]]
    assert len(found) >= len(expected) - 2
