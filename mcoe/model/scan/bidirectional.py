"""Scans of several sequences in both directions as one call of whichever backend."""

from __future__ import annotations

import torch
from torch import Tensor

from mcoe.model.scan.protocol import Scan
from mcoe.model.scan.torch_scan import FusedScan, fused, selective_scan


def bidirectional_scan(
    scan: Scan, u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor, bias: Tensor
) -> Tensor:
    """y_forward + y_backward of P sequences (lines 19–23 of Algorithm 1, and the sum of lines 25–26).

    The backends see one scan whose channels are 2·P groups; where torch is the backend and the tensors are float32 on
    the CPU, the fused kernel reads them as they lie.

    Args:
        scan: the backend.
        u: ``(P, B, L, K)``.
        delta: ``(P, 2, B, L, K)``, before bias and softplus; every direction's values stand at their token's place.
        A: ``(P, 2, K, N)``, <= 0. B, C: ``(P, 2, B, L, N)``. D, bias: ``(P, 2, K)``.

    Returns:
        ``(P, B, L, K)``.
    """
    if scan is selective_scan and fused(u, delta, A, B, C):
        y: Tensor = FusedScan.apply(u, delta, A, B, C, D, bias, True)  # type: ignore[no-untyped-call]
        return y
    p, b, length, k = u.shape
    n, d = A.shape[-1], 2 * p * k

    def in_time(x: Tensor) -> Tensor:
        """The backward direction's time reversed: ``(P, 2, B, L, ·)``."""
        return torch.stack((x[:, 0], x[:, 1].flip(2)), 1)

    def by_channel(x: Tensor) -> Tensor:
        return in_time(x).permute(2, 0, 1, 4, 3).reshape(b, d, length)  # (B, 2·P·K, L)

    def by_group(x: Tensor) -> Tensor:
        return in_time(x).permute(2, 0, 1, 4, 3).reshape(b, 2 * p, n, length)  # (B, 2·P, N, L)

    both = scan(
        by_channel(u.unsqueeze(1).expand(p, 2, b, length, k)),
        by_channel(delta),
        A.reshape(d, n),
        by_group(B),
        by_group(C),
        D.reshape(d),
        delta_bias=bias.reshape(d),
        delta_softplus=True,
    )  # (B, 2·P·K, L)
    forward, backward = both.view(b, p, 2, k, length).permute(2, 1, 0, 4, 3)  # 2 × (P, B, L, K)
    y_sum: Tensor = forward + backward.flip(2)
    return y_sum
