"""ResNet-18 in plain torch, with torchvision's parameter names so that its ImageNet weights load."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from mcoe.errors import McoeError
from mcoe.model.config import Norm

#: Least size that per-frame normalisation divides by, as a share of the data set's own: about a grey level of a frame;
#: of a voxel grid a quarter, since between two movements it holds nothing but noise events.
FLOOR_RGB, FLOOR_EVENT = 0.02, 0.25


class Maps(NamedTuple):
    """Feature maps of one image batch at input side S.

    Attributes:
        stage3: ``(B, 256, ceil(S/16), ceil(S/16))``, output of ``layer3``.
        stage4: ``(B, 512, ceil(S/32), ceil(S/32))``, output of ``layer4``.
    """

    stage3: Tensor
    stage4: Tensor


class BasicBlock(nn.Module):
    """Two 3×3 convolutions with a shortcut; the first may halve the map."""

    def __init__(self, inp: int, out: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inp, out, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(out)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(out, out, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(out)
        self.downsample: nn.Module | None = None
        if stride != 1 or inp != out:
            self.downsample = nn.Sequential(nn.Conv2d(inp, out, 1, stride, bias=False), nn.BatchNorm2d(out))

    def forward(self, x: Tensor) -> Tensor:
        shortcut = x if self.downsample is None else self.downsample(x)  # (B, out, h', w')
        x = self.relu(self.bn1(self.conv1(x)))  # (B, out, h', w')
        x = self.bn2(self.conv2(x))  # (B, out, h', w')
        out: Tensor = self.relu(x + shortcut)
        return out


class InputNorm(nn.Module):
    """The one place where images become numbers of size 1, in training, evaluation and every live engine.

    ``fixed``: ``(x - mean) / std``. ``frame``: ``(x - m) / sqrt(v + floor²)`` with each image's own mean m and variance
    v over all its channels and pixels; with ``centred`` False (voxel grids, whose zero means no event) m is 0 and v the
    mean square. The floor, a share of the fixed deviation, keeps an empty image empty: without it, a black frame's read
    noise would look like a face.

    Args:
        mean, std: per channel. They come from the config that is saved beside the weights, and are not part of the
            state dict.
    """

    mean: Tensor
    std: Tensor
    floor: Tensor

    def __init__(self, mean: Sequence[float], std: Sequence[float], kind: Norm = "fixed", centred: bool = True) -> None:
        super().__init__()
        self.kind, self.centred = kind, centred
        floor = (FLOOR_RGB if centred else FLOOR_EVENT) * sum(std) / len(std)
        self.register_buffer("floor", torch.tensor(float(floor)), persistent=False)
        self.register_buffer("mean", torch.tensor(mean).view(-1, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(-1, 1, 1), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Images ``(B, C, S, S)``, of the same shape and dtype afterwards."""
        if self.kind == "fixed":
            return (x - self.mean) / self.std
        wide = x.float()  # a mean square of small numbers underflows in half precision
        if self.centred:
            wide = wide - wide.mean((1, 2, 3), keepdim=True)
        scale = torch.rsqrt(wide.square().mean((1, 2, 3), keepdim=True) + self.floor.float() ** 2)
        return (wide * scale).to(x.dtype)


class ResNet18(nn.Module):
    """ResNet-18 without its classifier, behind its input normalisation; the state dict has exactly torchvision's names.

    Args:
        mean, std: of the normalisation, per input channel; their length is the number of channels.
        norm, centred: how it is used, see :class:`InputNorm`.
    """

    def __init__(self, mean: Sequence[float], std: Sequence[float], norm: Norm = "fixed", centred: bool = True) -> None:
        super().__init__()
        self.norm = InputNorm(mean, std, norm, centred)
        self.conv1 = nn.Conv2d(len(mean), 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        self.layer1 = nn.Sequential(BasicBlock(64, 64, 1), BasicBlock(64, 64, 1))
        self.layer2 = nn.Sequential(BasicBlock(64, 128, 2), BasicBlock(128, 128, 1))
        self.layer3 = nn.Sequential(BasicBlock(128, 256, 2), BasicBlock(256, 256, 1))
        self.layer4 = nn.Sequential(BasicBlock(256, 512, 2), BasicBlock(512, 512, 1))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Maps:
        """Maps of ``(B, C, S, S)`` images, not yet normalised."""
        x = self.norm(x)  # (B, C, S, S)
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))  # (B, 64, S/4, S/4)
        x = self.layer2(self.layer1(x))  # (B, 128, S/8, S/8)
        stage3 = self.layer3(x)  # (B, 256, S/16, S/16)
        return Maps(stage3, self.layer4(stage3))  # (B, 512, S/32, S/32)

    def stage4(self, stage3: Tensor) -> Tensor:
        """The stage-4 maps that follow from stage-3 maps: ``(B, 256, h, w)`` to ``(B, 512, h/2, w/2)``."""
        maps: Tensor = self.layer4(stage3)
        return maps

    def load_torchvision(self, state: Mapping[str, Tensor]) -> None:
        """Load a torchvision ResNet-18 state dict; its classifier ``fc.*`` is left aside.

        Where the backbone has other than 3 input channels (N_b ≠ 3), every channel gets the mean of the three RGB
        filters times 3 / N_b, which keeps the size of the first layer's response.

        Raises:
            McoeError: the state dict is not that of a ResNet-18.
        """
        weights = {k: v for k, v in state.items() if not k.startswith("fc.")}
        channels = self.conv1.in_channels
        first = weights.get("conv1.weight")
        if first is not None and first.shape[1] == 3 and channels != 3:
            weights["conv1.weight"] = first.mean(1, keepdim=True).repeat(1, channels, 1, 1) * (3 / channels)
        try:
            self.load_state_dict(weights)
        except RuntimeError as error:
            raise McoeError(
                "The backbone weights are not a torchvision ResNet-18 state dict; pass resnet18's."
            ) from error
