"""One person's skin: albedo, fine relief and the wrinkles that each muscle group folds, as textures."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline
from scipy.ndimage import map_coordinates
from scipy.spatial import cKDTree

from mcoe.data.eye.pack import FacePack
from mcoe.data.eye.person import Look
from mcoe.errors import McoeError

Float32 = NDArray[np.float32]
Float = NDArray[np.float64]

#: Texture size; about 50 texels per cm, above the sensor's 41 pixels per cm.
SIZE = 512
#: Muscle groups that have a wrinkle map of their own.
FOLDS = ("crow", "under", "frown", "nose", "forehead")


@dataclass(frozen=True)
class Skin:
    """Textures ``(SIZE, SIZE[, 3])`` float32: linear ``albedo``, ``relief``, height maps per fold, ``base`` at rest."""

    albedo: Float32
    relief: Float32
    folds: dict[str, Float32]
    base: Float32


class _Window:
    """The texture window at :data:`SIZE`, with the closest distances that every person's skin needs."""

    def __init__(self, pack: FacePack) -> None:
        step = pack.position.shape[0] // SIZE
        self.position = np.ascontiguousarray(pack.position[::step, ::step])
        self.atlas_uv = pack.atlas_uv[::step, ::step]
        self.flat = self.position.reshape(-1, 3)
        self.texels = np.flatnonzero(pack.inside[::step, ::step].ravel())
        self.lid_distance = self._distance(pack.neutral[pack.arrays["lid_rim"].astype(int)])

    def _distance(self, points: Float) -> Float:
        return np.asarray(cKDTree(points).query(self.flat)[0], np.float64).reshape(SIZE, SIZE)


@lru_cache(maxsize=2)
def _window(folder: Path) -> _Window:
    return _Window(_packs[folder])


_packs: dict[Path, FacePack] = {}


def window(pack: FacePack) -> _Window:
    """Return the texture window of a pack, computed once per process."""
    _packs[pack.folder] = pack
    return _window(pack.folder)


def noise(points: Float, frequency: float, rng: np.random.Generator, octaves: int, rough: float = 0.55) -> Float:
    """Return value noise in about -1..1 at ``points`` ``(..., 3)``, ``frequency`` cells per cm in the first octave."""
    lattice = rng.uniform(-1, 1, (32, 32, 32)).astype(np.float32)
    out, amplitude, total = np.zeros(points.shape[:-1]), 1.0, 0.0
    for octave in range(octaves):
        where = np.moveaxis((points * frequency * 2**octave + rng.uniform(0, 32, 3)) % 32, -1, 0)
        out += amplitude * map_coordinates(lattice, where, order=1, mode="grid-wrap", output=np.float32)
        total += amplitude
        amplitude *= rough
    return out / total


def _photograph(path: Path, pack: FacePack, uv: Float) -> Float:
    """Resample a skin image into the texture window, linear RGB; the atlas's closed-eye slits are painted over."""
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise McoeError(f"The skin {path} cannot be read: fetch the face data pack again.")
    n, (x0, y0, _, _) = pack.atlas_size, pack.crop
    slit = np.zeros(image.shape[:2], np.uint8)
    for v in (0.4517, 0.5173):  # where the atlas draws the two closed eyes
        cv2.ellipse(slit, (round(0.8388 * n) - x0, round((1 - v) * n) - y0), (13, 27), 0, 0, 360, 255, -1)
    image = cv2.cvtColor(cv2.inpaint(image, slit, 5, cv2.INPAINT_TELEA), cv2.COLOR_BGR2RGB).astype(np.float32) / 255
    x, y = uv[..., 0] * n - 0.5 - x0, (1 - uv[..., 1]) * n - 0.5 - y0
    coded = cv2.remap(
        image, x.astype(np.float32), y.astype(np.float32), cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    coded = np.clip(coded, 0, 1)
    return np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4)


