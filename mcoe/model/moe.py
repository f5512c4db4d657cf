"""Heterogeneous Collaborative and Expansion Mixture of Experts (Eq. 10–15).

All experts vote always, since their votes are shown; those of one kind are evaluated together. Experts that were not
chosen get no weight and so no gradient: explaining one sample on a CPU leaves them out of the backward pass.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mcoe.core.words import EMOTIONS
from mcoe.model.config import EXPERT_KINDS, ModelConfig
from mcoe.model.stacked import StackedAttention, StackedLinear, StackedNorm


class MoEOutput(NamedTuple):
    """What HCE-MoE says of a batch; the shapes are those of :class:`mcoe.model.head.HeadOutput`."""

    logits: Tensor
    gates: Tensor
    chosen: Tensor
    weights: Tensor
    expert_logits: Tensor


class Router(nn.Module):
    """Attention-guided router (Eq. 10): ``P2(GELU(P1(mean(LN(MHA(H) ⊕ H)))))``, the mean over tokens.

    P2 starts at the minimum of the orthogonal loss.
    """

    def __init__(self, d: int, heads: int, n_experts: int) -> None:
        super().__init__()
        self.attention = StackedAttention(1, d, heads)
        self.norm = nn.LayerNorm(d)
        self.p1 = nn.Linear(d, d)
        self.p2 = nn.Linear(d, n_experts)
        nn.init.orthogonal_(self.p2.weight)

    def forward(self, h: Tensor) -> Tensor:
        """Scores H' ``(B, N_e)`` of tokens ``(B, M, d)``."""
        x = self.norm(self.attention(h[None], h[None])[0] + h).mean(1)  # (B, d)
        scores: Tensor = self.p2(F.gelu(self.p1(x)))  # (B, N_e)
        return scores


class FocalExperts(nn.Module):
    """``n`` focal experts (Eq. 14): 3×3 convolution, GELU, 1×1 convolution on the token grid of each frame.

    The 3×3 convolution is a product over the nine neighbours (row by row, channels last), several times faster than
    a convolution at this size. The mean over positions and frames is taken before the 1×1 convolution; being linear,
    the two commute. ``grid`` is (frames, height, width); pooled tokens are one column of m positions.
    """

    def __init__(self, n: int, d: int, width: int, grid: tuple[int, int, int]) -> None:
        super().__init__()
        self.n, self.grid = n, grid
        self.c3 = StackedLinear(n, 9 * d, width)
        self.c1 = StackedLinear(n, width, len(EMOTIONS))

    def forward(self, h: Tensor, only: int | None = None) -> Tensor:
        """Logits ``(n, B, J)`` of tokens ``(B, M, d)``; of expert ``only`` alone ``(1, B, J)``."""
        n = self.n if only is None else 1
        b, m, d = h.shape
        frames, height, width = self.grid
        x = F.pad(h.reshape(b * frames, height, width, d), (0, 0, 1, 1, 1, 1))  # (B·m, h+2, w+2, d)
        near = [x[:, i : i + height, j : j + width] for i in range(3) for j in range(3)]  # 9 × (B·m, h, w, d)
        x = torch.cat(near, -1).view(b * m, 9 * d)  # (BM, 9d)
        x = F.gelu(self.c3(x.expand(n, -1, -1), only))  # (n, BM, width)
        out: Tensor = self.c1(x.view(n, b, m, -1).mean(2), only)  # (n, B, J)
        return out


class AttentionExperts(nn.Module):
    """``n`` attention experts (Eq. 13): ``P(mean(LN(MHA(H) ⊕ H)))``, the mean over tokens."""

    def __init__(self, n: int, d: int, heads: int) -> None:
        super().__init__()
        self.n = n
        self.attention = StackedAttention(n, d, heads)
        self.norm = StackedNorm(n, d)
        self.p = StackedLinear(n, d, len(EMOTIONS))

    def forward(self, h: Tensor, only: int | None = None) -> Tensor:
        """Logits ``(n, B, J)`` of tokens ``(B, M, d)``; of expert ``only`` alone ``(1, B, J)``."""
        n = self.n if only is None else 1
        b, m, d = h.shape
        x = h.expand(n, b, m, d)  # (n, B, M, d)
        x = self.norm((self.attention(x, x, only) + h).view(n, b * m, d), only)  # (n, BM, d)
        out: Tensor = self.p(x.view(n, b, m, d).mean(2), only)  # (n, B, J)
        return out


