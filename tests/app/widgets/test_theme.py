"""The palette stays apart for colour-blind eyes and legible for all."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from app.widgets import theme

#: Machado, Oliveira, Fernandes 2009, severity 1, on linear RGB.
VISION = {
    "normal": np.eye(3),
    "protan": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deutan": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "tritan": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}
TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)


#: Colours that must not be confused with one another.
FAMILIES = {
    "polarity": (theme.ON, theme.OFF),
    "modality": (theme.RGB, theme.EVENT),
    "difference": (theme.FOR, theme.AGAINST),
    "experts": tuple(theme.KIND_COLOURS.values()),
    "emotions": tuple(theme.EMOTION_COLOURS.values()),
}


def linear(colour: str) -> np.ndarray:
    c = np.array(theme.rgb(colour)) / 255
    return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)


def lab(rgb: np.ndarray) -> np.ndarray:
    x = TO_XYZ @ np.clip(rgb, 0, 1) / (0.95047, 1, 1.08883)
    f = np.where(x > 0.008856, np.cbrt(x), 7.787 * x + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def contrast(a: str, b: str) -> float:
    low, high = sorted(float(TO_XYZ[1] @ linear(c)) for c in (a, b))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("vision", VISION)
@pytest.mark.parametrize(
    ("family", "least"), [("polarity", 40), ("modality", 25), ("difference", 25), ("experts", 25), ("emotions", 12)]
)
def test_families_stay_apart(vision, family, least):
    for a, b in combinations(FAMILIES[family], 2):
        distance = np.linalg.norm(lab(VISION[vision] @ linear(a)) - lab(VISION[vision] @ linear(b)))
        assert distance >= least, (a, b)


def test_similar_emotions_also_differ_in_dashes():
    for a, b in combinations(theme.EMOTION_COLOURS, 2):
        near = min(
            np.linalg.norm(lab(m @ linear(theme.EMOTION_COLOURS[a])) - lab(m @ linear(theme.EMOTION_COLOURS[b])))
            for m in VISION.values()
        )
        assert near > 18 or theme.EMOTION_DASHES[a] != theme.EMOTION_DASHES[b], (a, b)


@pytest.mark.parametrize("ground", [theme.BACKGROUND, theme.PANEL, theme.RAISED])
def test_text_is_legible(ground):
    for ink in (theme.TEXT, theme.DIM, theme.WARNING, theme.FAILURE):
        assert contrast(ink, ground) >= 4.5
    for family in FAMILIES.values():
        for ink in family:
            assert contrast(ink, theme.PANEL) >= 4.5, ink


def test_type_grows_with_the_window():
    assert theme.font_px(800) < theme.font_px(1080) < theme.font_px(2160)
    assert theme.font_px(300) == 11


def test_the_heat_map_grows_evenly_in_lightness():
    lightness = [lab(linear("#" + bytes(row).hex()))[0] for row in theme.HEAT_MAP[::16]]
    steps = np.diff(lightness)
    assert (steps > 2).all()
    assert steps.max() < 3 * steps.min()
