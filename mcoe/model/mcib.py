"""Multi-modal Collaborative Interaction Block (Eq. 6–9)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mcoe.model.stacked import StackedAttention


class MCIB(nn.Module):
    """Crossed attention between the modalities and a gate per token that weighs the two.

    y'_RGB asks with queries from RGB for keys and values of the events, y'_Event the reverse: Eq. 6–7 name the
    queries crosswise, the text ("RGB features actively retrieve dynamic details from event streams") settles it.
    Eq. 8 has no scale; at d > 4 its sum saturates the sigmoid, hence 1/√d.
    """

    def __init__(self, d: int, heads: int) -> None:
        super().__init__()
        self.attention = StackedAttention(2, d, heads)

    def forward(self, y: Tensor) -> tuple[Tensor, Tensor]:
        """Fuse ``(2, B, M, d)``, RGB first, to H ``(B, M, d)`` and α ``(B, M)``.

        Mind the direction: y'_RGB asks with RGB and takes its **values from the events**, so at α = 1 H holds what the
        events hold, and at 0 what the frames hold. α grows with the features' agreement: a gate, no measure of trust.
        """
        y_rgb, y_event = self.attention(y, y.flip(0))  # 2 × (B, M, d)
        alpha = torch.sigmoid((y[0] * y[1]).sum(-1) * y.shape[-1] ** -0.5)  # (B, M)
        return y_event + alpha.unsqueeze(-1) * (y_rgb - y_event), alpha  # (B, M, d)
