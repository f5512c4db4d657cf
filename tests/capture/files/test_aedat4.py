"""AEDAT4 in and out, sound and damaged."""

import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mcoe.capture.files._merge import LEFT_US
from mcoe.capture.replay import open_replay
from mcoe.core.errors import McoeError
from mcoe.events.packets import EVENT_DTYPE, Frame, join_events, make_events, packet_end_us
from mcoe.recording.aedat4_writer import Aedat4Writer
from tests.capture.material import SIZE, START_US, synthetic_packets, write_aedat4

STREET = "davis346_street_events_frames_imu.aedat4"


def read_all(source):
    packets = []
    while (packet := source.read()) is not None:
        packets.append(packet)
    return packets


def split(packets):
    frames = [p for p in packets if isinstance(p, Frame)]
    events = [p for p in packets if not isinstance(p, Frame)]
    return frames, join_events(events)


@pytest.mark.parametrize("compression", ["none", "lz4", "zstd"])
@pytest.mark.parametrize("colour", [False, True], ids=["grey", "colour"])
def test_what_was_written_is_read(tmp_path, compression, colour):
    written = list(synthetic_packets(colour=colour))
    source = open_replay(write_aedat4(tmp_path / "a.aedat4", written, compression=compression))
    frames, events = split(read_all(source))
    source.close()
    expected_frames, expected_events = split(written)
    np.testing.assert_array_equal(events, expected_events)
    assert events.dtype == EVENT_DTYPE
    assert [(f.start_us, f.end_us) for f in frames] == [(f.start_us, f.end_us) for f in expected_frames]
    for frame, expected in zip(frames, expected_frames, strict=True):
        np.testing.assert_array_equal(frame.image, expected.image)
    assert source.info.size == SIZE
    assert source.info.start_us == START_US
    assert (source.dropped_frames, source.dropped_events) == (0, 0)


def test_the_real_recording(shared):
    source = open_replay(shared / STREET)
    packets = read_all(source)
    frames, events = split(packets)
    source.close()
    assert (len(events), len(frames)) == (78_830, 59)
    assert source.info.size == (346, 260)
    assert source.info.has_frames
    assert source.info.has_events
    assert source.info.duration_us == 2_363_848
    assert np.all(np.diff(events["timestamp"]) >= 0)
    ends = [packet_end_us(p) for p in packets]
    assert ends == sorted(ends)
    # 500 µs is the exposure that the camera wrote down
    assert {f.end_us - f.start_us for f in frames} == {500}
    assert all(f.image.shape == (260, 346) for f in frames)


@pytest.mark.parametrize("kind", ["frames", "events"])
def test_one_stream_is_enough(tmp_path, kind):
    streams = {"frames": kind == "frames", "events": kind == "events"}
    path = write_aedat4(tmp_path / "a.aedat4", synthetic_packets(**streams), **streams)
    source = open_replay(path)
    frames, events = split(read_all(source))
    source.close()
    assert (source.info.has_frames, source.info.has_events) == (bool(frames), bool(len(events)))
    assert source.info.has_frames is streams["frames"]


def test_a_configured_but_silent_stream_is_not_announced(tmp_path):
    source = open_replay(write_aedat4(tmp_path / "a.aedat4", synthetic_packets(frames=False)))
    source.close()
    assert not source.info.has_frames


@pytest.mark.parametrize("offset", [-5_000_000, 0, 4_999, 5_000, 123_456, 321_000, 499_000, 5_000_000])
def test_a_seek_gives_the_packets_that_playing_gives(small_aedat4, offset):
    source = open_replay(small_aedat4)
    target = START_US + offset
    expected = [p for p in read_all(source) if packet_end_us(p) >= target]
    source.seek(target)
    found = read_all(source)
    source.close()
    assert [packet_end_us(p) for p in found] == [packet_end_us(p) for p in expected]
    for a, b in zip(found, expected, strict=True):
        if isinstance(b, Frame):
            np.testing.assert_array_equal(a.image, b.image)
        else:
            np.testing.assert_array_equal(a, b)


def test_a_seek_while_packets_are_under_way(small_aedat4):
    source = open_replay(small_aedat4)
    first = source.read()
    for _ in range(20):
        source.read()
        source.seek(START_US)
        assert packet_end_us(source.read()) == packet_end_us(first)
        source.seek(START_US)
    assert len(read_all(source)) == 13 + 50
    source.close()


def test_a_clock_that_jumped_by_years_is_crossed(tmp_path):
    """DAVIS cameras reset their clock a moment after start: the first packet lies decades before the second."""
    packets = [make_events([1_000], [1], [1], [1]), make_events([START_US, START_US + 30_000], [1, 2], [1, 2], [1, 0])]
    source = open_replay(write_aedat4(tmp_path / "a.aedat4", packets, frames=False))
    _, events = split(read_all(source))
    source.close()
    assert list(events["timestamp"]) == [START_US - LEFT_US, START_US, START_US + 30_000]
    assert source.info.start_us == START_US - LEFT_US