def bake_skin(
    pack: FacePack, rng: np.random.Generator, images: tuple[Path, Path], blend: float, look: Look, age: float
) -> Skin:
    """Paint one person's skin.

    Args:
        images: two of the pack's skins, of which the second has the share ``blend`` 0..1. All lie on one map, so that
            lids, brows and folds meet.
        look: how it differs from the mixture.
        age: 0..1, drives roughness and resting lines.
    """
    w = window(pack)
    p = w.position
    first, second = (_photograph(image, pack, w.atlas_uv) for image in images)
    albedo = first + blend * (second - first)
    mean = albedo.reshape(-1, 3)[w.texels].mean(0)
    albedo = mean * (np.maximum(albedo, 1e-3) / mean) ** look.contrast * look.tone
    # photographs of dark skin are exposed low: no living skin reflects less than about a tenth
    albedo *= np.clip(level := float(albedo.reshape(-1, 3)[w.texels].mean()), 0.1, 0.5) / level
    albedo *= 1 + 0.10 * noise(p, 2.2, rng, 5)[..., None] * [0.6, 1.0, 1.0]
    flush = np.clip(noise(p, 0.7, rng, 3), 0, 1)[..., None]
    albedo *= 1 - 0.10 * flush * [-0.3, 1, 1]
    d = w.lid_distance
    albedo *= 1 - rng.uniform(0.5, 1.0) * np.exp(-((d / 0.13) ** 2))[..., None] * [0.04, 0.30, 0.26]
    albedo *= 1 - rng.uniform(0, 0.28) * np.exp(-((d / 0.75) ** 2))[..., None] * [0.75, 1.0, 0.9]
    spots = w.flat[rng.choice(w.texels, int(rng.integers(20, 380)))]
    distance, which = cKDTree(spots).query(w.flat, distance_upper_bound=0.2)
    which = np.minimum(which, len(spots) - 1)
    size, strength = rng.uniform(0.02, 0.055, len(spots)), rng.uniform(0.05, 0.4, len(spots))
    freckle = strength[which] * np.exp(-((np.minimum(distance, 9) / size[which]) ** 2))
    albedo *= 1 - freckle.reshape(SIZE, SIZE, 1) * [0.7, 1, 1]
    albedo *= 1 - 0.35 * look.brow * _brow_shade(pack, w)[..., None]
    grain = look.depth * noise(p, look.pores, rng, 3, 0.7)
    coarse = noise(p * [1, 3.0, 1], 3, rng, 4)
    relief = 0.75 * grain + 0.5 * age * coarse
    folds = _folds(pack, w, rng)
    base = 0.25 * folds["under"] + 0.12 * folds["crow"]
    albedo *= 1 + 0.05 * grain[..., None]
    return Skin(np.clip(albedo, 0.002, 0.95).astype(np.float32), relief.astype(np.float32), folds, base)


def _brow_shade(pack: FacePack, w: _Window) -> Float:
    """Return the stubble under the brow's hairs, ``(SIZE, SIZE)`` 0..1."""
    line = CubicSpline(np.linspace(0, 1, 5), pack.neutral[pack.arrays["brow_landmarks"].astype(int)][:, :2])
    t = np.linspace(0, 1, 60)
    d, i = cKDTree(line(t) - [0, 0.12]).query(w.flat[:, :2], distance_upper_bound=1.5)
    half = np.interp(t, [0, 0.25, 0.7, 1], [0.1, 0.24, 0.37, 0.36])[np.minimum(i, 59)]
    shade: Float = np.exp(-((np.minimum(d, 9) / half) ** 4)).reshape(SIZE, SIZE)
    return shade


