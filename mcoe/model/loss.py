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
    """N_e · Σ f·P over experts, f their share of the batch's choices, P their mean gate: 1 where all are used alike.

    Fedus et al., "Switch Transformers" (JMLR 2022), Eq. 4, with k choices a sample. The paper relies on the orthogonal
    loss alone; trained from scratch with that, two experts took every sample from the first epoch on.

    Args:
        gates: ``(B, N_e)``; 0 where N_e is. chosen: int64 ``(B, k)``.
    """
    n = gates.shape[1]
    if not n:
        return gates.new_zeros(())
    share = choices(chosen, n) / chosen.numel()  # (N_e,)
    return n * (share * gates.mean(0)).sum()


def choices(chosen: Tensor, n: int) -> Tensor:
    """Count how often each of ``n`` experts was chosen, ``(n,)`` float32; unlike ``bincount`` it never waits for a GPU.

    Args:
        chosen: int64 ``(B, k)``.
    """
    return (chosen.flatten().unsqueeze(1) == torch.arange(n, device=chosen.device)).sum(0).float()


def mcoe_loss(
    net: MCOENet, output: HeadOutput, labels: Tensor, smoothing: float = 0.0
) -> tuple[Tensor, Tensor, Tensor]:
    """Total, cross entropy and orthogonal loss (Eq. 17); the last is 0 without a router.

    Args:
        labels: int64 ``(B,)``, indices into ``EMOTIONS``.
        smoothing: share of the target's mass that is spread over all classes.
    """
    entropy = F.cross_entropy(output.logits, labels, label_smoothing=smoothing)  # ()
    moe = net.head.moe
    orthogonal = orthogonal_loss(moe.router.p2.weight) if isinstance(moe, HCEMoE) else entropy.new_zeros(())
    return entropy + orthogonal, entropy, orthogonal
