"""Draws one person's eye on OpenGL 3.3 without a window: a GPU through EGL, or Mesa's llvmpipe on the CPU."""

from __future__ import annotations

import math
import os
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mcoe.data.eye import shaders
from mcoe.data.eye.geometry import FINE, SHAPE, FaceShape, eyeball, topology
from mcoe.data.eye.hair import POINTS, Brow, Lashes
from mcoe.data.eye.pack import FacePack
from mcoe.data.eye.person import IRIS, Person
from mcoe.data.eye.skin import Skin, bake_skin, noise
from mcoe.errors import McoeError

try:
    import moderngl
except ImportError:  # an optional dependency: only rendering needs it
    moderngl = None  # type: ignore[assignment, unused-ignore]
if TYPE_CHECKING:
    import moderngl as gl

Float32 = NDArray[np.float32]
Float = NDArray[np.float64]

#: Spectral responses: share of R, G, B in the drawn signal. The sensor is monochrome, the others make colour previews.
LUMA = (0.299, 0.587, 0.114)
RGB = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
#: How far red, green and blue light spread under the skin (wrap of the diffuse term).
_WRAP = (0.32, 0.13, 0.07)
_SCLERA = np.array([[0.60, 0.57, 0.54], [0.50, 0.38, 0.34], [0.95, 0.55, 0.50]])  # centre, corner, vein factor; RGB
_WET = (0.55, 0.26, 0.24)
_MIDDLE = np.array([-2.6, 3.4, 9.0])  # of the modelled region
_SHADOW_SIZE, _SHADOW_REACH = 512, 8.0
_OCCLUSION_SHAPES = [
    "browDown_R",
    "browInnerUp_R",
    "browOuterUp_R",
    "cheekSquint_R",
    "eyeSquint_R",
    "eyeWide_R",
    "eyeBlink_R",
    "noseSneer_R",
    "mouthSmile_R",
]


def _look_at(eye: Float, target: Float) -> Float:
    z = (eye - target) / np.linalg.norm(eye - target)
    x = np.cross([0, 1, 0.01], z)
    x /= np.linalg.norm(x)
    out = np.eye(4)
    out[:3, :3] = x, np.cross(z, x), z
    out[:3, 3] = -out[:3, :3] @ eye
    return out


def _perspective(half_x: float, half_y: float, near: float, far: float) -> Float:
    a, b = (far + near) / (near - far), 2 * far * near / (near - far)
    return np.array([[1 / half_x, 0, 0, 0], [0, 1 / half_y, 0, 0], [0, 0, a, b], [0, 0, -1, 0]])


def _parallel(half: float, near: float, far: float) -> Float:
    a, b = -2 / (far - near), -(far + near) / (far - near)
    return np.array([[1 / half, 0, 0, 0], [0, 1 / half, 0, 0], [0, 0, a, b], [0, 0, 0, 1]])


def create_context() -> gl.Context:
    """Return a windowless OpenGL context.

    Raises:
        McoeError: moderngl is not installed, or no EGL driver answers.
    """
    if moderngl is None:
        raise McoeError('Rendering the virtual eye needs moderngl: pip install "moderngl==5.12.0" scipy.')
    os.environ.setdefault("LP_NUM_THREADS", "0")  # llvmpipe: one process per core beats two threads per process
    try:
        return moderngl.create_standalone_context(backend="egl")  # type: ignore[arg-type, unused-ignore]
    except Exception as error:
        raise McoeError(
            f"No OpenGL context through EGL ({error}): install libegl1 and libgl1-mesa-dri, or a GPU driver with EGL."
        ) from error


