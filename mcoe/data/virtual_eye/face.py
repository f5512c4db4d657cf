"""The face data pack: where it is, what it must hold, and what to tell a user who has none."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mcoe.core.errors import McoeError

FACE_ENV = "MCOE_FACE"
SOURCES = (
    "it is made from ICT-FaceKit (github.com/ICT-VGL/ICT-FaceKit, MIT licence) and the MakeHuman skins "
    "(github.com/makehumancommunity/makehuman-assets, CC0 1.0)"
)
#: Shapes that move the region round the right eye; the pack's other shapes are not used.
SHAPES = [
    "PupilDilate_R",
    "browDown_L",
    "browDown_R",
    "browInnerUp_L",
    "browInnerUp_R",
    "browOuterUp_L",
    "browOuterUp_R",
    "cheekPuff_R",
    "cheekRaiser_R",
    "cheekSquint_R",
    "eyeBlink_R",
    "eyeLookDown_R",
    "eyeLookIn_R",
    "eyeLookOut_R",
    "eyeLookUp_R",
    "eyeSquint_R",
    "eyeWide_R",
    "jawOpen",
    "mouthDimple_R",
    "mouthFrown_L",
    "mouthFrown_R",
    "mouthPress_R",
    "mouthSmile_L",
    "mouthSmile_R",
    "mouthStretch_R",
    "mouthUpperUp_L",
    "mouthUpperUp_R",
    "noseSneer_L",
    "noseSneer_R",
]
IDENTITY_MODES = 60
_KEYS = [
    "neutral",
    "part_names",
    "part_ranges",
    "skin_faces",
    "skin_uv",
    "sclera_faces",
    "lacrimal_faces",
    "lash_grids",
    "lash_upper",
    "brow_landmarks",
    "lid_landmarks",
    "lid_margin",
    "lid_rim",
    "pupil_ring",
    "expression_names",
    "expression_deltas",
    "identity_modes",
]
_UV_KEYS = ["size", "inside", "skin_crop", "skin_full_size", "position", "position_step", "position_lo", "makehuman_uv"]

Float = NDArray[np.float64]


def find_face(directory: str | Path | None = None) -> Path:
    """Return the pack's data folder: ``directory``, else the environment variable ``MCOE_FACE``.

    Raises:
        McoeError: neither names a folder that holds ``eye_region.npz`` (directly or in ``data/``).
    """
    given = directory or os.environ.get(FACE_ENV)
    if not given:
        raise McoeError(
            f"The virtual eye needs a face data pack: name its folder with --face DIR or {FACE_ENV}; {SOURCES}."
        )
    for folder in (Path(given), Path(given) / "data"):
        if (folder / "eye_region.npz").is_file():
            return folder
    raise McoeError(
        f"{given} holds no eye_region.npz: name the face data pack's folder with --face DIR or {FACE_ENV}; {SOURCES}."
    )


@dataclass(frozen=True)
class FacePack:
    """The shape model and the texture maps, decoded. Lengths are centimetres; see the pack's own README for the axes.

    Attributes:
        neutral: ``(N, 3)`` float64, the generic face.
        part: vertex range by part name (``skin``, ``sclera``, ``lacrimal``, ``lash`` …).
        deltas: ``(K, N, 3)`` float32, one per name in :data:`SHAPES`.
        modes: ``(60, N, 3)`` float32 identity modes, coefficients N(0, 1).
        arrays: the remaining index lists by their name in the pack.
        position: ``(S, S, 3)`` float64, generic-neutral cm per texel of the texture window.
        atlas_uv: ``(S, S, 2)`` skin coordinates per texel; ``inside`` tells which texels a face covers.
        skins: the skin images, sorted by name.
    """

    folder: Path
    neutral: Float
    part: dict[str, slice]
    deltas: NDArray[np.float32]
    modes: NDArray[np.float32]
    arrays: dict[str, NDArray[Any]]
    position: Float
    atlas_uv: Float
    inside: NDArray[np.bool_]
    crop: tuple[int, int, int, int]
    atlas_size: int
    skins: tuple[Path, ...]


def load_face(directory: str | Path | None = None) -> FacePack:
    """Read and check the face data pack.

    Raises:
        McoeError: the pack is missing, damaged or incomplete; the sentence names what.
    """
    folder = find_face(directory)
    try:
        with np.load(folder / "eye_region.npz") as z:
            region = {k: z[k] for k in _KEYS}
        with np.load(folder / "uv_maps.npz") as z:
            uv = {k: z[k] for k in [*_UV_KEYS, "makehuman_uv_step", "makehuman_uv_lo"]}
    except (OSError, KeyError, ValueError) as error:
        raise McoeError(
            f"The face data pack in {folder} cannot be read ({error}): fetch it again; {SOURCES}."
        ) from error
    names = [str(n) for n in region["expression_names"]]
    missing = [n for n in SHAPES if n not in names]
    skins = tuple(sorted((folder / "skins").glob("*.png")))
    if missing or len(skins) < 2:
        what = f"the shapes {', '.join(missing)}" if missing else "two skins in skins/*.png"
        raise McoeError(f"The face data pack in {folder} lacks {what}: fetch it again; {SOURCES}.")
    size = int(uv["size"])
    x0, y0, x1, y1 = (int(v) for v in uv["skin_crop"])
    return FacePack(
        folder=folder,
        neutral=region["neutral"].astype(np.float64),
        part={
            str(n): slice(int(a), int(b)) for n, (a, b) in zip(region["part_names"], region["part_ranges"], strict=True)
        },
        deltas=region["expression_deltas"][[names.index(n) for n in SHAPES]].astype(np.float32),
        modes=region["identity_modes"][:IDENTITY_MODES].astype(np.float32),
        arrays={
            k: v
            for k, v in region.items()
            if k.endswith(("_faces", "_uv", "_grids", "_upper", "_landmarks", "_margin", "_rim", "_ring"))
        },
        position=_decode(uv["position"], uv["position_step"], uv["position_lo"]),
        atlas_uv=_decode(uv["makehuman_uv"], uv["makehuman_uv_step"], uv["makehuman_uv_lo"]),
        inside=np.unpackbits(uv["inside"])[: size * size].reshape(size, size).astype(bool),
        crop=(x0, y0, x1, y1),
        atlas_size=int(uv["skin_full_size"]),
        skins=skins,
    )


def _decode(planes: NDArray[np.uint8], step: NDArray[Any], low: NDArray[Any]) -> Float:
    """Undo the pack's coding, 16-bit first differences in two byte planes ``(2, C, S, S)`` -> ``(S, S, C)``."""
    q = (planes[0].astype(np.uint16) << 8) | planes[1]
    q[:, :, 0] = np.cumsum(q[:, :, 0], axis=1, dtype=np.uint16)
    q = np.cumsum(q, axis=2, dtype=np.uint16)
    out: Float = np.moveaxis(q, 0, -1) * step + low
    return out


