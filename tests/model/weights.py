"""The network's stacked parameters, taken apart into the reference's (W, b) pairs in float64."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from mcoe.model.mamba import MJOS
from mcoe.model.stacked import StackedAttention, StackedLinear


def array(x: torch.Tensor) -> np.ndarray:
    return x.detach().double().numpy()


def member(layer: StackedLinear, j: int = 0, outputs: slice = slice(None)) -> tuple[np.ndarray, np.ndarray]:
    w = array(layer.weight[j]).T[outputs]
    return w, np.zeros(len(w)) if layer.bias is None else array(layer.bias[j, 0])[outputs]


def linear(layer: nn.Linear) -> tuple[np.ndarray, np.ndarray]:
    return array(layer.weight), array(layer.bias)


def attention(layer: StackedAttention, j: int) -> tuple:
    """q, k, v and output projections of member ``j``, then the number of heads."""
    d = layer.query.weight.shape[-1]
    return (
        member(layer.query, j),
        member(layer.key_value, j, slice(0, d)),
        member(layer.key_value, j, slice(d, None)),
        member(layer.out, j),
        layer.heads,
    )


def mjos(layer: MJOS, modality: int, direction: int) -> dict:
    """The parameters of Algorithm 1's lines 5–23 of one modality and direction."""
    n, r = layer.d_state, layer.dt_rank
    at = 2 * modality + direction
    states, ranks = (slice(direction * size, (direction + 1) * size) for size in (n, r))
    down, _ = member(layer.dt_down, modality, ranks)
    up, _ = member(layer.dt_up, at)
    return {
        "A_log": array(layer.A_log[modality, direction]),
        "B": member(layer.b_proj, modality, states),
        "C": member(layer.c_proj, modality, states),
        "D": array(layer.D[modality, direction]),
        "delta": (up @ down, array(layer.dt_bias[modality, direction])),
        **{f"joint_{k}": member(layer.joint[k].linear, at) for k in layer.joint},
    }


def randomise(module: nn.Module, seed: int = 0, scale: float = 0.3) -> nn.Module:
    """Every parameter off its initial value, so that no zero, one or symmetry hides a mistake."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for p in module.parameters():
            p.add_(torch.randn(p.shape, generator=generator, dtype=p.dtype) * scale)
    return module.double().eval()
