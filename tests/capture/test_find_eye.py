"""An eye is found where it is, and nothing is found where there is none."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from mcoe.capture.find_eye import find_eye
from mcoe.capture.replay import open_replay
from mcoe.events.packets import Frame

DEMO = Path(__file__).resolve().parents[2] / "assets" / "recordings" / "normal.aedat4"


@pytest.fixture(scope="module")
def frame() -> np.ndarray:
    source = open_replay(DEMO)
    try:
        while not isinstance(packet := source.read(), Frame):
            assert packet is not None
        return packet.image
    finally:
        source.close()


def test_an_eye_from_near_is_found_and_the_square_lies_inside(frame: np.ndarray) -> None:
    image = frame
    found = find_eye(image)
    assert found is not None
    x, y, side = found
    height, width = image.shape[:2]
    assert 0 <= x <= width - side
    assert 0 <= y <= height - side
    assert abs(x + side / 2 - width / 2) < width / 6
    assert find_eye(np.stack([image] * 3, -1)) == found


@pytest.mark.parametrize(("left", "top"), [(30, 20), (420, 260)])
def test_a_small_eye_is_found_where_it_is(frame: np.ndarray, left: int, top: int) -> None:
    small = cv2.resize(frame, (173, 130), interpolation=cv2.INTER_AREA)
    image = np.full((480, 640), int(small.mean()), np.uint8)
    image[top : top + 130, left : left + 173] = small
    found = find_eye(cv2.GaussianBlur(image, (0, 0), 1))
    assert found is not None
    x, y, side = found
    assert abs(x + side / 2 - (left + 86)) < 35
    assert abs(y + side / 2 - (top + 65)) < 35
    assert side < 260


@pytest.mark.parametrize("image", [np.full((260, 346), 90, np.uint8), np.zeros((200, 200, 3), np.uint8)])
def test_nothing_is_found_where_there_is_nothing(image: np.ndarray) -> None:
    assert find_eye(image) is None


def test_noise_is_no_eye() -> None:
    assert find_eye(np.random.default_rng(0).integers(0, 255, (260, 346), np.uint8)) is None
