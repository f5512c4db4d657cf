"""Who sits in front of the sensor: face, skin, hair, light set-up and camera of one subject, drawn from one seed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mcoe.data.virtual_eye.face import IDENTITY_MODES, FacePack

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
class Person:
    """One subject. ``age`` 0..1; ``hair`` linear RGB; ``offset`` (cm) and ``width`` (cm seen across the picture) place
    the camera in the head mount, ``tilt`` (yaw, pitch in degrees) aims it."""

    number: int
    seed: int
    sex: str
    age: float
    identity: Float
    skin: Path
    tone: Float
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
    """Divide the pack's skins into training and test, both with light and dark ones wherever there are enough."""
    rng = np.random.default_rng([seed, 11])
    train: list[Path] = []
    test: list[Path] = []
    for dark in (False, True):
        group = [p for p in pack.skins if ("dark" in p.stem) == dark]
        order = [group[i] for i in rng.permutation(len(group))]
        n = min(max(1, round(test_share * len(group))), len(group) - 1) if len(group) > 1 else 0
        test, train = test + order[:n], train + order[n:]
    return train, test


def draw_person(number: int, seed: int, skins: list[Path]) -> Person:
    """Draw subject ``number`` of the data set ``seed``; two subjects share nothing but, possibly, one of ``skins``."""
    rng = np.random.default_rng([seed, 101, number])
    skin = skins[int(rng.integers(len(skins)))]
    ages = {"young": (0.0, 0.35), "middleage": (0.3, 0.7), "old": (0.65, 1.0)}
    low, high = next((v for k, v in ages.items() if skin.stem.startswith(k)), (0.0, 1.0))
    from_temple = rng.random() < 0.75
    dark = "dark" in skin.stem
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
        sex="female" if "female" in skin.stem else "male",
        age=rng.uniform(low, high),
        identity=rng.normal(0, 1, IDENTITY_MODES),
        skin=skin,
        tone=np.clip(rng.uniform(0.75, 1.15) * (1 + rng.normal(0, 0.04, 3)), 0.5, 1.3),
        iris=irises[int(rng.integers(len(irises)))],
        hair=tuple(np.array([0.05, 0.035, 0.025]) * rng.uniform(0.2, 0.6 if dark else 2.2)),
        brow_hairs=int(rng.integers(250, 620)),
        brow_length=rng.uniform(0.7, 1.1),
        lash_length=rng.uniform(0.75, 1.15),
        rig=rig,
        offset=(float(np.clip(rng.normal(0.5, 0.15), 0.2, 0.8)), rng.normal(0.25, 0.12)),
        width=rng.uniform(7.9, 9.0),
        tilt=(rng.normal(0, 4), rng.normal(0, 3)),
    )