def test_pixels_off_the_sensor_are_dropped_and_counted(tmp_path):
    packets = [make_events([START_US + i for i in range(4)], [0, SIZE[0], -1, 5], [0, 0, 0, SIZE[1]], [1] * 4)]
    source = open_replay(write_aedat4(tmp_path / "a.aedat4", packets, frames=False))
    _, events = split(read_all(source))
    source.close()
    assert len(events) == 1
    assert source.dropped_events == 3


def test_a_frame_that_does_not_advance_is_dropped_and_counted(tmp_path):
    image = np.zeros((SIZE[1], SIZE[0]), np.uint8)
    packets = [Frame(image, START_US + t, START_US + t + 1_000) for t in (0, 40_000, 40_000, 80_000)]
    source = open_replay(write_aedat4(tmp_path / "a.aedat4", packets, events=False))
    frames, _ = split(read_all(source))
    source.close()
    assert [f.start_us - START_US for f in frames] == [0, 40_000, 80_000]
    assert source.dropped_frames == 1


def test_a_recording_whose_writer_was_killed_opens(tmp_path):
    path = tmp_path / "killed.aedat4"
    code = (
        "import os, sys; from tests.capture.material import *\n"
        "writer = DvWriter(sys.argv[1], compression='none')\n"
        "for packet in synthetic_packets(seconds=4): writer.write(packet)\n"
        "os.kill(os.getpid(), 9)"
    )
    child = subprocess.run([sys.executable, "-c", code, path], cwd=Path(__file__).parents[3], check=False)
    assert child.returncode == -signal.SIGKILL
    source = open_replay(path)
    frames, events = split(read_all(source))
    source.close()
    expected_frames, expected_events = split(list(synthetic_packets(seconds=4)))
    assert len(frames) > 10
    assert len(events) > 500
    np.testing.assert_array_equal(events, expected_events[: len(events)])
    np.testing.assert_array_equal(frames[-1].image, expected_frames[len(frames) - 1].image)


def damaged(tmp_path, what):
    path = tmp_path / f"{what}.aedat4"
    sound = write_aedat4(tmp_path / "sound.aedat4", synthetic_packets()).read_bytes()
    contents = {
        "empty": b"",
        "text": b"timestamp,x,y,polarity\n" * 40,
        "older": b"#!AER-DAT3.1\r\n" + sound[14:],
        "cut in the header": sound[:100],
        "header of noise": sound[:14] + b"\x18\x00\x00\x00" + bytes(range(256)) * 8,
    }
    path.write_bytes(contents[what])
    return path


@pytest.mark.parametrize(
    ("what", "sentence"),
    [
        ("empty", "is empty"),
        ("text", "is no AEDAT4 file"),
        ("older", "is AER-DAT3.1, an older format"),
        ("cut in the header", "is cut short"),
        ("header of noise", "header cannot be read"),
    ],
)
def test_damage_is_told_in_one_sentence(tmp_path, what, sentence):
    path = damaged(tmp_path, what)
    with pytest.raises(McoeError, match=sentence) as caught:
        open_replay(path)
    message = str(caught.value)
    assert str(path) in message
    assert message.endswith(".")
    assert "\n" not in message


def test_missing_and_folder(tmp_path):
    with pytest.raises(McoeError, match="does not exist"):
        open_replay(tmp_path / "none.aedat4")
    (tmp_path / "folder.aedat4").mkdir()
    with pytest.raises(McoeError, match="holds no numbered images"):
        open_replay(tmp_path / "folder.aedat4")


def test_an_unknown_type_lists_the_known_ones(tmp_path):
    (tmp_path / "a.xyz").write_bytes(b"x" * 100)
    with pytest.raises(McoeError, match=r"\.xyz files is no known .*\.aedat4"):
        open_replay(tmp_path / "a.xyz")


@pytest.mark.parametrize("name", ["recording.bin", "RECORDING.AEDAT4"])
def test_an_aedat4_file_of_another_name_opens(small_aedat4, tmp_path, name):
    source = open_replay(small_aedat4.rename(tmp_path / name))
    assert len(read_all(source)) == 13 + 50
    assert source.info.name == name
    source.close()


def test_neither_events_nor_frames(tmp_path):
    import dv_processing as dv

    config = dv.io.MonoCameraWriter.Config("T")
    config.addImuStream()
    dv.io.MonoCameraWriter(str(tmp_path / "imu.aedat4"), config)
    with pytest.raises(McoeError, match=r"neither events nor frames \(imu\)"):
        open_replay(tmp_path / "imu.aedat4")
    with pytest.raises(McoeError, match="before anything was recorded"):
        open_replay(write_aedat4(tmp_path / "nothing.aedat4", []))


