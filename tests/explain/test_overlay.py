"""The heatmap lies on the frame where the network saw it."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from mcoe.core.errors import McoeError
from mcoe.events.inputs import View
from mcoe.explain.overlay import AGAINST, FOR, overlay
from mcoe.live.jobs.moments import Preprocessing, moments
from mcoe.results import Question, Result
from tests.live.fakes import SIZE, FakeEngine, FakeSource, packets

ROI = (6, 3, 16)


def result(mirror: bool = False, frames: bool = True, **said: object) -> Result:
    items = [p for p in packets() if frames or isinstance(p, np.ndarray)]
    engine = FakeEngine()
    pairs = moments(FakeSource(items), engine.info, stride=12, most=100, preprocessing=Preprocessing(View(ROI, mirror)))
    older, window = list(pairs)[20]
    prediction, stages = engine.step(older, window, Question())
    return Result(window, older, dataclasses.replace(prediction, **said), stages)  # type: ignore[arg-type]


def corner(value: float = 2.0) -> np.ndarray:
    """Evidence in the upper left quarter of the newer frame, half as much in the lower right one of the older."""
    maps = np.zeros((2, 4, 4), np.float32)
    maps[1, :2, :2] = value
    maps[0, 2:, 2:] = value / 2
    return maps


def changed(made: Result, picture: np.ndarray, older: bool = False) -> np.ndarray:
    frame = (made.older if older else made.window).frame
    assert frame is not None
    assert picture.shape == (SIZE[1], SIZE[0], 3)
    assert picture.dtype == np.uint8
    return (picture != frame.image[..., None]).any(-1)


@pytest.mark.parametrize("modality", ["rgb", "event"])
@pytest.mark.parametrize("mirror", [False, True])
def test_it_covers_the_square_where_the_evidence_is(modality: str, mirror: bool) -> None:
    made = result(mirror, **{f"cam_{modality}": corner()})  # type: ignore[arg-type]
    before = made.window.frame.image.copy()  # type: ignore[union-attr]
    there = changed(made, overlay(made, modality))  # type: ignore[arg-type]
    x, y, side = ROI
    left, right = there[y : y + 6, x : x + 6], there[y : y + 6, x + side - 6 : x + side]
    assert (right if mirror else left).mean() > 0.9
    assert (left if mirror else right).mean() == 0
    there[y : y + side, x : x + side] = False
    assert not there.any()
    np.testing.assert_array_equal(made.window.frame.image, before)  # type: ignore[union-attr]


def test_the_older_frame_has_its_own_map_on_the_same_scale() -> None:
    made = result(cam_rgb=corner())
    now, before = overlay(made), overlay(made, older=True)
    x, y, side = ROI
    assert changed(made, before, older=True)[y + side - 6 : y + side, x + side - 6 : x + side].mean() > 0.9
    # Inferno rises in red: the stronger evidence is the brighter.
    assert now[y + 2, x + 2].sum() > before[y + side - 3, x + side - 3].sum()
    np.testing.assert_array_equal(overlay(made, opacity=0), np.stack([made.window.frame.image] * 3, -1))  # type: ignore[union-attr]


def test_for_and_against_have_their_colours() -> None:
    maps = corner()
    maps[1, 2:, 2:] = -2
    picture = overlay(result(cam_rgb=maps, cam_versus=3), opacity=1.0)
    x, y, side = ROI
    assert tuple(picture[y + 2, x + 2]) == FOR
    assert tuple(picture[y + side - 3, x + side - 3]) == AGAINST


def test_without_frames_it_lies_on_the_square_s_events() -> None:
    made = result(frames=False, cam_rgb=None, cam_event=corner())
    picture, bare = overlay(made, "event"), overlay(made, "event", opacity=0)
    assert picture.shape == (16, 16, 3)
    assert len(np.unique(bare)) > 10
    assert (picture != bare)[:5, :5].any(-1).mean() > 0.9
    assert not (picture != bare)[:5, -5:].any()


def test_what_cannot_be_laid_over_is_told() -> None:
    made = result(cam_rgb=corner())
    with pytest.raises(McoeError, match="no heatmap of 'event'"):
        overlay(made, "event")
    with pytest.raises(McoeError, match="choose rgb or event"):
        overlay(made, "depth")  # type: ignore[arg-type]
    bare = dataclasses.replace(made, window=dataclasses.replace(made.window, frame=None, voxel=None))
    with pytest.raises(McoeError, match="neither frame nor events"):
        overlay(bare)
