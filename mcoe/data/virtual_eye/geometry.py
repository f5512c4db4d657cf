"""One person's eye region: shape by identity, deformation by expression weights, blink and gaze.

Centimetres; +x towards the subject's left (the nose is right in the picture), +y up, +z out of the face.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mcoe.data.virtual_eye.face import SHAPES, FacePack
from mcoe.data.virtual_eye.mesh import Mesh, build_mesh

Float32 = NDArray[np.float32]
Float = NDArray[np.float64]

SHAPE = {name: i for i, name in enumerate(SHAPES)}
BLINK = SHAPE["eyeBlink_R"]
#: The pack's full blink leaves a slit: its upper lid stops above the lower one. Turned about this much further it meets
#: it; each identity has its own value near this one.
CLOSURE = 1.2
GAZE_SHAPES = (("eyeLookUp_R", 1, 1), ("eyeLookDown_R", 1, -1), ("eyeLookIn_R", 0, 1), ("eyeLookOut_R", 0, -1))
GAZE_FULL = 35.0  # degrees at which the pack's eyeLook shapes reach their end
LIMBUS_RADIUS = 0.625


def rotation(yaw: float, pitch: float) -> Float:
    """Return the ``(3, 3)`` rotation by ``yaw`` (+ towards the nose) and ``pitch`` (+ up), degrees."""
    y, p = math.radians(yaw), math.radians(pitch)
    about_y = np.array([[math.cos(y), 0, math.sin(y)], [0, 1, 0], [-math.sin(y), 0, math.cos(y)]])
    about_x = np.array([[1, 0, 0], [0, math.cos(p), math.sin(p)], [0, -math.sin(p), math.cos(p)]])
    out: Float = about_y @ about_x
    return out


#: Within this distance of the globe's centre, cm, the drawn surface is subdivided.
FINE = 2.3


@dataclass(frozen=True)
class Topology:
    """What all people share: the drawn skin, the wet lid edge (the last ``wet`` vertices and triangles of ``skin`` are
    its own), the eyeball, and the coarse skin that casts shadows."""

    skin: Mesh
    dry_triangles: int
    uv: Float32
    eyeball: Mesh
    shadow: NDArray[np.int32]


_topologies: dict[tuple[Path, float], Topology] = {}


def topology(pack: FacePack, fine: float = FINE) -> Topology:
    """Return the topology that all people share, built once per process; ``fine`` 0 leaves the pack's own faces."""
    key = (pack.folder, fine)
    if key not in _topologies:
        _topologies[key] = _build(pack, fine)
    return _topologies[key]


def _build(p: FacePack, radius: float) -> Topology:
    skin, sclera = p.part["skin"], p.part["sclera"]
    faces = p.arrays["skin_faces"].astype(np.int32)
    middle = p.neutral[faces].mean(1)
    eye = p.neutral[sclera].mean(0)
    near = (middle[:, 0] > -9) & (middle[:, 0] < 3.5) & (middle[:, 1] > -2) & (middle[:, 1] < 9.8) & (middle[:, 2] > 0)
    faces, middle = faces[near], middle[near]
    distance = np.linalg.norm(middle - eye, axis=1)
    seen = (distance > 1.9) | (middle[:, 2] > eye[2] - 0.3)  # the lids line a bag behind the eye that no camera sees
    faces, distance = faces[seen], distance[seen]
    wet = p.arrays["lacrimal_faces"].astype(np.int32)
    wet = wet[wet[:, 3] >= 0]
    mesh = build_mesh(
        np.concatenate([faces, wet]), len(p.neutral), np.r_[distance < radius, np.full(len(wet), radius > 0)]
    )
    uv = np.zeros((len(p.neutral), 3), np.float32)
    uv[skin, :2] = p.arrays["skin_uv"]
    uv[p.part["lacrimal"], 2] = 1
    uv = mesh.matrix @ uv
    is_wet = uv[mesh.triangles, 2].mean(1) > 0.5
    mesh = Mesh(mesh.matrix, np.concatenate([mesh.triangles[~is_wet], mesh.triangles[is_wet]]))
    ball = p.arrays["sclera_faces"].astype(np.int32)
    ball = ball[(ball[:, 3] >= 0) & (p.neutral[ball].mean(1)[:, 2] > eye[2] - 0.2)]
    return Topology(
        skin=mesh,
        dry_triangles=int((~is_wet).sum()),
        uv=np.ascontiguousarray(uv[:, :2]),
        eyeball=build_mesh(ball, len(p.neutral), np.ones(len(ball), bool)),
        shadow=np.concatenate([faces[:, :3], faces[:, [0, 2, 3]]]).astype(np.int32),
    )


