"""Mamba with the Multi-modal Joint Optimization Scheme (Algorithm 1, Eq. 1–5).

Each modality and direction has its own A, Δ, B and C. B and C (Table 7: not A, not D) are joined between the
modalities by M(·,·) before discretisation. All scans of both modalities and directions are one call: they are groups
of the channel axis, in the order RGB forward, RGB backward, event forward, event backward.

B̄ is mamba's Δ·B rather than Eq. 20's exact form, because that is what the mamba-ssm kernel computes.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mcoe.model.config import ModelConfig
from mcoe.model.scan.bidirectional import bidirectional_scan
from mcoe.model.scan.protocol import Scan
from mcoe.model.scan.torch_scan import selective_scan
from mcoe.model.stacked import StackedLinear, StackedNorm


def _at_least_float(x: Tensor) -> Tensor:
    """The scan wants A, D and Δ's bias in float32 also where the rest of the network is in half precision."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


class Joint(nn.Module):
    """M(𝒜, ℬ) = (W·[𝒜; ℬ] + b) ⊕ 𝒜 (Eq. 5), with its own W and b per target modality and direction.

    Takes and returns ``(Mo, 2, R, N)``: modality, direction, rows, the N values that are joined.
    """

    def __init__(self, n: int) -> None:
        super().__init__()
        self.linear = StackedLinear(4, 2 * n, n)

    def forward(self, a: Tensor) -> Tensor:
        both = torch.cat((a, a.flip(0)), -1)  # (2, 2, R, 2N), the target's own values first
        joined: Tensor = self.linear(both.flatten(0, 1))  # (4, R, N)
        return joined.view_as(a) + a  # (2, 2, R, N)


class MJOS(nn.Module):
    """One bidirectional Mamba layer over Mo modalities (Algorithm 1).

    Parameters are stacked: axis 0 is the modality (RGB, event), the next one, or its part of the output axis, the
    direction (forward, backward). Lin^Δ is low rank, as in Mamba.

    The variants of Table 7: ``join`` puts M(·,·) on any of A, B, C, D (A in the logarithm, so that it stays negative;
    D per channel), ``share`` keeps one parameter for both modalities, ``exchange`` gives each the other's.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        c = config
        mo = len(c.modalities)
        self.mo, self.d_inner, self.d_state = mo, c.expand * c.d, c.d_state
        self.dt_rank = max(c.d // 16, 1)
        self.scan: Scan = selective_scan

        def owners(letter: str) -> int:
            return 1 if c.mjos == "share" and letter in c.mjos_letters else mo

        self.exchanged = frozenset(c.mjos_letters if c.mjos == "exchange" and mo == 2 else "")
        di, n = self.d_inner, c.d_state
        self.in_proj = StackedLinear(mo, c.d, 2 * di, bias=False)
        bound = c.d_conv**-0.5
        self.conv_weight = nn.Parameter(torch.empty(c.d_conv, mo, 1, 1, di).uniform_(-bound, bound))
        self.conv_bias = nn.Parameter(torch.empty(mo, 1, 1, di).uniform_(-bound, bound))
        self.b_proj = StackedLinear(owners("B"), di, 2 * n, bias=False)
        self.c_proj = StackedLinear(owners("C"), di, 2 * n, bias=False)
        self.dt_down = StackedLinear(mo, di, 2 * self.dt_rank, bias=False)
        self.dt_up = StackedLinear(2 * mo, self.dt_rank, di, bias=False)
        # Mamba's initialisation: A = −(1 … N), Δ log-uniform in 0.001 … 0.1, D = 1.
        self.A_log = nn.Parameter(torch.arange(1.0, n + 1).log().expand(owners("A"), 2, di, n).clone())
        self.D = nn.Parameter(torch.ones(owners("D"), 2, di))
        dt = torch.exp(torch.rand(mo, 2, di) * math.log(100) + math.log(0.001)).clamp(min=1e-4)
        self.dt_bias = nn.Parameter(dt + torch.log(-torch.expm1(-dt)))
        self.out_proj = StackedLinear(mo, di, c.d, bias=False)
        sizes = {"A": n, "B": n, "C": n, "D": 1}
        self.joint = nn.ModuleDict({k: Joint(size) for k, size in sizes.items() if c.joins(k)})

    def _meet(self, letter: str, value: Tensor) -> Tensor:
        """The modalities' common treatment of SSM parameter ``letter``, ``(Mo or 1, 2, R, N)`` to ``(Mo, 2, R, N)``."""
        if letter in self.joint:
            joined: Tensor = self.joint[letter](value)
            return joined
        if letter in self.exchanged:
            return value.flip(0)
        return value.expand(self.mo, -1, -1, -1)

    def forward(self, x: Tensor) -> Tensor:
        """Sequences of the modalities, ``(Mo, B, L, d)``, RGB first, to sequences of the same shape."""
        mo, b, length, d = x.shape
        di, n, g = self.d_inner, self.d_state, 2 * self.mo
        xz = self.in_proj(x.reshape(mo, b * length, d))  # (Mo, BL, 2·di)
        xi, z = xz.view(mo, b, length, 2 * di).chunk(2, -1)  # 2 × (Mo, B, L, di)
        taps = len(self.conv_weight)
        padded = F.pad(xi, (0, 0, taps - 1, 0))  # (Mo, B, taps − 1 + L, di)
        conv: Tensor = self.conv_bias  # (Mo, 1, 1, di)
        for k in range(taps):
            conv = torch.addcmul(conv, self.conv_weight[k], padded[:, :, k : k + length])  # (Mo, B, L, di)
        xi = F.silu(conv)  # (Mo, B, L, di)

        rows = xi.reshape(mo, b * length, di)  # (Mo, BL, di)
        B = self._per_direction(self.b_proj(rows))  # (Mo, 2, BL, N)
        C = self._per_direction(self.c_proj(rows))  # (Mo, 2, BL, N)
        B, C = self._meet("B", B), self._meet("C", C)  # (Mo, 2, BL, N)
        dt = self._per_direction(self.dt_down(rows))  # (Mo, 2, BL, R)
        dt = self.dt_up(dt.reshape(g, b * length, -1))  # (G, BL, di)
        A = -torch.exp(_at_least_float(self._meet("A", self.A_log)))  # (Mo, 2, di, N)
        D = _at_least_float(self._meet("D", self.D.unsqueeze(-1)))  # (Mo, 2, di, 1)
        y = bidirectional_scan(
            self.scan,
            xi,
            dt.view(mo, 2, b, length, di),
            A,
            B.reshape(mo, 2, b, length, n),
            C.reshape(mo, 2, b, length, n),
            D.squeeze(-1),
            _at_least_float(self.dt_bias),
        )  # (Mo, B, L, di)
        y = y * F.silu(z)  # (Mo, B, L, di)
        out: Tensor = self.out_proj(y.reshape(mo, b * length, di))  # (Mo, BL, d)
        return out.view(mo, b, length, d)

    def _per_direction(self, x: Tensor) -> Tensor:
        """``(Mo, R, 2·K)`` to ``(Mo, 2, R, K)``."""
        return x.view(*x.shape[:2], 2, -1).transpose(1, 2)


class MCOMamba(nn.Module):
    """The MJOS layer with a pre-norm and a residual around it: ``(Mo, B, M, d)`` to the same shape."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.norm = StackedNorm(len(config.modalities), config.d)
        self.mjos = MJOS(config)

    def forward(self, x: Tensor) -> Tensor:
        mixed: Tensor = self.mjos(self.norm(x.flatten(1, 2)).view_as(x))
        return x + mixed
