"""Temperature scaling: one number that makes probabilities mean what they say (Guo et al., ICML 2017)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]

#: Bounds of the search; beyond, something other than confidence is wrong.
LOWEST, HIGHEST = 0.1, 10.0


def fit_temperature(logits: Float, labels: NDArray[np.int64]) -> float:
    """Return the T that gives ``softmax(logits / T)`` the least log loss; the answers stay the same.

    The log loss is convex in 1/T, so that a golden-section search finds its one minimum.

    Args:
        logits: ``(n, J)``; labels: ``(n,)`` true classes, of clips never trained on.
    """
    ratio = (5**0.5 - 1) / 2
    low, high = np.log(LOWEST), np.log(HIGHEST)
    for _ in range(60):
        left, right = high - ratio * (high - low), low + ratio * (high - low)
        if _log_loss(logits, labels, np.exp(left)) < _log_loss(logits, labels, np.exp(right)):
            high = right
        else:
            low = left
    return float(np.exp((low + high) / 2))


def softmax(logits: Float, temperature: float = 1.0) -> Float:
    """Return probabilities ``(n, J)`` of logits ``(n, J)``."""
    z = logits / temperature
    z = np.exp(z - z.max(1, keepdims=True))
    return np.asarray(z / z.sum(1, keepdims=True), np.float64)


def _log_loss(logits: Float, labels: NDArray[np.int64], temperature: float) -> float:
    chances = softmax(logits, float(temperature))[np.arange(len(labels)), labels]
    return float(-np.log(np.maximum(chances, 1e-300)).mean())