class EyeRenderer:
    """One person in front of one camera. Use as a context manager, or call :meth:`close`.

    Args:
        size: picture ``(width, height)`` in pixels.
        samples: samples per pixel (MSAA); 4 is what llvmpipe offers.
        response: share of R, G, B in the signal.
        context: an OpenGL context to share between people; without one the renderer makes and releases its own.
    """

    def __init__(
        self,
        pack: FacePack,
        person: Person,
        size: tuple[int, int] = (346, 260),
        samples: int = 4,
        response: tuple[float, float, float] = LUMA,
        context: gl.Context | None = None,
    ) -> None:
        self.person, self.size = person, size
        self._own_context = context is None
        self._gl = context or create_context()
        self._made: list[Any] = []
        rng = np.random.default_rng(person.seed)
        self.shape = FaceShape(pack, person.identity)
        coarse = size[0] < 240  # a subdivided face would be smaller than a pixel
        self._topology = topology(pack, 0 if coarse else FINE)
        self._texture_step = max(1, round(25 / (size[0] / person.width)))
        self._lid_rows = pack.arrays["lid_margin"].astype(int)
        self._brow = Brow(pack, self.shape.rest, rng, person.brow_hairs, person.brow_length)
        self._lashes = Lashes(pack, rng, person.lash_length)
        self._skin = bake_skin(pack, rng, person.skins, person.blend, person.look, person.age)
        self._build(samples)
        self._fibre = self._texture(_fibres(rng))
        self.set_response(response)
        self._occlusion = self._bake_occlusion()

    def __enter__(self) -> EyeRenderer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Release what lies on the graphics device. A second call does nothing."""
        while self._made:
            self._made.pop().release()
        if self._own_context and self._gl is not None:
            self._gl.release()
        self._own_context = False

    def _keep(self, made: Any) -> Any:
        self._made.append(made)
        return made

    def _buffer(self, data: NDArray[Any]) -> Any:
        return self._keep(self._gl.buffer(np.ascontiguousarray(data).tobytes()))

    def _texture(self, image: NDArray[np.floating], step: int = 1) -> Any:
        """Upload ``(h, w, 4)`` 0..1, shrunk by ``step`` to about a texel per pixel, so that it needs no mipmaps."""
        h, w = image.shape[0] // step, image.shape[1] // step
        small = image[: h * step, : w * step].reshape(h, step, w, step, 4).mean((1, 3))
        t = self._keep(self._gl.texture((w, h), 4, (np.clip(small, 0, 1) * 255 + 0.5).astype(np.uint8).tobytes()))
        t.filter = (moderngl.LINEAR, moderngl.LINEAR)
        return t

    def _build(self, samples: int) -> None:
        c, t = self._gl, self._topology
        self._programs = {
            "arrival": self._keep(c.program(vertex_shader=shaders.ARRIVAL_VERTEX, varyings=("arrival", "lid_gap"))),
        } | {
            name: self._keep(c.program(vertex_shader=vs, fragment_shader=fs))
            for name, vs, fs in (
                ("depth", shaders.DEPTH_VERTEX, shaders.DEPTH_FRAGMENT),
                ("skin", shaders.SKIN_VERTEX, shaders.SKIN_FRAGMENT),
                ("eye", shaders.EYE_VERTEX, shaders.EYE_FRAGMENT),
                ("hair", shaders.HAIR_VERTEX, shaders.HAIR_FRAGMENT),
            )
        }
        n, control = len(t.uv), len(self.shape.rest)
        self._positions, self._normals = (self._keep(c.buffer(reserve=n * 12)) for _ in range(2))
        self._visible = self._keep(c.buffer(reserve=n * 4))
        self._control = self._keep(c.buffer(reserve=control * 12))
        self._skin_arrival = self._keep(c.buffer(reserve=n * 12))
        index = self._buffer(t.skin.triangles)
        content = [(self._positions, "3f", "p"), (self._normals, "3f", "n"), (self._buffer(t.uv), "2f", "uv"),
                   (self._visible, "1f", "ao"), (self._skin_arrival, "3f", "arrival")]  # fmt: skip
        self._draw_skin = self._keep(c.vertex_array(self._programs["skin"], content, index))
        caster = self._buffer(t.shadow)
        self._draw_caster = self._keep(c.vertex_array(self._programs["depth"], [(self._control, "3f", "p")], caster))
        p, normals, local = eyeball(self.shape)
        self._eye_arrival = self._keep(c.buffer(reserve=len(p) * 12))
        content = [(self._buffer(a), "3f", name) for a, name in ((p, "p"), (normals, "n"), (local, "e"))]
        arrival = self._programs["arrival"]
        self._light_eye = self._keep(c.vertex_array(arrival, content[:2]))
        self._light_skin = self._keep(
            c.vertex_array(arrival, [(self._positions, "3f", "p"), (self._normals, "3f", "n")])
        )
        content.append((self._eye_arrival, "3f", "arrival"))
        self._draw_eye = self._keep(c.vertex_array(self._programs["eye"], content, self._buffer(t.eyeball.triangles)))

        radius = np.concatenate([self._brow.radius, self._lashes.radius])
        hairs = len(radius)
        ribbon = np.empty((hairs, POINTS, 2, 2), np.float32)
        ribbon[..., 0], ribbon[..., 1] = radius[:, :, None], (-1, 1)
        self._hair_points, self._hair_tangents = (self._keep(c.buffer(reserve=hairs * POINTS * 24)) for _ in range(2))
        i = 2 * (np.arange(hairs)[:, None] * POINTS + np.arange(POINTS - 1))
        quads = np.stack([i, i + 1, i + 2, i + 2, i + 1, i + 3], -1).astype(np.int32)
        content = [
            (self._hair_points, "3f", "p"),
            (self._hair_tangents, "3f", "t"),
            (self._buffer(ribbon), "2f", "ribbon"),
        ]
        self._draw_hair = self._keep(c.vertex_array(self._programs["hair"], content, self._buffer(quads)))

        self._shadow_maps = []
        for _ in range(2):
            depth = self._keep(c.depth_texture((_SHADOW_SIZE, _SHADOW_SIZE)))
            depth.compare_func, depth.filter = "<=", (moderngl.LINEAR, moderngl.LINEAR)
            depth.repeat_x = depth.repeat_y = False
            self._shadow_maps.append((depth, self._keep(c.framebuffer(depth_attachment=depth))))
        many = self._keep(c.renderbuffer(self.size, 4, samples=samples, dtype="f4"))
        depth = self._keep(c.depth_renderbuffer(self.size, samples=samples))
        self._canvas = self._keep(c.framebuffer([many], depth))
        self._result = self._keep(c.framebuffer([self._keep(c.renderbuffer(self.size, 4, dtype="f4"))]))

    def set_response(self, response: tuple[float, float, float]) -> None:
        """Choose the spectral response that :meth:`render` draws; repaints the textures."""
        share = np.array(response)
        s: Skin = self._skin
        f = {k: v / 4 + 0.5 for k, v in s.folds.items()}
        step = self._texture_step
        paint = np.dstack([np.sqrt(s.albedo @ share), s.relief / 4 + 0.5, f["forehead"], s.base / 4 + 0.5])
        self._paint = self._texture(paint, step)
        self._folds = self._texture(np.dstack([f["crow"], f["under"], f["frown"], f["nose"]]), step)
        inner, outer = (float(np.dot(c, share)) for c in IRIS[self.person.iris])
        skin, eye, hair = (self._programs[k] for k in ("skin", "eye", "hair"))
        edge = 0.5 * np.array(_WET) * share + 0.6 * s.albedo.mean((0, 1)) * share
        skin["wrap"].value, skin["wetness"].value = float(np.dot(_WRAP, share)), float(edge.sum())
        eye["iris"].value, eye["sclera"].value, eye["veins"].value = (inner, outer), tuple(_SCLERA @ share), 0.6
        hair["hair"].value = float(np.dot(self.person.hair, share))

    def _bake_occlusion(self, directions: int = 40, size: int = 160) -> Float32:
        """Return how much of the surroundings each vertex sees at rest, and its change per shape, ``(1 + S, n)``."""
        c, shape = self._gl, self.shape
        depth = c.depth_texture((size, size))
        depth.compare_func = ""
        target = c.framebuffer(depth_attachment=depth)
        i = np.arange(directions) + 0.5
        polar, turn = np.arccos(1 - i / directions * 1.05), np.pi * (1 + 5**0.5) * i
        rays = np.c_[np.cos(turn) * np.sin(polar), np.sin(turn) * np.sin(polar), np.cos(polar)]
        views = [_parallel(9.5, 1, 60) @ _look_at(_MIDDLE + d * 30, _MIDDLE) for d in rays]

        def seen(weights: Float32) -> Float:
            verts, _ = shape.deform(weights, (0, 0))
            p, n = self._topology.skin.evaluate(verts)
            self._control.write(verts.tobytes())
            total, weight = np.zeros(len(p)), np.zeros(len(p))
            q = np.c_[p + n * 0.08, np.ones(len(p))]
            for ray, view in zip(rays, views, strict=True):
                self._shade(target, view)
                z = np.frombuffer(depth.read(alignment=1), np.float32).reshape(size, size)
                at = (q @ view.T)[:, :3] * 0.5 + 0.5
                x, y = np.clip(at[:, :2] * size, 0, size - 1).astype(int).T
                facing = np.clip(n @ ray, 0, 1) + 0.02
                total += facing * (at[:, 2] <= z[y, x] + 0.003)
                weight += facing
            return total / weight

        still = np.zeros(len(SHAPE), np.float32)
        rest = seen(still)
        rows = [rest]
        for name in _OCCLUSION_SHAPES:
            weights = still.copy()
            weights[SHAPE[name]] = 1
            rows.append(seen(weights) - rest)
        target.release()
        depth.release()
        return np.array(rows, np.float32)

    def _shade(self, target: Any, view: Float) -> None:
        target.use()
        target.clear(depth=1.0)
        self._gl.enable_only(moderngl.DEPTH_TEST)
        self._programs["depth"]["L"].write(view.T.astype("f4").tobytes())
        self._draw_caster.render()

    def _upload_hair(self, verts: Float32) -> None:
        points = np.concatenate([self._brow.points(verts), self._lashes.points(verts)])
        tangents = np.empty_like(points)
        tangents[:, 1:-1] = points[:, 2:] - points[:, :-2]
        tangents[:, 0], tangents[:, -1] = points[:, 1] - points[:, 0], points[:, -1] - points[:, -2]
        tangents /= np.linalg.norm(tangents, axis=2, keepdims=True) + 1e-9
        self._hair_points.write(np.repeat(points.reshape(-1, 3), 2, 0).tobytes())
        self._hair_tangents.write(np.repeat(tangents.reshape(-1, 3), 2, 0).tobytes())

    def render(
        self, weights: Float32, gaze: tuple[float, float] = (0, 0), slip: tuple[float, float] = (0, 0)
    ) -> Float32:
        """Draw one pose.

        Args:
            weights: ``(K,)`` per name of ``pack.SHAPES``, 0..1.
            gaze: yaw (+ towards the nose) and pitch (+ up), degrees.
            slip: how far the head mount has moved, cm.

        Returns:
            ``(H, W, 3)`` float32 linear radiance under the key light, the side light and the surroundings, each of unit
            strength; row 0 is the top.
        """
        c, person, rig = self._gl, self.person, self.person.rig
        verts, rot = self.shape.deform(weights, gaze)
        p, n = self._topology.skin.evaluate(verts)
        self._positions.write(p.tobytes())
        self._normals.write(n.tobytes())
        self._control.write(verts.tobytes())
        shares = np.r_[1, weights[[SHAPE[s] for s in _OCCLUSION_SHAPES]]].astype(np.float32)
        self._visible.write(np.clip(shares @ self._occlusion, 0.03, 1).tobytes())
        self._upload_hair(verts)
        shadow_views = [
            _parallel(_SHADOW_REACH, 1, 60) @ _look_at(_MIDDLE + d * 30, _MIDDLE) for d in (rig.key, rig.side)
        ]
        for (_, target), view in zip(self._shadow_maps, shadow_views, strict=True):
            self._shade(target, view)

        aim = np.array([person.offset[0] + slip[0] - 0.05, person.offset[1] + slip[1] + 0.45, 1.0])
        target = self.shape.centre + aim
        yaw, pitch = np.radians(person.tilt)
        camera = target + np.array([math.sin(yaw), math.sin(pitch), math.cos(yaw)]) * 23
        half = person.width / 2 / 23
        view = _perspective(half, half * self.size[1] / self.size[0], 5, 80) @ _look_at(camera, target)
        common = {
            "VP": view.T,
            "L0": shadow_views[0].T,
            "L1": shadow_views[1].T,
            "cam": camera,
            "d0": rig.key,
            "d1": rig.side,
        }
        for program in (self._programs[k] for k in ("arrival", "skin", "eye", "hair")):
            for name, value in common.items():
                if name in program:
                    program[name].write(np.ascontiguousarray(value, "f4").tobytes())
            for name, value in (("penumbra", rig.penumbra), ("ground", rig.ground), ("shade0", 0), ("shade1", 1)):
                if name in program:
                    program[name].value = value
        for unit, texture in enumerate(
            (self._shadow_maps[0][0], self._shadow_maps[1][0], self._paint, self._folds, self._fibre)
        ):
            texture.use(unit)

        arrival, eye = self._programs["arrival"], self._programs["eye"]
        margin = np.c_[verts[self._lid_rows.ravel()], np.repeat([1, 0], self._lid_rows.shape[1])]
        arrival["lid"].write(margin.astype("f4").tobytes())
        for program in (arrival, eye):
            program["centre"].value = tuple(self.shape.centre)
            program["turn"].write(rot.T.astype("f4").tobytes())
        arrival["lids"].value, arrival["lift"].value = 23, 0.06
        self._light_eye.transform(self._eye_arrival, moderngl.POINTS)
        arrival["turn"].write(np.eye(3, dtype="f4").tobytes())
        arrival["lids"].value, arrival["lift"].value = 0, 0.05
        self._light_skin.transform(self._skin_arrival, moderngl.POINTS)

        b = rig.backdrop
        self._canvas.use()
        self._canvas.clear(b * 0.25, b * 0.1, b * 0.8, 1, depth=1.0)
        c.enable_only(moderngl.DEPTH_TEST | moderngl.CULL_FACE)
        self._set_folds(weights)
        skin, dry = self._programs["skin"], 3 * self._topology.dry_triangles
        skin["wet"].value = 0.0
        self._draw_skin.render(vertices=dry)
        skin["wet"].value = 1.0
        self._draw_skin.render(first=dry, vertices=3 * len(self._topology.skin.triangles) - dry)
        eye["frame"].write((rot @ self.shape.eye_frame).T.astype("f4").tobytes())
        eye["pupil"].value, eye["fibre"].value = 0.34 + 0.18 * float(weights[SHAPE["PupilDilate_R"]]), 4
        self._draw_eye.render()
        self._programs["hair"]["pixel"].value = person.width / self.size[0]
        c.enable_only(moderngl.DEPTH_TEST | moderngl.BLEND)
        c.blend_func = moderngl.SRC_ALPHA, moderngl.ONE_MINUS_SRC_ALPHA
        self._canvas.depth_mask = False
        self._draw_hair.render()
        self._canvas.depth_mask = True
        c.copy_framebuffer(self._result, self._canvas)
        drawn = np.frombuffer(self._result.read(components=3, dtype="f4"), np.float32)
        return drawn.reshape(self.size[1], self.size[0], 3)[::-1]

    def _set_folds(self, weights: Float32) -> None:
        """Deepen the wrinkles with the muscles that fold them (AU 6/7, 6/7/9, 4, 9 and 1/2), more in the old."""
        g = {
            name: float(weights[SHAPE[name + "_R"]])
            for name in ("cheekSquint", "eyeSquint", "noseSneer", "browDown", "browInnerUp", "browOuterUp")
        }
        depth = 0.22 + 0.4 * self.person.age
        cheek, squint, sneer = g["cheekSquint"], g["eyeSquint"], g["noseSneer"]
        skin = self._programs["skin"]
        skin["paint"].value, skin["folds"].value = 2, 3
        under = max(0.9 * cheek, 0.5 * squint, 0.45 * sneer)
        skin["fold"].value = tuple(depth * v for v in (max(cheek, 0.5 * squint), under, g["browDown"], sneer))
        skin["fold2"].value = (depth * max(0.7 * g["browInnerUp"], 0.8 * g["browOuterUp"]), self.person.age)


def _fibres(rng: np.random.Generator) -> Float:
    """Draw the iris's strands (first channel) and the sclera's veins (second), ``(128, 256, 4)``."""
    y, x = np.mgrid[0:128, 0:256]
    angle, along = x / 256 * 2 * np.pi, y / 128 * 2 * np.pi
    ring = np.stack([np.cos(angle), np.sin(angle), np.cos(along), np.sin(along)], -1)
    strands = noise(ring[..., :3] * [1, 1, 0.3], 6, rng, 3)
    veins = noise(np.stack([ring[..., 0], ring[..., 1], ring[..., 2]], -1), 2.5, rng, 3)
    out = np.ones((128, 256, 4))
    out[..., 0] = 0.5 + 0.18 * strands / strands.std()
    out[..., 1] = 0.5 + 0.2 * veins / veins.std()
    return out
