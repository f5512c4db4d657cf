"""The selective scan in plain torch: a loop over time alone, with its own backward.

h_t = exp(Δ_t A) h_{t-1} + Δ_t B_t u_t,  y_t = C_t · h_t + D u_t. The loop is stable at any length: every factor is an
exponential of a non-positive number. (A cumulative sum of exponents and its inverse, the other vectorised form,
overflows.)
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable


def _states(u: Tensor, delta: Tensor, A: Tensor, B: Tensor) -> Tensor:
    """States ``(L, B, G, D/G, N)``; arguments as in :class:`_Scan`."""
    decay = (delta.unsqueeze(-1) * A).exp_()  # (L, B, G, D/G, N)
    h = (delta * u).unsqueeze(-1) * B.unsqueeze(-2)  # (L, B, G, D/G, N)
    for t in range(1, len(h)):
        h[t].addcmul_(decay[t], h[t - 1])  # (B, G, D/G, N)
    return h


class _Scan(torch.autograd.Function):
    """y without the D term. u, delta ``(L, B, G, D/G)``; A ``(G, D/G, N)``; B, C ``(L, B, G, N)``."""

    @staticmethod
    def forward(ctx: Any, u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor) -> Tensor:
        h = _states(u, delta, A, B)
        # The decay is cheaper to compute again than to keep.
        ctx.save_for_backward(u, delta, A, B, C, h)
        return torch.matmul(h, C.unsqueeze(-1)).squeeze(-1)  # (L, B, G, D/G)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gy: Tensor) -> tuple[Tensor | None, ...]:
        u, delta, A, B, C, h = ctx.saved_tensors
        decay = (delta.unsqueeze(-1) * A).exp_()  # (L, B, G, D/G, N)
        # ∂/∂h_t: through y_t, and through h_{t+1} = decay_{t+1} h_t + …
        g = gy.unsqueeze(-1) * C.unsqueeze(-2)  # (L, B, G, D/G, N)
        for t in range(len(g) - 2, -1, -1):
            g[t].addcmul_(decay[t + 1], g[t + 1])  # (B, G, D/G, N)
        gC = torch.matmul(gy.unsqueeze(-2), h).squeeze(-2)  # (L, B, G, N)
        gB = torch.matmul((delta * u).unsqueeze(-2), g).squeeze(-2)  # (L, B, G, N)
        g_input = torch.matmul(g, B.unsqueeze(-1)).squeeze(-1)  # (L, B, G, D/G), w.r.t. Δu
        g_exponent = decay.mul_(g)  # (L, B, G, D/G, N), w.r.t. ΔA
        g_exponent[1:].mul_(h[:-1])
        g_exponent[0].zero_()
        g_delta = (g_exponent * A).sum(-1) + g_input * u  # (L, B, G, D/G)
        gA = None
        if ctx.needs_input_grad[2]:
            gA = (g_exponent * delta.unsqueeze(-1)).sum((0, 1))  # (G, D/G, N)
        return g_input * delta, g_delta, gA, gB, gC


def selective_scan(
    u: Tensor,
    delta: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor | None = None,
    z: Tensor | None = None,
    delta_bias: Tensor | None = None,
    delta_softplus: bool = False,
) -> Tensor:
    """Signature, layout and arithmetic of mamba-ssm's ``selective_scan_fn`` with real A and variable B, C.

    B̄ is Δ·B, not Eq. 20's exact form, because that is what the kernel computes.

    Args:
        u, delta: ``(B, D, L)``. A view of a ``(L, B, D)`` tensor is read without a copy.
        A: ``(D, N)``, <= 0.
        B, C: ``(B, N, L)``, or ``(B, G, N, L)`` where the D channels are G groups of equal size.
        D: ``(D,)``, the skip; None for none.
        z: ``(B, D, L)``, the gate: y · SiLU(z); None for none.
        delta_bias: ``(D,)``, added to ``delta``; ``delta_softplus`` then applies softplus.

    Returns:
        y ``(B, D, L)``, of u's dtype. Twice differentiable it is not.
    """
    b, d, length = u.shape
    if delta_bias is not None:
        delta = delta + delta_bias.unsqueeze(-1)  # (B, D, L)
    if delta_softplus:
        delta = F.softplus(delta)  # (B, D, L)
    if B.dim() == 3:
        B, C = B.unsqueeze(1), C.unsqueeze(1)  # (B, 1, N, L)
    groups, n = B.shape[1:3]
    u_l, delta_l = (x.permute(2, 0, 1).reshape(length, b, groups, d // groups) for x in (u, delta))  # (L, B, G, D/G)
    y: Tensor = _Scan.apply(  # type: ignore[no-untyped-call]
        u_l, delta_l, A.view(groups, d // groups, n), B.permute(3, 0, 1, 2), C.permute(3, 0, 1, 2)
    )  # (L, B, G, D/G)
    y = y.reshape(length, b, d).permute(1, 2, 0)  # (B, D, L)
    if D is not None:
        y = y + D.unsqueeze(-1) * u
    return y if z is None else y * F.silu(z)