def check_face(directory: str | Path | None = None) -> str:
    """Read everything in the pack and describe it in a few lines. Raises McoeError at the first fault."""
    import cv2

    pack = load_face(directory)
    for name, array in (("neutral", pack.neutral), ("expression_deltas", pack.deltas), ("identity_modes", pack.modes),
                        ("position", pack.position), ("makehuman_uv", pack.atlas_uv)):  # fmt: skip
        if not np.isfinite(array).all():
            raise McoeError(
                f"{name} in the face data pack {pack.folder} is not all numbers: fetch it again; {SOURCES}."
            )
    sizes = set()
    for path in pack.skins:
        image = cv2.imread(str(path))
        if image is None:
            raise McoeError(f"The skin {path} cannot be read: fetch the face data pack again; {SOURCES}.")
        sizes.add(image.shape[:2])
    licence = pack.folder / "LICENSES.md"
    return "\n".join(
        [
            f"face data pack: {pack.folder}",
            f"  {len(pack.neutral)} vertices, {len(pack.deltas)} expression shapes in use, {len(pack.modes)} modes",
            f"  texture window {pack.position.shape[0]} px, {pack.inside.mean():.0%} covered",
            f"  {len(pack.skins)} skins, " + ", ".join(f"{w}x{h} px" for h, w in sorted(sizes)),
            f"  licences: {licence if licence.is_file() else 'LICENSES.md is missing; ' + SOURCES}",
        ]
    )
