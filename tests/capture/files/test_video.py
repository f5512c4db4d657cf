"""Videos."""

import cv2
import numpy as np
import pytest

from mcoe.capture.files.video import open_file as open_video
from mcoe.capture.replay import open_replay
from mcoe.core.errors import McoeError
from mcoe.events.packets import Frame

WIDTH, HEIGHT = 64, 48


def write_video(path, frames=40, fps=30.0, codec="MJPG"):
    """A bright bar that moves right by a pixel a frame, over grey."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*codec), fps, (WIDTH, HEIGHT))
    assert writer.isOpened()
    for k in range(frames):
        image = np.full((HEIGHT, WIDTH, 3), 60, np.uint8)
        image[:, k : k + 8] = (220, 200, 180)
        writer.write(image)
    writer.release()
    return path


def read_all(source):
    frames, events = [], []
    while (packet := source.read()) is not None:
        (frames if isinstance(packet, Frame) else events).append(packet)
    return frames, events


@pytest.mark.parametrize(("name", "codec"), [("a.avi", "MJPG"), ("a.mp4", "mp4v"), ("a.mkv", "FFV1")])
def test_a_video_gives_frames_and_the_events_between_them(tmp_path, name, codec):
    decoder = open_video(write_video(tmp_path / name, codec=codec))
    frames, events = read_all(decoder)
    assert decoder.info.size == (WIDTH, HEIGHT)
    assert len(frames) == 40
    times = np.array([f.end_us for f in frames])
    np.testing.assert_allclose(times, np.arange(40) * 1e6 / 30, atol=501)  # Matroska keeps milliseconds
    assert decoder.info.duration_us == pytest.approx(39e6 / 30, abs=1)
    # The bar was BGR (220, 200, 180): red is the least of the three.
    assert frames[10].image[24, 14].tolist() == pytest.approx([180, 200, 220], abs=12)
    for batch in events:
        k = int(np.searchsorted(times, batch["timestamp"][-1], "right"))
        assert times[k - 1] <= batch["timestamp"][0]
        assert batch["timestamp"][-1] < times[k]
        signal = np.abs(batch["x"] - (k + 7)) <= 1  # the bar's right edge is new, its left edge gone
        assert batch["polarity"][signal].mean() > 0.9
        assert batch["polarity"][np.abs(batch["x"] - (k - 1)) <= 0].mean() < 0.1


@pytest.mark.parametrize("k", [0, 1, 2, 17, 38, 39])
def test_a_seek_finds_its_frame(tmp_path, k):
    decoder = open_video(write_video(tmp_path / "a.mp4", codec="mp4v"))
    frames, _ = read_all(decoder)
    for early in (0, 1_000):
        decoder.seek(frames[k].end_us - early)
        found, events = read_all(decoder)
        assert [f.end_us for f in found] == [f.end_us for f in frames[k:]]
        np.testing.assert_array_equal(found[0].image, frames[k].image)
        assert all(batch["timestamp"][-1] >= frames[k].end_us - early for batch in events)
    if 0 < k < 39:
        assert len(events) >= 39 - k  # the frame before the target primes the emulator


def test_what_is_no_video_is_told_in_one_sentence(tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"text" * 1000)
    with pytest.raises(McoeError, match="is no video that can be decoded"):
        open_replay(tmp_path / "a.mp4")
    whole = write_video(tmp_path / "b.mp4", codec="mp4v").read_bytes()
    (tmp_path / "c.mp4").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(McoeError, match="cut short"):
        open_replay(tmp_path / "c.mp4")


def test_a_browsers_recording_without_a_length_is_counted(tmp_path):
    """A browser writes a WebM before it knows how long it will be: it has no Duration element."""
    path = tmp_path / "a.webm"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"VP80"), 25.0, (WIDTH, HEIGHT))
    if not writer.isOpened():
        pytest.skip("this OpenCV writes no WebM")
    for number in range(12):
        writer.write(np.full((HEIGHT, WIDTH, 3), 10 * number, np.uint8))
    writer.release()
    data = path.read_bytes()
    at = data.index(b"\x44\x89\x88")
    path.write_bytes(data[:at] + b"\xec\x89" + data[at + 2 :])  # the element becomes a Void one of the same length
    with open_replay(path) as source:
        frames, _ = read_all(source)
        assert len(frames) == 12
        assert source.info.duration_us == pytest.approx(11 / 25 * 1e6, abs=2_000)
