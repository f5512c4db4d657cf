"""One optimizer step: launched kernel by kernel, or recorded once as a CUDA graph and replayed.

A step of this network is about two thousand small kernels; launching them one by one leaves a GPU idle most of the
time. As a graph the whole step, from rows of the resident pack to new weights, is one launch, and nothing waits for
the GPU before the epoch ends.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mcoe.data.augment import AugmentConfig, augment, lose_modality
from mcoe.model.config import Modality
from mcoe.model.head import HeadOutput
from mcoe.model.loss import balance_loss, choices, mcoe_loss
from mcoe.model.network import MCOENet
from mcoe.train.feed import Feed, three_channels
from mcoe.train.options import TrainOptions


class Mixed(nn.Module):
    """A network whose backbones compute in ``dtype`` and whose head, which costs little, in float32.

    The scan's states grow over the sequence, and its CUDA kernel wants all inputs of one type.

    Args:
        own: also read each modality by itself: the output then has three parts of B rows, both streams (or what
            ``*_present`` leaves of them), RGB alone and events alone. The backbones run once.
    """

    def __init__(self, net: MCOENet, dtype: torch.dtype, own: bool = False) -> None:
        super().__init__()
        self.net, self._dtype, self._own = net, dtype, own

    def forward(
        self, rgb: Tensor, event: Tensor, rgb_present: Tensor | None, event_present: Tensor | None
    ) -> HeadOutput:
        """See :meth:`MCOENet.forward`; both streams are given."""
        maps: dict[str, Tensor] = {}
        images: dict[Modality, Tensor] = {"rgb": rgb, "event": event}
        for modality in self.net.config.modalities:
            x = images[modality]
            with torch.autocast(x.device.type, self._dtype, enabled=self._dtype != torch.float32):
                stage4 = self.net.features(modality, x.flatten(0, 1)).stage4  # (B·m, 512, h, w)
            maps[modality] = stage4.float().view(*x.shape[:2], *stage4.shape[1:])  # (B, m, 512, h, w)
        if self._own:
            maps = {modality: x.repeat(3, 1, 1, 1, 1) for modality, x in maps.items()}  # (3B, m, 512, h, w)
            here = torch.ones(len(rgb), dtype=torch.bool, device=rgb.device)
            rgb_present = torch.cat([here if rgb_present is None else rgb_present, here, ~here])
            event_present = torch.cat([here if event_present is None else event_present, ~here, here])
        out: HeadOutput = self.net.head(maps.get("rgb"), maps.get("event"), rgb_present, event_present)
        return out


def parameter_groups(net: nn.Module, decay: float) -> list[dict[str, Any]]:
    """Split a network's parameters for the optimizer: weight matrices and filters decay, all else does not.

    A decaying A_log or Δ bias changes the scan's time constants, a decaying norm the size of what it norms, a decaying
    position or stand-in what it says; none of it makes the network smoother.
    """
    groups: dict[bool, list[nn.Parameter]] = {True: [], False: []}
    for module in net.modules():
        matrices = not isinstance(module, nn.BatchNorm2d | nn.LayerNorm) and type(module).__name__ != "StackedNorm"
        for name, parameter in module.named_parameters(recurse=False):
            groups[matrices and name in ("weight", "conv_weight")].append(parameter)
    return [
        {"params": groups[True], "weight_decay": decay},
        {"params": groups[False], "weight_decay": 0.0},
    ]


@dataclass(slots=True)
class Step:
    """What one step needs; call it with a batch.

    Attributes:
        net: the network; model: the same, wrapped (mixed precision, several processes, compiled).
        generator: source of augmentation's chance, on the device.
    """

    net: MCOENet
    model: nn.Module
    optimizer: torch.optim.Optimizer
    scaler: torch.amp.GradScaler
    options: TrainOptions
    augment: AugmentConfig
    generator: torch.Generator

    def __call__(self, rgb: Tensor, voxel: Tensor, y: Tensor) -> Tensor:
        """Learn from RGB ``(B, m, C, S, S)``, voxel grids ``(B, m, N_b, S, S)`` and labels ``(B,)``.

        Returns:
            Sums over the batch ``(6 + 2 N_e,)`` float32: loss, cross entropy, orthogonal and balance loss, right
            answers, clips, each expert's choices and gates.
        """
        options, experts, n = self.options, self.net.config.n_experts, len(y)
        both = self.net.config.modality == "both"
        if options.augment > 0:
            rgb, voxel = augment(rgb, voxel, self.augment, self.generator)
        kept: tuple[Tensor | None, Tensor | None] = (None, None)
        if options.lose > 0 and both:
            kept_rgb, kept_event = lose_modality(n, options.lose, self.generator, y.device).unbind(1)
            kept = kept_rgb, kept_event
        out: HeadOutput = self.model(three_channels(rgb), voxel, *kept)
        first = HeadOutput(*(part[:n] for part in out))
        loss, entropy, orthogonal = mcoe_loss(self.net, first, y, options.smoothing)
        balance = balance_loss(out.gates, out.chosen)
        loss = loss + options.balance * balance
        if options.own > 0 and both:
            alone = F.cross_entropy(out.logits[n:], y.repeat(2), label_smoothing=options.smoothing)
            loss = loss + options.own * alone
        self.optimizer.zero_grad(set_to_none=True)
        self.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
        self.scaler.unscale_(self.optimizer)
        nn.utils.clip_grad_norm_(self.net.parameters(), options.clip_norm)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        losses = torch.stack([loss, entropy, orthogonal, balance]).detach() * n
        right = (first.logits.argmax(-1) == y).sum()
        counts = torch.stack([right.float(), torch.full_like(losses[0], n)])
        return torch.cat([losses, counts, choices(first.chosen, experts), first.gates.detach().sum(0)])


class GraphedStep:
    """A step recorded as one CUDA graph, from rows of a resident pack to new weights.

    Recording runs a few steps first; whatever they change (weights, batch statistics, optimizer state) is put back, so
    a graphed run starts where a plain one does.
    """

    def __init__(self, step: Step, feed: Feed, batch: int, frames: int = 2) -> None:
        device = step.generator.device
        self._rows = torch.zeros(batch, frames, dtype=torch.int64, device=device)
        self._labels = torch.zeros(batch, dtype=torch.int64, device=device)
        had = bool(step.optimizer.state)
        before = [(tensor, tensor.clone()) for tensor in _state(step)]
        side = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        side.wait_stream(torch.cuda.current_stream(device))
        with torch.cuda.stream(side):
            for _ in range(3):
                step(*feed.gather(self._rows), self._labels)
        torch.cuda.current_stream(device).wait_stream(side)
        self._graph = torch.cuda.CUDAGraph()
        self._graph.register_generator_state(step.generator)
        step.optimizer.zero_grad(set_to_none=True)
        with torch.cuda.graph(self._graph):
            self._sums = step(*feed.gather(self._rows), self._labels)
        with torch.no_grad():
            for tensor, value in before:
                tensor.copy_(value)
            if not had:
                for state in step.optimizer.state.values():
                    for value in state.values():
                        value.zero_()

    def __call__(self, rows: Tensor, labels: Tensor) -> Tensor:
        """Learn from rows ``(B, m)`` and labels ``(B,)``, int64 on the device; the sums hold until the next call."""
        self._rows.copy_(rows)
        self._labels.copy_(labels)
        self._graph.replay()
        return self._sums


def _state(step: Step) -> Iterator[Tensor]:
    yield from step.net.state_dict().values()
    for state in step.optimizer.state.values():
        yield from (value for value in state.values() if isinstance(value, Tensor))
