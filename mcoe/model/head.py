"""Everything behind the backbones: stage-4 maps to tokens, MCO-Mamba, MCIB, HCE-MoE."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from mcoe.core.words import Modality
from mcoe.model.config import ModelConfig
from mcoe.model.mamba import MCOMamba
from mcoe.model.mcib import MCIB
from mcoe.model.moe import MLP, HCEMoE, MoEOutput


class HeadOutput(NamedTuple):
    """What the head says of a batch, and why.

    Attributes:
        logits: ``(B, J)``.
        gates: ``(B, N_e)`` softmax of the router, before top-k.
        chosen: ``(B, k)`` int64, best first.
        weights: ``(B, k)`` the chosen experts' weights, sum 1.
        expert_logits: ``(B, N_e, J)`` every expert's vote, chosen or not.
        alpha: ``(B, M)`` gate of Eq. 8: the share of the events' content in H, the rest is the frames'; 0.5 where
            fusion is addition, 0 for a network of frames alone, 1 for one of events alone.

    N_e and k are 0 where an MLP stands in for HCE-MoE.
    """

    logits: Tensor
    gates: Tensor
    chosen: Tensor
    weights: Tensor
    expert_logits: Tensor
    alpha: Tensor


class Head(nn.Module):
    """The network behind the backbones.

    Tokens are the positions of the stage-4 maps (or their means, ``pooled``), older frame first, row by row. The
    paper is silent on positions: a learned embedding per modality, frame and position is added to the projected
    tokens, and with it each learns where and when it is. A learned token map stands in for a missing modality.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        c = self.config = config
        self.project = nn.ModuleDict({modality: nn.Linear(512, c.d) for modality in c.modalities})
        shape = (len(c.modalities), c.n_tokens, c.d)
        self.position = nn.Parameter(torch.empty(shape).normal_(std=0.02))
        self.missing = nn.Parameter(torch.empty(shape).normal_(std=0.02))
        self.mamba = MCOMamba(c) if c.mamba else None
        self.mcib = MCIB(c.d, c.heads) if c.mcib and c.modality == "both" else None
        self.moe: nn.Module = HCEMoE(c) if c.experts else MLP(c.d)

    def forward(
        self,
        rgb: Tensor | None,
        event: Tensor | None,
        rgb_present: Tensor | None = None,
        event_present: Tensor | None = None,
    ) -> HeadOutput:
        """Read stage-4 maps.

        Args:
            rgb, event: ``(B, m, 512, h, w)``, older frame first; None where the whole batch lacks the modality. The
                map of a modality that the config does not have is ignored.
            rgb_present, event_present: bool ``(B,)``, False where a sample lacks the modality; None: all present.

        Raises:
            ValueError: no modality of the config is given.
        """
        maps: dict[Modality, Tensor | None] = {"rgb": rgb, "event": event}
        present: dict[Modality, Tensor | None] = {"rgb": rgb_present, "event": event_present}
        given = [x for modality in self.config.modalities if (x := maps[modality]) is not None]
        if not given:
            raise ValueError(f"no feature maps for {self.config.modality}")
        batch = given[0].shape[0]
        x = torch.stack(
            [
                self._tokens(i, modality, maps[modality], present[modality], batch)
                for i, modality in enumerate(self.config.modalities)
            ]
        )  # (Mo, B, M, d)
        if self.mamba is not None:
            x = self.mamba(x)  # (Mo, B, M, d)
        if self.mcib is not None:
            h, alpha = self.mcib(x)  # (B, M, d), (B, M)
        else:
            h = x.sum(0)  # (B, M, d)
            content = {"both": 0.5, "rgb": 0.0, "event": 1.0}[self.config.modality]
            alpha = h.new_full(h.shape[:2], content)  # (B, M)
        votes: MoEOutput = self.moe(h)
        return HeadOutput(votes.logits, votes.gates, votes.chosen, votes.weights, votes.expert_logits, alpha)

    def _tokens(self, i: int, modality: Modality, maps: Tensor | None, present: Tensor | None, batch: int) -> Tensor:
        """Tokens ``(B, M, d)`` of modality number ``i``."""
        missing = self.missing[i].expand(batch, -1, -1)  # (B, M, d)
        if maps is None:
            return missing
        x = maps.flatten(3).transpose(2, 3)  # (B, m, hw, 512)
        if self.config.tokens == "pooled":
            x = x.mean(2, keepdim=True)  # (B, m, 1, 512)
        tokens: Tensor = self.project[modality](x.flatten(1, 2)) + self.position[i]  # (B, M, d)
        return tokens if present is None else torch.where(present[:, None, None], tokens, missing)
