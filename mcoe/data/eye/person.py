"""Who sits in front of the sensor: face, skin, hair, light set-up and camera of one subject, drawn from one seed."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mcoe.data.eye.pack import IDENTITY_MODES, FacePack

Float = NDArray[np.float64]

#: Linear RGB of the iris: inner ring, outer ring.
IRIS = {
    "brown": ((0.10, 0.045, 0.018), (0.22, 0.10, 0.035)),
    "dark": ((0.045, 0.022, 0.012), (0.10, 0.05, 0.022)),
    "blue": ((0.10, 0.17, 0.26), (0.34, 0.43, 0.50)),
    "green": ((0.10, 0.13, 0.06), (0.30, 0.31, 0.15)),
    "hazel": ((0.16, 0.10, 0.035), (0.24, 0.24, 0.11)),
}


@dataclass(frozen=True)
class Rig:
    """Where the light comes from. ``key`` and ``side`` are unit vectors towards the lights, ``penumbra`` their softness
    (fractions of the shadow map), ``ground`` the surroundings' light from below relative to above, ``backdrop`` the
    reflectance of what is behind the head."""

    key: Float
    side: Float
    penumbra: tuple[float, float]
    ground: float
    backdrop: float


@dataclass(frozen=True)
class Look:
    """How one skin differs from the picture it is painted from.

    Attributes:
        tone: ``(3,)`` factor on its albedo: how light it is, and its hue.
        contrast: exponent on what differs from its mean.
        pores: cells of the finest relief per cm; depth: factor on that relief.
        brow: darkness of the stubble under the brow, 0..1.
    """

    tone: Float
    contrast: float = 1.0
    pores: float = 14.0
    depth: float = 1.0
    brow: float = 0.7


@dataclass(frozen=True)
class Person:
    """One subject. ``age`` 0..1; ``skins`` and ``blend`` say which two skins are mixed, and the second one's share;
    ``look`` is how this skin differs from the mixture; ``hair`` linear RGB; ``offset`` (cm) and ``width`` (cm seen
    across the picture) place the camera in the head mount, ``tilt`` (yaw, pitch in degrees) aims it."""

    number: int
    seed: int
    sex: str
    age: float
    identity: Float
    skins: tuple[Path, Path]
    blend: float
    look: Look
    iris: str
    hair: tuple[float, float, float]
    brow_hairs: int
    brow_length: float
    lash_length: float
    rig: Rig
    offset: tuple[float, float]
    width: float
    tilt: tuple[float, float]

    @property
    def years(self) -> int:
        """Age in years, as it stands in a sequence's name."""
        return round(18 + 52 * self.age)


def _direction(azimuth: float, elevation: float) -> Float:
    """Unit vector; azimuth in degrees from the camera axis (+ towards the nose), elevation + up."""
    a, e = np.radians(azimuth), np.radians(elevation)
    return np.array([np.sin(a) * np.cos(e), np.sin(e), np.cos(a) * np.cos(e)])


def split_skins(pack: FacePack, seed: int, test_share: float) -> tuple[list[Path], list[Path]]:
    """Divide the pack's skins into training and test: light and dark, women's and men's on both sides wherever there
    are two of a kind."""
    rng = np.random.default_rng([seed, 11])
    train: list[Path] = []
    test: list[Path] = []
    for kind in product((False, True), (False, True)):
        group = [p for p in pack.skins if ("dark" in p.stem, "female" in p.stem) == kind]
        order = [group[i] for i in rng.permutation(len(group))]
        n = min(max(1, round(test_share * len(group))), len(group) - 1) if len(group) > 1 else 0
        test, train = test + order[:n], train + order[n:]
    return train, test


def draw_person(number: int, seed: int, skins: list[Path]) -> Person:
    """Draw subject ``number`` of the data set ``seed``, its skin mixed from two of ``skins``.

    Two subjects share nothing but, possibly, a picture that their skins are mixed from, in another share. Age, sex and
    colours follow the one with the larger share.
    """
    rng = np.random.default_rng([seed, 101, number])
    first, second = (skins[i] for i in rng.permutation(max(2, len(skins)))[:2] % len(skins))
    blend = float(rng.uniform(0, 0.5))
    ages = {"young": (0.0, 0.35), "middleage": (0.3, 0.7), "old": (0.65, 1.0)}
    spans = [next((v for k, v in ages.items() if p.stem.startswith(k)), (0.0, 1.0)) for p in (first, second)]
    low, high = ((1 - blend) * a + blend * b for a, b in zip(*spans, strict=True))
    from_temple = rng.random() < 0.75
    dark = "dark" in first.stem
    look = Look(
        tone=np.clip(rng.uniform(0.7, 1.2) * (1 + rng.normal(0, 0.07, 3)), 0.45, 1.4),
        contrast=float(np.exp(rng.normal(0, 0.2))),
        pores=14.0 * float(np.exp(rng.normal(0, 0.25))),
        depth=float(np.exp(rng.normal(0, 0.3))),
        brow=float(rng.uniform(0.2, 1.0)),
    )
    irises = ("brown", "dark") if dark else tuple(IRIS)
    rig = Rig(
        key=_direction(rng.uniform(-15, 40), rng.uniform(10, 45)),
        side=_direction(rng.uniform(-80, -50) if from_temple else rng.uniform(50, 70), rng.uniform(-5, 30)),
        penumbra=(rng.uniform(0.008, 0.03), rng.uniform(0.006, 0.025)),
        ground=rng.uniform(0.3, 0.7),
        backdrop=rng.uniform(0.03, 0.25),
    )
    return Person(
        number=number,
        seed=int(rng.integers(2**31)),
        sex="female" if "female" in first.stem else "male",
        age=rng.uniform(low, high),
        identity=rng.normal(0, 1, IDENTITY_MODES),
        skins=(first, second),
        blend=blend,
        look=look,
        iris=irises[int(rng.integers(len(irises)))],
        hair=tuple(np.array([0.05, 0.035, 0.025]) * rng.uniform(0.2, 0.6 if dark else 3.0)),
        brow_hairs=int(rng.integers(140, 720)),
        brow_length=rng.uniform(0.6, 1.2),
        lash_length=rng.uniform(0.55, 1.3),
        rig=rig,
        offset=(float(np.clip(rng.normal(0.5, 0.15), 0.2, 0.8)), rng.normal(0.25, 0.12)),
        width=rng.uniform(7.9, 9.0),
        tilt=(rng.normal(0, 4), rng.normal(0, 3)),
    )