def _groove(canvas: Float32, xy: Float, points: Float, width: float, depth: float) -> None:
    """Press a groove with raised flanks along ``points`` ``(n, 2)`` cm into ``canvas``."""
    s = np.linspace(0, 1, len(points))
    t = np.linspace(0, 1, 60)
    line = (
        CubicSpline(s, points)(t)
        if len(points) > 2
        else np.c_[np.interp(t, s, points[:, 0]), np.interp(t, s, points[:, 1])]
    )
    reach = 4 * width
    near = np.flatnonzero(((xy > line.min(0) - reach) & (xy < line.max(0) + reach)).all(1))
    if not len(near):
        return
    d, i = cKDTree(line).query(xy[near])
    taper = np.sin(np.pi * np.clip(t * 0.96 + 0.02, 0, 1))[i] ** 0.7
    profile = 0.45 * np.exp(-(((d - 1.9 * width) / (1.1 * width)) ** 2)) - np.exp(-((d / width) ** 2))
    canvas.reshape(-1)[near] += (depth * taper * profile).astype(np.float32)


def _folds(pack: FacePack, w: _Window, rng: np.random.Generator) -> dict[str, Float32]:
    """Draw the wrinkles of AU 6/7 (crow, under), AU 4 (frown), AU 9 (nose) and AU 1/2 (forehead)."""
    xy = w.flat[:, :2]
    brow = pack.neutral[pack.arrays["brow_landmarks"].astype(int)][:, :2]
    lids = pack.neutral[pack.arrays["lid_landmarks"].astype(int)][:, :2]
    outer, inner = lids[0], lids[3]
    maps = {name: np.zeros((SIZE, SIZE), np.float32) for name in FOLDS}

    def walk(start: Float, *steps: tuple[float, float], jitter: float) -> Float:
        """Points from ``start`` at the given steps from it, each shaken."""
        return np.stack([start, *(start + np.array(step) + shake(jitter) for step in steps)])

    def shake(scale: float) -> Float:
        return rng.normal(0, scale, 2)

    count = int(rng.integers(3, 7))
    for angle in np.linspace(rng.uniform(30, 42), rng.uniform(-48, -35), count):
        turn = math.radians(angle + rng.normal(0, 5))
        along, length = np.array([-math.cos(turn), math.sin(turn)]), rng.uniform(0.8, 1.6)
        start = outer + rng.uniform(0.4, 0.5) * along + shake(0.06)
        path = [start, start + along * length / 2 + shake(0.04), start + along * length + shake(0.05) - [0, 0.08]]
        _groove(maps["crow"], xy, np.array(path), rng.uniform(0.045, 0.06), rng.uniform(0.6, 1.1))
    for k in range(int(rng.integers(3, 5))):
        a = np.array([outer[0] + 0.1 + 0.1 * k, outer[1] - 0.25 - 0.22 * k]) + shake(0.05)
        b = np.array([inner[0] - 0.15, inner[1] - 0.5 - 0.26 * k]) + shake(0.05)
        path = [a, (a + b) / 2 - [0, 0.42 + 0.05 * k] + shake(0.04), b]
        _groove(maps["under"], xy, np.array(path), 0.05, rng.uniform(0.45, 0.9) * (1 - 0.12 * k))
    medial = brow[4]
    for offset in rng.uniform(0.3, 0.7, int(rng.integers(1, 4))):
        start = np.array([medial[0] + offset, medial[1] - 0.55]) + shake(0.1)
        line = walk(start, (0.05, 0.6), (0, rng.uniform(0.9, 1.4)), jitter=0.06)
        _groove(maps["frown"], xy, line, rng.uniform(0.06, 0.085), rng.uniform(0.7, 1.2))
    for k in range(int(rng.integers(2, 5))):
        start = np.array([inner[0] + 0.45, inner[1] + 0.25 - 0.33 * k]) + shake(0.04)
        _groove(maps["nose"], xy, walk(start, (0.45, -0.12), (0.95, 0.08), jitter=0.04), 0.06, 0.9)
    for k in range(int(rng.integers(2, 5))):
        y = brow[2][1] + 0.7 + 0.55 * k + rng.normal(0, 0.06)
        path = [[brow[0][0] - 0.2, y - 0.35], [brow[1][0], y], [brow[3][0], y + 0.05], [medial[0] + 0.9, y - 0.12]]
        _groove(maps["forehead"], xy, np.array(path) + rng.normal(0, 0.04, (4, 2)), 0.085, rng.uniform(0.8, 1.1))
    return maps
