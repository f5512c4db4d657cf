"""t-SNE in NumPy, for some hundred points: which experts see things alike (the paper's Fig. 7)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]

#: Steps of early exaggeration and its factor, as in van der Maaten & Hinton 2008.
_EARLY, _EXAGGERATION = 100, 12.0


def tsne(
    features: NDArray[np.floating],
    *,
    perplexity: float = 30.0,
    steps: int = 400,
    watch: Callable[[Float], bool] | None = None,
) -> Float:
    """Lay points out in the plane so that neighbours stay neighbours.

    Exact gradients (time and memory grow with n²) from a start at the first two principal components, so the same
    features always give the same picture.

    Args:
        features: ``(n, d)``, n >= 4.
        perplexity: how many neighbours a point has; at most a third of the points are used.
        steps: of gradient descent.
        watch: shown the points ``(n, 2)`` before every step; False ends the descent there.

    Returns:
        ``(n, 2)``, centred.

    Raises:
        ValueError: fewer than four points.
    """
    x = np.asarray(features, np.float64)
    n = len(x)
    if n < 4:
        raise ValueError(f"t-SNE needs at least 4 points, not {n}")
    x = x - x.mean(0)
    p = _affinities(_distances(x), min(perplexity, (n - 1) / 3))
    y = _principal(x)
    rate = max(n / _EXAGGERATION / 4, 50.0)
    velocity, gains = np.zeros_like(y), np.ones_like(y)
    for step in range(steps):
        if watch is not None and not watch(y):
            break
        early = step < _EARLY
        kernel = 1 / (1 + _distances(y))  # (n, n), Student's t
        np.fill_diagonal(kernel, 0)
        q = np.maximum(kernel / kernel.sum(), 1e-12)
        pull = ((_EXAGGERATION if early else 1.0) * p - q) * kernel  # (n, n)
        gradient = 4 * (pull.sum(1)[:, None] * y - pull @ y)  # (n, 2)
        gains = np.maximum(np.where(np.sign(gradient) == np.sign(velocity), gains * 0.8, gains + 0.2), 0.01)
        velocity = (0.5 if early else 0.8) * velocity - rate * gains * gradient
        y = y + velocity
        y = y - y.mean(0)
    return y


def _distances(x: Float) -> Float:
    """Squared distances ``(n, n)``."""
    norms = (x * x).sum(1)
    return np.asarray(np.maximum(norms[:, None] + norms[None] - 2 * x @ x.T, 0))


def _principal(x: Float) -> Float:
    """The first two principal components ``(n, 2)``, standard deviation 1e-4 along the first."""
    u, s, _ = np.linalg.svd(x, full_matrices=False)
    y = np.zeros((len(x), 2))
    kept = min(2, len(s))
    y[:, :kept] = u[:, :kept] * s[:kept]
    return np.asarray(y * (1e-4 / max(float(y[:, 0].std()), 1e-12)))


def _affinities(distances: Float, perplexity: float) -> Float:
    """Symmetric neighbour probabilities ``(n, n)``: each row's Gaussian is as wide as its perplexity asks."""
    n = len(distances)
    others = ~np.eye(n, dtype=bool)
    d = distances[others].reshape(n, n - 1)
    d = d - d.min(1, keepdims=True)
    low, high = np.zeros(n), np.full(n, np.inf)
    beta = 1 / np.maximum(d.mean(1), 1e-12)
    p = np.empty_like(d)
    for _ in range(64):
        p = np.exp(-d * beta[:, None])
        p /= p.sum(1, keepdims=True)
        entropy = -(p * np.log(np.maximum(p, 1e-300))).sum(1)
        wide = entropy > np.log(perplexity)
        low, high = np.where(wide, beta, low), np.where(wide, high, beta)
        beta = np.where(np.isinf(high), beta * 2, (low + high) / 2)
    full = np.zeros((n, n))
    full[others] = p.ravel()
    return np.asarray((full + full.T) / (2 * n))
