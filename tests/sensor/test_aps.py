"""Frame pixels: exposure, clipping, gain, noise that follows the model, and back to light."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mcoe.sensor.aps import (
    OFFICE_EXPOSURE_US,
    OFFICE_GREY,
    WEBCAM,
    ApsModel,
    FramePixels,
    irradiance,
    solve_gain,
    to_electrons,
    to_grey,
)

SIZE = (8, 6)


def flat(value: float, size: tuple[int, int] = SIZE) -> np.ndarray:
    return np.full((size[1], size[0]), value, np.float32)


def test_exposure_integrates_linear_light_and_clips() -> None:
    ideal = ApsModel(read_noise=0.0, prnu=0.0, dsnu=0.0, column=0.0, black=0.0, full_well=1e9)
    pixels = FramePixels(SIZE, ideal, np.random.default_rng(0))
    pixels.integrate(flat(0.0), flat(100.0), 0, 10_000, 0, 10_000)
    assert np.abs(pixels.read(1 / 10_000).astype(int) - 50).max() <= 1
    pixels.integrate(flat(100.0), flat(100.0), 10_000, 20_000, 15_000, 30_000)
    assert np.abs(pixels.read(1 / 10_000).astype(int) - 50).max() <= 1  # half of the step lies in the exposure
    pixels.integrate(flat(1e4), flat(1e4), 20_000, 30_000, 20_000, 30_000)
    assert (pixels.read(1 / 10_000) == 255).all()


def test_gain_meets_the_target_mean_after_clipping() -> None:
    light = np.random.default_rng(0).gamma(2.0, 1.0, (60, 80)).astype(np.float32)
    gain = solve_gain(light, 10_000, 150.0)
    assert np.minimum(light * gain * 10_000, 255).mean() == pytest.approx(150, rel=0.02)


@pytest.mark.parametrize("grey", [3, 50, 200])
def test_noise_of_a_frame_is_photons_plus_read_out(grey: int) -> None:
    model, size = replace(ApsModel(), prnu=0.0, dsnu=0.0, column=0.0), (200, 200)
    pixels = FramePixels(size, model, np.random.default_rng(0))
    pixels.integrate(flat(1.0, size), flat(1.0, size), 0, 1, 0, 1)
    variance = pixels.read(grey).astype(float).var()
    electrons = grey * model.full_well / 255
    expected = (electrons + model.read_noise**2) * (255 / model.full_well) ** 2 + 1 / 12  # the last is 8 bits' own
    assert variance == pytest.approx(expected, rel=0.05)


@pytest.mark.parametrize("model", [ApsModel(), WEBCAM])
def test_grey_levels_survive_the_way_to_light_and_back(model: ApsModel) -> None:
    grey = np.arange(int(model.black), 256, dtype=np.uint8)
    assert np.array_equal(to_grey(to_electrons(grey, model), model), grey)


def test_an_office_lit_face_has_light_1_at_any_exposure_of_a_sensors_own_frame() -> None:
    face = np.full((4, 4), OFFICE_GREY + 1, np.uint8)  # and the black level
    assert irradiance(face) == pytest.approx(1.0)
    assert irradiance(face, OFFICE_EXPOSURE_US) == pytest.approx(1.0)
    assert irradiance(face, OFFICE_EXPOSURE_US / 4) == pytest.approx(4.0)
    assert irradiance(face, 0) == pytest.approx(1.0)  # a video does not tell


def test_a_colour_camera_encodes_and_chooses_its_own_gain() -> None:
    encoded = round(255 * (OFFICE_GREY / 255) ** (1 / 2.2))
    face = np.full((4, 4, 3), encoded, np.uint8)
    assert irradiance(face, 5_000) == pytest.approx(1.0, rel=0.02)
    assert irradiance(face // 2).mean() == pytest.approx(2.0**-2.2, rel=0.02)