class FaceShape:
    """One identity: rest shape, globe, and deformation.

    Attributes:
        rest: ``(N, 3)`` float32.
        centre, radius: the globe's, cm.
        eye_frame: ``(3, 3)`` columns right, up, forward of the eye at gaze (0, 0).
    """

    def __init__(self, pack: FacePack, identity: Float) -> None:
        self.pack = pack
        coefficients = np.asarray(identity, np.float64)
        self.rest = (pack.neutral + np.tensordot(coefficients, pack.modes[: len(coefficients)], 1)).astype(np.float32)
        self._deltas = pack.deltas.reshape(len(SHAPES), -1)
        sclera = self.rest[pack.part["sclera"]].astype(np.float64)
        back = sclera[sclera[:, 2] < np.median(sclera[:, 2])]
        fit = np.linalg.lstsq(np.c_[2 * back, np.ones(len(back))], (back**2).sum(1), rcond=None)[0]
        self.centre: Float = fit[:3]
        self.radius = math.sqrt(fit[3] + self.centre @ self.centre)
        forward = self.rest[pack.arrays["pupil_ring"].astype(int)].mean(0) - self.centre
        forward = forward / np.linalg.norm(forward)
        right = np.cross([0, 1, 0], forward)
        right /= np.linalg.norm(right)
        self.eye_frame = np.stack([right, np.cross(forward, right), forward], 1)

        ball = sclera - self.centre
        reach = np.linalg.norm(ball, axis=1)
        cosine = (ball / reach[:, None]) @ forward
        order = np.argsort(cosine)
        self._profile = cosine[order], reach[order]
        self._closure = CLOSURE
        self._prepare_lids()
        self._closure = self._find_closure()

    def _prepare_lids(self) -> None:
        """Find the vertices that a blink moves round the globe and write their path as rotation about its centre."""
        delta = self.pack.deltas[BLINK]
        start = self.rest.astype(np.float64) - self.centre
        distance = np.linalg.norm(start, axis=1)
        moving = np.linalg.norm(delta, axis=1) > 0.01
        sclera, iris = self.pack.part["sclera"], self.pack.part["iris"]
        moving[sclera], moving[iris] = False, False
        lid = np.flatnonzero(moving & (distance < 2.2 * self.radius))
        self._lid = lid
        self._lid_delta = delta[lid]
        a, b = start[lid], start[lid] + delta[lid]
        self._r0, self._r1 = np.linalg.norm(a, axis=1), np.linalg.norm(b, axis=1)
        self._u0, self._u1 = a / self._r0[:, None], b / self._r1[:, None]
        self._angle = np.arccos(np.clip((self._u0 * self._u1).sum(1), -1, 1))
        # the path turns into the pack's straight line where the skin no longer lies on the globe
        self._round = np.clip((2.0 * self.radius - self._r0) / (0.6 * self.radius), 0, 1)
        guarded = (self._r0 > 0.97 * self.radius) & (self._r0 < 1.5 * self.radius)
        self._guard = lid[guarded]

    def _find_closure(self) -> float:
        """Return how far the blink must turn for the upper lid's edge to reach the lower one."""
        shut = np.zeros(len(SHAPES), np.float32)
        shut[BLINK] = 1
        upper, lower = self.pack.arrays["lid_margin"].astype(int)
        for closure in np.arange(1.0, 1.5, 0.04):
            self._closure = float(closure)
            verts, _ = self.deform(shut, (0, 0))
            low = np.interp(verts[upper[3:-3], 0], verts[lower, 0], verts[lower, 1])
            if (verts[upper[3:-3], 1] - low).max() < 0.03:
                break
        return self._closure

    def deform(self, weights: Float32, gaze: tuple[float, float]) -> tuple[Float32, Float]:
        """Return ``(N, 3)`` float32 control vertices and the globe's ``(3, 3)`` rotation.

        Args:
            weights: ``(K,)`` per name of :data:`SHAPES`, 0..1; eyeBlink 1 is a closed eye.
            gaze: yaw, pitch in degrees; the lids follow.
        """
        w = weights.astype(np.float32).copy()
        for name, axis, sign in GAZE_SHAPES:
            w[SHAPE[name]] += max(0.0, sign * gaze[axis]) / GAZE_FULL
        blink = float(np.clip(w[BLINK], 0, 1.05)) * self._closure
        w[BLINK] = blink
        active = np.flatnonzero(w)
        verts = self.rest + (w[active] @ self._deltas[active]).reshape(-1, 3)
        if blink > 0:
            turn, n = blink * self._angle, np.maximum(np.sin(self._angle), 1e-6)
            u = (np.sin(self._angle - turn) / n)[:, None] * self._u0 + (np.sin(turn) / n)[:, None] * self._u1
            arc = u * (self._r0 + min(blink, 1.0) * (self._r1 - self._r0))[:, None]
            straight = self._u0 * self._r0[:, None] + blink * self._lid_delta
            verts[self._lid] += (self._round[:, None] * (arc - straight)).astype(np.float32)
        rot = rotation(*gaze)
        self._keep_outside(verts, rot)
        return verts, rot

    def _keep_outside(self, verts: Float32, rot: Float) -> None:
        """Push lid vertices that would sink into the globe (with its cornea) softly back onto it."""
        d = verts[self._guard] - self.centre
        distance = np.linalg.norm(d, axis=1)
        u = d / distance[:, None]
        need = np.interp(u @ (rot @ self.eye_frame[:, 2]), *self._profile) + 0.025
        soft = 0.012
        lifted = need + soft * np.logaddexp(0, (distance - need) / soft)
        front = (d[:, 2] > 0) & (distance > 0.8 * self.radius)
        verts[self._guard[front]] = (self.centre + u * lifted[:, None])[front]


def eyeball(shape: FaceShape) -> tuple[Float32, Float32, Float32]:
    """Return the globe at gaze (0, 0): positions, normals, and positions in the eye's own frame, ``(n, 3)`` each."""
    mesh = topology(shape.pack).eyeball
    positions, normals = mesh.evaluate(shape.rest)
    local = (positions - shape.centre) @ shape.eye_frame
    return positions, normals, np.ascontiguousarray(local, np.float32)
