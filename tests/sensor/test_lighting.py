"""The lighting laboratory's physics: what must grow grows, what must not change does not."""

import dataclasses

import numpy as np
import pytest

from mcoe.events.packets import Frame
from mcoe.live.stream.stress import stress_window
from mcoe.live.stream.windows import WindowBuilder
from mcoe.results import Window
from mcoe.sensor.lighting import PRESETS, Lighting, illumination, stress_events, stress_image
from tests.live.fakes import SIZE, FakeSource, packets


def a_window() -> Window:
    builder = WindowBuilder(FakeSource().info, 10, 3)
    return [w for p in packets() for w in builder.feed(p)][-1]


def flat(ev: float, side: int = 100) -> np.ndarray:
    return illumination(Lighting(ev=ev), (side, side), 0)


def test_no_stress_is_the_same_window() -> None:
    window = a_window()
    assert stress_window(window, Lighting(), SIZE, 10, 3) is window


def test_nothing_of_the_recording_is_written_to() -> None:
    window = a_window()
    assert window.frame is not None
    image, events = window.frame.image.copy(), window.events.copy()
    for light in PRESETS.values():
        stress_window(window, light, SIZE, 10, 3)
    assert np.array_equal(window.frame.image, image)
    assert np.array_equal(window.events, events)


def test_the_same_window_is_stressed_the_same_way_every_time() -> None:
    a, b = (stress_window(a_window(), PRESETS["Night"], SIZE, 10, 3) for _ in range(2))
    assert np.array_equal(a.events, b.events)
    assert a.rgb is not None
    assert b.rgb is not None
    assert np.array_equal(a.rgb, b.rgb)


def test_one_stop_doubles_linear_light() -> None:
    image = np.full((100, 100), 100, np.uint8)
    brighter = stress_image(image, Lighting(ev=1), flat(1), 0)
    assert (brighter.mean() / 100) ** 2.2 == pytest.approx(2.0, rel=0.02)
    assert stress_image(image, Lighting(ev=6), flat(6), 0).min() == 255


def test_dark_frames_are_dark_and_relatively_noisier() -> None:
    image = np.full((100, 100), 120, np.uint8)
    figures = []
    for ev in (0, -3, -6):
        out = stress_image(image, Lighting(ev=ev, noise=1), flat(ev), 0).astype(float)
        figures.append((out.mean(), out.std() / out.mean()))
    means, noise = zip(*figures, strict=True)
    assert means[0] > means[1] > means[2]
    assert noise[0] < noise[1] < noise[2]


def test_side_light_keeps_the_mean_and_has_the_ratio() -> None:
    gain = illumination(Lighting(side_ratio=16, side_angle=0), (200, 100), 0)
    assert gain.mean() == pytest.approx(1.0, abs=0.01)
    assert gain[50, -1] / gain[50, 0] == pytest.approx(16, rel=0.01)
    above = illumination(Lighting(side_ratio=16, side_angle=90), (200, 100), 0)
    assert above[0, 50] > above[-1, 50]


def test_event_signal_survives_dimming_that_ruins_a_frame_while_noise_grows() -> None:
    events = a_window().events
    size = (SIZE[1], SIZE[0])
    few = stress_events(events, Lighting(ev=-3), np.full(size, 2.0**-3, np.float32), 0, 33_000, 0)
    assert len(few) > 0.85 * len(events)
    dark = stress_events(events, Lighting(ev=-6), np.full(size, 2.0**-9, np.float32), 0, 33_000, 0)
    assert len(dark) < 0.4 * len(events)
    size = (260, 346)
    counts = [
        len(stress_events(events[:0], Lighting(noise=1), np.full(size, 2.0**ev, np.float32), 0, 33_000, 0))
        for ev in (0, -3, -6)
    ]
    assert counts[0] < counts[1] < counts[2]


def test_stressed_events_are_ordered_and_on_the_sensor() -> None:
    window = stress_window(a_window(), PRESETS["Flickering lamp"], SIZE, 10, 3)
    assert (np.diff(window.events["timestamp"]) >= 0).all()
    assert window.events["x"].max() < SIZE[0]
    assert window.events["y"].max() < SIZE[1]


def test_flicker_fires_both_polarities_over_a_period() -> None:
    light = Lighting(flicker_hz=50, flicker_depth=0.8)
    events = stress_events(a_window().events[:0], light, np.ones((20, 24), np.float32), 0, 40_000, 0)
    share = (events["polarity"] > 0).mean()
    assert len(events) > 20 * 24
    assert 0.35 < share < 0.65


def test_blur_smooths_the_frame() -> None:
    frame = next(p for p in packets() if isinstance(p, Frame))
    sharp, soft = (
        stress_image(frame.image, Lighting(blur_px=b), np.ones(frame.image.shape, np.float32), 0) for b in (0, 3)
    )
    assert np.abs(np.diff(soft.astype(int))).mean() < 0.3 * np.abs(np.diff(sharp.astype(int))).mean()


@pytest.mark.parametrize("bad", [{"ev": 7}, {"side_ratio": 0.5}, {"noise": -1}, {"flicker_depth": 2}])
def test_limits(bad: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="lies between"):
        dataclasses.replace(Lighting(), **bad)
