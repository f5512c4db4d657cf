"""The expert trace of one sample, as plain NumPy that no tensor keeps alive."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from mcoe.model.config import ModelConfig
from mcoe.model.head import HeadOutput

Float = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class ExpertTrace:
    """Who voted for what, of one sample.

    Attributes:
        probabilities, logits: ``(J,)``.
        gates: ``(N_e,)`` softmax of the router, before top-k.
        chosen, weights: ``(k,)`` best first; the weights sum to 1.
        expert_logits: ``(N_e, J)`` every expert's vote, chosen or not.
        expert_kinds: ``N_e`` of ``focal``, ``attention``, ``deep``.
        alpha: ``(M,)`` balance of Eq. 8 per token (1 = RGB), older frame first.
    """

    probabilities: Float
    logits: Float
    gates: Float
    chosen: NDArray[np.int64]
    weights: Float
    expert_logits: Float
    expert_kinds: tuple[str, ...]
    alpha: Float


def expert_trace(output: HeadOutput, config: ModelConfig, sample: int = 0) -> ExpertTrace:
    """The trace of sample number ``sample`` of a batch."""

    def floats(x: Tensor) -> Float:
        return np.array(x[sample].detach().float().cpu().numpy())

    return ExpertTrace(
        probabilities=floats(output.logits.softmax(-1)),
        logits=floats(output.logits),
        gates=floats(output.gates),
        chosen=np.array(output.chosen[sample].cpu().numpy()),
        weights=floats(output.weights),
        expert_logits=floats(output.expert_logits),
        expert_kinds=config.experts,
        alpha=floats(output.alpha),
    )
