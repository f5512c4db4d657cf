from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from mcoe.capture import align
from mcoe.core.errors import McoeError
from mcoe.events.packets import Frame, make_events

FRAME, SENSOR = (640, 480), (346, 260)
CORNERS = np.array([[100, 80], [540, 90], [550, 400], [90, 410]], float)


def truth(seed=0):
    rng = np.random.default_rng(seed)
    target = CORNERS * (0.55, 0.55) + (-4, -6) + rng.uniform(-6, 6, (4, 2))
    matrix, _ = cv2.findHomography(CORNERS, target)
    return matrix, target


def scene(seed=0):
    """A webcam image of clear shapes."""
    rng = np.random.default_rng(seed)
    image = np.full((FRAME[1], FRAME[0]), 90, np.uint8)
    for _ in range(25):
        x, y = rng.integers(60, 560), rng.integers(40, 430)
        shade = int(rng.integers(0, 255))
        if rng.random() < 0.5:
            cv2.circle(image, (int(x), int(y)), int(rng.integers(10, 50)), shade, -1)
        else:
            cv2.rectangle(image, (int(x), int(y)), (int(x) + 60, int(y) + 40), shade, -1)
    return image


def events_of(image, matrix):
    """Events where the sensor sees edges of the scene."""
    seen = cv2.warpPerspective(image, matrix, SENSOR)
    y, x = np.nonzero(cv2.Canny(seen, 60, 160))
    return make_events(np.arange(len(x)), x, y, x % 2)


def worst_px(matrix, other):
    """Largest distance over the middle of the image, sensor pixels."""
    grid = np.stack(np.meshgrid(np.linspace(120, 520, 9), np.linspace(90, 390, 7)), -1).reshape(1, -1, 2)
    moved = cv2.perspectiveTransform(grid, matrix) - cv2.perspectiveTransform(grid, other)
    return float(np.linalg.norm(moved, axis=2).max())


def test_four_points_give_the_homography():
    matrix, target = truth()
    found = align.from_points(CORNERS, target, FRAME, SENSOR)
    np.testing.assert_allclose(found.matrix, matrix, atol=1e-6)
    assert found.method == "points"
    assert found.image(scene()).shape == (260, 346)
    assert found.image(np.zeros((480, 640, 3), np.uint8)).shape == (260, 346, 3)


def test_a_frame_keeps_its_times():
    moved = align.scaled(FRAME, SENSOR).frame(Frame(scene(), 5, 9))
    assert (moved.start_us, moved.end_us, moved.image.shape) == (5, 9, (260, 346))


def test_the_first_guess_covers_the_sensor_with_square_pixels():
    guess = align.scaled(FRAME, SENSOR)
    assert guess.image(np.full((480, 640), 255, np.uint8))[2:-2, 2:-2].min() == 255
    assert guess.matrix[0, 0] == guess.matrix[1, 1]
    middle = cv2.perspectiveTransform(np.array([[[320.0, 240.0]]]), guess.matrix).ravel()
    np.testing.assert_allclose(middle, (173, 130))


@pytest.mark.parametrize("points", [CORNERS[:3], np.array([[0, 0], [1, 1], [2, 2], [5, 0]], float) * 50])
def test_too_few_points_or_points_on_a_line_are_refused(points):
    with pytest.raises(McoeError, match="four"):
        align.from_points(points, CORNERS[: len(points)], FRAME, SENSOR)


@pytest.mark.parametrize("seed", range(3))
def test_ecc_refines_points_set_by_hand(seed):
    matrix, target = truth(seed)
    image = scene(seed)
    activity = align.activity_image(events_of(image, matrix), SENSOR)
    by_hand = align.from_points(CORNERS, target + np.random.default_rng(seed).uniform(-5, 5, (4, 2)), FRAME, SENSOR)
    refined, score = align.refine(by_hand, image, activity)
    assert worst_px(refined.matrix, matrix) < min(1.5, 0.5 * worst_px(by_hand.matrix, matrix))
    assert score > 0.5
    assert refined.method == "ecc"


def test_ecc_refuses_what_does_not_agree():
    with pytest.raises(McoeError, match="four points by hand"):
        align.refine(align.scaled(FRAME, SENSOR), np.zeros((480, 640), np.uint8), np.zeros((260, 346), np.uint8))


def test_activity_counts_events_and_stays_within_a_byte():
    events = make_events(range(5), [3, 3, 3, 7, 0], [2, 2, 2, 1, 0], [1] * 5)
    image = align.activity_image(events, SENSOR)
    assert image.dtype == np.uint8
    assert image[2, 3] == 255
    assert 0 < image[1, 7] < 255
    assert np.count_nonzero(image) == 3
    assert not align.activity_image(events[:0], SENSOR).any()


def test_the_overlay_shows_events_red_and_edges_green():
    image = np.zeros((260, 346), np.uint8)
    image[:, 173:] = 200
    activity = np.zeros((260, 346), np.uint8)
    activity[100, 50] = 255
    overlay = align.edge_overlay(image, activity)
    assert overlay.shape == (260, 346, 3)
    assert overlay[100, 50].tolist() == [255, 0, 0]
    assert overlay[130, 170:176, 1].max() == 255
    assert align.edge_overlay(np.repeat(image[..., None], 3, 2), activity).shape == (260, 346, 3)