class DeepExperts(nn.Module):
    """``n`` deep experts (Eq. 12): L residual blocks d → 4d → d with dropout, then P3.

    They see the mean over tokens: the other two kinds are about places and their relations, this one about depth.
    A GELU follows the expansion; without it the stack would be a single affine map.
    """

    def __init__(self, n: int, d: int, layers: int, dropout: float) -> None:
        super().__init__()
        self.n, self.dropout = n, dropout
        self.p1 = nn.ModuleList(StackedLinear(n, d, 4 * d) for _ in range(layers))
        self.p2 = nn.ModuleList(StackedLinear(n, 4 * d, d) for _ in range(layers))
        self.p3 = StackedLinear(n, d, len(EMOTIONS))

    def forward(self, h: Tensor, only: int | None = None) -> Tensor:
        """Logits ``(n, B, J)`` of tokens ``(B, M, d)``; of expert ``only`` alone ``(1, B, J)``."""
        x = h.mean(1).expand(self.n if only is None else 1, -1, -1)  # (n, B, d)
        for p1, p2 in zip(self.p1, self.p2, strict=True):
            x = x + p2(F.dropout(F.gelu(p1(x, only)), self.dropout, self.training), only)  # (n, B, d)
        out: Tensor = self.p3(x, only)  # (n, B, J)
        return out


class HCEMoE(nn.Module):
    """Router and experts (Eq. 10–15).

    The k largest gates are renormalised to sum 1; with k = 1 (Table 6 A) that weight is the constant 1, and only the
    orthogonal loss trains the router.
    """

    order: Tensor

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        c = config
        self.top_k = c.top_k
        self.router = Router(c.d, c.heads, c.n_experts)
        grid = (c.frames, c.grid, c.grid) if c.tokens == "spatial" else (1, c.frames, 1)
        n = {kind: c.experts.count(kind) for kind in EXPERT_KINDS}
        self.experts = nn.ModuleDict()
        if n["focal"]:
            self.experts["focal"] = FocalExperts(n["focal"], c.d, c.focal_width, grid)
        if n["attention"]:
            self.experts["attention"] = AttentionExperts(n["attention"], c.d, c.heads)
        if n["deep"]:
            self.experts["deep"] = DeepExperts(n["deep"], c.d, c.deep_layers, c.dropout)
        # place[i] is expert i's number among those of its kind.
        self.place = [(kind, c.experts[:i].count(kind)) for i, kind in enumerate(c.experts)]
        first = {kind: sum(n[other] for other in EXPERT_KINDS[:at]) for at, kind in enumerate(EXPERT_KINDS)}
        order = torch.tensor([first[kind] + j for kind, j in self.place])
        self.register_buffer("order", order, persistent=False)

    def forward(self, h: Tensor) -> MoEOutput:
        """Votes on tokens ``(B, M, d)``."""
        gates = self.router(h).softmax(-1)  # (B, N_e)
        weights, chosen = gates.topk(self.top_k)  # (B, k)
        weights = weights / weights.sum(-1, keepdim=True)  # (B, k)
        explaining = len(h) == 1 and h.requires_grad and not self.training and h.device.type == "cpu"
        votes = self._votes_chosen(h, chosen[0].tolist()) if explaining else self._votes(h)  # (B, N_e, J)
        index = chosen.unsqueeze(-1).expand(-1, -1, votes.shape[-1])  # (B, k, J)
        logits = (weights.unsqueeze(-1) * votes.gather(1, index)).sum(1)  # (B, J)
        return MoEOutput(logits, gates, chosen, weights, votes)

    def _votes(self, h: Tensor) -> Tensor:
        """Every expert's logits, ``(B, N_e, J)``."""
        votes = torch.cat([expert(h) for expert in self.experts.values()])  # (N_e by kind, B, J)
        return votes[self.order].transpose(0, 1)

    def _votes_chosen(self, h: Tensor, chosen: list[int]) -> Tensor:
        """:meth:`_votes` of which only the chosen experts' are part of the graph."""
        with torch.no_grad():
            votes = list(self._votes(h).unbind(1))  # N_e × (B, J)
        for i in chosen:
            kind, j = self.place[i]
            votes[i] = self.experts[kind](h, j)[0]  # (B, J)
        return torch.stack(votes, 1)


class MLP(nn.Module):
    """What stands in for HCE-MoE in Table 2 F and Table 8 A: mean over tokens, d → d → J."""

    def __init__(self, d: int) -> None:
        super().__init__()
        self.p1 = nn.Linear(d, d)
        self.p2 = nn.Linear(d, len(EMOTIONS))

    def forward(self, h: Tensor) -> MoEOutput:
        """Logits of tokens ``(B, M, d)``; the experts' axis has length 0."""
        logits = self.p2(F.gelu(self.p1(h.mean(1))))  # (B, J)
        none = logits[:, :0]  # (B, 0)
        return MoEOutput(logits, none, none.to(torch.int64), none, logits[:, None][:, :0])
