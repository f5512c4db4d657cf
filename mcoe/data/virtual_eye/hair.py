"""Brow hairs rooted on skin triangles and lashes on the pack's lash strips; both follow the deformed face."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from mcoe.data.virtual_eye.face import FacePack

Float32 = NDArray[np.float32]
Float = NDArray[np.float64]
POINTS = 5  # along a hair


class Brow:
    """About ``count`` hairs; ``radius`` ``(n, POINTS)`` float32, cm."""

    def __init__(self, pack: FacePack, rest: Float32, rng: np.random.Generator, count: int, length: float) -> None:
        landmarks = rest[pack.arrays["brow_landmarks"].astype(int)].astype(np.float64)  # lateral to medial
        t = np.clip(rng.beta(1.15, 1.0, count) * 1.06 - 0.03, -0.03, 1.03)
        half_width = np.interp(t, [0, 0.25, 0.7, 1], [0.08, 0.24, 0.37, 0.38]) * rng.uniform(0.85, 1.15)
        across = rng.uniform(-1, 1, count)
        root = CubicSpline(np.linspace(0, 1, 5), landmarks)(t)
        root[:, 1] += across * half_width - 0.12
        kept, self._triangles, self._barycentric = _drop_onto(pack, rest, root)
        t, across, n = t[kept], across[kept], len(kept)
        # medial hairs stand up, lateral ones lie outwards and down, the upper rows lean down onto them
        degrees = np.interp(t, [0, 0.3, 0.75, 1], [196, 183, 158, 112]) + across * 14 * (t > 0.15) + rng.normal(0, 9, n)
        a = np.radians(degrees)
        frames = self._frames(rest)
        local = np.einsum("nji,nj->ni", frames, np.c_[np.cos(a), np.sin(a), np.zeros(n)])
        local[:, 2] = 0
        self._local = local / np.linalg.norm(local, axis=1, keepdims=True)
        self._length = length * np.interp(t, [0, 0.4, 0.8, 1], [0.42, 0.75, 0.72, 0.5]) * rng.uniform(0.65, 1.1, n)
        self._lift = rng.uniform(0.12, 0.3, n)
        self.radius = (np.linspace(1, 0.15, POINTS) * rng.uniform(0.0038, 0.0062, (n, 1))).astype(np.float32)

    def _frames(self, verts: NDArray[np.floating]) -> Float:
        """Return ``(n, 3, 3)``: columns along the triangle's first side, across it, and its normal."""
        a, b, c = (verts[self._triangles[:, k]].astype(np.float64) for k in range(3))
        normal = np.cross(b - a, c - a)
        normal /= np.linalg.norm(normal, axis=1, keepdims=True)
        side = (b - a) / np.linalg.norm(b - a, axis=1, keepdims=True)
        return np.stack([side, np.cross(normal, side), normal], 2)

    def points(self, verts: Float32) -> Float32:
        """Return the hairs on deformed control vertices, ``(n, POINTS, 3)``."""
        frames = self._frames(verts)
        root = np.einsum("nk,nkj->nj", self._barycentric, verts[self._triangles])
        along = np.einsum("nij,nj->ni", frames, self._local) * self._length[:, None]
        normal = frames[:, :, 2]
        u = np.linspace(0, 1, POINTS)
        lift = (u - 0.8 * u**2) * (self._lift * self._length)[:, None] + 0.015
        out = root[:, None] + along[:, None] * u[:, None] + normal[:, None] * lift[:, :, None]
        return np.asarray(out, np.float32)


def _drop_onto(pack: FacePack, rest: Float32, roots: Float) -> tuple[NDArray[np.int64], NDArray[np.int64], Float]:
    """Find the front-most skin triangle under each root: kept roots, triangles ``(n, 3)``, barycentrics ``(n, 3)``."""
    faces = pack.arrays["skin_faces"].astype(np.int64)
    triangles = np.concatenate([faces[:, :3], faces[:, [0, 2, 3]]])
    corners = rest[triangles].astype(np.float64)
    middle = corners.mean(1)[:, :2]
    lo, hi = roots[:, :2].min(0) - 1, roots[:, :2].max(0) + 1
    near = ((middle > lo) & (middle < hi)).all(1) & (corners[:, :, 2].mean(1) > 5)
    triangles, corners = triangles[near], corners[near]
    a, e1, e2 = corners[:, 0], corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    det = e1[:, 0] * e2[:, 1] - e2[:, 0] * e1[:, 1]
    det = np.where(np.abs(det) < 1e-9, np.inf, det)
    q = roots[:, None, :2] - a[None, :, :2]  # (roots, triangles, 2)
    u = (q[..., 0] * e2[:, 1] - e2[:, 0] * q[..., 1]) / det
    v = (e1[:, 0] * q[..., 1] - q[..., 0] * e1[:, 1]) / det
    depth = a[:, 2] + u * e1[:, 2] + v * e2[:, 2]
    depth = np.where((u >= 0) & (v >= 0) & (u + v <= 1) & np.isfinite(det), depth, -np.inf)
    best = depth.argmax(1)
    kept = np.flatnonzero(np.isfinite(depth[np.arange(len(roots)), best]))
    best = best[kept]
    u, v = u[kept, best], v[kept, best]
    return kept, triangles[best], np.stack([1 - u - v, u, v], 1)


class Lashes:
    """Hairs between the root and the tip line of the pack's six lash strips; ``radius`` ``(n, POINTS)`` float32."""

    def __init__(self, pack: FacePack, rng: np.random.Generator, length: float) -> None:
        rows, weights, radius = [], [], []
        for grid, upper in zip(pack.arrays["lash_grids"].astype(int), pack.arrays["lash_upper"], strict=True):
            n = 34 if upper else 20
            m, depth = grid.shape
            along = np.sort(rng.uniform(0.02, 0.98, n))
            reach = np.clip(rng.uniform(0.55, 1.0, n) * length * (1.0 if upper else 0.62), 0, 1)
            splay = rng.normal(0, 0.035, n)
            # each point is a bilinear mix of four grid vertices, so a pose costs one gather
            u = np.linspace(0, 1, POINTS)
            x = np.clip(along[:, None] + splay[:, None] * u, 0, 1) * (m - 1)
            y = reach[:, None] * u * (depth - 1)
            i, j = np.minimum(x.astype(int), m - 2), np.minimum(y.astype(int), depth - 2)
            fx, fy = x - i, y - j
            rows.append(np.stack([grid[i, j], grid[i + 1, j], grid[i, j + 1], grid[i + 1, j + 1]], -1))
            weights.append(np.stack([(1 - fx) * (1 - fy), fx * (1 - fy), (1 - fx) * fy, fx * fy], -1))
            radius.append(np.tile(np.linspace(1, 0.12, POINTS) * (0.0058 if upper else 0.0042), (n, 1)))
        self._rows = np.concatenate(rows)  # (n, POINTS, 4)
        self._weights = np.concatenate(weights).astype(np.float32)
        self.radius = np.concatenate(radius).astype(np.float32)

    def points(self, verts: Float32) -> Float32:
        """Return the lashes on deformed control vertices, ``(n, POINTS, 3)``."""
        out: Float32 = np.einsum("npk,npkj->npj", self._weights, verts[self._rows])
        return out
