"""The paper's equations in NumPy, one loop per sum, written from the paper and not from the network's code.

Everything is float64. Linear maps are (W, b) with W of shape (out, in), as in y = W·x + b.
"""

from __future__ import annotations

import math

import numpy as np

Linear = tuple[np.ndarray, np.ndarray]


def apply(linear: Linear, x):
    """W·x + b of every row of ``(L, in)``."""
    w, b = linear
    return np.array([[sum(w[o, i] * row[i] for i in range(len(row))) + b[o] for o in range(len(w))] for row in x])


def softplus(x):
    return math.log1p(math.exp(x)) if x < 30 else x


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


def gelu(x):
    return 0.5 * x * (1 + math.erf(x / math.sqrt(2)))


def softmax(x):
    e = [math.exp(v - max(x)) for v in x]
    return np.array([v / sum(e) for v in e])


def layer_norm(x, weight, bias, eps=1e-5):
    out = np.empty_like(x)
    for r, row in enumerate(x):
        mean = sum(row) / len(row)
        variance = sum((v - mean) ** 2 for v in row) / len(row)
        out[r] = [(v - mean) / math.sqrt(variance + eps) * w + b for v, w, b in zip(row, weight, bias, strict=True)]
    return out


def scan(u, delta, A, B, C, D):
    """Eq. 21 with Ā = exp(ΔA) and B̄ = ΔB, one channel, step and state at a time.

    u, delta ``(D, L)``; A ``(D, N)``; B, C ``(N, L)``; D ``(D,)``.
    """
    channels, length = u.shape
    y = np.zeros((channels, length))
    for d in range(channels):
        h = [0.0] * A.shape[1]
        for t in range(length):
            for n in range(len(h)):
                h[n] = math.exp(delta[d, t] * A[d, n]) * h[n] + delta[d, t] * B[n, t] * u[d, t]
                y[d, t] += C[n, t] * h[n]
            y[d, t] += D[d] * u[d, t]
    return y


def joint(a, b, linear: Linear):
    """M(𝒜, ℬ) = (W·[𝒜; ℬ] + b) ⊕ 𝒜 of every row (Eq. 5)."""
    return apply(linear, np.array([[*ra, *rb] for ra, rb in zip(a, b, strict=True)])) + a


def conv_silu(x, weight, bias):
    """Depthwise causal convolution over time, then SiLU. x ``(L, C)``; weight ``(taps, C)``, the last for now."""
    length, channels = x.shape
    taps = len(weight)
    out = np.empty_like(x)
    for t in range(length):
        for c in range(channels):
            total = bias[c]
            for k in range(taps):
                past = t - (taps - 1) + k
                if past >= 0:
                    total += weight[k, c] * x[past, c]
            out[t, c] = total * sigmoid(total)
    return out


def algorithm_1_direction(x_rgb, x_event, p_rgb, p_event, reverse):
    """Lines 5–23 of Algorithm 1, one direction. x ``(L, di)``; p a dict of that modality's parameters.

    Returns y_RGB and y_Event ``(L, di)`` in the sequence's own order.
    """
    B = {"rgb": apply(p_rgb["B"], x_rgb), "event": apply(p_event["B"], x_event)}
    B_rgb = joint(B["rgb"], B["event"], p_rgb["joint_B"])
    B_event = joint(B["event"], B["rgb"], p_event["joint_B"])
    C = {"rgb": apply(p_rgb["C"], x_rgb), "event": apply(p_event["C"], x_event)}
    C_rgb = joint(C["rgb"], C["event"], p_rgb["joint_C"])
    C_event = joint(C["event"], C["rgb"], p_event["joint_C"])
    out = []
    for x, p, b, c in ((x_rgb, p_rgb, B_rgb, C_rgb), (x_event, p_event, B_event, C_event)):
        delta = np.vectorize(softplus)(apply(p["delta"], x))
        A = np.array([[-math.exp(v) for v in row] for row in p["A_log"]])
        order = slice(None, None, -1) if reverse else slice(None)
        y = scan(x[order].T, delta[order].T, A, b[order].T, c[order].T, p["D"])
        out.append(y.T[order])
    return out


def attention(queries, context, q: Linear, k: Linear, v: Linear, out: Linear, heads):
    """Multi-head attention: queries ``(M, d)`` ask, context ``(M, d)`` gives keys and values."""
    Q, K, V = apply(q, queries), apply(k, context), apply(v, context)
    size = Q.shape[1] // heads
    joined = np.zeros_like(Q)
    for h in range(heads):
        at = slice(h * size, (h + 1) * size)
        for i in range(len(Q)):
            scores = [sum(Q[i, at] * K[j, at]) / math.sqrt(size) for j in range(len(K))]
            for weight, value in zip(softmax(scores), V[:, at], strict=True):
                joined[i, at] += weight * value
    return apply(out, joined)


def conv_3x3(x, weight, bias):
    """Zero-padded 3×3 convolution of ``(h, w, d)`` with weight ``(3, 3, d, o)`` to ``(h, w, o)``."""
    height, width, _ = x.shape
    out = np.zeros((height, width, weight.shape[-1]))
    for r in range(height):
        for c in range(width):
            out[r, c] = bias
            for i in range(3):
                for j in range(3):
                    rr, cc = r + i - 1, c + j - 1
                    if 0 <= rr < height and 0 <= cc < width:
                        out[r, c] += x[rr, cc] @ weight[i, j]
    return out


def orthogonal(w):
    """MSE(WᵀW, I) (Eq. 16), W ``(hidden, N_e)``."""
    n = w.shape[1]
    total = 0.0
    for i in range(n):
        for j in range(n):
            total += (sum(w[:, i] * w[:, j]) - (i == j)) ** 2
    return total / n**2