def test_is_kept_per_pair(tmp_path):
    found = align.from_points(CORNERS, truth()[1], FRAME, SENSOR)
    folder = tmp_path / "config" / "alignments"
    assert align.load("EVK4 1 + webcam 0", folder) is None
    align.save(found, "EVK4 1 + webcam 0", folder)
    align.save(align.scaled(FRAME, SENSOR), "EVK4 2 + webcam 0", folder)
    again = align.load("EVK4 1 + webcam 0", folder)
    np.testing.assert_array_equal(again.matrix, found.matrix)
    assert (again.frame_size, again.size, again.method) == (FRAME, SENSOR, "points")


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "{}",
        '{"matrix": [[1, 2]], "frame_size": [1, 1], "size": [1, 1], "method": "ecc"}',
        '{"matrix": [[1, 0, 0], [0, 1, 0], [0, 0, 1]], "frame_size": [1, 1], "size": [1, 1], "method": "x"}',
    ],
)
def test_a_damaged_file_is_named(tmp_path, text):
    align.save(align.scaled(FRAME, SENSOR), "pair", tmp_path).write_text(text)
    with pytest.raises(McoeError, match=r"pair\.json is damaged"):
        align.load("pair", tmp_path)


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    align.save(align.scaled(FRAME, SENSOR), "pair", tmp_path).unlink()
    (tmp_path / "pair.json").mkdir()
    with pytest.raises(McoeError, match=r"pair\.json cannot be read"):
        align.load("pair", tmp_path)


def test_saving_leaves_no_other_file_and_the_old_one_where_it_fails(tmp_path, monkeypatch):
    kept = align.save(align.scaled(FRAME, SENSOR), "pair", tmp_path)
    before = kept.read_bytes()

    def full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(McoeError, match="No space left"):
        align.save(align.Alignment(np.eye(3), FRAME, SENSOR, "ecc"), "pair", tmp_path)
    assert kept.read_bytes() == before
    assert list(tmp_path.iterdir()) == [kept]


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(McoeError, match="cannot be written"):
        align.save(align.scaled(FRAME, SENSOR), "pair", tmp_path / "file")


def test_frames_of_another_size_are_refused():
    with pytest.raises(McoeError, match="640×480, not 320×240"):
        align.scaled(FRAME, SENSOR).image(np.zeros((240, 320), np.uint8))


IMPLAUSIBLE = {
    "sheared to a line": [[10, 0, 0], [2147483648, 0, 0], [0, 0, 1]],
    "nothing": [[0, 0, 0], [0, 0, 0], [0, 0, 1]],
    "a pixel": [[1e-7, 0, 100], [0, 1e-7, 100], [0, 0, 1]],
    "far away": [[1, 0, 1e9], [0, 1, 1e9], [0, 0, 1]],
    "enormous": [[1e12, 0, 0], [0, 1e12, 0], [0, 0, 1]],
    "through the horizon": [[1, 0, 0], [0, 1, 0], [-0.01, 0, 1]],
    "on the horizon": [[1, 0, 0], [0, 1, 0], [0, 0, 0]],
    "a bow tie": [[1, 0, 0], [0, 1, 0], [0.1, -0.1, 1]],
    "beyond numbers": [[1e300, 0, 0], [0, 1e300, 0], [0, 0, 1e-300]],
    "bent to a line": [[1, 1, 0], [1, 1.0001, 0], [0, 0, 1]],
}


@pytest.mark.parametrize("kind", IMPLAUSIBLE)
def test_a_matrix_of_no_two_cameras_is_refused_before_it_is_used(tmp_path, monkeypatch, kind):
    monkeypatch.setattr(cv2, "warpPerspective", lambda *_, **__: pytest.fail("it was used"))
    content = {"method": "scale", "frame_size": FRAME, "size": SENSOR, "matrix": IMPLAUSIBLE[kind]}
    align.save(align.scaled(FRAME, SENSOR), "pair", tmp_path).write_text(json.dumps(content))
    with pytest.raises(McoeError, match=r"pair\.json is damaged"):
        align.load("pair", tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        '{"matrix": [[1e999, 0, 0], [0, 1, 0], [0, 0, 1]]}',
        '{"frame_size": [1' + "0" * 400 + ', 1], "size": [1, 1], "matrix": [], "method": "ecc"}',
        '{"frame_size": [99999, 99999], "size": [1, 1], "matrix": [[1,0,0],[0,1,0],[0,0,1]], "method": "ecc"}',
        '{"frame_size": [1, 1], "size": [1, 1], "matrix": [["a"]], "method": ["ecc"]}',
        '{"frame_size": [1, 1], "size": [1, 1], "matrix": {"a": 1}, "method": "ecc"}',
        "null",
    ],
)
def test_a_hostile_file_is_one_sentence(tmp_path, text):
    align.save(align.scaled(FRAME, SENSOR), "pair", tmp_path).write_text(text)
    with pytest.raises(McoeError, match=r"pair\.json is damaged") as caught:
        align.load("pair", tmp_path)
    assert "'" not in str(caught.value)


@pytest.mark.parametrize("angle", [0, 30, 90, 180])
def test_a_camera_may_be_turned_mirrored_and_far_off(tmp_path, angle):
    turn = np.vstack([cv2.getRotationMatrix2D((320, 240), angle, 0.4), [0, 0, 1]])
    for matrix in (turn, turn @ np.diag([-1.0, 1, 1]), turn + np.array([[0, 0, 900], [0, 0, 0], [1e-4, 1e-4, 0]])):
        align.save(align.Alignment(matrix, FRAME, SENSOR, "ecc"), "pair", tmp_path)
        np.testing.assert_array_equal(align.load("pair", tmp_path).matrix, matrix)
