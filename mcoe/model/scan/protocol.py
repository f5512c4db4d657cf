"""What a scan backend is."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor


class Scan(Protocol):
    """``mamba_ssm``'s ``selective_scan_fn``, the part that the network uses; shapes as in ``torch_scan``."""

    def __call__(
        self,
        u: Tensor,
        delta: Tensor,
        A: Tensor,
        B: Tensor,
        C: Tensor,
        D: Tensor | None = None,
        z: Tensor | None = None,
        delta_bias: Tensor | None = None,
        delta_softplus: bool = False,
    ) -> Tensor: ...
