"""The expert trace of one sample, as plain NumPy that no tensor keeps alive."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from mcoe.model.config import ModelConfig
from mcoe.model.head import HeadOutput
from mcoe.results import ExpertTrace, Float


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
