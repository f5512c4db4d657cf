"""The lighting laboratory: what it does to light, and that it sees what the virtual eye's sensor sees in that light."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
import pytest

from mcoe.events.packets import Events, Frame
from mcoe.live.stream.stress import stress_window
from mcoe.live.stream.windows import WindowBuilder
from mcoe.results import Window
from mcoe.sensor.aps import ApsModel, irradiance
from mcoe.sensor.dvs import DvsModel
from mcoe.sensor.lighting import (
    PRESETS,
    Lighting,
    Parameter,
    describe,
    exposed,
    parameter,
    pulse,
    shade,
    stress_events,
    stress_image,
)
from tests.live.fakes import SIZE, FakeSource, packets
from tests.sensor import scenes

WINDOW = (0, 33_333)


def a_window() -> Window:
    builder = WindowBuilder(FakeSource().info, 10, 3)
    return [w for p in packets() for w in builder.feed(p)][-1]


def flat(ev: float, side: int = 100) -> np.ndarray:
    return np.full((side, side), 2.0**ev, np.float32)


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


def test_a_window_is_stressed_the_same_way_whatever_was_stressed_before() -> None:
    builder = WindowBuilder(FakeSource().info, 10, 3)
    windows = [w for p in packets() for w in builder.feed(p)][-4:]
    light = PRESETS["Flickering lamp"]
    there = [stress_window(w, light, SIZE, 10, 3) for w in windows]
    back = [stress_window(w, light, SIZE, 10, 3) for w in windows[::-1]][::-1]
    for a, b in zip(there, back, strict=True):
        assert np.array_equal(a.events, b.events)
        assert a.rgb is not None
        assert b.rgb is not None
        assert np.array_equal(a.rgb, b.rgb)


# ---- the same physics as the training data


@pytest.fixture(scope="module")
def recorded() -> scenes.Seen:
    return scenes.record(0.0)


def relit(recorded: scenes.Seen, ev: float) -> scenes.Seen:
    light = Lighting(ev=ev, noise=1.0)
    gain = np.full(recorded.frames[0].shape, 2.0**ev, np.float32)
    windows = [
        stress_events(e, light, irradiance(f, scenes.EXPOSURE_US), (int(end) - scenes.WINDOW_US, int(end)), k)
        for k, (e, f, end) in enumerate(zip(recorded.windows, recorded.frames, scenes.ENDS, strict=True))
    ]
    frames = [stress_image(f, light, gain, k) for k, f in enumerate(recorded.frames)]
    return scenes.Seen(np.stack(frames), windows, recorded.gain)


# Measured: events −12, −5, −4, −3, −3 %. The darker, the more of them the slow photoreceptor carries out of a window.
@pytest.mark.parametrize(("ev", "within"), [(-4.0, 0.2), (-2.0, 0.1), (0.0, 0.07), (2.0, 0.07), (4.0, 0.07)])
def test_a_recording_in_another_light_is_as_the_virtual_eye_records_it_there(
    recorded: scenes.Seen, ev: float, within: float
) -> None:
    truth, lab = scenes.record(ev, recorded.gain), relit(recorded, ev)
    assert lab.rate == pytest.approx(truth.rate, rel=within)
    assert lab.frames.mean() == pytest.approx(truth.frames.mean(), rel=0.02)
    assert lab.frames.std() == pytest.approx(truth.frames.std(), rel=0.08)
    # and where and when: events of each window in squares of 8 pixels
    assert np.corrcoef(squares(truth.windows), squares(lab.windows))[0, 1] > 0.93


def squares(windows: list[Events]) -> np.ndarray:
    counts = np.zeros((len(windows), scenes.SIZE[1] // 8, scenes.SIZE[0] // 8))
    for k, events in enumerate(windows):
        np.add.at(counts[k], (events["y"] // 8, events["x"] // 8), 1)
    return counts.ravel()


# ---- frames


def test_one_stop_doubles_linear_light() -> None:
    image = np.full((100, 100), 51, np.uint8)
    assert stress_image(image, Lighting(ev=1), flat(1), 0).mean() - 1 == pytest.approx(2 * 50)  # 1 is the black level
    assert stress_image(image, Lighting(ev=6), flat(6), 0).min() == 255
    colour = np.full((100, 100, 3), 100, np.uint8)
    brighter = stress_image(colour, Lighting(ev=1), flat(1), 0)
    assert (brighter.mean() / 100) ** 2.2 == pytest.approx(2.0, rel=0.02)


@pytest.mark.parametrize("ev", [-1, -3, -5])
def test_a_darkened_frame_has_the_noise_of_a_dark_one(ev: float) -> None:
    model = ApsModel()
    before = 150 * model.full_well / 255
    rng = np.random.default_rng(1)
    noisy = before + np.sqrt(before + model.read_noise**2) * rng.standard_normal((300, 300))
    image = np.rint(noisy * 255 / model.full_well + model.black).astype(np.uint8)
    out = stress_image(image, Lighting(ev=ev, noise=1), flat(ev, 300), 0).astype(float)
    electrons = before * 2.0**ev
    own = (electrons + model.read_noise**2) * (255 / model.full_well) ** 2 + 1 / 12
    pattern = (model.dsnu**2 + model.column**2) * (1 - 4.0**ev)
    assert out.var() == pytest.approx(own + pattern, rel=0.1)


def test_a_frame_in_its_own_light_has_its_noise_already() -> None:
    image = np.random.default_rng(0).integers(1, 256, (100, 100), np.uint8)
    assert np.array_equal(stress_image(image, Lighting(noise=1), flat(0), 0), image)


def test_blur_smooths_the_frame() -> None:
    frame = next(p for p in packets() if isinstance(p, Frame))
    sharp, soft = (
        stress_image(frame.image, Lighting(blur_px=b), np.ones(frame.image.shape, np.float32), 0) for b in (0, 3)
    )
    assert np.abs(np.diff(soft.astype(int))).mean() < 0.3 * np.abs(np.diff(sharp.astype(int))).mean()


# ---- events


def test_the_events_of_an_eye_survive_light_that_blinds_its_frames(recorded: scenes.Seen) -> None:
    lab = relit(recorded, 6.0)
    assert (lab.frames == 255).mean() > 0.95
    assert lab.rate > 0.95 * recorded.rate


def test_the_dark_takes_the_signal_and_brings_noise() -> None:
    size, nothing = (260, 346), a_window().events[:0]
    own = np.full(size, 1.0, np.float32)
    counts = [len(stress_events(nothing, Lighting(ev=ev, noise=1), own, WINDOW, 0)) for ev in (0.0, -3.0, -6.0)]
    assert counts[0] == 0
    assert 0 < counts[1] < counts[2]
    model = DvsModel()
    wanted = model.noise_hz(np.float32(2.0**-6)) - model.response(np.float32(1), 2.0**-6) * model.noise_hz(
        np.float32(1)
    )
    assert counts[2] / own.size / (WINDOW[1] / 1e6) == pytest.approx(float(wanted), rel=0.05)
    assert len(stress_events(nothing, Lighting(ev=-6.0), own, WINDOW, 0)) == 0


def test_more_noise_than_a_sensors_own_shows_in_its_own_light_too() -> None:
    nothing, own = a_window().events[:0], np.ones((100, 100), np.float32)
    assert len(stress_events(nothing, Lighting(noise=8), own, (0, 1_000_000), 0)) == pytest.approx(
        7 * 10_000 * float(DvsModel().noise_hz(np.float32(1))), rel=0.1
    )


def test_stressed_events_are_ordered_and_on_the_sensor_and_in_the_window() -> None:
    for light in PRESETS.values():
        window = stress_window(a_window(), light, SIZE, 10, 3)
        stamps = window.events["timestamp"]
        assert (np.diff(stamps) >= 0).all()
        assert stamps.min() >= window.t0_us
        assert stamps.max() < window.t1_us
        assert window.events["x"].max() < SIZE[0]
        assert window.events["y"].max() < SIZE[1]


def test_flicker_fires_both_polarities_as_often_as_its_contrast_asks() -> None:
    light = Lighting(flicker_hz=50, flicker_depth=0.8)
    own = np.ones((20, 24), np.float32)
    events = stress_events(a_window().events[:0], light, own, (0, 40_000), 0)
    assert 0.35 < (events["polarity"] > 0).mean() < 0.65
    # the light swings to a fifth and back: each of the four ways of two periods first makes up for the last's rest
    ways = len(events) / own.size / 4
    steps = np.log(5) / DvsModel().threshold
    assert steps - 2.5 < ways < steps - 0.5


def test_blur_takes_events_of_fine_detail_but_few_of_a_wide_edge(recorded: scenes.Seen) -> None:
    def left(width: int) -> float:
        t = np.arange(30) * 1_000
        x, y = np.meshgrid(np.arange(30, 30 + width), np.arange(10, 60))
        place = np.stack([x.ravel(), y.ravel()], 1)
        events = scenes_events(place, t[:10])
        own = np.ones((72, 96), np.float32)
        return len(stress_events(events, Lighting(blur_px=3), own, WINDOW, 0)) / len(events)

    assert left(1) < 0.35
    assert left(40) > 0.75


def scenes_events(place: np.ndarray, times: np.ndarray) -> Events:
    """Return an ON event of every place (x, y) at every time."""
    from mcoe.events.packets import make_events

    n = len(place)
    return make_events(np.repeat(times, n), *np.tile(place.T, len(times)), np.ones(n * len(times)))


# ---- the light itself, and its declarations


def test_side_light_keeps_the_mean_and_has_the_ratio() -> None:
    gain = shade(Lighting(side_ratio=16, side_angle=0), (200, 100))
    assert gain.mean() == pytest.approx(1.0, abs=0.01)
    assert gain[50, -1] / gain[50, 0] == pytest.approx(16, rel=0.01)
    above = shade(Lighting(side_ratio=16, side_angle=90), (200, 100))
    assert above[0, 50] > above[-1, 50]


def test_an_exposure_averages_the_flicker() -> None:
    light = Lighting(ev=1, flicker_hz=50, flicker_depth=0.5)
    assert exposed(light, 0, 20_000) == pytest.approx(2 * 0.75)
    assert exposed(light, 15_000, 15_000) == pytest.approx(2.0) == pulse(light, 15_000)


@pytest.mark.parametrize("bad", [{"ev": 7}, {"side_ratio": 0.5}, {"noise": -1}, {"flicker_depth": 2}])
def test_limits(bad: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="lies between"):
        dataclasses.replace(Lighting(), **bad)


def test_what_hangs_on_another_part_changes_nothing_alone() -> None:
    assert not Lighting(side_angle=40, flicker_hz=50).active
    assert not Lighting(seed=3).active
    assert all(light.active for name, light in PRESETS.items() if name != "Original")


def test_a_light_is_told_in_words() -> None:
    assert describe(Lighting()) == "The light as it came."
    light = Lighting(ev=-1, side_ratio=24, side_angle=20, flicker_depth=0.5, flicker_hz=50)
    assert describe(light) == "Exposure −1 EV, side light 24 : 1 from 20°, flicker 50 % at 50 Hz."


@dataclass(frozen=True, slots=True)
class Foggy(Lighting):
    """A light with one part more."""

    fog: float = parameter(
        Parameter(
            "fog", 0, 1, 0.1, 0, "{:.1f}".format, "Light that does not arrive.", pulse=lambda light, _: 1 - light.fog
        )
    )


def test_one_declaration_makes_a_part_of_a_light() -> None:
    with pytest.raises(ValueError, match="fog lies between 0 and 1, not 2"):
        Foggy(fog=2)
    assert not Foggy().active
    assert Foggy(fog=0.5).active
    assert describe(Foggy(fog=0.5)) == "Fog 0.5."
    assert pulse(Foggy(ev=1, fog=0.75), 0) == pytest.approx(0.5)
    window = a_window()
    assert window.frame is not None
    fogged = stress_window(window, Foggy(fog=0.75), SIZE, 10, 3)
    assert fogged.frame is not None
    dimmed = stress_window(window, Lighting(ev=-2), SIZE, 10, 3)
    assert dimmed.frame is not None
    assert np.array_equal(fogged.frame.image, dimmed.frame.image)
