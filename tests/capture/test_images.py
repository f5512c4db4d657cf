"""Videos and image folders."""

import cv2
import numpy as np
import pytest

from mcoe.capture.decoders import folder as folder_module
from mcoe.capture.decoders.folder import events_of_image
from mcoe.capture.decoders.folder import open_file as open_folder
from mcoe.capture.decoders.video import open_file as open_video
from mcoe.capture.registry import open_replay
from mcoe.core.errors import McoeError
from mcoe.events.packets import Frame, join_events, make_events
from mcoe.events.voxel import voxel_grid

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


def write_sequence(root, count=9, frames=True, events=True, emotion="neutraL", name="seq_1_f_30_0_Low_neutral_9_1"):
    """A data set of one sequence, in lossless PNG so that tests can compare exactly."""
    rng = np.random.default_rng(5)
    for kind, wanted in (("frame", frames), ("event", events)):
        folder = root / kind / emotion / name
        if not wanted:
            continue
        folder.mkdir(parents=True)
        for k in range(count):
            image = rng.integers(0, 256, (HEIGHT, WIDTH), np.uint8)
            if kind == "event":
                image[rng.random(image.shape) < 0.8] = 128
            cv2.imwrite(str(folder / f"{k:05d}.png"), image)
    return root / ("frame" if frames else "event") / emotion / name


@pytest.mark.parametrize("kind", ["frame", "event"])
def test_either_half_of_a_sequence_opens_both(tmp_path, kind):
    named = write_sequence(tmp_path)
    source = open_replay(tmp_path / kind / named.parent.name / named.name)
    frames, events = read_all(source)
    source.close()
    assert source.info.size == (WIDTH, HEIGHT)
    assert [f.end_us for f in frames] == [round((k + 1) * 1e6 / 30) for k in range(9)]
    for k, frame in enumerate(frames):
        image = cv2.imread(
            str(tmp_path / "frame" / named.parent.name / named.name / f"{k:05d}.png"), cv2.IMREAD_GRAYSCALE
        )
        np.testing.assert_array_equal(frame.image, image)
    all_events = join_events(events)
    assert np.all(np.diff(all_events["timestamp"]) >= 0)
    for k, frame in enumerate(frames):
        image = cv2.imread(
            str(tmp_path / "event" / named.parent.name / named.name / f"{k:05d}.png"), cv2.IMREAD_GRAYSCALE
        )
        first, last = np.searchsorted(all_events["timestamp"], (frame.end_us - 33_000, frame.end_us))
        np.testing.assert_array_equal(all_events[first:last], events_of_image(image, frame.end_us))


def test_a_plain_pair_of_folders_opens(tmp_path):
    sequence = write_sequence(tmp_path / "set")
    plain = tmp_path / "plain"
    plain.mkdir()
    sequence.rename(plain / "Frame")
    (tmp_path / "set" / "event" / sequence.parent.name / sequence.name).rename(plain / "Event")
    frames, events = read_all(open_folder(plain))
    assert len(frames) == 9
    assert events


@pytest.mark.parametrize("missing", ["frames", "events"])
def test_half_a_sequence_is_enough(tmp_path, missing):
    decoder = open_folder(write_sequence(tmp_path, **{missing: False}))
    frames, events = read_all(decoder)
    assert decoder.info.has_frames == bool(frames) == (missing != "frames")
    assert decoder.info.has_events == bool(events) == (missing != "events")


def test_raw_events_are_played_where_there_are_any(tmp_path):
    sequence = write_sequence(tmp_path)
    t = np.arange(0, 300_000, 100)
    raw = make_events(t, t % WIDTH, t % HEIGHT, t % 3 == 0)
    ends = np.arange(1, 10) * 33_333 + 7
    (tmp_path / "raw").mkdir()
    columns = {name: raw[name] for name in raw.dtype.names}
    np.savez_compressed(tmp_path / "raw" / f"{sequence.name}.npz", frame_end_us=ends, **columns)
    frames, events = read_all(open_folder(sequence))
    np.testing.assert_array_equal(join_events(events), raw)
    assert [f.end_us for f in frames] == ends.tolist()


def test_a_damaged_image_is_left_out_and_counted(tmp_path):
    sequence = write_sequence(tmp_path)
    (sequence / "00004.png").write_bytes(b"nothing")
    decoder = open_folder(sequence)
    frames, _ = read_all(decoder)
    assert len(frames) == 8
    assert decoder.dropped_frames == 1


@pytest.mark.parametrize("level", [0, 40, 100, 128, 136, 160, 200, 255])
def test_an_event_image_keeps_its_mean_and_its_sign(level):
    """A uniform image of any level: signed events per pixel, in each of the three bins, as training reads it."""
    events = events_of_image(np.full((240, 240), level, np.uint8), 50_000)
    grid = voxel_grid(events, 17_000, 50_000, (240, 240))
    expected = 0 if abs(level - 128) <= 8 else max(-1, (level - 128) / 127)
    np.testing.assert_allclose(grid.mean(axis=(1, 2)), [expected / 3] * 3, atol=0.01)
    assert set(np.sign(events["polarity"] * 2 - 1).tolist()) <= {int(np.sign(expected))}


def test_the_constants_are_those_of_training_and_of_the_pipeline():
    from mcoe.data import pack
    from mcoe.live.stream import windows

    assert folder_module.JPEG_DEAD_ZONE == pack.JPEG_DEAD_ZONE
    assert folder_module.WINDOW_US == windows.WINDOW_US


def test_a_folder_without_a_sequence_is_told_what_to_name(tmp_path):
    with pytest.raises(McoeError, match="holds no numbered images"):
        open_replay(tmp_path)
    sequence = write_sequence(tmp_path)
    with pytest.raises(McoeError, match=f"such as .*{sequence.name}"):
        open_replay(tmp_path)
