"""The selective scan of float32 CPU tensors, fused: no tensor of the states' size ever goes through memory.

In eager torch the scan's own arithmetic is a small part of its time at batch 1; the rest is traffic of (L, D, N)
temporaries. Here a block of channels keeps its states in the first-level cache, and softplus, bias and skip ride
along. One thread: numba's thread pool and torch's would fight for the cores of a live machine.

P sequences are scanned in Q directions each, the second in reversed time; y is the sum over directions. Layouts: u and
y ``(P, B, L, K)``; delta ``(P, Q, B, L, K)``; A ``(P, Q, K, N)``; B, C ``(P, Q, B, L, N)``; skip D and bias
``(P, Q, K)``; all float32 and contiguous.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mcoe.core.kernels import njit

Array = NDArray[np.float32]

_BLOCK = 128  # channels whose states (N × 64 × 4 bytes) stay in the first-level cache
_LOG2E = np.float32(1.4426950408889634)
_LN2 = np.float32(0.6931471805599453)
_ROUND = np.float32(12582912.0)  # 1.5·2²³: adding it rounds to an integer, which then stands in the low bits
_ROUND_BITS = np.int32(0x4B400000)
_LOWEST, _HIGHEST = np.float32(-126.0), np.float32(127.0)
_ZERO, _ONE, _TWO = np.float32(0.0), np.float32(1.0), np.float32(2.0)
# Least-squares fit of 2^r on [−½, ½] with constant term 1: relative error 2e-9 before rounding.
_P1 = np.float32(0.6931472056)
_P2 = np.float32(0.2402264846)
_P3 = np.float32(0.05550329023)
_P4 = np.float32(0.009618373264)
_P5 = np.float32(0.001339985307)
_P6 = np.float32(0.0001537071015)


# Not fastmath: reassociation would cancel the rounding constant. Contraction to FMA is safe.
@njit(inline="always", fastmath={"contract"})
def _exp2(x: Any) -> Any:
    """2^x in operations that vectorise; x is held within −126 … 127."""
    x = min(max(x, _LOWEST), _HIGHEST)
    shifted = x + _ROUND
    r = x - (shifted - _ROUND)
    p = (((((_P6 * r + _P5) * r + _P4) * r + _P3) * r + _P2) * r + _P1) * r + _ONE
    power = np.int32((np.float32(shifted).view(np.int32) - _ROUND_BITS + np.int32(127)) << np.int32(23))
    return p * np.int32(power).view(np.float32)


@njit(inline="always", fastmath={"contract"})
def _softplus(x: Any) -> Any:
    """log(1 + e^x) = max(x, 0) + log1p(e^−|x|), the logarithm as 2·artanh(e / (2 + e))."""
    e = _exp2(-abs(x) * _LOG2E)
    z = e / (_TWO + e)
    s = z * z
    series = np.float32(1 / 13) * s + np.float32(1 / 11)
    series = (((series * s + np.float32(1 / 9)) * s + np.float32(1 / 7)) * s + np.float32(0.2)) * s
    return max(x, _ZERO) + _TWO * z * ((series + np.float32(1 / 3)) * s + _ONE)


@njit(inline="always", fastmath={"contract"})
def _sigmoid(x: Any) -> Any:
    e = _exp2(-abs(x) * _LOG2E)
    return (e if x < _ZERO else _ONE) / (_ONE + e)


@njit(fastmath=True)
def _dot(a: Any, b: Any) -> Any:
    total = np.float32(0.0)
    for j in range(len(a)):
        total += a[j] * b[j]
    return total


@njit(inline="always", fastmath={"contract"})
def _load(dt: Any, du: Any, delta: Any, u: Any, bias: Any, softplus: Any) -> None:
    """Δ and Δu of one time step."""
    if softplus:
        for j in range(len(delta)):
            dt[j] = _softplus(delta[j] + bias[j])
    else:
        for j in range(len(delta)):
            dt[j] = delta[j] + bias[j]
    for j in range(len(delta)):
        du[j] = dt[j] * u[j]


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract"})
def scan_forward(
    u: Array, delta: Array, A: Array, B: Array, C: Array, D: Array, bias: Array, softplus: bool, y: Array
) -> None:
    """Write y."""
    sequences, batch, length, channels = u.shape
    directions, n_state = A.shape[1], A.shape[3]
    h = np.empty((n_state, _BLOCK), np.float32)
    a = np.empty((n_state, _BLOCK), np.float32)
    dt = np.empty(_BLOCK, np.float32)
    du = np.empty(_BLOCK, np.float32)
    total = np.empty(_BLOCK, np.float32)
    y[:] = 0
    for p in range(sequences):
        for q in range(directions):
            for j0 in range(0, channels, _BLOCK):
                w = min(_BLOCK, channels - j0)
                j1 = j0 + w
                for n in range(n_state):
                    for j in range(w):
                        a[n, j] = A[p, q, j0 + j, n] * _LOG2E
                for b in range(batch):
                    h[:] = 0
                    for step in range(length):
                        t = length - 1 - step if q else step
                        ut = u[p, b, t, j0:j1]
                        _load(dt, du, delta[p, q, b, t, j0:j1], ut, bias[p, q, j0:j1], softplus)
                        for j in range(w):
                            total[j] = D[p, q, j0 + j] * ut[j]
                        for n in range(n_state):
                            bn, cn, an, hn = B[p, q, b, t, n], C[p, q, b, t, n], a[n], h[n]
                            for j in range(w):
                                hn[j] = _exp2(dt[j] * an[j]) * hn[j] + du[j] * bn
                                total[j] += cn * hn[j]
                        for j in range(w):
                            y[p, b, t, j0 + j] += total[j]


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract"})
def scan_backward(
    gy: Array,
    u: Array,
    delta: Array,
    A: Array,
    B: Array,
    C: Array,
    D: Array,
    bias: Array,
    softplus: bool,
    gu: Array,
    gdelta: Array,
    gA: Array,
    gB: Array,
    gC: Array,
    gD: Array,
    gbias: Array,
) -> None:
    """Write gdelta and add to the other gradients, which the caller zeroes. States are computed again."""
    sequences, batch, length, channels = u.shape
    directions, n_state = A.shape[1], A.shape[3]
    decay = np.empty((length, n_state, _BLOCK), np.float32)
    h = np.empty((length + 1, n_state, _BLOCK), np.float32)
    g = np.empty((n_state, _BLOCK), np.float32)
    a = np.empty((n_state, _BLOCK), np.float32)
    ga = np.empty((n_state, _BLOCK), np.float32)
    dt = np.empty((length, _BLOCK), np.float32)
    du = np.empty((length, _BLOCK), np.float32)
    gin = np.empty(_BLOCK, np.float32)
    gexp = np.empty(_BLOCK, np.float32)
    for p in range(sequences):
        for q in range(directions):
            for j0 in range(0, channels, _BLOCK):
                w = min(_BLOCK, channels - j0)
                j1 = j0 + w
                ga[:] = 0
                for n in range(n_state):
                    for j in range(w):
                        a[n, j] = A[p, q, j0 + j, n] * _LOG2E
                for b in range(batch):
                    h[0] = 0
                    g[:] = 0
                    for step in range(length):  # dt, du, decay and h are in the scan's order
                        t = length - 1 - step if q else step
                        dts, dus = dt[step], du[step]
                        _load(dts, dus, delta[p, q, b, t, j0:j1], u[p, b, t, j0:j1], bias[p, q, j0:j1], softplus)
                        for n in range(n_state):
                            bn, an, dn = B[p, q, b, t, n], a[n], decay[step, n]
                            now, before = h[step + 1, n], h[step, n]
                            for j in range(w):
                                dn[j] = _exp2(dts[j] * an[j])
                                now[j] = dn[j] * before[j] + dus[j] * bn
                    for step in range(length - 1, -1, -1):
                        t = length - 1 - step if q else step
                        out, ut, dts = gy[p, b, t, j0:j1], u[p, b, t, j0:j1], dt[step]
                        gin[:] = 0
                        gexp[:] = 0
                        for n in range(n_state):
                            bn, cn = B[p, q, b, t, n], C[p, q, b, t, n]
                            an, dn, gn, before, gan = a[n], decay[step, n], g[n], h[step, n], ga[n]
                            # gn arrives as decay_{t+1}·∂/∂h_{t+1} and leaves as decay_t·∂/∂h_t.
                            for j in range(w):
                                gn[j] += out[j] * cn
                                gin[j] += gn[j] * bn
                            gB[p, q, b, t, n] += _dot(gn[:w], du[step, :w])
                            gC[p, q, b, t, n] += _dot(out, h[step + 1, n, :w])
                            for j in range(w):
                                gn[j] *= dn[j]
                                through = gn[j] * before[j]
                                gexp[j] += through * an[j]
                                gan[j] += through * dts[j]
                        for j in range(w):
                            gu[p, b, t, j0 + j] += gin[j] * dts[j] + out[j] * D[p, q, j0 + j]
                            # a holds A·log2(e)
                            gexp[j] = gexp[j] * _LN2 + gin[j] * ut[j]
                        if softplus:
                            for j in range(w):
                                gexp[j] *= _sigmoid(delta[p, q, b, t, j0 + j] + bias[p, q, j0 + j])
                        for j in range(w):
                            gdelta[p, q, b, t, j0 + j] = gexp[j]
                            gbias[p, q, j0 + j] += gexp[j]
                            gD[p, q, j0 + j] += out[j] * ut[j]
                for n in range(n_state):
                    for j in range(w):
                        gA[p, q, j0 + j, n] += ga[n, j]
