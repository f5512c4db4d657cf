"""The loss (Eq. 16–17), and a term for the router's balance that the paper does not have."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from mcoe.model.head import HeadOutput
from mcoe.model.moe import HCEMoE
from mcoe.model.network import MCOENet


def orthogonal_loss(weight: Tensor) -> Tensor:
    """MSE(WᵀW, I) of the router's output layer (Eq. 16).

    Args:
        weight: ``(N_e, hidden)`` as ``nn.Linear`` keeps it, the transpose of the paper's W.
    """
    gram = weight @ weight.T  # (N_e, N_e)
    return F.mse_loss(gram, torch.eye(len(weight), dtype=weight.dtype, device=weight.device))


def balance_loss(gates: Tensor, chosen: Tensor) -> Tensor:
    """N_e · Σ f·P over experts: f their share of the batch's choices, P their mean gate; 1 where all are used alike.

    Fedus et al., "Switch Transformers" (JMLR 2022), Eq. 4, with k choices a sample. The paper relies on the orthogonal
    loss alone; trained from scratch with that, two experts took every sample from the first epoch on.

    Args:
        gates: ``(B, N_e)``. chosen: int64 ``(B, k)``.
    """
    n = gates.shape[1]
    share = torch.bincount(chosen.flatten(), minlength=n) / chosen.numel()  # (N_e,)
    return n * (share * gates.mean(0)).sum()


def mcoe_loss(
    net: MCOENet, output: HeadOutput, labels: Tensor, balance: float = 0.0
) -> tuple[Tensor, Tensor, Tensor]:
    """Total, cross entropy and orthogonal loss (Eq. 17); the last is 0 without a router.

    Args:
        labels: int64 ``(B,)``, indices into ``EMOTIONS``.
        balance: weight of :func:`balance_loss` in the total; 0 is Eq. 17 as it stands.
    """
    entropy = F.cross_entropy(output.logits, labels)  # ()
    moe = net.head.moe
    orthogonal = orthogonal_loss(moe.router.p2.weight) if isinstance(moe, HCEMoE) else entropy.new_zeros(())
    total = entropy + orthogonal
    if balance and output.gates.shape[1]:
        total = total + balance * balance_loss(output.gates, output.chosen)
    return total, entropy, orthogonal
