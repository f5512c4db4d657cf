"""The surface that is drawn: one Catmull-Clark level where the eye is, the coarse faces elsewhere, without cracks.

The level is a sparse matrix that depends on the topology alone, so a pose costs one product and one pass for normals.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from mcoe.core.kernels import njit

Float32 = NDArray[np.float32]
Int32 = NDArray[np.int32]


@dataclass(frozen=True)
class Mesh:
    """``matrix`` maps control vertices to drawn vertices; ``triangles`` ``(m, 3)`` int32 index the drawn ones."""

    matrix: sp.csr_matrix
    triangles: Int32

    def evaluate(self, control: Float32) -> tuple[Float32, Float32]:
        """Return positions and unit normals of the drawn vertices, ``(n, 3)`` float32 each, from ``(N, 3)`` float32."""
        m = self.matrix
        positions = np.empty((m.shape[0], 3), np.float32)
        normals = np.empty_like(positions)
        _apply(m.indptr, m.indices, m.data, control, positions)
        _normals(positions, self.triangles, normals)
        return positions, normals


@njit(cache=True, fastmath=True)
def _apply(indptr, indices, data, control, out):  # type: ignore[no-untyped-def]
    for i in range(len(indptr) - 1):
        x = y = z = np.float32(0)
        for k in range(indptr[i], indptr[i + 1]):
            j, w = indices[k], data[k]
            x += w * control[j, 0]
            y += w * control[j, 1]
            z += w * control[j, 2]
        out[i, 0], out[i, 1], out[i, 2] = x, y, z


@njit(cache=True, fastmath=True)
def _normals(p, triangles, out):  # type: ignore[no-untyped-def]
    out[:] = 0
    for t in range(len(triangles)):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        ux, uy, uz = p[b, 0] - p[a, 0], p[b, 1] - p[a, 1], p[b, 2] - p[a, 2]
        vx, vy, vz = p[c, 0] - p[a, 0], p[c, 1] - p[a, 1], p[c, 2] - p[a, 2]
        nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
        for v in (a, b, c):
            out[v, 0] += nx
            out[v, 1] += ny
            out[v, 2] += nz
    for i in range(len(out)):
        s = 1 / (np.sqrt(out[i, 0] ** 2 + out[i, 1] ** 2 + out[i, 2] ** 2) + np.float32(1e-20))
        out[i, 0] *= s
        out[i, 1] *= s
        out[i, 2] *= s


def _edges(faces: Int32) -> tuple[Int32, Int32, Int32]:
    """Return unique edges ``(E, 2)``, the edge of each face's side ``(F, 4)`` and faces per edge ``(E,)``."""
    sides = np.stack([faces, np.roll(faces, -1, axis=1)], -1).reshape(-1, 2)
    edges, index, count = np.unique(np.sort(sides, 1), axis=0, return_inverse=True, return_counts=True)
    return edges.astype(np.int32), index.reshape(faces.shape).astype(np.int32), count.astype(np.int32)


def _selection(rows: NDArray[Any], columns: NDArray[Any], shape: tuple[int, int]) -> sp.csr_matrix:
    return sp.csr_matrix((np.ones(len(rows)), (rows, columns)), shape=shape)


def build_mesh(faces: Int32, vertices: int, fine: NDArray[np.bool_]) -> Mesh:
    """Subdivide the quads ``faces`` ``(F, 4)`` once where ``fine`` ``(F,)`` says so.

    Catmull-Clark's rules with the usual border rule; a coarse face beside a fine one is a fan round its face point, so
    that both sides share the middle of their edge.
    """
    edges, side_edge, count = _edges(faces)
    f, e = len(faces), len(edges)
    of_face = _selection(np.repeat(np.arange(f), 4), faces.ravel(), (f, vertices))
    face_point = of_face * 0.25
    ends = _selection(np.repeat(np.arange(e), 2), edges.ravel(), (e, vertices))
    face_of_edge = _selection(side_edge.ravel(), np.repeat(np.arange(f), 4), (e, f))
    inner = count == 2
    edge_point = (
        sp.diags(np.where(inner, 0.25, 0.5)) @ ends + sp.diags(np.where(inner, 0.25, 0.0)) @ face_of_edge @ face_point
    )

    neighbours = _selection(edges.ravel(), edges[:, ::-1].ravel(), (vertices, vertices))
    rim = edges[~inner]
    rim_neighbours = _selection(rim.ravel(), rim[:, ::-1].ravel(), (vertices, vertices))
    valence = np.maximum(np.asarray(neighbours.sum(1)).ravel(), 1)
    rim_valence = np.asarray(rim_neighbours.sum(1)).ravel()
    inside, on_rim = rim_valence == 0, rim_valence == 2
    own = np.where(inside, (valence - 2) / valence, np.where(on_rim, 0.75, 1.0))
    around = np.where(inside, 1 / valence**2, 0.0)
    vertex_point = (
        sp.diags(own)
        + sp.diags(around) @ (neighbours + of_face.T @ face_point)
        + sp.diags(np.where(on_rim, 0.125, 0.0)) @ rim_neighbours
    )

    split = np.zeros(e, bool)
    split[side_edge[fine]] = True
    mid, centre = vertices + side_edge, vertices + e + np.arange(f)
    triangles = []
    for k in range(4):
        quad = np.stack([faces[:, k], mid[:, k], centre, mid[:, k - 1]], 1)[fine]
        triangles += [quad[:, :3], quad[:, [0, 2, 3]]]
    touched = split[side_edge]
    plain = ~fine & ~touched.any(1)
    triangles += [faces[plain][:, :3], faces[plain][:, [0, 2, 3]]]
    for k in range(4):
        a, b = faces[:, k], faces[:, (k + 1) % 4]
        fan = ~fine & touched.any(1)
        cut, whole = fan & touched[:, k], fan & ~touched[:, k]
        triangles += [np.stack([a, mid[:, k], centre], 1)[cut], np.stack([mid[:, k], b, centre], 1)[cut]]
        triangles += [np.stack([a, b, centre], 1)[whole]]
    index = np.concatenate(triangles)
    used, compact = np.unique(index, return_inverse=True)
    matrix = sp.vstack([vertex_point, edge_point, face_point]).tocsr()[used].astype(np.float32)
    matrix.sum_duplicates()
    return Mesh(matrix, np.ascontiguousarray(compact.reshape(-1, 3), np.int32))
