"""The selective scan without a CUDA extension: a loop over time alone, with its own backward.

h_t = exp(Δ_t A) h_{t-1} + Δ_t B_t u_t,  y_t = C_t · h_t + D u_t. The loop is stable at any length: every factor is an
exponential of a non-positive number. (A cumulative sum of exponents and its inverse, the other vectorised form,
overflows.) float32 on the CPU takes the same loop through a fused kernel; tests hold the two together.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from mcoe.model.scan.cpu_kernel import scan_backward, scan_forward


def _states(u: Tensor, delta: Tensor, A: Tensor, B: Tensor) -> tuple[Tensor, Tensor]:
    """Decay factors and states, both ``(L, B, G, K, N)``; arguments as in :class:`_Scan`."""
    decay = (delta.unsqueeze(-1) * A).exp_()  # (L, B, G, K, N)
    h = (delta * u).unsqueeze(-1) * B.unsqueeze(-2)  # (L, B, G, K, N)
    for t in range(1, len(h)):
        h[t].addcmul_(decay[t], h[t - 1])  # (B, G, K, N)
    return decay, h


class _Scan(torch.autograd.Function):
    """y without the D term, for any device and dtype.

    u, delta, y ``(L, B, G, K)`` with K = D/G channels a group; A ``(G, K, N)``; B, C ``(L, B, G, N)``.
    """

    @staticmethod
    def forward(ctx: Any, u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor) -> Tensor:
        # The states are cheaper to compute again than to keep.
        ctx.save_for_backward(u, delta, A, B, C)
        _, h = _states(u, delta, A, B)
        return torch.matmul(h, C.unsqueeze(-1)).squeeze(-1)  # (L, B, G, K)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gy: Tensor) -> tuple[Tensor | None, ...]:
        u, delta, A, B, C = ctx.saved_tensors
        decay, h = _states(u, delta, A, B)  # (L, B, G, K, N)
        # ∂/∂h_t: through y_t, and through h_{t+1} = decay_{t+1} h_t + …
        g = gy.unsqueeze(-1) * C.unsqueeze(-2)  # (L, B, G, K, N)
        for t in range(len(g) - 2, -1, -1):
            g[t].addcmul_(decay[t + 1], g[t + 1])  # (B, G, K, N)
        gC = torch.matmul(gy.unsqueeze(-2), h).squeeze(-2)  # (L, B, G, N)
        gB = torch.matmul((delta * u).unsqueeze(-2), g).squeeze(-2)  # (L, B, G, N)
        g_input = torch.matmul(g, B.unsqueeze(-1)).squeeze(-1)  # (L, B, G, K), w.r.t. Δu
        g_exponent = decay.mul_(g)  # (L, B, G, K, N), w.r.t. ΔA
        g_exponent[1:].mul_(h[:-1])
        g_exponent[0].zero_()
        g_delta = (g_exponent * A).sum(-1) + g_input * u  # (L, B, G, K)
        gA = None
        if ctx.needs_input_grad[2]:
            gA = (g_exponent * delta.unsqueeze(-1)).sum((0, 1))  # (G, K, N)
        return g_input * delta, g_delta, gA, gB, gC


class FusedScan(torch.autograd.Function):
    """The kernel of :mod:`mcoe.model.scan.cpu_kernel`: u, delta, A, B, C, D, bias as there, then whether softplus
    applies to delta + bias."""

    @staticmethod
    def forward(
        ctx: Any,
        u: Tensor,
        delta: Tensor,
        A: Tensor,
        B: Tensor,
        C: Tensor,
        D: Tensor,
        bias: Tensor,
        softplus: bool,
    ) -> Tensor:
        inputs = [x.contiguous() for x in (u, delta, A, B, C, D, bias)]
        ctx.save_for_backward(*inputs)
        ctx.softplus = softplus
        y = torch.empty_like(inputs[0])  # (P, B, L, K)
        scan_forward(*(x.numpy() for x in inputs), softplus, y.numpy())
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gy: Tensor) -> tuple[Tensor | None, ...]:
        inputs = ctx.saved_tensors
        grads = [torch.zeros_like(x) for x in inputs]
        arrays = [x.numpy() for x in (gy.contiguous(), *inputs)]
        scan_backward(*arrays, ctx.softplus, *(x.numpy() for x in grads))
        return *grads, None


def fused(*tensors: Tensor) -> bool:
    """Whether :class:`FusedScan` takes these: all float32, on the CPU."""
    return all(x.dtype == torch.float32 and x.device.type == "cpu" for x in tensors)


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
        u, delta: ``(B, D, L)``.
        A: ``(D, N)``, <= 0.
        B, C: ``(B, N, L)``, or ``(B, G, N, L)`` where the D channels are G groups of equal size.
        D: ``(D,)``, the skip; None for none.
        z: ``(B, D, L)``, the gate: y · SiLU(z); None for none.
        delta_bias: ``(D,)``, added to ``delta``; ``delta_softplus`` then applies softplus.

    Returns:
        y ``(B, D, L)``, of u's dtype. Twice differentiable it is not.
    """
    b, d, length = u.shape
    if B.dim() == 3:
        B, C = B.unsqueeze(1), C.unsqueeze(1)  # (B, 1, N, L)
    groups, k = B.shape[1], d // B.shape[1]
    y: Tensor
    if fused(u, delta, A, B, C):
        skip = u.new_zeros(d) if D is None else D  # (D,)
        bias = u.new_zeros(d) if delta_bias is None else delta_bias  # (D,)
        y = FusedScan.apply(  # type: ignore[no-untyped-call]
            u.reshape(b, groups, k, length).permute(1, 0, 3, 2),
            delta.reshape(b, groups, 1, k, length).permute(1, 2, 0, 4, 3),
            A.view(groups, 1, k, -1),
            B.unsqueeze(2).permute(1, 2, 0, 4, 3),
            C.unsqueeze(2).permute(1, 2, 0, 4, 3),
            skip.view(groups, 1, k),
            bias.view(groups, 1, k),
            delta_softplus,
        )  # (G, B, L, K)
        y = y.permute(1, 0, 3, 2).reshape(b, d, length)  # (B, D, L)
    else:
        wide = torch.promote_types(u.dtype, torch.float32)  # the states' precision, as in the kernel
        with torch.autocast(u.device.type, enabled=False):
            v, delta, A, B, C = (x.to(wide) for x in (u, delta, A, B, C))
            if delta_bias is not None:
                delta = delta + delta_bias.unsqueeze(-1)  # (B, D, L)
            if delta_softplus:
                delta = F.softplus(delta)  # (B, D, L)
            y = _Scan.apply(  # type: ignore[no-untyped-call]
                *(x.permute(2, 0, 1).reshape(length, b, groups, k) for x in (v, delta)),
                A.view(groups, k, -1),
                B.permute(3, 0, 1, 2),
                C.permute(3, 0, 1, 2),
            )  # (L, B, G, K)
            y = y.reshape(length, b, d).permute(1, 2, 0)  # (B, D, L)
            if D is not None:
                y = y + D.unsqueeze(-1) * v
            y = y.to(u.dtype)
    return y if z is None else y * F.silu(z)
