"""Several small layers of one kind as one batched product: at batch 1 the head's cost is the number of calls.

Every layer also runs as one of its members, ``only=j``, on inputs whose stack axis has length 1.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def _pick(stack: Tensor, only: int | None) -> Tensor:
    return stack if only is None else stack[only : only + 1]


class StackedLinear(nn.Module):
    """``n`` linear maps, each with its own input: ``(n, R, i)`` to ``(n, R, o)``, ``weight[j]`` is ``(i, o)``.

    Initialised as ``nn.Linear`` is. A stack of 1 may be applied to several inputs, which then share it.
    """

    def __init__(self, n: int, inp: int, out: int, bias: bool = True) -> None:
        super().__init__()
        bound = inp**-0.5
        self.weight = nn.Parameter(torch.empty(n, inp, out).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(n, 1, out).uniform_(-bound, bound)) if bias else None

    def forward(self, x: Tensor, only: int | None = None) -> Tensor:
        weight = self.weight.expand(x.shape[0], -1, -1) if only is None else self.weight[only : only + 1]  # (n, i, o)
        if self.bias is None:
            return torch.bmm(x, weight)  # (n, R, o)
        return torch.baddbmm(_pick(self.bias, only), x, weight)  # (n, R, o)


class StackedNorm(nn.Module):
    """``n`` layer norms over the last axis of ``(n, R, d)``."""

    def __init__(self, n: int, d: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(n, 1, d))
        self.bias = nn.Parameter(torch.zeros(n, 1, d))

    def forward(self, x: Tensor, only: int | None = None) -> Tensor:
        weight, bias = _pick(self.weight, only), _pick(self.bias, only)  # (n, 1, d)
        return torch.addcmul(bias, F.layer_norm(x, x.shape[-1:]), weight)  # (n, R, d)


class StackedAttention(nn.Module):
    """``n`` multi-head attentions with their own query, key, value and output projections (with bias).

    ``queries`` and ``context`` are ``(n, B, M, d)``; keys and values come from ``context``. Returns ``(n, B, M, d)``.
    """

    def __init__(self, n: int, d: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = StackedLinear(n, d, d)
        self.key_value = StackedLinear(n, d, 2 * d)
        self.out = StackedLinear(n, d, d)

    def forward(self, queries: Tensor, context: Tensor, only: int | None = None) -> Tensor:
        n, b, m, d = queries.shape
        q = self.query(queries.reshape(n, b * m, d), only)  # (n, BM, d)
        kv = self.key_value(context.reshape(n, b * m, d), only)  # (n, BM, 2d)
        q = q.view(n * b, m, self.heads, -1).transpose(1, 2)  # (nB, h, M, d/h)
        k, v = kv.view(n * b, m, 2, self.heads, -1).permute(2, 0, 3, 1, 4)  # 2 × (nB, h, M, d/h)
        y = F.scaled_dot_product_attention(q, k, v)  # (nB, h, M, d/h)
        out: Tensor = self.out(y.transpose(1, 2).reshape(n, b * m, d), only)  # (n, BM, d)
        return out.view(n, b, m, d)
