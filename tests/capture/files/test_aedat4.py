"""AEDAT4 in and out, sound and damaged."""

import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mcoe.capture.replay import open_replay
from mcoe.core.errors import McoeError
from mcoe.events.packets import EVENT_DTYPE, Frame, join_events, make_events, packet_end_us
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
    assert list(events["timestamp"]) == [1_000, START_US, START_US + 30_000]


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
        "cut in the middle": sound[: len(sound) // 2],
        "cut near the end": sound[:-100],
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
        ("cut in the middle", "is cut short"),
        ("cut near the end", "is cut short"),
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
