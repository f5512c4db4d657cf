"""Image folders."""

import cv2
import numpy as np
import pytest

from mcoe.capture.files import folder as folder_module
from mcoe.capture.files.folder import events_of_image
from mcoe.capture.files.folder import open_file as open_folder
from mcoe.capture.replay import open_replay
from mcoe.core.errors import McoeError
from mcoe.events.packets import join_events, make_events
from mcoe.events.voxel import voxel_grid
from tests.capture.files.test_video import HEIGHT, WIDTH, read_all


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


def test_the_dead_zone_is_that_of_training():
    from mcoe.data import pack

    assert folder_module.JPEG_DEAD_ZONE == pack.JPEG_DEAD_ZONE


def test_a_folder_without_a_sequence_is_told_what_to_name(tmp_path):
    with pytest.raises(McoeError, match="holds no numbered images"):
        open_replay(tmp_path)
    sequence = write_sequence(tmp_path)
    with pytest.raises(McoeError, match=f"such as .*{sequence.name}"):
        open_replay(tmp_path)


@pytest.mark.parametrize("odd", [0, 4, 8])
def test_one_picture_of_another_size_is_left_out_wherever_it_stands(tmp_path, odd):
    path = write_sequence(tmp_path, events=False)
    cv2.imwrite(str(path / f"{odd:05d}.png"), np.zeros((3, 5), np.uint8))
    with open_replay(path) as source:
        frames, _ = read_all(source)
        assert source.info.size == (WIDTH, HEIGHT)
        assert len(frames) == 8
        assert source.dropped_frames == 1