def closed(path, seconds=0.3):
    """A closed recording of our own writer, and its packets."""
    packets = list(synthetic_packets(seconds=seconds))
    writer = Aedat4Writer(path, "TEST", SIZE)
    ends = []
    for packet in packets:
        (writer.frame if isinstance(packet, Frame) else writer.events)(packet)
        ends.append(writer.bytes)
    writer.close()
    return packets, ends


def test_a_closed_file_of_ours_cut_anywhere_plays_up_to_the_cut(tmp_path):
    packets, ends = closed(tmp_path / "whole.aedat4")
    whole = (tmp_path / "whole.aedat4").read_bytes()
    rng = np.random.default_rng(0)
    cuts = [ends[0], ends[1], ends[1] + 1, ends[-1] - 1, ends[-1], ends[-1] + 1, len(whole) - 1]
    for cut in [*cuts, *rng.integers(ends[1], len(whole), 6).tolist()]:
        path = tmp_path / f"{cut}.aedat4"
        path.write_bytes(whole[:cut])
        with open_replay(path) as source:
            frames, events = split(read_all(source))
        expected_frames, expected_events = split([p for p, end in zip(packets, ends, strict=True) if end <= cut])
        np.testing.assert_array_equal(events, expected_events)
        assert [f.end_us for f in frames] == [f.end_us for f in expected_frames]
        assert path.read_bytes() == whole[:cut]


@pytest.mark.parametrize("compression", ["none", "lz4", "zstd"])
@pytest.mark.parametrize("part", [0.4, 0.7, 0.99])
def test_a_file_of_others_that_was_cut_plays_up_to_the_cut(tmp_path, compression, part):
    whole = write_aedat4(tmp_path / "whole.aedat4", synthetic_packets(), compression=compression).read_bytes()
    path = tmp_path / "cut.aedat4"
    path.write_bytes(whole[: round(part * len(whole))])
    with open_replay(path) as source:
        frames, events = split(read_all(source))
    expected_frames, expected_events = split(list(synthetic_packets()))
    assert len(events) > 0.6 * part * len(expected_events)
    np.testing.assert_array_equal(events, expected_events[: len(events)])
    for frame, expected in zip(frames, expected_frames, strict=False):
        np.testing.assert_array_equal(frame.image, expected.image)


DAMAGE = {
    "zeros": lambda packet: bytes(len(packet)),
    "noise": lambda packet: np.random.default_rng(1).bytes(len(packet)),
    "a size too large": lambda packet: packet[:4] + b"\xff\xff\xff\x7f" + packet[8:],
    "a size too small": lambda packet: packet[:4] + b"\x09\0\0\0" + packet[8:],
    "a stream that is none": lambda packet: b"\xff\xff\xff\xff" + packet[4:],
    "half of it is missing": lambda packet: packet[: len(packet) // 2],
    "a byte too much": lambda packet: packet + b"\0",
    "a table of nonsense": lambda packet: packet[:12] + b"\xee" * 8 + packet[20:],
}


def packets_of(content):
    """Yield where each packet begins and ends."""
    at = 14 + 4 + int.from_bytes(content[14:18], "little")
    table = int.from_bytes(content[54:62], "little")
    while at < table:
        end = at + 8 + int.from_bytes(content[at + 4 : at + 8], "little")
        yield at, end
        at = end


@pytest.mark.parametrize("compression", ["none", "lz4", "zstd"])
@pytest.mark.parametrize("kind", DAMAGE)
def test_behind_a_damaged_packet_the_rest_is_found_again(tmp_path, compression, kind):
    packets = list(synthetic_packets(frames=False, seconds=0.3))
    sound = write_aedat4(tmp_path / "sound.aedat4", packets, frames=False, compression=compression).read_bytes()
    begin, end = list(packets_of(sound))[12]
    path = tmp_path / "damaged.aedat4"
    path.write_bytes(sound[:begin] + DAMAGE[kind](sound[begin:end]) + sound[end:])
    with open_replay(path, deadline_s=2) as source:
        _, events = split(read_all(source))
    expected = join_events(packets)
    assert np.isin(expected["timestamp"], events["timestamp"]).mean() > 0.9
    assert expected["timestamp"][-1] == events["timestamp"][-1]


def test_frames_of_another_size_are_left_out_and_counted(tmp_path):
    writer = Aedat4Writer(tmp_path / "a.aedat4", "TEST", SIZE)
    for k in range(6):
        side = (SIZE[1], SIZE[0]) if k % 3 else (5, 7)
        writer.frame(Frame(np.zeros(side, np.uint8), START_US + 40_000 * k, START_US + 40_000 * k + 5))
    writer.close()
    with open_replay(tmp_path / "a.aedat4") as source:
        frames, _ = split(read_all(source))
    assert len(frames) == 4
    assert source.dropped_frames == 2
